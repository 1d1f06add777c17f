"""The table of extents against a plain bytearray."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.transfer.extents import Extents, Remote

BASE = bytes(range(256)) * 2

puts = st.tuples(st.just("put"), st.integers(0, 600), st.binary(min_size=1, max_size=80))
appends = st.tuples(st.just("append"), st.just(0), st.binary(min_size=1, max_size=40))
truncates = st.tuples(st.just("truncate"), st.integers(0, 700), st.just(b""))
remotes = st.tuples(st.just("remote"), st.integers(0, 600), st.binary(min_size=1, max_size=1).map(lambda b: b * 60))
folds = st.tuples(st.just("fold"), st.integers(0, 600), st.just(b""))


class Model:
    """What the table should say."""

    def __init__(self) -> None:
        self.data = bytearray()

    def put(self, offset: int, data: bytes) -> None:
        """As `Extents.put`."""
        if offset > len(self.data):
            self.data += bytes(offset - len(self.data))
        self.data[offset : offset + len(data)] = data

    def truncate(self, size: int) -> None:
        """As `Extents.truncate`."""
        del self.data[size:]
        self.data += bytes(size - len(self.data))


def content(table: Extents, start: int, end: int) -> bytes:
    """The bytes that *table* stands for; `Remote.origin` is the content of remote ones."""
    found = bytearray()
    position = start
    for at, length, item in table.pieces(start, end):
        if at != position:
            raise ValueError("a piece is missing")
        position += length
        if item is None:
            found += bytes(length)
        elif isinstance(item, Remote):
            found += item.origin[item.offset : item.offset + item.length]  # type: ignore[index]
        else:
            found += item
    return bytes(found)


def kept(table: Extents) -> int:
    """Bytes that *table* keeps alive: a view of one byte keeps all that it is a view of."""
    found = {}
    for _, _, item in table.pieces(0, table.size):
        if isinstance(item, bytes | memoryview):
            whole = item.obj if isinstance(item, memoryview) else item
            found[id(whole)] = len(whole)  # type: ignore[arg-type]
    return sum(found.values())


class ExtentsTests(SynchronousTestCase):
    """`Extents`."""

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(st.one_of(puts, appends, truncates, remotes, folds), max_size=30),
        st.integers(0, 700),
        st.integers(0, 700),
    )
    def test_like_a_bytearray(self, operations: list[tuple[str, int, bytes]], start: int, end: int) -> None:
        """Whatever is put, appended, cut off or joined, the table reads as a flat file would."""
        table, model = Extents(), Model()
        for name, at, data in operations:
            if name == "put":
                table.put(at, (data[:3], memoryview(data)[3:]) if len(data) > 3 else (data,))
                model.put(at, data)
            elif name == "append":
                model.put(table.size, data)
                table.append((data,), len(data))
            elif name == "truncate":
                table.truncate(at)
                model.truncate(at)
            elif name == "remote":
                table.put(at, (Remote(data, 0, len(data)),))
                model.put(at, data)
            elif table.memory_end(at) > at:
                block = table.fold(at, table.memory_end(at))
                self.assertEqual(block, bytes(model.data[at : at + len(block)]))
            self.assertEqual(table.size, len(model.data))
            self.assertEqual(content(table, 0, table.size), bytes(model.data))
        self.assertEqual(content(table, start, end), bytes(model.data[start:end]))
        self._check_invariants(table)

    def _check_invariants(self, table: Extents) -> None:
        pieces = list(table.pieces(0, table.size))
        memory = sum(length for _, length, item in pieces if isinstance(item, bytes | memoryview))
        self.assertEqual(table.memory, memory)
        self.assertLessEqual(kept(table), 2 * memory)
        runs = list(table.runs())
        self.assertEqual(sum(run.length for run in runs), table.size)
        for before, after in pairwise(runs):
            self.assertEqual(before.end, after.start)
            self.assertFalse(before.in_memory and after.in_memory, "neighbours in memory are one run")
        for run in runs:
            if run.in_memory:
                self.assertEqual(table.memory_end(run.start), run.end)

    def test_cost_counts_what_small_items_cost(self) -> None:
        """A byte kept by itself costs far more than a byte, and is accounted so."""
        table = Extents()
        for offset in range(0, 2000, 2):
            table.put(offset, (b"x",))
        self.assertEqual(table.memory, 1000)
        self.assertGreater(table.cost, 100_000)

    def test_remote_keeps_its_offsets(self) -> None:
        """What is left of a remote range after a write into its middle names the right bytes of its origin."""
        table = Extents()
        table.put(0, (Remote(BASE, 100, 300),))
        table.put(50, (b"y" * 10,))
        expected = BASE[100:150] + b"y" * 10 + BASE[160:400]
        self.assertEqual(content(table, 0, table.size), expected)

    def test_many_appends_are_quick(self) -> None:
        """A hundred thousand appends shift nothing: the table's lists only grow at their ends."""
        table = Extents()
        part = b"x" * 100
        for _ in range(100_000):
            table.append((part,), 100)
        self.assertEqual(table.size, 10_000_000)
        self.assertEqual(table.memory_end(0), 10_000_000)

    def test_nothing_is_left_of_what_was_replaced(self) -> None:
        """Who writes the same ranges again and again takes no more memory each time."""
        table = Extents()
        table.put(0, (b"0123456789", b"abcdefghij"))
        cost = table.cost
        for _ in range(3):
            table.put(0, (b"ABCDEFGHIJ",))
            table.put(10, (b"0123456789",))
        self.assertEqual(table.cost, cost)

    def test_what_was_written_over_is_let_go_of(self) -> None:
        """Who leaves but a byte of each of his writes has no more kept for him than is counted."""
        table, size = Extents(), 64 << 10
        for offset in range(100):
            table.put(offset, (bytes(size),))
        self.assertLess(kept(table), 2 * table.memory)
        table.truncate(100)
        self.assertLess(kept(table), 2 * table.memory)
