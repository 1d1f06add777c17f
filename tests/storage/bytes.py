"""Sources that give and sinks that take: the two ends of every transfer, for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from swftp.entries import Entry
from swftp.interfaces import IByteSink, IByteSource, IStorage
from swftp.paths import Path


def md5(data: bytes) -> str:
    """Hex MD5."""
    return hashlib.md5(data).hexdigest()


@implementer(IByteSource)
class Source:
    """Gives *data* in chunks, all at once, and then ends well or with *error*."""

    hashes = False

    def __init__(
        self,
        data: bytes,
        *,
        known: bool = True,
        digest: str | None = None,
        replayable: bool = True,
        chunk: int = 65536,
        error: Exception | None = None,
        length: int | None = None,
    ) -> None:
        self.data = data
        self.length: Any = (len(data) if length is None else length) if known else UNKNOWN_LENGTH
        self.digest = digest
        self.replayable = replayable
        self.chunk = chunk
        self.error = error
        self.starts = 0
        self.stops = 0

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self.starts += 1
        for start in range(0, len(self.data), self.chunk):
            consumer.write(self.data[start : start + self.chunk])
        return succeed(None) if self.error is None else fail(self.error)

    def pauseProducing(self) -> None:
        """All was given at once."""

    def resumeProducing(self) -> None:
        """All was given at once."""

    def stopProducing(self) -> None:
        self.stops += 1


class Waiting(Source):
    """Gives what the test tells it to give."""

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self.starts += 1
        self.consumer = consumer
        self.done: Deferred[None] = Deferred()
        return self.done


@implementer(IByteSink)
class Sink:
    """Keeps what it is given; *pause_every* bytes it pauses its producer until told to resume."""

    def __init__(self, on_data: Callable[[Sink], object] = lambda sink: None) -> None:
        self.chunks: list[bytes] = []
        self.entry: Entry | None = None
        self.producer: Any = None
        self.finished = False
        self.on_data = on_data

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self.producer is not None or not streaming or self.entry is not None:
            raise AssertionError("registered out of turn")
        self.producer = producer

    def started(self, entry: Entry) -> None:
        if self.producer is None or self.entry is not None:
            raise AssertionError("started out of turn")
        self.entry = entry

    def write(self, data: bytes) -> None:
        if self.entry is None or self.finished:
            raise AssertionError("data out of turn")
        self.chunks.append(bytes(data))
        self.on_data(self)

    def unregisterProducer(self) -> None:
        self.finished = True


async def fetched(storage: IStorage, path: Path, *args: Any, **kwargs: Any) -> bytes:
    """What ``fetch`` pushes."""
    sink = Sink()
    await storage.fetch(path, sink, *args, **kwargs)
    return sink.data


async def raises(kind: type[BaseException] | tuple[type[BaseException], ...], work: Awaitable[Any]) -> Any:
    """The error of exactly *kind* that *work* fails with."""
    try:
        result = await work
    except BaseException as error:
        if type(error) not in (kind if isinstance(kind, tuple) else (kind,)):
            raise
        return error
    raise AssertionError(f"{kind} not raised, but {result!r} returned")
