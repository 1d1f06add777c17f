"""
MD5 of bytes that still arrive, computed beside the reactor.

MD5 costs as much CPU as all the rest of an upload (1.4 s/GiB) and leaves the interpreter lock alone, so it runs in a
thread, in batches; what is too short to be worth a thread's wake-up is hashed at once.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred

Block = bytes | memoryview

BATCH = 2 << 20
"""Bytes hashed in one go in a thread."""
BEHIND = 2 * BATCH
"""Bytes that may wait for a thread before whoever can wait is told to."""
INLINE = 128 << 10
"""Up to so many bytes are hashed in the reactor's thread: under 0.2 ms, and less than a wake-up costs."""


class Offload(Protocol):
    """Runs a function where it does not hold up the reactor, as `twisted.internet.threads.deferToThreadPool` does."""

    def __call__(self, function: Callable[..., Any], /, *args: Any) -> Deferred[Any]: ...


def _update(md5: Any, blocks: Sequence[Block]) -> None:
    if len(blocks) > BATCH // INLINE:  # each update hands the interpreter lock over and has to get it back
        blocks = (b"".join(blocks),)
    for block in blocks:
        md5.update(block)


class RunningDigest:
    """
    The MD5 of blocks fed one after the other.

    :ivar length: bytes fed so far.
    """

    def __init__(self, offload: Offload) -> None:
        self._offload = offload
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._blocks: deque[Block] = deque()
        self._waiting = 0
        self._busy: Deferred[None] | None = None
        self._failure: Exception | None = None
        self.length = 0

    def feed(self, block: Block) -> None:
        """Take *block*, which must not change any more."""
        self._blocks.append(block)
        self._waiting += len(block)
        self.length += len(block)
        if self._waiting >= BATCH and self._busy is None:
            self._start()

    def _start(self) -> None:
        blocks, size = [], 0  # a batch, however much waits: it may be joined
        while self._blocks and size < BATCH:
            blocks.append(self._blocks.popleft())
            size += len(blocks[-1])
        self._waiting -= size
        busy = self._busy = Deferred()
        self._offload(_update, self._md5, blocks).addCallbacks(self._done, self._failed, callbackArgs=(busy,))

    def _done(self, _: object, busy: Deferred[None]) -> None:
        self._busy = None
        if self._waiting >= BATCH:
            self._start()
        busy.callback(None)

    def _failed(self, failure: Any) -> None:
        """Only a pool that is shut down fails."""
        self._failure = failure.value
        busy, self._busy = self._busy, None
        if busy is not None:
            busy.callback(None)

    def caught_up(self) -> Deferred[None] | None:
        """None where more may be fed; else a Deferred that fires when it is worth asking again."""
        return _wait(self._busy) if self._waiting >= BEHIND and self._busy is not None else None

    async def finish(self) -> str:
        """Hex MD5 of all that was fed."""
        while self._busy is not None or self._waiting > INLINE:
            if self._busy is None:
                self._start()
            busy = self._busy
            if busy is not None:
                await _wait(busy)
            if self._failure is not None:
                raise self._failure
        _update(self._md5, list(self._blocks))
        self._blocks.clear()
        self._waiting = 0
        return str(self._md5.hexdigest())


def _wait(busy: Deferred[None]) -> Deferred[None]:
    """A Deferred of our own that fires with *busy*: each waiter may spoil only its own."""
    mine: Deferred[None] = Deferred()
    busy.addCallback(lambda _: mine.callback(None))
    return mine


async def digest(offload: Offload, blocks: Sequence[Block]) -> str:
    """Hex MD5 of *blocks*."""
    running = RunningDigest(offload)
    for block in blocks:
        running.feed(block)
    return await running.finish()
