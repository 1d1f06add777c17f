"""
Numbers for objects: which of them may be on the shards is known before the first byte is.

A journal row (`upload`) says up to where its numbers may have been used, and by whom.  Numbers are reserved many at a
time, so a small file costs no transaction but its own commit.  A row goes when each of its numbers is a chunk, is
garbage, or was never handed out; those of a gateway whose lease ran out are made garbage by whoever notices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from uuid import UUID, uuid4

from sqlalchemy import Connection, delete, func, insert, select, update
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from swftp.errors import StorageError
from swftp.storage.zerostor.meta import fence, schema
from swftp.storage.zerostor.meta.database import Database, never
from swftp.storage.zerostor.meta.discarding import discard
from swftp.storage.zerostor.meta.fence import Fenced
from swftp.storage.zerostor.values import Chunk, ObjectId

_ROW = schema.upload
log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOptions:
    """How numbers are handed out."""

    lease: float = 60.0
    """Seconds after which a gateway that gives no sign of life is taken for dead; `Journal.renew` is to be called
    three times as often at least."""
    batch: int = 256
    """Numbers reserved at a time."""
    row: int = 4096
    """Numbers of one journal row."""
    linger: float = 60.0
    """Seconds for which objects are not looked for that may still be on their way to a shard."""


class Journal:
    """
    The numbers and the lease of this process.

    :param name: of the gateway, for people.
    """

    def __init__(self, database: Database, name: str, options: JournalOptions) -> None:
        self._database = database
        self._name = name
        self._options = options
        self._reserving = DeferredLock()
        self._upload = b""
        self._next = self._reserved = 0
        self._open: dict[bytes, set[int]] = {}
        """Numbers that were handed out and are neither published nor garbage, of each journal row of ours."""
        self._unwanted: list[Chunk | ObjectId] = []
        """Abandoned, but not yet entered as garbage."""
        self._leaving: Counter[bytes] = Counter()
        """How many of a journal row are just being entered."""
        self._claimed: Counter[ObjectId] = Counter()
        self.gateway = uuid4()
        self._begun = False
        """Whether a lease was taken, as far as anybody knows."""
        self._alone_since, self._alone_until = inf, 0.0

    async def start(self) -> None:
        """Take a lease."""
        self.gateway = gateway = uuid4()
        self._begun = True
        values = {"id": gateway, "name": self._name, "lease_until": self._lease_end()}

        def register(connection: Connection) -> bool:
            connection.execute(insert(schema.gateway), values)
            return self._is_alone(connection, gateway)

        present = select(schema.gateway.c.id).where(schema.gateway.c.id == gateway)
        begun = self._database.clock.seconds()
        self._believe(await self._database.write(register, lambda c: c.scalar(present) is not None), begun)

    @property
    def alone(self) -> bool:
        """Whether no other gateway was alive when the lease was last renewed, not longer than `belief` ago."""
        return self._database.clock.seconds() < self._alone_until

    @property
    def alone_since(self) -> float:
        """Since when it has been; infinity: it is not."""
        return self._alone_since if self.alone else inf

    @property
    def belief(self) -> float:
        """Seconds for which a renewal that found nobody else is believed: who comes waits so long, or is noticed."""
        return self._options.lease / 2

    def _believe(self, alone: bool, begun: float) -> None:
        if not self.alone:
            self._alone_since = self._database.clock.seconds()
        self._alone_until = begun + self.belief if alone else 0.0

    async def allocate(self, count: int) -> list[ObjectId]:
        """
        *count* numbers that no object ever had: each must be published or abandoned.

        :raises Unavailable: the database is not there.
        """
        return await self._database.in_turn(self._reserving, lambda: self._allocate(count))

    async def _allocate(self, count: int) -> list[ObjectId]:
        found: list[ObjectId] = []
        while len(found) < count:
            if self._next == self._reserved:
                await self._reserve()
            seq, self._next = self._next, self._next + 1
            self._open[self._upload].add(seq)
            found.append(ObjectId(self._upload, seq))
        return found

    async def _reserve(self) -> None:
        if self._reserved % self._options.row == 0:
            self._upload, self._next, self._reserved = uuid4().bytes, 0, 0
        gateway, upload, old, new = self.gateway, self._upload, self._reserved, self._reserved + self._options.batch
        reached = select(_ROW.c.id).where(_ROW.c.id == upload, _ROW.c.reserved_to == new)

        def reserve(connection: Connection) -> None:
            _extend(connection, gateway, upload, old, new)

        try:
            await self._database.write(reserve, lambda c: c.scalar(reached) is not None)
        except Fenced:
            await self._begin_anew()
            await self._reserve()
            return
        self._open.setdefault(upload, set())
        self._reserved = new

    async def _begin_anew(self) -> None:
        """
        After we were taken for dead: what was handed out is garbage already, and no commit can use it.

        Only while nobody reserves numbers: they would be of a row that is forgotten here.
        """
        log.warn("this gateway was taken for dead; it begins anew")
        self._open.clear()
        self._unwanted.clear()
        self._upload, self._next, self._reserved = b"", 0, 0
        await self.start()

    def is_open(self, obj: ObjectId) -> bool:
        """Whether *obj* was handed out here, and neither published nor abandoned since."""
        return obj.seq in self._open.get(obj.upload, ())

    def published(self, objs: Iterable[ObjectId]) -> None:
        """A commit made chunks of *objs*."""
        for obj in objs:
            self._open.get(obj.upload, set()).discard(obj.seq)

    @contextmanager
    def publishing(self, objs: Collection[ObjectId]) -> Iterator[None]:
        """While a commit may make chunks of *objs*: what is abandoned meanwhile is looked at when that is settled."""
        self._claimed.update(objs)
        try:
            yield
        finally:
            self._claimed.subtract(objs)
            self._claimed = +self._claimed

    async def abandon(self, objs: Iterable[Chunk | ObjectId]) -> None:
        """
        No commit will use *objs*: what the shards have of them may go.  Never raises.

        Of a chunk it is known where it is; an object is looked for on all shards.
        """
        unwanted = [obj for obj in objs if self.is_open(_number(obj))]
        self.published(map(_number, unwanted))
        self._unwanted += unwanted
        try:
            await self._throw_away()
        except StorageError as error:
            log.info("what was not wanted is thrown away later: {error}", error=error)

    async def _throw_away(self) -> None:
        ready = [obj for obj in self._unwanted if _number(obj) not in self._claimed]
        if not ready:
            return
        self._unwanted = [obj for obj in self._unwanted if _number(obj) in self._claimed]
        not_before = self._database.now() + int(self._options.linger)
        uploads = [_number(obj).upload for obj in ready]
        self._leaving.update(uploads)
        try:
            await self._database.write(lambda c: discard(c, self.gateway, ready, not_before), never)
        except StorageError:
            self._unwanted += ready
            raise
        finally:
            self._leaving.subtract(uploads)
            self._leaving = +self._leaving

    def _finished(self) -> list[bytes]:
        """Journal rows of ours of which every number is settled."""
        waiting = {_number(obj).upload for obj in self._unwanted} | set(self._leaving)
        return [upload for upload, open_ in self._open.items() if not open_ and upload not in waiting]

    async def renew(self) -> None:
        """
        Renew the lease, and see to what was left over.

        :raises Unavailable: the database is not there.
        """
        await self._database.in_turn(self._reserving, self._renew)
        await self._throw_away()
        await self._tidy([upload for upload in self._finished() if upload != self._upload])

    async def _renew(self) -> None:
        gateway, uploads, begun = self.gateway, list(self._open), self._database.clock.seconds()
        try:
            self._believe(await self._database.write(lambda c: self._renewal(c, gateway, uploads), never), begun)
        except Fenced:
            self._believe(False, begun)
            await self._begin_anew()

    def _renewal(self, connection: Connection, gateway: UUID, uploads: Collection[bytes]) -> bool:
        row = schema.gateway
        values = {"lease_until": self._lease_end()}
        mine = update(row).where(row.c.id == gateway).values(values).returning(row.c.id)
        if connection.execute(mine).first() is None:
            raise Fenced()
        fence.check(connection, gateway, uploads)  # whoever buries us begins with those
        return self._is_alone(connection, gateway)

    def _is_alone(self, connection: Connection, gateway: UUID) -> bool:
        row = schema.gateway
        others = select(func.count()).where(row.c.id != gateway, row.c.lease_until >= self._database.now())
        return connection.scalar(others) == 0

    async def _tidy(self, uploads: Collection[bytes]) -> None:
        """Delete journal rows of which no number is open."""
        if uploads:
            finished = delete(_ROW).where(_ROW.c.id.in_(uploads), _ROW.c.gateway_id == self.gateway)
            await self._database.write(lambda c: c.execute(finished).rowcount, never)
            for upload in uploads:
                self._open.pop(upload, None)  # we may have been taken for dead meanwhile

    async def stop(self) -> None:
        """
        Leave nothing to be noticed by others; where nothing was begun there is nothing.

        :raises Unavailable: the database is not there; somebody will find out when the lease has run out.
        """
        if not self._begun:
            return
        await self.abandon([ObjectId(upload, seq) for upload, open_ in self._open.items() for seq in open_])
        await self._tidy(self._finished())
        self._upload, self._next, self._reserved = b"", 0, 0
        if not self._open:
            mine = delete(schema.gateway).where(schema.gateway.c.id == self.gateway)
            await self._database.write(lambda c: c.execute(mine).rowcount, never)

    def _lease_end(self) -> int:
        return int(self._database.wall() + self._options.lease)


def _number(obj: Chunk | ObjectId) -> ObjectId:
    return obj.obj if isinstance(obj, Chunk) else obj


def _extend(connection: Connection, gateway: UUID, upload: bytes, old: int, new: int) -> None:
    """
    Reserve the numbers from *old* to *new* - 1 of *upload*, which is a new row where *old* is 0.

    :raises Fenced: *gateway* was taken for dead.
    """
    if old:
        mine = (_ROW.c.id == upload) & (_ROW.c.gateway_id == gateway) & (_ROW.c.reserved_to == old)
        extended = update(_ROW).where(mine).values(reserved_to=new).returning(_ROW.c.id)
        if connection.execute(extended).first() is None:
            raise Fenced()
        return
    if connection.scalar(select(schema.gateway.c.id).where(schema.gateway.c.id == gateway)) is None:
        raise Fenced()
    connection.execute(insert(_ROW), {"id": upload, "gateway_id": gateway, "reserved_to": new})
