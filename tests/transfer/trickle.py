"""A store's side of downloads that does what real ones do rarely: small pieces, cuts, silence, another version."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from swftp import errors
from swftp.entries import Entry, Kind, Opened
from swftp.interfaces import IByteSink
from swftp.paths import Path


@implementer(IPushProducer)
class Flow:
    """One request: pushes a piece each time it is told to `step`, unless it is paused."""

    def __init__(self, store: Trickle, sink: IByteSink, start: int, end: int) -> None:
        self.store = store
        self.sink = sink
        self.start = self.at = start
        self.end = end
        self.paused = False
        self.stopped = False
        self.done: Deferred[None] = Deferred()

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def stopProducing(self) -> None:
        self.stopped = True
        self.fail(errors.Interrupted())

    def fail(self, error: Exception) -> None:
        """End the request with *error*."""
        if not self.done.called:
            self.done.errback(error)

    def step(self) -> None:
        """Push one piece."""
        if self.paused or self.done.called:
            return
        if self.at < self.end:
            piece = self.store.data[self.at : min(self.end, self.at + self.store.piece)]
            self.at += len(piece)
            self.sink.write(piece)
        if self.at == self.end and not self.done.called:
            self.done.callback(None)


@dataclass(eq=False)
class Trickle:
    """
    One object.

    :ivar flows: all requests so far.
    :ivar piece: bytes pushed at once.
    """

    data: bytes
    piece: int = 64 << 10
    version: str = "v1"
    flows: list[Flow] = field(default_factory=list)

    @property
    def entry(self) -> Entry:
        """What a stat says."""
        return Entry(name="file", kind=Kind.FILE, size=len(self.data), version=self.version)

    async def fetch(
        self,
        path: Path,
        sink: IByteSink,
        offset: int = 0,
        length: int | None = None,
        version: str | None = None,
        opened: Opened | None = None,
    ) -> Entry:
        """See `IStorage.fetch`."""
        if version not in (None, self.version):
            raise errors.Changed()
        if offset > len(self.data):
            raise errors.InvalidRequest()
        end = len(self.data) if length is None else min(len(self.data), offset + length)
        flow = Flow(self, sink, offset, end)
        self.flows.append(flow)
        sink.registerProducer(flow, True)
        try:
            sink.started(self.entry)
            await flow.done
        finally:
            sink.unregisterProducer()
        return self.entry

    @property
    def running(self) -> list[Flow]:
        """Requests that have not ended."""
        return [flow for flow in self.flows if not flow.done.called]

    def step(self) -> None:
        """Let each request push one piece."""
        for flow in self.running:
            flow.step()

    def cut(self) -> None:
        """The store drops all its connections."""
        for flow in self.running:
            flow.fail(errors.Unavailable("connection lost"))
