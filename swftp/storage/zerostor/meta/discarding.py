"""Entering objects as garbage: what is deleted from the shards, some time, by whoever gets to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from swftp.storage.zerostor.meta import rows, schema
from swftp.storage.zerostor.values import Chunk, ObjectId

BATCH = 500
"""Names in one statement."""
LAST = 0xFFFF_FFFF
"""The highest number there is in an upload."""

CHUNKS = select(schema.chunk.c.obj).where(schema.chunk.c.obj.in_(bindparam("objs", expanding=True)))


def known(connection: Connection, objs: Sequence[bytes]) -> set[bytes]:
    """Those of the packed *objs* that are chunks."""
    found: set[bytes] = set()
    for i in range(0, len(objs), BATCH):
        found.update(connection.scalars(CHUNKS, {"objs": objs[i : i + BATCH]}))
    return found


def discard(connection: Connection, gateway: UUID, unwanted: Sequence[Chunk | ObjectId], not_before: int) -> None:
    """
    Enter *unwanted* objects of *gateway* as garbage: those that no commit, after all, made chunks of.

    The journal rows are written, which a commit that uses their objects reads: one of the two sees the other.
    """
    objs = {obj.obj if isinstance(obj, Chunk) else obj: obj for obj in unwanted}
    row = schema.upload
    mine = (row.c.id.in_({obj.upload for obj in objs})) & (row.c.gateway_id == gateway)
    ours = set(connection.scalars(update(row).where(mine).values(reserved_to=row.c.reserved_to).returning(row.c.id)))
    taken = known(connection, [obj.packed() for obj in objs])
    gone = [value for obj, value in objs.items() if obj.upload in ours and obj.packed() not in taken]
    enter(connection, gone, not_before)


def enter(connection: Connection, gone: Iterable[Chunk | ObjectId], not_before: int) -> None:
    """Enter the objects *gone*, which no chunk row names, as garbage; there is nothing to do for what is already."""
    values: list[dict[str, Any]] = []
    for value in gone:
        obj, shards = (value.obj, rows.packed(value.shards)) if isinstance(value, Chunk) else (value, None)
        values.append(_garbage(obj.upload, obj.seq, 1, shards, not_before))
    _insert(connection, values)


def _insert(connection: Connection, values: list[dict[str, Any]]) -> None:
    """Insert what is not there: SQLAlchemy caches no statement with ON CONFLICT, so it is for what is rare."""
    if values:
        made = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        connection.execute(made(schema.garbage).on_conflict_do_nothing(), values)


def _garbage(upload: bytes, first: int, count: int, shards: bytes | None, not_before: int) -> dict[str, Any]:
    return {"upload": upload, "first": first, "count": count, "shards": shards, "not_before": not_before}


def write_off(connection: Connection, upload: bytes, reserved_to: int, not_before: int) -> None:
    """Enter all numbers of *upload* below *reserved_to* that are no chunks as garbage, wherever it may be."""
    obj = schema.chunk.c.obj
    lowest, highest = ObjectId(upload, 0).packed(), ObjectId(upload, LAST).packed()
    used = connection.scalars(select(obj).where(obj >= lowest, obj <= highest).order_by(obj))
    garbage = schema.garbage
    connection.execute(delete(garbage).where(garbage.c.upload == upload))
    values = [
        _garbage(upload, first, count, None, not_before)
        for first, count in gaps((ObjectId.from_packed(packed).seq for packed in used), reserved_to)
    ]
    _insert(connection, values)


def gaps(used: Iterable[int], end: int) -> list[tuple[int, int]]:
    """The runs (first, count) of numbers below *end* that the rising *used* leaves out."""
    found = []
    expected = 0
    for number in [*used, end]:
        if number > expected:
            found.append((expected, number - expected))
        expected = number + 1
    return found
