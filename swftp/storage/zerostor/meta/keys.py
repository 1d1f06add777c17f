"""The keys that accounts' bytes are encrypted with, themselves encrypted by a key that is not here."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, update

from swftp.storage.zerostor.meta import schema
from swftp.storage.zerostor.meta.database import Database
from swftp.storage.zerostor.meta.values import DataKey

_KEY = schema.account_key
_KEYS = select(_KEY.c.id, _KEY.c.account_id, _KEY.c.wrapped).order_by(_KEY.c.id)


class Keys:
    """What a keyring keeps its keys in.  All methods raise `Unavailable` when the database is not there for long."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def account_key(self, account: UUID) -> DataKey | None:
        """The one that *account* encrypts with."""
        return await self._database.read(lambda c: _of_account(c, account))

    async def add_key(self, account: UUID, wrapped: bytes) -> DataKey:
        """Give *account* this key, if it has none; the one it has then."""
        return await self._database.write(lambda c: _add(c, account, wrapped))

    async def wrapped_key(self, number: int) -> DataKey | None:
        """The one of this id."""
        row = await self._database.read(lambda c: c.execute(_KEYS.where(_KEY.c.id == number)).first())
        return None if row is None else DataKey(*row)

    async def wrapped_keys(self, after: int | None, limit: int) -> Sequence[DataKey]:
        """By id, from the one behind *after* on."""
        page = _KEYS.where(_KEY.c.id > (after or 0)).limit(limit)
        return [DataKey(*row) for row in await self._database.read(lambda c: c.execute(page).all())]

    async def replace_key(self, number: int, old: bytes, new: bytes) -> bool:
        """Keep *new* in the place of *old*; False: it is not *old* any more."""
        replaced = update(_KEY).where(_KEY.c.id == number, _KEY.c.wrapped == old).values(wrapped=new)
        return await self._database.write(lambda c: c.execute(replaced).rowcount) > 0


def _of_account(connection: Connection, account: UUID) -> DataKey | None:
    row = connection.execute(_KEYS.where(_KEY.c.account_id == account).limit(1)).first()
    return None if row is None else DataKey(*row)


def _add(connection: Connection, account: UUID, wrapped: bytes) -> DataKey:
    present = _of_account(connection, account)
    if present is not None:
        return present
    number = (connection.scalar(select(func.max(_KEY.c.id))) or 0) + 1
    connection.execute(insert(_KEY), {"id": number, "account_id": account, "wrapped": wrapped})
    return DataKey(number, account, wrapped)
