"""
A stretch of a file that is fetched ahead of its reader: one request after another, in order.

The law: bytes stand here exactly once and in order, from `Window.start` to `Window.end`; a request that is cut
goes on where it stopped, pinned by its owner to the same version, and its end is never taken for that of the file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProducer, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from swftp import errors
from swftp.entries import Entry
from swftp.interfaces import IByteSink
from swftp.transfer.budget import Share

Fetch = Callable[[IByteSink, int, int], Coroutine[Any, Any, object]]
"""Pushes *length* bytes from *offset* into a sink; returns after the last one."""
PATIENCE = 30.0
"""Seconds without a byte after which no further request is made: the store has been asked often enough."""
DELAYS = (0.0, 0.5, 2.0)
"""Seconds before each further attempt while no byte comes."""
SMALL = 16 << 10
"""Smaller pieces of a response are gathered before they become a block."""


class Phase(Enum):
    """What a window's fetch is doing."""

    IDLE = "idle"
    FETCHING = "fetching"
    RESTING = "resting"
    FAILED = "failed"
    CLOSED = "closed"


TRANSITIONS = {
    Phase.IDLE: {"start": Phase.FETCHING, "close": Phase.CLOSED},
    Phase.FETCHING: {"complete": Phase.IDLE, "cut": Phase.RESTING, "refused": Phase.FAILED, "close": Phase.CLOSED},
    Phase.RESTING: {"start": Phase.FETCHING, "close": Phase.CLOSED},
    Phase.FAILED: {"close": Phase.CLOSED},
    Phase.CLOSED: {"close": Phase.CLOSED},
}


class Owner(Protocol):
    """The reader a window belongs to."""

    fetch: Fetch
    clock: IReactorTime
    share: Share

    def begun(self, entry: Entry) -> None:
        """The answer to a fetch is there; raises what is wrong with it."""

    def capacity(self) -> int:
        """Bytes a window may hold that nobody waits for."""

    def arrived(self) -> None:
        """What somebody waits for is there, or will never be."""


@implementer(IByteSink)
class _Flow:
    """One request's way into a window; deaf once the window goes on without it."""

    def __init__(self, window: Window, limit: int) -> None:
        self.window: Window | None = window
        self.limit = limit
        self.result: Deferred[object] | None = None
        self._producer: IProducer | None = None
        self._paused = False

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        self._producer = producer
        if self.window is None:
            self.stop()

    def unregisterProducer(self) -> None:
        self._producer = None

    def started(self, entry: Entry) -> None:
        if self.window is None:
            return
        try:
            self.window.owner.begun(entry)
        except errors.StorageError:
            self.window.refuse(Failure())  # type: ignore[no-untyped-call]
            self.stop()

    def write(self, data: bytes) -> None:
        if self.window is not None:
            self.window.take(data)

    def pause(self) -> None:
        if self._producer is not None and not self._paused:
            self._paused = True
            self._producer.pauseProducing()  # type: ignore[attr-defined]

    def resume(self) -> None:
        if self._producer is not None and self._paused:
            self._paused = False
            self._producer.resumeProducing()  # type: ignore[attr-defined]

    def stop(self) -> None:
        self.window = None
        if self._producer is not None:
            self._producer.stopProducing()
        if self.result is not None:
            self.result.cancel()


class Window:
    """
    Bytes ``[start, end)`` of a file, and a fetch that goes on to `limit`.

    :ivar first: where it began.
    :ivar used: when it last served a read: a counter of its owner.
    """

    def __init__(self, owner: Owner, start: int, limit: int) -> None:
        self.owner = owner
        self.first = self.start = self.end = start
        self.limit = limit
        self.phase = Phase.IDLE
        self.error: BaseException | None = None
        self.used = 0
        self._offsets: list[int] = []
        self._blocks: list[bytes] = []
        self._served: list[int] = []
        self._tail = bytearray()
        self._want: int | None = None
        self._keep = start
        self._step = limit - start
        self._tries = 0
        self._mark = -1
        self._since = 0.0
        self._flow: _Flow | None = None
        self._timer: IDelayedCall | None = None

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for bytes of this window."""
        return self._want is not None

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return self.end - self.start

    def _advance(self, event: str) -> None:
        self.phase = TRANSITIONS[self.phase][event]

    def read(self, offset: int, end: int) -> bytes | memoryview | None:
        """``[offset, end)``, where *offset* is not before `start`; None: not all of it is here."""
        if end > self.end:
            return None
        if self._tail:
            self._seal()
        index = bisect_right(self._offsets, offset) - 1
        position = offset - self._offsets[index]
        block = self._blocks[index]
        if position + end - offset <= len(block):
            self._serve(index, end - offset)
            if end - offset == len(block):
                return block
            return memoryview(block)[position : position + end - offset]
        return self._gather(index, offset, end)

    def piece(self, offset: int) -> int:
        """Bytes at *offset*, which is in the window, that `read` gives without putting blocks together."""
        if self._tail:
            self._seal()
        index = bisect_right(self._offsets, offset) - 1
        return self._offsets[index] + len(self._blocks[index]) - offset

    def _gather(self, index: int, offset: int, end: int) -> bytes:
        parts = []
        first = index
        while offset < end:
            position = offset - self._offsets[index]
            part = memoryview(self._blocks[index])[position : position + end - offset]
            self._served[index] += len(part)
            parts.append(part)
            offset += len(part)
            index += 1
        data = b"".join(parts)
        self._serve(first, 0)
        return data

    def _serve(self, index: int, count: int) -> None:
        """*count* bytes of a block were read; blocks at the front that were read altogether are forgotten."""
        self._served[index] += count
        done = 0
        while done < len(self._blocks) and self._served[done] >= len(self._blocks[done]):
            done += 1
        if done:
            self._forget(done)

    def _forget(self, count: int) -> None:
        """Drop the first *count* blocks."""
        start = self._offsets[count] if count < len(self._offsets) else self.end - len(self._tail)
        freed = start - self.start
        del self._offsets[:count], self._blocks[:count], self._served[:count]
        self.start = start
        self.owner.share.give(freed)
        if self._flow is not None and self.held <= self.owner.capacity() // 2:
            self._flow.resume()

    def _seal(self) -> None:
        self._offsets.append(self.end - len(self._tail))
        self._blocks.append(bytes(self._tail))
        self._served.append(0)
        self._tail = bytearray()

    def want(self, offset: int, end: int) -> None:
        """Somebody waits for ``[offset, end)``, which the window's limit allows for: see that it comes."""
        self._keep = offset if self._want is None else min(offset, self._keep)
        self._want = end if self._want is None else min(end, self._want)
        if self._mark != self.end:
            self._mark, self._since = self.end, self.owner.clock.seconds()
        if self.phase is Phase.FETCHING and self._flow is not None:
            self._flow.resume()
        elif self.phase is Phase.IDLE or (self.phase is Phase.RESTING and self._timer is None):
            self.run()

    def extend(self, end: int, size: int) -> None:
        """Let the window reach *end* or further: a reader that goes on gets more with each request."""
        if end > self.limit:
            self._step *= 4
            self.limit = min(size, max(end, self.limit + self._step))

    def run(self) -> None:
        """Fetch from where the window ends."""
        self._timer = None
        self._advance("start")
        flow = self._flow = _Flow(self, self.limit)
        fetch = self.owner.fetch(flow, self.end, self.limit - self.end)
        result = Deferred.fromCoroutine(fetch)
        flow.result = result
        result.addCallbacks(self._complete, self._failed, callbackArgs=(flow,), errbackArgs=(flow,))

    def take(self, data: bytes) -> None:
        """Bytes that follow those that are here."""
        if not data:
            return
        self._tries = 0
        self.owner.share.take(len(data))
        if len(data) < SMALL:
            self._tail += data
            self.end += len(data)
            if len(self._tail) >= SMALL:
                self._seal()
        else:
            if self._tail:
                self._seal()
            self._offsets.append(self.end)
            self._blocks.append(data)
            self._served.append(0)
            self.end += len(data)
        self._flowed()

    def _flowed(self) -> None:
        if self._want is not None:
            if self.end < self._want:
                self._make_room()
                return
            self._want = None
            self.owner.arrived()
        if self._flow is not None and self._want is None and self.held >= self.owner.capacity():
            self._flow.pause()

    def _make_room(self) -> None:
        """What is wanted lies ahead of what fits: let go of what was skipped."""
        count = 0
        while len(self._blocks) > count + 1 and self._offsets[count + 1] <= self._keep:
            count += 1
        if count and self.held > 2 * self.owner.capacity():
            self._forget(count)

    def _complete(self, _: object, flow: _Flow) -> None:
        if flow.window is None:
            return
        if self.end != flow.limit:
            short = errors.Unavailable("short answer from storage")
            self._failed(Failure(short), flow)  # type: ignore[no-untyped-call]
            return
        flow.window = self._flow = None
        self._advance("complete")
        if self._want is not None:
            self.run()

    def _failed(self, failure: Failure, flow: _Flow) -> None:
        if flow.window is None:
            return
        flow.window = None
        self._flow = None
        if not isinstance(failure.value, errors.Unavailable):
            self.refuse(failure)
        elif self._want is None:
            self._advance("cut")
        elif self._tries < len(DELAYS) and self._waited < PATIENCE:
            self._advance("cut")
            self._timer = self.owner.clock.callLater(DELAYS[self._tries], self.run)
            self._tries += 1
        else:
            self.refuse(failure)

    @property
    def _waited(self) -> float:
        """Seconds that somebody has waited for the next byte."""
        return self.owner.clock.seconds() - self._since if self.end == self._mark else 0.0

    def refuse(self, failure: Failure) -> None:
        """No more bytes will come."""
        self._flow = None
        self._advance("refused")
        self.error = failure.value
        self._want = None
        self.owner.arrived()

    def close(self) -> None:
        """Stop fetching, forget everything."""
        self._advance("close")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        flow, self._flow = self._flow, None
        if flow is not None:
            flow.stop()
        self.owner.share.give(self.held)
        self._offsets, self._blocks, self._served, self._tail = [], [], [], bytearray()
        self.start = self.end
        self._want = None
