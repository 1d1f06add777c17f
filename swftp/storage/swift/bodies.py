"""
Bodies of requests and responses.

A chunk passes through here in plain calls: no Deferred, no copy.  A body whose source failed is never ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer, IResponse
from zope.interface import implementer

from swftp import errors
from swftp.interfaces import IByteSource


class Watchdog:
    """
    Calls *expired* once when nothing was seen for *seconds* (to a quarter as much again).

    ``seen = True`` is all that a chunk costs.
    """

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        expired: Callable[[], object],
        excused: Callable[[], bool] = lambda: False,
    ) -> None:
        """:param excused: whether the other side has nothing to do at the moment."""
        self.seen = False
        self._clock = clock
        self._period = seconds / 4
        self._idle = 0
        self._expired = expired
        self._excused = excused
        self._call: Any = clock.callLater(self._period, self._tick)

    def _tick(self) -> None:
        self._idle = 0 if self.seen or self._excused() else self._idle + 1
        self.seen = False
        self._call = None
        if self._idle >= 4:
            self._expired()
        else:
            self._call = self._clock.callLater(self._period, self._tick)

    def stop(self) -> None:
        """Watch no more; whoever watched is let go, who has us."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._expired = self._excused = bool


@implementer(IBodyProducer)
class Upload:
    """
    Carries a source's bytes into one request, counting and, where their MD5 is not known, hashing them.

    :ivar count: bytes passed.
    :ivar complete: the source ended well.
    :ivar waiting: the next move is the source's, not the store's.
    :ivar replayable: the source can be sent again.
    """

    def __init__(self, source: IByteSource) -> None:
        self._source: Any = source
        self.replayable: bool = source.replayable
        self._md5 = None if source.digest or source.hashes else hashlib.md5(usedforsecurity=False)
        self._consumer: Any = None
        self._paused = False
        self._done: Deferred[None] | None = None
        self.length = source.length
        self.count = 0
        self.complete = False
        self.progress: Callable[[], object] = lambda: None

    @property
    def digest(self) -> str:
        """Hex MD5 of the bytes that passed, or of those that were promised."""
        return self._source.digest or (self._md5.hexdigest() if self._md5 else "")

    @property
    def sent(self) -> dict[str, str]:
        """What the store must say of the bytes that passed."""
        return {"etag": self.digest, "content-length": str(self.count)}

    @property
    def waiting(self) -> bool:
        """See above."""
        return not self._paused and not self.complete

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """See `IBodyProducer`."""
        self._consumer = consumer
        done: Deferred[None] = Deferred(lambda _: self.stopProducing())
        self._done = done
        self._source.startProducing(self).addCallbacks(self._ended, self._failed)
        return done

    def _ended(self, _: object) -> None:
        if self.length is not UNKNOWN_LENGTH and self.count != self.length:
            wrong = errors.Corrupt("the source gave another length than it said")
            self._finish(Failure(wrong))  # type: ignore[no-untyped-call]
            return
        self.complete = True
        self.progress()
        self._finish(None)

    def _failed(self, failure: Failure) -> None:
        self._finish(failure)

    def _finish(self, result: Failure | None) -> None:
        done, self._done = self._done, None
        if done is not None and not done.called:
            done.callback(result)

    def write(self, data: bytes) -> None:
        """The source gives *data*; after the end nothing more goes out."""
        if self._done is None:
            return
        self.count += len(data)
        if self._md5 is not None:
            self._md5.update(data)
        self._consumer.write(data)
        self.progress()

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """The source already answers to this body."""

    def unregisterProducer(self) -> None:
        """See `registerProducer`."""

    def pauseProducing(self) -> None:
        """See `IBodyProducer`."""
        self._paused = True
        self._source.pauseProducing()

    def resumeProducing(self) -> None:
        """See `IBodyProducer`."""
        self._paused = False
        self.progress()
        if self._done is not None:
            self._source.resumeProducing()

    def stopProducing(self) -> None:
        """See `IBodyProducer`."""
        if self._done is not None:
            self._done = None
            self._source.stopProducing()

    def abandon(self) -> None:
        """
        The response came before the body ended: send no more of it, and close the connection.

        `Agent` would wait for the body to end, though nobody reads it (Swift answers a missing container with
        404 at once and goes on reading).  The transport is behind the consumer that `Agent` made.
        """
        if self._done is None:
            return
        self.stopProducing()
        transport = getattr(self._consumer, "transport", None) or getattr(self._consumer, "_consumer", None)
        if transport is not None:
            transport.abortConnection()


@implementer(IByteSource)
class Bytes:
    """A small body that is in memory: a source that never fails."""

    replayable = True
    hashes = False

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.length = len(data)
        self.digest = hashlib.md5(data, usedforsecurity=False).hexdigest()

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """See `IBodyProducer`."""
        if self.data:
            consumer.write(self.data)
        return succeed(None)

    def pauseProducing(self) -> None:
        """All was written at once."""

    def resumeProducing(self) -> None:
        """All was written at once."""

    def stopProducing(self) -> None:
        """All was written at once."""


class _Collector(Protocol):
    def __init__(self, limit: int, watchdog: Watchdog, done: Deferred[bytes]) -> None:
        self._limit = limit
        self._watchdog = watchdog
        self._done = done
        self._chunks: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:
        self._watchdog.seen = True
        self._size += len(data)
        if self._size <= self._limit:
            self._chunks.append(data)
        else:
            self.cut(OverflowError("response body too long"))

    def cut(self, error: Exception) -> None:
        if not self._done.called:
            self._done.errback(error)
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        if self._done.called:
            return
        if isinstance(reason.value, ResponseDone):
            self._done.callback(b"".join(self._chunks))
        else:
            self._done.errback(reason)


async def collect(response: IResponse, limit: int, clock: IReactorTime, timeout: float) -> bytes:
    """
    The body of *response*.

    :param limit: bytes; a longer body is an error.
    :param timeout: seconds without a byte.
    :raises Exception: it was cut, is too long, or came too slowly.
    """
    if response.length == 0:
        return b""
    done: Deferred[bytes] = Deferred(lambda _: protocol.cut(CancelledError()))
    watchdog = Watchdog(clock, timeout, lambda: protocol.cut(TimeoutError("response body stalled")))
    protocol = _Collector(limit, watchdog, done)
    response.deliverBody(protocol)  # type: ignore[no-untyped-call]
    try:
        return await done
    finally:
        watchdog.stop()


class Hangup(Protocol):
    """Ends a response that nobody wants."""

    def connectionMade(self) -> None:
        """Its body begins."""
        if self.transport is not None:
            self.transport.loseConnection()
