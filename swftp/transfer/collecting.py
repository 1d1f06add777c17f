"""Fetch a few bytes into memory, whole or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.interfaces import IProducer
from zope.interface import implementer

from swftp import errors
from swftp.entries import Entry
from swftp.interfaces import IByteSink


@implementer(IByteSink)
class Collector:
    """
    Keeps what it is given.

    :ivar blocks: in the order they came.
    """

    def __init__(self) -> None:
        self.blocks: list[bytes] = []

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Nothing here ever needs a pause: what is asked for fits."""

    def unregisterProducer(self) -> None:
        """See `registerProducer`."""

    def started(self, entry: Entry) -> None:
        """Whoever asks for a part knows of what."""

    def write(self, data: bytes) -> None:
        """See `IConsumer.write`."""
        self.blocks.append(data)


async def collect(fetch: Callable[[IByteSink], Awaitable[object]], length: int) -> bytes:
    """
    The *length* bytes that *fetch* pushes.

    :raises Unavailable: they were not that many, though storage said nothing of it.
    """
    collector = Collector()
    await fetch(collector)
    data = b"".join(collector.blocks)
    if len(data) != length:
        raise errors.Unavailable("short answer from storage")
    return data
