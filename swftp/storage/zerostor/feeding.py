"""
From the shards to a sink: the chunks of a range are fetched ahead of it, and given to it in order, at its pace.

The law: however many sinks want nothing for now, what is kept for them is bounded; a chunk that was let go of is
fetched again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from swftp import errors
from swftp.entries import Entry
from swftp.interfaces import IByteSink
from swftp.storage.zerostor.values import Chunk

AHEAD = 2
"""Chunks that are fetched while another one is given."""
PIECE = 256 << 10
"""Bytes given in one go."""

Stretch = tuple[Chunk, int, int]
"""*length* bytes at *skip* of a chunk."""
Get = Callable[[Chunk], Awaitable[bytes]]


class Ahead:
    """
    Plain bytes that all feedings of a process keep for their sinks.

    :param limit: bytes; only what a sink takes at this moment may exceed them.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.kept = 0

    def take(self, size: int) -> bool:
        """Keep *size* bytes more, if there is room for them."""
        if self.kept + size > self._limit:
            return False
        self.kept += size
        return True

    def give(self, size: int) -> None:
        """*size* bytes are not kept any more."""
        self.kept -= size


class _Coming:
    """
    A stretch on its way.

    :ivar fetch: where its chunk was asked for ahead.
    :ivar plain: all of its chunk, where that is kept.
    :ivar kept: bytes of it that count.
    """

    def __init__(self, stretch: Stretch) -> None:
        self.chunk, self.skip, self.length = stretch
        self.fetch: Deferred[bytes] | None = None
        self.plain: bytes | None = None
        self.kept = 0


@implementer(IPushProducer)
class Feeding:
    """One range into one sink."""

    def __init__(self, sink: IByteSink, get: Get, ahead: Ahead) -> None:
        """
        :param get: gives all plain bytes of a chunk.
        """
        self._sink = sink
        self._get = get
        self._ahead = ahead
        self._stopped = False
        self._paused: Deferred[None] | None = None
        self._coming: deque[_Coming] = deque()

    def pauseProducing(self) -> None:
        """See `IPushProducer`."""
        if self._paused is None and not self._stopped:
            self._paused = Deferred()

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""
        paused, self._paused = self._paused, None
        if paused is not None:
            paused.callback(None)

    def stopProducing(self) -> None:
        """See `IPushProducer`."""
        self._stopped = True
        self.resumeProducing()

    async def run(self, entry: Entry, stretches: AsyncIterator[Stretch]) -> None:
        """
        Give all *stretches*, which are of *entry*.

        :raises Interrupted: the sink wants no more.
        """
        self._sink.registerProducer(self, True)
        try:
            self._sink.started(entry)
            async for stretch in stretches:
                self._coming.append(_Coming(stretch))
                self._ask(self._coming[-1])
                if len(self._coming) > AHEAD:
                    await self._give()
            while self._coming:
                await self._give()
        finally:
            for coming in self._coming:
                self._drop(coming)
            self._sink.unregisterProducer()

    def _ask(self, coming: _Coming) -> None:
        """Fetch it now, if it may be kept until its turn."""
        if self._keep(coming):
            coming.fetch = Deferred.fromCoroutine(self._fetch(coming.chunk))

    def _keep(self, coming: _Coming) -> bool:
        if not coming.kept and self._ahead.take(coming.chunk.plain_len):
            coming.kept = coming.chunk.plain_len
        return coming.kept > 0

    def _drop(self, coming: _Coming) -> None:
        if coming.fetch is not None:
            coming.fetch.addErrback(lambda _: None)
        self._ahead.give(coming.kept)
        coming.kept = 0

    async def _fetch(self, chunk: Chunk) -> bytes:
        return await self._get(chunk)

    async def _give(self) -> None:
        coming = self._coming[0]
        at, end = coming.skip, coming.skip + coming.length
        while at < end:
            await self._flow()
            plain = await self._plain(coming)
            if len(plain) < end:
                raise errors.Corrupt()
            at = self._write(memoryview(plain), at, end)
            if at < end and self._keep(coming):
                coming.plain = plain
            del plain
        self._drop(self._coming.popleft())

    async def _plain(self, coming: _Coming) -> bytes:
        if coming.plain is not None:
            return coming.plain
        fetch, coming.fetch = coming.fetch, None
        return await (fetch or self._fetch(coming.chunk))

    def _write(self, data: memoryview, at: int, end: int) -> int:
        """Give what is from *at* to *end*, as long as the sink wants it; to where it did."""
        while at < end and self._paused is None and not self._stopped:
            self._sink.write(bytes(data[at : min(at + PIECE, end)]))
            at = min(at + PIECE, end)
        return at

    async def _flow(self) -> None:
        """Wait while the sink wants nothing."""
        while self._paused is not None:
            await self._paused
        if self._stopped:
            raise errors.Interrupted()
