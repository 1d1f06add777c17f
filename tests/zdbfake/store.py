"""What a 0-db holds: namespaces with keys in the order they were written."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from zlib import crc32

DEFAULT = "default"
CURSOR = Struct("<QI3x")
"""Of a scan: opaque to clients."""


@dataclass(slots=True)
class Record:
    """One key."""

    key: bytes
    value: bytes
    crc: int
    """Of the value as it was set: 0-db keeps it in memory, and compares with it."""
    timestamp: int
    number: int
    """Its place in the index."""
    readable: bool = True

    def check(self) -> int:
        """As CHECK says: 1 whole, 0 changed, -1 unreadable."""
        if not self.readable:
            return -1
        return int(crc32(self.value) == self.crc)


@dataclass(slots=True)
class Namespace:
    """One namespace; ``sequential``: keys are made by the server."""

    name: str
    sequential: bool = False
    password: str | None = None
    public: bool = True
    worm: bool = False
    locked: bool = False
    maxsize: int = 0
    records: dict[bytes, Record] = field(default_factory=dict)
    numbers: int = 0
    next_id: int = 0

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return sum(len(record.value) for record in self.records.values())

    def insert(self, key: bytes, value: bytes, timestamp: int) -> None:
        """Write a record at the end of the index."""
        self.numbers += 1
        self.records.pop(key, None)
        self.records[key] = Record(key, value, crc32(value), timestamp, self.numbers)

    def page(self, after: int, count: int) -> list[Record]:
        """Records behind the place *after*."""
        return [record for record in self.records.values() if record.number > after][:count]

    def flip(self, key: bytes, bit: int = 1234) -> None:
        """Fault: one bit of the data file changes."""
        record = self.records[key]
        value = bytearray(record.value)
        value[bit // 8 % len(value)] ^= 1 << bit % 8
        record.value = bytes(value)

    def lose_index(self) -> None:
        """Fault: the index is gone; the server starts empty and says nothing of it."""
        self.records.clear()


def cursor_of(record: Record) -> bytes:
    """Where a scan goes on behind *record*."""
    return CURSOR.pack(record.number, crc32(record.key))


def place_of(cursor: bytes) -> int | None:
    """What `cursor_of` packed; None: it never did."""
    return int(CURSOR.unpack(cursor)[0]) if len(cursor) == CURSOR.size else None
