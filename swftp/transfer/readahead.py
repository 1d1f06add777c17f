"""
Reads at any offset of something that storage pushes from front to back.

The law: never a request a read.  A reader that goes on is ahead-fetched; one that jumps gets a window of its own, and
the stream it left stays open for when it comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from swftp import errors
from swftp.entries import Entry
from swftp.transfer.budget import Budget, Group
from swftp.transfer.window import Fetch, Window

WINDOWS = 4
"""Places of one file that are fetched at the same time."""
NEAR = 512 << 10
"""Bytes ahead of a window that are waited for rather than asked for."""
JUMP = 256 << 10
"""Bytes first fetched for a read elsewhere."""
RESUME = 1 << 20
"""
Bytes first fetched for who begins elsewhere than at the start: a client that goes on with a download wants all of the
rest, each of several streams of one file (rclone's) a part of it, and a stream that ends early has moved for nothing
what is on its way.
"""
LEAST = 256 << 10
"""Bytes of read-ahead to begin with."""
READERS = 8
"""
A reader is fetched for as far ahead as a fraction of what a transfer may fairly have: many readers that all stop
reading hold little, and what is on its way through the sockets and channels comes on top.
"""
LARGEST_READ = 4 << 20
"""Bytes one read gives at most."""
PAUSE = 1.0
"""Seconds for which READs that need the store fail after one of them has failed for good."""
IDLE = 20.0
"""Seconds after which a reader that asks for nothing loses what was fetched for him; Swift drops him at 60."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How far ahead one reader is fetched for."""

    most: int = 4 << 20
    """Bytes of read-ahead that a fast reader gets."""


class ReadAhead:
    """
    The bytes of one object, or part of one, to whoever reads them.

    :ivar ready: called when a `read` that gave None is worth repeating.
    :ivar head: the first bytes, where they came before anybody read, until memory is short or nobody reads for long.
    """

    def __init__(
        self,
        fetch: Fetch,
        size: int,
        ready: Callable[[], None],
        *,
        budget: Budget,
        group: Group,
        clock: IReactorTime,
        pace: Pace,
        begun: Callable[[Entry], None] | None = None,
        head: bytes = b"",
    ) -> None:
        self.fetch = fetch
        self.size = size
        self.ready = ready
        self.clock = clock
        self.share = budget.join(self, group)
        self.head = memoryview(head)
        self.share.take(len(head))
        self._budget = budget
        self._pace = pace
        self._begun = begun
        self._ahead = min(LEAST, pace.most)
        self._windows: list[Window] = []
        self._count = 0
        self._seen = 0
        self._last = clock.seconds()
        self._error: BaseException | None = None
        self._until = 0.0
        self._asking = False

    def begun(self, entry: Entry) -> None:
        """See `swftp.transfer.window.Owner`."""
        if self._begun is not None:
            self._begun(entry)

    def capacity(self) -> int:
        """See `swftp.transfer.window.Owner`."""
        if self._budget.pressed:
            return min(self._ahead, LEAST // 4)
        return min(self._ahead, max(LEAST, self._budget.fair // READERS))

    def arrived(self) -> None:
        """See `swftp.transfer.window.Owner`."""
        if not self._asking:
            self.ready()

    def read(self, offset: int, length: int) -> bytes | memoryview | None:
        """
        *length* bytes at *offset*, less only at the end of the file; None: not here yet, `ready` will be called.

        :raises StorageError: these bytes cannot be had.
        """
        end = min(offset + min(length, LARGEST_READ), self.size)
        if offset >= end:
            return b""
        window = self._find(offset)
        if window is None:
            return None
        self._count += 1
        window.used = self._count
        data = window.read(offset, end)
        if data is None:
            data = self._wait(window, offset, end)
        return data

    def piece(self, offset: int) -> int:
        """Bytes at *offset* that are here and that `read` gives without copying them; 0: none are."""
        for window in self._windows:
            if window.start <= offset < window.end:
                return min(window.piece(offset), LARGEST_READ)
        return 0

    def _wait(self, window: Window, offset: int, end: int) -> bytes | memoryview | None:
        if window.error is not None:
            raise self._given_up(window)
        if window.held == 0 and window.end > window.first:  # the reader is faster than we look ahead
            self._ahead = min(2 * self._ahead, self._pace.most)
        window.extend(end, self.size)
        self._asking = True
        try:
            window.want(offset, end)
        finally:
            self._asking = False
        if window.error is not None:
            raise self._given_up(window)
        return window.read(offset, end)

    def _given_up(self, window: Window) -> BaseException:
        """Why *window* has failed; READs that stand in line already fail with it, and ask the store no more."""
        self._drop(window)
        self._error = window.error or errors.Unavailable()
        self._until = self.clock.seconds() + PAUSE
        return self._error

    def _find(self, offset: int) -> Window | None:
        """The window that has *offset*, or will have it soon, or a new one; None: all are busy."""
        best: Window | None = None
        for window in self._windows:
            if window.start <= offset < window.end:
                return window
            near = offset == window.end or (offset < window.limit and offset - window.end <= NEAR)
            if offset >= window.end and near and (best is None or window.end > best.end):
                best = window
        return best or self._open(offset)

    def _open(self, offset: int) -> Window | None:
        if self._error is not None and self.clock.seconds() < self._until:
            raise self._error
        if len(self._windows) >= WINDOWS:
            free = [window for window in self._windows if not window.wanted]
            if not free:
                return None
            self._drop(min(free, key=lambda window: window.used))
        start, limit = offset, self.size
        if not self._count and offset <= JUMP:  # reads in flight overtake each other from the first on
            start = 0
        elif self._count:
            backwards = any(0 < window.first - offset <= JUMP for window in self._windows)
            start = max(0, offset + LEAST // 4 - JUMP) if backwards else offset
            limit = min(start + JUMP, self.size)
        else:
            limit = min(start + RESUME, self.size)
        window = Window(self, start, limit)
        self._windows.append(window)
        return window

    def _drop(self, window: Window) -> None:
        self._windows.remove(window)
        window.close()

    def granted(self) -> None:
        """See `swftp.transfer.budget.Member`; reads never wait for the budget, only their windows shrink."""

    def starve(self) -> None:
        """See `swftp.transfer.budget.Member`; what is held is what somebody waits for."""

    def shrink(self, least: int) -> int:
        """See `swftp.transfer.budget.Member`."""
        freed = len(self.head)
        self.head = self.head[:0]
        self.share.give(freed)
        for window in [window for window in self._windows if not window.wanted]:
            freed += window.held
            self._drop(window)
        return freed

    def tick(self, now: float) -> None:
        """See `swftp.transfer.budget.Member`."""
        if self._count != self._seen:
            self._seen, self._last = self._count, now
        elif (self._windows or self.head) and now - self._last >= IDLE:
            self.shrink(0)

    def close(self) -> None:
        """Forget everything."""
        for window in list(self._windows):
            self._drop(window)
        self.share.close()
