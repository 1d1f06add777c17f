"""The first bytes of a file of which nothing is known: they come with what there is to know, in one request."""

from __future__ import annotations

from twisted.internet.interfaces import IProducer
from zope.interface import implementer

from swftp.entries import Entry
from swftp.interfaces import IByteSink, IStorage
from swftp.paths import Path


@implementer(IByteSink)
class _Head:
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See `IConsumer`."""

    def unregisterProducer(self) -> None:
        """See `IConsumer`."""

    def started(self, entry: Entry) -> None:
        """See `IByteSink`."""

    def write(self, data: bytes) -> None:
        """See `IConsumer`."""
        self.parts.append(data)


async def head(storage: IStorage, path: Path, length: int, version: str | None = None) -> tuple[Entry, bytes]:
    """
    What stands at *path*, and its first *length* bytes, less where it is shorter.

    :param version: what has to stand there.
    :raises StorageError: as `IStorage.fetch`.
    """
    sink = _Head()
    entry = await storage.fetch(path, sink, 0, length, version)
    return entry, b"".join(sink.parts)
