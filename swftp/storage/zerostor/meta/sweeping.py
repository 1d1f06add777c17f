"""
What any gateway may do at any time: bury the dead, empty the garbage, move fragments.

Everything here is safe to do twice, and by several gateways at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, Select, bindparam, delete, exists, func, select, update

from swftp.storage.zerostor.meta import rows, schema
from swftp.storage.zerostor.meta.database import Database, never
from swftp.storage.zerostor.meta.discarding import BATCH, enter, known, write_off
from swftp.storage.zerostor.meta.rows import CHUNK_COLUMNS
from swftp.storage.zerostor.meta.values import Garbage, Totals
from swftp.storage.zerostor.values import Chunk, ObjectId

STEP = 500
"""Rows that one transaction deletes."""
TICKET_LIFE = 24 * 3600.0
"""Seconds: longer than anybody tries to find out what became of a transaction."""


class Sweep:
    """
    The sweeper's view of the database.  All methods raise `Unavailable` when it is not there.

    :param grace: seconds for which the bytes of a file that was replaced or removed are kept for who reads them, and
        for which a huge file may take to be put together.
    :param linger: see `JournalOptions`.
    """

    def __init__(self, database: Database, grace: float, linger: float) -> None:
        self._database = database
        self._grace = grace
        self._linger = linger

    async def reap(self) -> int:
        """Take gateways whose lease has run out for dead; how many journal rows they left."""
        now = self._database.now()
        dead = select(schema.gateway.c.id).where(schema.gateway.c.lease_until < now)
        left = 0
        for gateway in await self._database.read(lambda c: c.scalars(dead).all()):
            uploads = select(schema.upload.c.id).where(schema.upload.c.gateway_id == gateway)
            for upload in await self._database.read(lambda c, uploads=uploads: c.scalars(uploads).all()):  # type: ignore[misc]
                left += await self._reap(gateway, upload)
            await self._database.write(lambda c, gateway=gateway: _forget(c, gateway, now), never)  # type: ignore[misc]
        return left

    async def _reap(self, gateway: UUID, upload: bytes) -> bool:
        now = self._database.now()
        return await self._database.write(lambda c: _reap(c, gateway, upload, now, now + int(self._linger)), never)

    async def bury(self) -> int:
        """
        Take chunks from contents that have been dead for the grace period, and make garbage of those that no other
        content has; how many rows went.  Call it again until that is 0.
        """
        before = int(self._database.wall() - self._grace)
        row = schema.content
        old = select(row.c.id).where(row.c.state != schema.LIVE, row.c.changed_at <= before).limit(STEP)
        gone = 0
        for content in await self._database.read(lambda c: c.scalars(old).all()):
            gone += await self._database.write(lambda c, content=content: self._bury(c, content, before), never)  # type: ignore[misc]
        return gone

    def _bury(self, connection: Connection, content: UUID, before: int) -> int:
        return _bury(connection, content, before, self._database.now())

    async def garbage(self, limit: int = STEP) -> list[Garbage]:
        """Some of what is to be deleted from the shards; see `emptied` and `postpone`."""
        row = schema.garbage
        columns = (row.c.upload, row.c.first, row.c.count, row.c.shards)
        due = select(*columns).where(row.c.not_before <= self._database.now()).order_by(row.c.not_before).limit(limit)
        found = await self._database.read(lambda c: c.execute(due).all())
        return [
            Garbage(upload, first, count, None if shards is None else rows.unpacked(shards))
            for upload, first, count, shards in found
        ]

    async def emptied(self, garbage: Sequence[Garbage]) -> None:
        """No shard has anything of *garbage* any more."""
        values = [{"u": g.upload, "f": g.first, "n": g.count} for g in garbage]
        if values:
            await self._database.write(lambda c: c.execute(_EMPTIED, values).rowcount, never)

    async def postpone(self, garbage: Sequence[Garbage], delay: float) -> None:
        """A shard that may have something of *garbage* does not answer: look again in *delay* seconds."""
        until = int(self._database.wall() + delay)
        values = [{"u": g.upload, "f": g.first, "until": until} for g in garbage]
        if values:
            await self._database.write(lambda c: c.execute(_POSTPONED, values).rowcount, never)

    async def degraded(self, after: ObjectId | None = None, limit: int = STEP) -> list[Chunk]:
        """Chunks of which a fragment is missing, in the order of their numbers."""
        return await self._chunks(_DEGRADED, after, limit)

    async def totals(self) -> Totals:
        """How much there is, and how much of it is not as it should be."""
        return await self._database.read(_totals)

    async def chunks(self, after: ObjectId | None = None, limit: int = STEP) -> list[Chunk]:
        """All chunks, in the order of their numbers."""
        return await self._chunks(_CHUNKS, after, limit)

    async def _chunks(self, statement: Select[tuple[object, ...]], after: ObjectId | None, limit: int) -> list[Chunk]:
        values = {"after": after.packed() if after else b"", "most": limit}
        return [rows.chunk(row) for row in await self._database.read(lambda c: c.execute(statement, values).all())]

    async def set_placement(self, old: Chunk, new: Chunk) -> bool:
        """*new* is where the fragments of *old* are now; False: somebody else said so, or it is gone."""
        row = schema.chunk
        values = rows.chunk_values(new)
        placed = (
            update(row)
            .where(row.c.obj == old.obj.packed(), row.c.shards == rows.packed(old.shards))
            .values({name: values[name] for name in ("shards", "digests", "missing")})
        )
        return await self._database.write(lambda c: c.execute(placed).rowcount) > 0

    async def named(self, objs: Sequence[ObjectId]) -> dict[ObjectId, Chunk]:
        """Those of *objs* that are chunks."""
        found: dict[ObjectId, Chunk] = {}
        for i in range(0, len(objs), BATCH):
            some = select(*CHUNK_COLUMNS).where(_OBJ.in_([obj.packed() for obj in objs[i : i + BATCH]]))
            for row in await self._database.read(lambda c, some=some: c.execute(some).all()):  # type: ignore[misc]
                chunk = rows.chunk(row)
                found[chunk.obj] = chunk
        return found

    async def strangers(self, objs: Sequence[ObjectId]) -> list[ObjectId]:
        """Those of *objs*, found on a shard, that are no chunk, no garbage, and of no journal row."""
        return await self._database.snapshot(lambda c: _strangers(c, objs))

    async def prune(self) -> None:
        """Forget transactions of which everybody knows what became of them."""
        before = int(self._database.wall() - TICKET_LIFE)
        row = schema.ticket
        await self._database.write(lambda c: c.execute(delete(row).where(row.c.made_at < before)).rowcount, never)


_GARBAGE = schema.garbage
_MINE = (_GARBAGE.c.upload == bindparam("u")) & (_GARBAGE.c.first == bindparam("f"))
_EMPTIED = delete(_GARBAGE).where(_MINE, _GARBAGE.c.count == bindparam("n"))
_POSTPONED = update(_GARBAGE).where(_MINE).values(not_before=bindparam("until"))

_OBJ = schema.chunk.c.obj
_CHUNKS = select(*CHUNK_COLUMNS).where(bindparam("after") < _OBJ).order_by(_OBJ).limit(bindparam("most"))
_DEGRADED = _CHUNKS.where(schema.chunk.c.missing > 0)


def _totals(connection: Connection) -> Totals:
    account, chunk = schema.account.c, schema.chunk.c
    used, files = connection.execute(select(func.sum(account.used_bytes), func.sum(account.used_files))).one()
    degraded = connection.scalar(select(func.count()).where(chunk.missing > 0))
    garbage = connection.scalar(select(func.sum(schema.garbage.c.count)))
    return Totals(int(used or 0), int(files or 0), int(degraded or 0), int(garbage or 0))


def _reap(connection: Connection, gateway: UUID, upload: bytes, now: int, not_before: int) -> bool:
    """Delete a journal row whose gateway is dead, and make garbage of what it numbers and no chunk has."""
    row = schema.upload
    expired = exists().where(schema.gateway.c.id == gateway, schema.gateway.c.lease_until < now)
    gone = delete(row).where(row.c.id == upload, row.c.gateway_id == gateway, expired).returning(row.c.reserved_to)
    reserved_to = connection.scalar(gone)
    if reserved_to is None:
        return False
    write_off(connection, upload, reserved_to, not_before)
    return True


def _forget(connection: Connection, gateway: UUID, now: int) -> None:
    row = schema.gateway
    rest = exists().where(schema.upload.c.gateway_id == gateway)
    connection.execute(delete(row).where(row.c.id == gateway, row.c.lease_until < now, ~rest))


def _bury(connection: Connection, content: UUID, before: int, now: int) -> int:
    """Delete at most `STEP` extents of the dead *content*, chunks that only it had, and at last itself."""
    row, extent = schema.content, schema.extent
    old = (row.c.id == content) & (row.c.state != schema.LIVE) & (row.c.changed_at <= before)
    # One that is still being put together must not be published with half of its extents.
    if connection.scalar(update(row).where(old).values(state=schema.DEAD).returning(row.c.id)) is None:
        return 0
    first = select(extent.c.position, extent.c.obj).where(extent.c.content_id == content)
    found = connection.execute(first.order_by(extent.c.position).limit(STEP)).all()
    if found:
        last = found[-1].position
        connection.execute(delete(extent).where(extent.c.content_id == content, extent.c.position <= last))
        _unused(connection, list({obj for _, obj in found}), now)
    if len(found) < STEP:
        connection.execute(delete(row).where(row.c.id == content))
    return len(found) + 1


def _unused(connection: Connection, objs: Sequence[bytes], now: int) -> None:
    """Make garbage of those of the chunks *objs* that no content has any more."""
    chunk, extent = schema.chunk, schema.extent
    used = set(connection.scalars(select(extent.c.obj).where(extent.c.obj.in_(objs)).distinct()))
    gone = [obj for obj in objs if obj not in used]
    if gone:
        chunks = connection.execute(select(*CHUNK_COLUMNS).where(chunk.c.obj.in_(gone))).all()
        connection.execute(delete(chunk).where(chunk.c.obj.in_(gone)))
        enter(connection, [rows.chunk(row) for row in chunks], now)


def _strangers(connection: Connection, objs: Sequence[ObjectId]) -> list[ObjectId]:
    uploads = {obj.upload for obj in objs}
    chunks = known(connection, [obj.packed() for obj in objs])
    journal = set(connection.scalars(select(schema.upload.c.id).where(schema.upload.c.id.in_(uploads))))
    ranges = select(_GARBAGE.c.upload, _GARBAGE.c.first, _GARBAGE.c.count).where(_GARBAGE.c.upload.in_(uploads))
    garbage = connection.execute(ranges).all()
    return [
        obj
        for obj in objs
        if obj.packed() not in chunks
        and obj.upload not in journal
        and not any(u == obj.upload and first <= obj.seq < first + count for u, first, count in garbage)
    ]
