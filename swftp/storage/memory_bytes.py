"""
What the store in memory is made of: objects and parts, and how their bytes come and go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from swftp import errors
from swftp.entries import Entry, Kind
from swftp.interfaces import IByteSink, IByteSource, IPart
from swftp.paths import Path

DIRECTORY = "application/directory"
"""Content type of a directory marker."""
CHUNK = 256 * 1024
"""Bytes a download is pushed in."""
HOPS = 2
"""Symbolic links followed in a row, as many as Swift follows."""

Hook = Callable[[str, Path], Awaitable[object] | None]
"""Gets the name of a verb and what it is about; what it gives is waited for before the verb takes effect."""


@dataclass(frozen=True, slots=True)
class MemoryObject:
    """What stands at a name."""

    data: bytes
    mtime: float
    mode: int | None = None
    content_type: str = DIRECTORY
    target: Path | None = None
    keys: frozenset[int] = frozenset()
    """Staged parts this was published from; empty: stored whole."""

    @property
    def version(self) -> str:
        """See `Entry.version`."""
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()

    @property
    def is_directory(self) -> bool:
        """Whether this is a marker."""
        return self.content_type == DIRECTORY

    def entry(self, name: str) -> Entry:
        """As *name*."""
        common = {"name": name, "mtime": self.mtime, "mode": self.mode, "content_type": self.content_type}
        if self.target is not None:
            return Entry(kind=Kind.SYMLINK, target=str(self.target), **common)  # type: ignore[arg-type]
        if self.is_directory:
            return Entry(kind=Kind.DIRECTORY, **common)  # type: ignore[arg-type]
        digest = None if self.keys else self.version
        return Entry(kind=Kind.FILE, size=len(self.data), version=self.version, digest=digest, **common)  # type: ignore[arg-type]


@implementer(IPart)
@dataclass(frozen=True, slots=True)
class MemoryPart:
    """Some bytes and the staged part they belong to."""

    key: int
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of this part."""
        return len(self.data)

    def slice(self, offset: int, length: int) -> MemoryPart:
        """See `IPart.slice`."""
        if offset < 0 or length < 1 or offset + length > len(self.data):
            raise errors.InvalidRequest("range outside of the part")
        return replace(self, data=self.data[offset : offset + length])


@implementer(IConsumer)
class Collector:
    """Takes what a source produces."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def write(self, data: bytes) -> None:
        """The source gives *data*."""
        self.chunks.append(bytes(data))

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """The source already answers to whoever pulls it."""

    def unregisterProducer(self) -> None:
        """See `registerProducer`."""


@implementer(IPushProducer)
class Pusher:
    """Pushes bytes into a sink, honouring pause, resume and stop."""

    def __init__(self, sink: IByteSink, data: bytes) -> None:
        self._sink = sink
        self._chunks = iter([data[i : i + CHUNK] for i in range(0, len(data), CHUNK)])
        self._paused = False
        self._pushing = False
        self.done: Deferred[None] = Deferred()

    def pauseProducing(self) -> None:
        """See `IPushProducer`."""
        self._paused = True

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""
        self._paused = False
        if self._pushing or self.done.called:
            return
        self._pushing = True
        try:
            while not self._paused and not self.done.called:
                chunk = next(self._chunks, None)
                if chunk is None:
                    self.done.callback(None)
                else:
                    self._sink.write(chunk)
        finally:
            self._pushing = False

    def stopProducing(self) -> None:
        """See `IPushProducer`."""
        if not self.done.called:
            self.done.errback(errors.Interrupted())


async def push(sink: IByteSink, data: bytes, entry: Entry) -> Entry:
    """Push *data*, which is of *entry*, into *sink*."""
    pusher = Pusher(sink, data)
    sink.registerProducer(pusher, True)
    try:
        sink.started(entry)
        pusher.resumeProducing()
        await pusher.done
    finally:
        sink.unregisterProducer()
    return entry


async def collect(source: IByteSource) -> bytes:
    """All that *source* gives, if it is what it said."""
    collector = Collector()
    await source.startProducing(collector)  # type: ignore[no-untyped-call]
    data = b"".join(collector.chunks)
    if source.length is not UNKNOWN_LENGTH and source.length != len(data):
        raise errors.Corrupt()
    if source.digest is not None and hashlib.md5(data, usedforsecurity=False).hexdigest() != source.digest:
        raise errors.Damaged()
    return data
