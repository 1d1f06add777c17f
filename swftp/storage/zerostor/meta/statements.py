"""Statements that several transactions need."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Connection, bindparam, update

from swftp.errors import QuotaExceeded
from swftp.storage.zerostor.meta import schema

_account = schema.account
_add = bindparam("add", type_=_account.c.used_bytes.type)
_CHARGE = (
    update(_account)
    .where(_account.c.id == bindparam("account"))
    .values(used_bytes=_account.c.used_bytes + _add, used_files=_account.c.used_files + bindparam("files"))
    .returning(_account.c.id)
)
_CHARGE_MORE = _CHARGE.where(
    _account.c.quota_bytes.is_(None) | (_account.c.used_bytes + _add <= _account.c.quota_bytes)
)


def charge(connection: Connection, account: UUID, size: int, files: int) -> None:
    """
    Add *size* bytes and *files* to what *account* holds.  Whoever is above the quota may still shrink.

    :raises QuotaExceeded: there is no room.
    """
    if size or files:
        statement = _CHARGE_MORE if size > 0 else _CHARGE
        if connection.execute(statement, {"account": account, "add": size, "files": files}).first() is None:
            raise QuotaExceeded()


_BURY = (
    update(schema.content)
    .where(schema.content.c.id == bindparam("number"))
    .values(state=schema.DEAD, changed_at=bindparam("now"))
)


def bury(connection: Connection, contents: Iterable[UUID | None], now: int) -> None:
    """Mark *contents* as those of no file: they are kept for who reads them, until the grace period is over."""
    values = [{"number": number, "now": now} for number in contents if number is not None]
    if values:
        connection.execute(_BURY, values)
