"""
From the shards to a sink: the chunks of a range are fetched ahead of it, and given to it in order, at its pace.
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


@implementer(IPushProducer)
class Feeding:
    """One range into one sink."""

    def __init__(self, sink: IByteSink, get: Get) -> None:
        """
        :param get: gives all plain bytes of a chunk.
        """
        self._sink = sink
        self._get = get
        self._stopped = False
        self._paused: Deferred[None] | None = None
        self._coming: deque[tuple[Deferred[bytes], int, int]] = deque()

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
            async for chunk, skip, length in stretches:
                coming: Deferred[bytes] = Deferred.fromCoroutine(self._fetch(chunk))
                self._coming.append((coming, skip, length))
                if len(self._coming) > AHEAD:
                    await self._give()
            while self._coming:
                await self._give()
        finally:
            for coming, _, _ in self._coming:
                coming.addErrback(lambda _: None)
            self._sink.unregisterProducer()

    async def _fetch(self, chunk: Chunk) -> bytes:
        return await self._get(chunk)

    async def _give(self) -> None:
        coming, skip, length = self._coming.popleft()
        await self._flow()
        data = memoryview(await coming)
        if len(data) < skip + length:
            raise errors.Corrupt()
        for start in range(skip, skip + length, PIECE):
            await self._flow()
            self._sink.write(bytes(data[start : min(start + PIECE, skip + length)]))

    async def _flow(self) -> None:
        """Wait while the sink wants nothing."""
        while self._paused is not None:
            await self._paused
        if self._stopped:
            raise errors.Interrupted()
