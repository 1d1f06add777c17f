"""
Where a file being written grows: the run of memory that the client is filling, front to back.

Bytes that have become contiguous are made blocks and hashed while more arrive; writes elsewhere cost the hash of this
run at most, never its bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from swftp.transfer.extents import Extents
from swftp.transfer.hashing import Offload, RunningDigest

BLOCK = 128 << 10
"""Bytes that are joined into one: what an HTTP connection likes to be written at once."""
MOST = 1 << 20
"""Bytes joined at once."""
SMALL = 4096
"""Shorter parts of a packet are copied: a view of them would keep the whole packet."""


def owned(parts: Sequence[bytes | memoryview], size: int) -> Sequence[bytes | memoryview]:
    """*parts* such that they keep little more than themselves in memory."""
    if size >= BLOCK:
        return (b"".join(parts),)
    kept: list[bytes | memoryview] = []
    for part in parts:
        length = len(part)
        if isinstance(part, memoryview) and (length < SMALL or 2 * length < len(part.obj)):  # type: ignore[arg-type]
            part = bytes(part)
        if length:
            kept.append(part)
    return kept


class Front:
    """
    One file's.

    :ivar start: where the run begins.
    :ivar folded: where its joined, hashed blocks end.
    :ivar end: where its memory ends.
    :ivar hashed: whether its MD5 is wanted.
    """

    __slots__ = ("_digest", "_offload", "_pinned", "_size", "_table", "end", "folded", "hashed", "start")

    def __init__(self, table: Extents, offload: Offload, size: int, *, pinned: bool) -> None:
        """
        :param size: bytes of a part: so far from its start a run is joined and hashed.
        :param pinned: it grows from the start of the file, and nowhere else; else from wherever writing begins.
        """
        self._size = size
        self._table = table
        self._offload = offload
        self._pinned = pinned
        self.hashed = True
        self.move(0)

    def move(self, start: int) -> None:
        """Begin again at *start*."""
        self.start = self.folded = start
        self.end = self._table.memory_end(start)
        self._digest = RunningDigest(self._offload) if self.hashed else None
        self._join()

    def wrote(self, start: int, end: int) -> None:
        """``[start, end)`` was put into the table."""
        if start == self.end:
            self.end = end if end == self._table.size else self._table.memory_end(start)
        elif self.start == self.end:
            if not self._pinned:
                self.move(start)
            elif start < self.end < end:
                self.move(self.end)
        elif start < self.start <= end:
            self._prepend(start, end)
        elif start < self.end and end > self.start:
            if start < self.folded:
                self._digest = None
            if end > self.end:
                self.end = self._table.memory_end(start)
        self._join()

    @property
    def full(self) -> bool:
        """Whether a whole part is joined and hashed."""
        return self.folded - self.start >= self._size

    def _join(self) -> None:
        limit = self.start + self._size
        while self.folded < limit and (self.end - self.folded >= BLOCK or self.end >= limit):
            self._fold(min(self.end, self.folded + MOST, limit))

    def _prepend(self, start: int, end: int) -> None:
        """The run begins earlier than it did: pipelined writes need not come in order."""
        if self.folded == self.start:
            self.move(start)
            return
        self.start = start
        self._digest = None
        if end > self.end:
            self.end = self._table.memory_end(start)

    def _fold(self, end: int) -> None:
        block = self._table.fold(self.folded, end)
        self.folded = end
        if self._digest is not None:
            self._digest.feed(block)

    def truncated(self) -> None:
        """The table ends earlier than it did."""
        size = self._table.size
        if size <= self.start:
            self.move(size)
        elif size < self.end:
            self.end = size
            if size < self.folded:
                self.folded = size
                self._digest = None

    def digest(self, start: int, end: int) -> RunningDigest | None:
        """A digest that was fed exactly ``[start, end)`` of the table, if there is one."""
        if start != self.start or not self.folded <= end <= self.end:
            return None
        if self.folded < end:
            self._fold(end)
        return self._digest
