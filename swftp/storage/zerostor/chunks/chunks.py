"""
Chunks of files, stored so that any m shards of k + m may be lost, and none of them can read or change what it has.

The law: bytes that come out are those that went in, or there is an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from uuid import UUID

from twisted.application.internet import TimerService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp.errors import StorageError, TooLarge
from swftp.interfaces import UNWATCHED, StoreWatch
from swftp.storage.zerostor.chunks import fragments, mending
from swftp.storage.zerostor.chunks.codec import CodecOptions
from swftp.storage.zerostor.chunks.fleet import Fleet
from swftp.storage.zerostor.chunks.flight import Flight
from swftp.storage.zerostor.chunks.gate import Gate
from swftp.storage.zerostor.chunks.keyring import Keyring
from swftp.storage.zerostor.chunks.layout import Layout
from swftp.storage.zerostor.chunks.once import Once
from swftp.storage.zerostor.chunks.placement import ShardInfo
from swftp.storage.zerostor.chunks.reading import Reading
from swftp.storage.zerostor.chunks.writing import Writing
from swftp.storage.zerostor.shards import VALUE_LIMIT, Health, Offload
from swftp.storage.zerostor.values import MISSING, Chunk, ObjectId

log = Logger()

PROBE = 5.0
"""Seconds between looks at shards that do not answer."""
INLINE = 32 << 10
"""Up to so many bytes are worked on where we are: it takes less than the wake-up of a thread."""

Block = bytes | memoryview
Noticed = Callable[[Chunk, Mapping[int, Health]], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkOptions:
    """How chunks are kept; reading follows what each chunk says."""

    layout: Layout = field(default_factory=lambda: Layout(2, 1))
    least: int | None = None
    """So many fragments must be stored; None: as the layout says."""
    memory: int = 64 << 20
    """Bytes, of all chunks that are being written and read at a time."""
    codec: CodecOptions = field(default_factory=CodecOptions)


class Chunks:
    """
    All chunks of a store.

    :param shards: by id; may change.
    :param threads: runs what takes long.
    :param noticed: told of fragments that a read found missing or damaged.
    :param entropy: gives so many random bytes.
    :param watch: is told of each call to a shard.
    :ivar levels: see `Fleet.levels`.
    """

    def __init__(
        self,
        shards: Mapping[int, ShardInfo],
        options: ChunkOptions,
        keyring: Keyring,
        clock: IReactorTime,
        threads: Offload,
        noticed: Noticed = lambda chunk, lost: None,
        entropy: Callable[[int], bytes] = os.urandom,
        watch: StoreWatch = UNWATCHED,
    ) -> None:
        self._options = options
        self._keyring = keyring
        self._clock = clock
        self._threads = threads
        self._noticed = noticed
        self._entropy = entropy
        self._fleet = Fleet(shards, clock, watch)
        self.levels = self._fleet.levels
        self._gate = Gate(options.memory)
        self._once = Once()
        self._least = options.layout.least if options.least is None else min(options.least, options.layout.total)

    def service(self) -> TimerService:
        """Probes; while it runs, shards that failed are used again once they answer."""
        service = TimerService(PROBE, self._probed)  # type: ignore[no-untyped-call]
        service.clock = self._clock
        return service

    def _probed(self) -> Deferred[None]:
        """An error of ours must not end all probing."""
        return Deferred.fromCoroutine(self.probe()).addErrback(lambda failure: log.failure("probe", failure))

    async def probe(self) -> None:
        """Look at shards that do not answer, and ask those that do for their room."""
        await self._fleet.probe()

    async def put(self, obj: ObjectId, account: UUID, data: bytes | Sequence[Block]) -> Chunk:
        """
        Store *data* as *obj*; when this returns, enough of it is on shards.

        *data* must not change meanwhile.  However this ends, *obj* is used up; unless it returns, shards may hold
        some of it.

        :raises InvalidRequest: *obj* was used before.
        :raises TooLarge: no shard takes fragments of that size.
        :raises QuotaExceeded: shards have no room.
        :raises Unavailable: too few shards answer.
        """
        layout = self._options.layout
        size = len(data) if isinstance(data, bytes) else sum(map(len, data))
        if size // layout.k + fragments.OVERHEAD > VALUE_LIMIT:
            raise TooLarge
        self._once.use(obj)
        async with self._gate.passing(size * (layout.k + layout.total) // layout.k):
            number, key = await self._keyring.data_key(account)
            make = partial(fragments.make, data, obj, key, layout, self._options.codec, self._entropy)
            made = await self._work(size, make)
            writing = Writing(self._fleet, self._clock, dict(enumerate(made.fragments)), self._least)
            stored_len, digests = made.stored_len, b"".join(fragment.digest for fragment in made.fragments)
            most = max(fragment.size for fragment in made.fragments)
            del made, make, data  # what is stored is let go of
            await writing.run(*self._fleet.spots(obj, most))
        shards = tuple(writing.placed.get(number, MISSING) for number in range(layout.total))
        return Chunk(obj, size, stored_len, str(layout), number, shards, digests)

    async def get(self, chunk: Chunk, account: UUID) -> bytes:
        """
        The plain bytes of *chunk*.

        :raises Corrupt: too little is left of them.
        :raises Unavailable: too few shards answer.
        """
        async with self._gate.passing(3 * chunk.plain_len):
            key = await self._keyring.key(chunk.key_id, account)
            reading = Reading(self._fleet, self._clock, chunk)

            async def use(values: dict[int, bytes]) -> bytes:
                return await self._work(chunk.plain_len, partial(fragments.plain_of, chunk, values, key))

            try:
                return await reading.run(use)
            finally:
                if reading.lost:
                    self._noticed(chunk, reading.lost)

    async def check(self, chunk: Chunk) -> mending.Healths:
        """What shards say of each fragment; None: that one did not answer."""
        return await mending.check(self._fleet, self._clock, chunk)

    async def repair(self, chunk: Chunk) -> mending.Mended:
        """
        *chunk* with all fragments where they should be, or as many as possible: those that are lost are made again,
        those on shards that are to be emptied are copied.

        Nothing is deleted.  Record the new places, if the old ones are still what is recorded; then delete from
        where the chunk was and is not any more: see `moved`.  Where other places are recorded by then, another
        gateway has mended it too, most likely with the very same: delete nothing.

        :raises Corrupt: too little is left.
        :raises Unavailable: too few shards answer.
        """
        layout = Layout.parse(chunk.layout)
        async with self._gate.passing(chunk.stored_len * 2 * layout.total // layout.k):
            work = mending.Mending(self._fleet, self._clock, chunk)
            return await work.run(lambda task: self._work(chunk.stored_len, task))

    def spare(self, chunk: Chunk) -> bool:
        """Whether there is a shard that could take what is missing of *chunk*."""
        size = chunk.stored_len // Layout.parse(chunk.layout).k + fragments.OVERHEAD
        spots, _ = self._fleet.spots(chunk.obj, size, [shard for shard in chunk.shards if shard != MISSING])
        return bool(spots)

    async def delete(self, obj: ObjectId, shards: Sequence[int]) -> bool:
        """
        Remove the fragments of *obj*, each from its shard.

        :param shards: as `Chunk.shards`.
        :returns: False where some shard did not answer: try again later.
        """
        places = [(shard, obj.key(number)) for number, shard in enumerate(shards) if shard != MISSING]
        return await self._remove(places)

    async def purge(self, obj: ObjectId, width: int | None = None) -> bool:
        """
        Remove whatever any shard has of *obj*, which was never recorded.

        :param width: so many fragments it may have; None: as many as objects have now.
        :returns: False where some shard did not answer: try again later.
        """
        numbers = range(self._options.layout.total if width is None else width)
        return await self._remove([(info.id, obj.key(number)) for info in self._fleet.all() for number in numbers])

    async def _remove(self, places: Sequence[tuple[int, bytes]]) -> bool:
        flight: Flight[tuple[int, bytes], bool] = Flight(self._clock)
        done = True
        for shard, key in places:
            if self._fleet.breaker(shard).open:
                done = False
            else:
                flight.start((shard, key), self._fleet.remove(shard, key))
        try:
            while flight:
                landed = await flight.landed()
                done = done and landed is not None and not isinstance(landed[1], StorageError)
        finally:
            flight.end()
        return done

    async def capacity(self) -> int:
        """
        Plain bytes that fit, if none of them shrinks.

        :raises Unavailable: no shard answers.
        """
        rooms = await self._fleet.rooms()
        layout = self._options.layout
        return usable(rooms, max(self._least, min(layout.total, len(rooms)))) * layout.k

    async def _work(self, size: int, task: Callable[[], T]) -> T:
        if size <= INLINE:
            return task()
        result: T = await self._threads(task)
        return result


def moved(old: Chunk, new: Chunk) -> tuple[int, ...]:
    """
    Where fragments of *old* are, and of *new* are not: to be given to `Chunks.delete`.

    :param new: what is recorded.
    """
    return tuple(was if was != now else MISSING for was, now in zip(old.shards, new.shards, strict=True))


def usable(rooms: Sequence[int], width: int) -> int:
    """How long fragments may be in sum, if each object puts *width* of them on distinct shards with these *rooms*."""
    rooms = sorted(rooms, reverse=True)
    if len(rooms) < width:
        return 0
    # the shards with most room are all used each time; what is left shares what the others have
    return min(sum(rooms[skip:]) // (width - skip) for skip in range(width))
