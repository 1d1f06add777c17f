"""What all accounts of one process share: database, shards, and chunks that were read a moment ago."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from twisted.internet.interfaces import IReactorTime

from swftp.storage.zerostor.chunks import Chunks
from swftp.storage.zerostor.feeding import Ahead
from swftp.storage.zerostor.meta import Metadata
from swftp.storage.zerostor.parts import Batch, Phase
from swftp.storage.zerostor.recent import Recent
from swftp.storage.zerostor.sending import InThread
from swftp.storage.zerostor.values import Chunk, ObjectId

KEPT = 128 << 20
"""Bytes of chunks that are kept for readers who are too slow to take them at once."""
ROOM_AGE = 30.0
"""Seconds for which what the shards said of their room is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Sizes in bytes."""

    chunk_size: int = 4 << 20
    page_size: int = 1000
    """Names of a directory in one page."""
    read_cache: int = 64 << 20
    """Plain chunks that are kept for the next reader."""


class Zerostor:
    """One process's."""

    def __init__(
        self,
        metadata: Metadata,
        chunks: Chunks,
        options: Options,
        clock: IReactorTime,
        wall: Callable[[], float],
        in_thread: InThread,
    ) -> None:
        """
        :param in_thread: runs a function beside the reactor.
        """
        self.metadata, self.chunks, self.options = metadata, chunks, options
        self.wall, self.in_thread = wall, in_thread
        self.recent = Recent(options.read_cache)
        self.ahead = Ahead(KEPT)
        self._clock = clock
        self._room: tuple[float, int] | None = None

    async def take(self) -> ObjectId:
        """
        A name for an object that none ever had.

        :raises Unavailable: the journal cannot be written.
        """
        [obj] = await self.metadata.journal.allocate(1)
        return obj

    async def plain(self, chunk: Chunk, account: UUID) -> bytes:
        """
        All plain bytes of *chunk*.

        :raises Corrupt: too little of it is whole.
        :raises Unavailable: too few of its shards answer.
        """

        async def fetch() -> bytes:
            return await self.chunks.get(chunk, account)

        return await self.recent.get(chunk, fetch)

    async def room(self) -> int:
        """Bytes of files that the shards have room for, as of not long ago."""
        now = self._clock.seconds()
        if self._room is None or self._room[0] <= now:
            self._room = now + ROOM_AGE, await self.chunks.capacity()
        return self._room[1]

    async def abandon(self, batches: Iterable[Batch]) -> None:
        """Nothing of *batches* is ever published.  Never raises."""
        given = list(batches)
        for batch in given:
            batch.phase = Phase.ABANDONED
        await self.metadata.journal.abandon([obj for batch in given for obj in batch.objects.values()])
