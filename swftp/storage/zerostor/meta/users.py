"""
Accounts, and who may log in to them.

A password is kept as its argon2id hash; checking one takes as long for a name that is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from sqlalchemy import Connection, delete, func, insert, select, update

from swftp.errors import AlreadyExists, NotEmpty, NotFound
from swftp.storage.zerostor.meta import schema, tree
from swftp.storage.zerostor.meta.database import Database
from swftp.storage.zerostor.meta.discarding import BATCH
from swftp.storage.zerostor.meta.values import Account, Login

_ACCOUNT = schema.account
_LOGIN = schema.login
_ACCOUNT_COLUMNS = tuple(_ACCOUNT.c[name] for name in ("id", "name", "quota_bytes", "used_bytes", "used_files"))
_LOGIN_COLUMNS = tuple(_LOGIN.c[name] for name in ("name", "account_id", "root", "disabled", "keys"))


class Users:
    """All methods raise `Unavailable` when the database is not there for long."""

    def __init__(self, database: Database, hasher: PasswordHasher) -> None:
        self._database = database
        self._hasher = hasher
        self._nobody = ""

    # -- accounts --------------------------------------------------------------------------------------------------

    async def add_account(self, name: str, quota_bytes: int | None = None) -> UUID:
        """
        Make an account with an empty root.

        :raises AlreadyExists: there is one of that name.
        """
        number, now = uuid4(), int(self._database.wall() * 1e9)
        await self._database.write(lambda c: _add_account(c, number, name, quota_bytes, now))
        return number

    async def accounts(self) -> list[Account]:
        """All of them, by name."""
        ordered = select(*_ACCOUNT_COLUMNS).order_by(_ACCOUNT.c.name)
        return [Account(*row) for row in await self._database.read(lambda c: c.execute(ordered).all())]

    async def account(self, name: str) -> Account:
        """
        The account *name*.

        :raises NotFound: there is none.
        """
        named = select(*_ACCOUNT_COLUMNS).where(_ACCOUNT.c.name == name)
        row = await self._database.read(lambda c: c.execute(named).first())
        if row is None:
            raise NotFound(f"there is no account {name}")
        return Account(*row)

    async def set_quota(self, name: str, quota_bytes: int | None) -> None:
        """
        What the account may hold from now on; None: no limit.

        :raises NotFound: there is no such account.
        """
        changed = update(_ACCOUNT).where(_ACCOUNT.c.name == name).values(quota_bytes=quota_bytes)
        await self._one(changed, f"there is no account {name}")

    async def remove_account(self, name: str) -> None:
        """
        Remove an account that holds nothing, and all logins to it.

        :raises NotFound: there is none.
        :raises NotEmpty: it has files, or the sweeper has yet to bury what it had.
        """
        await self._database.write(lambda c: _remove_account(c, name))

    # -- logins ----------------------------------------------------------------------------------------------------

    async def add(
        self, name: str, account: UUID, *, password: str | None = None, keys: Sequence[str] = (), root: str = "/"
    ) -> None:
        """
        Let *name* log in to *account*.

        :raises AlreadyExists: somebody has that name.
        """
        hashed = None if password is None else await self._hash(password)
        values = {
            "name": name,
            "account_id": account,
            "password": hashed,
            "root": root,
            "disabled": False,
            "keys": "\n".join(keys),
        }
        await self._database.write(lambda c: _add_login(c, values))

    async def set_password(self, name: str, password: str | None) -> None:
        """
        :param password: None: no password is right.
        :raises NotFound: nobody has that name.
        """
        hashed = None if password is None else await self._hash(password)
        await self._set(name, password=hashed)

    async def set_keys(self, name: str, keys: Sequence[str]) -> None:
        """
        SSH public keys, as lines of ``authorized_keys``.

        :raises NotFound: nobody has that name.
        """
        await self._set(name, keys="\n".join(keys))

    async def set_disabled(self, name: str, disabled: bool) -> None:
        """
        :raises NotFound: nobody has that name.
        """
        await self._set(name, disabled=disabled)

    async def remove(self, name: str) -> None:
        """
        *name* logs in no more; what the account holds stays.

        :raises NotFound: nobody has that name.
        """
        await self._one(delete(_LOGIN).where(_LOGIN.c.name == name), f"nobody has the name {name}")

    async def logins(self) -> list[Login]:
        """All of them, by name."""
        ordered = select(*_LOGIN_COLUMNS).order_by(_LOGIN.c.name)
        return [_login(row) for row in await self._database.read(lambda c: c.execute(ordered).all())]

    async def login(self, name: str) -> Login | None:
        """Who has that name, disabled or not."""
        named = select(*_LOGIN_COLUMNS).where(_LOGIN.c.name == name)
        row = await self._database.read(lambda c: c.execute(named).first())
        return None if row is None else _login(row)

    async def allowed(self, names: Collection[str]) -> set[str]:
        """Those of *names* that are there and not disabled."""
        given, found = list(names), set[str]()
        for i in range(0, len(given), BATCH):
            some = select(_LOGIN.c.name).where(_LOGIN.c.name.in_(given[i : i + BATCH]), ~_LOGIN.c.disabled)
            found.update(await self._database.read(lambda c, some=some: c.scalars(some).all()))  # type: ignore[misc]
        return found

    async def check_password(self, name: str, password: str) -> Login | None:
        """Who has that name, if it is the right password and the login is not disabled."""
        named = select(*_LOGIN_COLUMNS, _LOGIN.c.password).where(_LOGIN.c.name == name)
        row = await self._database.read(lambda c: c.execute(named).first())
        hashed = row.password if row is not None else None
        right = await self._database.workers.read(lambda: self._verify(hashed, password))
        if row is None or row.disabled or not right:
            return None
        if self._hasher.check_needs_rehash(row.password):
            await self._rehash(name, row.password, password)
        return _login(row[:-1])

    async def _rehash(self, name: str, old: str, password: str) -> None:
        """Hash *password* as it is done now, unless *name* has got another one meanwhile."""
        hashed = await self._hash(password)
        same = (_LOGIN.c.name == name) & (_LOGIN.c.password == old)
        await self._database.write(lambda c: c.execute(update(_LOGIN).where(same).values(password=hashed)).rowcount)

    def _verify(self, hashed: str | None, password: str) -> bool:
        """In a thread: it takes long on purpose."""
        if hashed is None:
            self._nobody = self._nobody or self._hasher.hash(str(uuid4()))
        try:
            return self._hasher.verify(hashed or self._nobody, password) and hashed is not None
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False

    async def _hash(self, password: str) -> str:
        return await self._database.workers.read(lambda: self._hasher.hash(password))

    async def _set(self, name: str, **values: Any) -> None:
        await self._one(update(_LOGIN).where(_LOGIN.c.name == name).values(**values), f"nobody has the name {name}")

    async def _one(self, statement: Any, missing: str) -> None:
        if await self._database.write(lambda c: c.execute(statement).rowcount) == 0:
            raise NotFound(missing)


def _login(row: Sequence[Any]) -> Login:
    name, account, root, disabled, keys = row
    return Login(name, account, root, disabled, tuple(keys.splitlines()))


def _add_account(connection: Connection, number: UUID, name: str, quota_bytes: int | None, now_ns: int) -> None:
    if connection.scalar(select(_ACCOUNT.c.id).where(_ACCOUNT.c.name == name)) is not None:
        raise AlreadyExists(f"there is an account {name} already")
    values = {"id": number, "name": name, "quota_bytes": quota_bytes, "used_bytes": 0, "used_files": 0}
    connection.execute(insert(_ACCOUNT), values)
    # the root has the account's number: nobody needs to ask where a path begins
    connection.execute(insert(schema.file), tree.directory_values(number, number, None, "", now_ns))


def _remove_account(connection: Connection, name: str) -> None:
    number = connection.scalar(select(_ACCOUNT.c.id).where(_ACCOUNT.c.name == name))
    if number is None:
        raise NotFound(f"there is no account {name}")
    contents = select(func.count()).where(schema.content.c.account_id == number)
    if not tree.is_empty(connection, number) or connection.scalar(contents):
        raise NotEmpty(f"the account {name} holds something, or what it held is not swept yet")
    for table in (_LOGIN, schema.account_key, schema.file):
        connection.execute(delete(table).where(table.c.account_id == number))
    connection.execute(delete(_ACCOUNT).where(_ACCOUNT.c.id == number))


def _add_login(connection: Connection, values: dict[str, Any]) -> None:
    if connection.scalar(select(_LOGIN.c.name).where(_LOGIN.c.name == values["name"])) is not None:
        raise AlreadyExists(f"somebody has the name {values['name']} already")
    if connection.scalar(select(_ACCOUNT.c.id).where(_ACCOUNT.c.id == values["account_id"])) is None:
        raise NotFound()
    connection.execute(insert(_LOGIN), values)
