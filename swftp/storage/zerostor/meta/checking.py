"""Looking for what should never be: rules that no constraint can state, as questions that have no answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, exists, func, literal, or_, select, update

from swftp.storage.zerostor.meta import schema
from swftp.storage.zerostor.meta.database import Database, never

SHOWN = 100
"""Of each kind of finding."""

_account, _file, _content = schema.account, schema.file, schema.content
_chunk, _extent = schema.chunk, schema.extent
_parent = _file.alias("parent")


class Finding(NamedTuple):
    """One thing that is not as it should be."""

    rule: str
    what: str
    """Numbers and names that say where."""


def _held() -> tuple[Any, Any]:
    """What the files of an account come to: bytes and how many."""
    mine = and_(_file.c.account_id == _account.c.id, _file.c.kind == schema.FILE)
    size = select(func.coalesce(func.sum(_file.c.size), 0)).where(mine).scalar_subquery()
    return size, select(func.count()).select_from(_file).where(mine).scalar_subquery()


def _usage() -> Select[Any]:
    size, count = _held()
    row = _account.c
    return select(row.name, row.used_bytes, size, row.used_files, count).where(
        or_(row.used_bytes != size, row.used_files != count)
    )


def _unreachable() -> Select[Any]:
    reached = select(_file.c.id).where(_file.c.parent_id.is_(None)).cte("reached", recursive=True)
    reached = reached.union_all(select(_file.c.id).where(_file.c.parent_id == reached.c.id))
    return select(_file.c.id, _file.c.name).where(~exists().where(reached.c.id == _file.c.id))


def _contents() -> Select[Any]:
    end = _extent.c.position + _extent.c.length
    size = _content.c.size
    held = func.coalesce(func.sum(_extent.c.length), 0)
    return (
        select(_content.c.id, size, held)
        .outerjoin(_extent, _extent.c.content_id == _content.c.id)
        .where(_content.c.state == schema.LIVE)
        .group_by(_content.c.id, size)
        .having(or_(held != size, func.coalesce(func.max(end), 0) != size))
    )


def _files() -> Select[Any]:
    unlike = or_(
        _content.c.id.is_(None),
        _content.c.state != schema.LIVE,
        _content.c.size != _file.c.size,
        _content.c.account_id != _file.c.account_id,
    )
    joined = _file.outerjoin(_content, _content.c.id == _file.c.content_id)
    return select(_file.c.id, _file.c.name).select_from(joined).where(_file.c.kind == schema.FILE, unlike)


RULES: Sequence[tuple[str, Select[Any]]] = (
    ("an account holds what its files come to", _usage()),
    ("every name can be reached from a root", _unreachable()),
    (
        "what has entries is a directory of the same account",
        select(_file.c.id, _file.c.name)
        .join(_parent, _parent.c.id == _file.c.parent_id)
        .where(or_(_parent.c.kind != schema.DIRECTORY, _parent.c.account_id != _file.c.account_id)),
    ),
    ("a file has a live content of its size", _files()),
    (
        "a live content is of one file",
        select(_content.c.id)
        .outerjoin(_file, _file.c.content_id == _content.c.id)
        .where(_content.c.state == schema.LIVE)
        .group_by(_content.c.id)
        .having(func.count(_file.c.id) != 1),
    ),
    ("the extents of a live content are all of it", _contents()),
    (
        "an extent lies within its chunk",
        select(_extent.c.content_id, _extent.c.position)
        .join(_chunk, _chunk.c.obj == _extent.c.obj)
        .where(or_(_extent.c.skip < literal(0), _extent.c.skip + _extent.c.length > _chunk.c.plain_len)),
    ),
    ("a chunk is of some content", select(_chunk.c.obj).where(~exists().where(_extent.c.obj == _chunk.c.obj))),
    (
        "the key of a chunk is there",
        select(_chunk.c.key_id)
        .where(~exists().where(schema.account_key.c.id == _chunk.c.key_id))
        .group_by(_chunk.c.key_id),
    ),
)
"""What holds at any moment, and how to find what breaks it."""


async def check(database: Database) -> list[Finding]:
    """All that is wrong, as far as `SHOWN` of a kind, at one moment."""
    return await database.snapshot(_check)


def _check(connection: Connection) -> list[Finding]:
    return [
        Finding(rule, " ".join(_word(value) for value in row))
        for rule, statement in RULES
        for row in connection.execute(statement.limit(SHOWN))
    ]


def _word(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


async def mend_usage(database: Database) -> int:
    """Count anew what accounts hold; of how many something else was said."""
    size, count = _held()
    wrong = or_(_account.c.used_bytes != size, _account.c.used_files != count)
    counted = update(_account).where(wrong).values(used_bytes=size, used_files=count)
    return await database.write(lambda c: c.execute(counted).rowcount, never)
