"""
Bytes on their way to one storage request.

How a source ends decides commit or abort: one that was aborted fails the request, whatever was sent already, and
is never ended as if it were whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IConsumer
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from swftp.errors import Interrupted, StorageError, Unavailable
from swftp.interfaces import IByteSource
from swftp.transfer.hashing import Block, Offload, RunningDigest


class _Source:
    """What the sources share: a consumer, a pause and an end."""

    hashes = False

    def __init__(self, length: int | str, digest: str | None) -> None:
        self.length = length
        self.digest = digest
        self._consumer: IConsumer | None = None
        self._done: Deferred[None] | None = None
        self._paused = False
        self._writing = False
        self._error: StorageError | None = None

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Begin, or begin again; the Deferred fires when the last byte is out and fails when it never will be."""
        if self._error is not None:
            return fail(self._error)
        self._rewind()
        self._consumer = consumer
        self._paused = False
        done = self._done = Deferred(lambda _: self.stopProducing())
        self.resumeProducing()
        return done

    def pauseProducing(self) -> None:
        """Write no more until `resumeProducing`."""
        self._paused = True

    def stopProducing(self) -> None:
        """The consumer wants no more of this attempt; the Deferred of `startProducing` will not fire."""
        self._consumer = self._done = None

    def resumeProducing(self) -> None:
        """Write until told to pause."""
        self._paused = False
        if self._writing:
            return
        self._writing = True
        try:
            self._pump()
        finally:
            self._writing = False

    def abort(self, error: StorageError) -> None:
        """Fail this attempt and every later one."""
        if self._error is None:
            self._error = error
            self._finish(error)

    def _finish(self, error: StorageError | None = None) -> None:
        done, self._done, self._consumer = self._done, None, None
        if done is not None and error is not None:
            done.errback(error)
        elif done is not None:
            done.callback(None)

    def _rewind(self) -> None:
        raise NotImplementedError

    def _pump(self) -> None:
        raise NotImplementedError


@implementer(IByteSource)
class MemorySource(_Source):
    """Blocks in memory: known length, replayable."""

    replayable = True

    def __init__(self, blocks: Sequence[Block], digest: str | None = None, *, held: bool = False) -> None:
        """
        :param digest: hex MD5 of all blocks.
        :param held: keep the last block back until `let_go`: the store gets ready meanwhile.
        """
        super().__init__(sum(len(block) for block in blocks), digest)
        self._blocks = blocks
        self._next = 0
        self._held = held

    def let_go(self) -> None:
        """Send the last block, too."""
        self._held = False
        if not self._paused:
            self.resumeProducing()

    def release(self) -> None:
        """No attempt will follow: let go of the blocks, however long whoever sent them keeps this object."""
        self._blocks = ()
        self._error = self._error or Interrupted()

    def _rewind(self) -> None:
        self._next = 0

    def _pump(self) -> None:
        while not self._paused and self._consumer is not None:
            if self._next == len(self._blocks):
                self._finish()
                return
            if self._held and self._next == len(self._blocks) - 1:
                return
            block = self._blocks[self._next]
            self._next += 1
            self._consumer.write(bytes(block))


@implementer(IByteSource)
class StreamSource(_Source):
    """
    Bytes of unknown number, in order, each sent once: for a store that cannot put objects together.

    What is sent is hashed beside the reactor; the last byte is out when its hash is known, and where hashing is
    slower than the store, the store waits.

    :ivar queued: bytes not yet sent.
    """

    replayable = False
    hashes = True

    def __init__(
        self,
        sent: Callable[[int], None],
        offload: Offload,
        background: Callable[[Coroutine[Any, Any, object]], None],
    ) -> None:
        """
        :param sent: called with the cost of what left the queue, as `put` was told.
        :param background: runs what nobody waits for.
        """
        super().__init__(UNKNOWN_LENGTH, None)
        self._running = RunningDigest(offload)
        self._background = background
        self._concluding = False
        self.queued = 0
        self._sent = sent
        self._blocks: deque[tuple[Block, int]] = deque()
        self._ended = False
        self._started = False

    def put(self, *blocks: Block, cost: int = 0) -> None:
        """
        Send *blocks* after all before them.

        All are in the queue before one leaves: whoever hears of that may put the next ones at once.
        """
        for block in blocks:
            self._blocks.append((block, cost))
            self.queued += len(block)
            cost = 0
        if not self._paused:
            self.resumeProducing()

    def abort(self, error: StorageError) -> None:
        """See `_Source.abort`; what is queued is let go of."""
        super().abort(error)
        self._blocks.clear()

    def end(self) -> None:
        """All bytes were put: what was sent is the whole file."""
        self._ended = True
        if not self._paused:
            self.resumeProducing()

    def _rewind(self) -> None:
        if self._started:
            raise RuntimeError("a stream cannot be sent twice")
        self._started = True

    def _pump(self) -> None:
        while not self._paused and self._consumer is not None:
            caught_up = self._running.caught_up()
            if caught_up is not None:
                caught_up.addCallback(self._go_on)
                return
            if not self._blocks:
                if self._ended and not self._concluding:
                    self._concluding = True
                    self._background(self._conclude())
                return
            block, cost = self._blocks.popleft()
            data = bytes(block)
            self.queued -= len(data)
            self._running.feed(data)
            self._consumer.write(data)
            self._sent(cost)

    def _go_on(self, _: None) -> None:
        if not self._paused:
            self.resumeProducing()

    async def _conclude(self) -> None:
        try:
            self.digest = await self._running.finish()
        except Exception:
            self.abort(Unavailable("internal error"))
            raise
        self._finish()
