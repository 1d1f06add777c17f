"""
What a file being written consists of: sorted ranges of ``[0, size)``, each with where its bytes are.

A pure data structure.  The law: ranges never overlap and never touch bytes beyond ``size``; what no range
covers is a hole and reads as zeros.  Whatever is put last is what is there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ITEM_COST = 160
"""Bytes of memory that keeping one item costs beside its content: object headers and the two lists."""


@dataclass(frozen=True, slots=True)
class Remote:
    """*length* bytes at *offset* of something that is not in this table: a staged segment, the object at OPEN."""

    origin: object
    offset: int
    length: int

    def __len__(self) -> int:
        return self.length


Item = bytes | memoryview | Remote
"""Bytes in memory, or where they are."""


def cut(item: Item, start: int, end: int) -> Item:
    """The part ``[start, end)`` of *item*, sharing its memory."""
    if start == 0 and end == len(item):
        return item
    if isinstance(item, Remote):
        return Remote(item.origin, item.offset + start, end - start)
    return memoryview(item)[start:end]


def lean(item: Item) -> Item:
    """*item*, copied if as a view it would keep more in memory that nobody needs than what it is."""
    wide = isinstance(item, memoryview) and 2 * len(item) < len(item.obj)  # type: ignore[arg-type]
    return bytes(item) if wide else item  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the table that is all of one sort: memory (no *item*), a hole (None), or one `Remote`."""

    start: int
    length: int
    remote: Remote | None = None
    hole: bool = False

    @property
    def end(self) -> int:
        """Where the next run starts."""
        return self.start + self.length

    @property
    def in_memory(self) -> bool:
        """Whether this is bytes in memory."""
        return self.remote is None and not self.hole


class Extents:
    """
    The table.

    :ivar size: bytes of the file.
    :ivar memory: bytes of content in memory.
    """

    __slots__ = ("_items", "_starts", "memory", "size")

    def __init__(self) -> None:
        self.size = 0
        self.memory = 0
        self._starts: list[int] = []
        self._items: list[Item] = []

    @property
    def cost(self) -> int:
        """Bytes of memory this table takes."""
        return self.memory + ITEM_COST * len(self._items)

    def forget(self) -> None:
        """Let go of all content; how long the file is stays known."""
        self._starts, self._items, self.memory = [], [], 0

    def append(self, parts: Sequence[bytes | memoryview], size: int) -> None:
        """Put *parts*, *size* bytes together, at the end."""
        position = self.size
        starts, items = self._starts, self._items
        for part in parts:
            starts.append(position)
            items.append(part)
            position += len(part)
        self.size = position
        self.memory += size

    def put(self, offset: int, parts: Sequence[Item]) -> None:
        """Put *parts*, none of them empty, one after the other at *offset*, over whatever was there."""
        starts = [offset]
        for part in parts:
            starts.append(starts[-1] + len(part))
        end = starts.pop()
        if end == offset:
            return
        index = self._clear(offset, end)
        self._starts[index:index] = starts
        self._items[index:index] = parts
        self.memory += sum(len(part) for part in parts if not isinstance(part, Remote))
        self.size = max(self.size, end)

    def _clear(self, start: int, end: int) -> int:
        """Make ``[start, end)`` a hole; returns the index at which its first item would stand."""
        starts, items = self._starts, self._items
        first = bisect_right(starts, start) - 1
        if first < 0 or starts[first] + len(items[first]) <= start:
            first += 1
        last = bisect_left(starts, end, first)
        if first == last:
            return first
        keep_starts: list[int] = []
        keep: list[Item] = []
        if starts[first] < start:
            keep_starts.append(starts[first])
            keep.append(lean(cut(items[first], 0, start - starts[first])))
        index = first + len(keep)
        tail = items[last - 1]
        tail_start = starts[last - 1]
        if tail_start + len(tail) > end:
            keep_starts.append(end)
            keep.append(lean(cut(tail, end - tail_start, len(tail))))
        self.memory -= sum(len(item) for item in items[first:last] if not isinstance(item, Remote))
        self.memory += sum(len(item) for item in keep if not isinstance(item, Remote))
        starts[first:last] = keep_starts
        items[first:last] = keep
        return index

    def truncate(self, size: int) -> None:
        """Make the file *size* bytes long; what is new is a hole."""
        if size < self.size:
            self._clear(size, self.size)
        self.size = size

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int, Item | None]]:
        """What ``[start, end)`` consists of, in order: offset, length and bytes; None: a hole."""
        end = min(end, self.size)
        starts, items = self._starts, self._items
        index = max(bisect_right(starts, start) - 1, 0)
        position = start
        while position < end:
            if index == len(items) or starts[index] >= end:
                yield position, end - position, None
                return
            first, item = starts[index], items[index]
            last = first + len(item)
            index += 1
            if last <= position:
                continue
            if first > position:
                yield position, first - position, None
                position = first
            stop = min(last, end)
            yield position, stop - position, cut(item, position - first, stop - first)
            position = stop

    def runs(self, start: int = 0, end: int | None = None) -> Iterator[Run]:
        """As `pieces`, with adjoining pieces in memory made one."""
        pending: Run | None = None
        for position, length, item in self.pieces(start, self.size if end is None else end):
            if item is not None and not isinstance(item, Remote):
                pending = Run(position, length) if pending is None else Run(pending.start, pending.length + length)
                continue
            if pending is not None:
                yield pending
                pending = None
            yield Run(position, length, remote=item, hole=item is None)
        if pending is not None:
            yield pending

    def memory_end(self, start: int) -> int:
        """Where the memory that begins at *start* ends; *start* itself if there is none."""
        starts, items = self._starts, self._items
        index = bisect_right(starts, start) - 1
        if index < 0 or starts[index] + len(items[index]) <= start:
            return start
        position = start
        while index < len(items) and starts[index] <= position and not isinstance(items[index], Remote):
            position = starts[index] + len(items[index])
            index += 1
        return position

    def fold(self, start: int, end: int) -> bytes:
        """Make ``[start, end)``, all of it in memory, one item; returns it."""
        blocks = [item for _, _, item in self.pieces(start, end)]
        if len(blocks) == 1 and isinstance(blocks[0], bytes):
            return blocks[0]
        block = b"".join(blocks)  # type: ignore[arg-type]
        self.put(start, (block,))
        return block

    def compact(self, most: int) -> None:
        """Join adjoining pieces in memory into pieces of about *most* bytes: each costs more than its content."""
        starts: list[int] = []
        items: list[Item] = []
        group: list[Item] = []
        size = end = 0
        for start, item in zip(self._starts, self._items, strict=True):
            small = not isinstance(item, Remote) and len(item) < most
            if group and not (small and start == end and size < most):
                items.append(_joined(group))
                group = []
            if not group:
                starts.append(start)
                size = 0
            group.append(item)
            size += len(item) if small else most
            end = start + len(item)
        if group:
            items.append(_joined(group))
        self._starts, self._items = starts, items

    def blocks(self, start: int, end: int) -> list[bytes | memoryview]:
        """The content of ``[start, end)``, which is all in memory."""
        return [item for _, _, item in self.pieces(start, end)]  # type: ignore[misc]


def _joined(group: list[Item]) -> Item:
    return group[0] if len(group) == 1 else b"".join(group)  # type: ignore[arg-type]


ZEROS = bytes(1 << 20)


def zeros(length: int) -> list[bytes | memoryview]:
    """*length* zeros, in blocks that share one piece of memory."""
    return [memoryview(ZEROS)[: length - at] for at in range(0, length, len(ZEROS))]
