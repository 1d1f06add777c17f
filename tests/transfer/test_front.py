"""Rules of `swftp.transfer.front`: the run of memory that is joined and hashed while it grows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.transfer.extents import Extents, Remote
from swftp.transfer.front import BLOCK, Front
from tests.transfer.case import KIB, pattern

PART = 320 * KIB

places = st.integers(0, 12).map(lambda n: n * 40 * KIB)
lengths = st.sampled_from([1, 8 * KIB, 40 * KIB, 80 * KIB, 200 * KIB, 400 * KIB])
operations = st.lists(
    st.tuples(st.sampled_from(["append", "append", "append", "write", "write", "truncate", "cut"]), places, lengths),
    max_size=20,
)


class FrontTests(SynchronousTestCase):
    """`Front`, over a table of its own."""

    def front(self, *, pinned: bool = True) -> Front:
        """One of an empty file."""
        self.table = Extents()
        self.content = bytearray()
        return Front(self.table, maybeDeferred, PART, pinned=pinned)

    def write(self, front: Front, start: int, length: int, seed: int = 0) -> None:
        """Put *length* bytes at *start*."""
        data = pattern(length, seed)
        self.table.put(start, (data,))
        self.content += bytes(max(0, start - len(self.content)))
        self.content[start : start + length] = data
        front.wrote(start, start + length)

    def digest(self, front: Front, start: int, end: int) -> str | None:
        """What *front* says of ``[start, end)``."""
        running = front.digest(start, end)
        if running is None:
            return None
        return self.successResultOf(Deferred.fromCoroutine(running.finish()))

    def md5(self, start: int, end: int) -> str:
        """What is true of it."""
        return hashlib.md5(self.content[start:end], usedforsecurity=False).hexdigest()

    def check(self, front: Front) -> None:
        """What holds at any time."""
        self.assertEqual(front.end, self.table.memory_end(front.start))
        self.assertTrue(front.start <= front.folded <= front.end)
        if not front.full:
            self.assertLess(front.end - front.folded, BLOCK)  # all else is joined
            self.assertLess(front.end - front.start, PART)
        self.assertIn(self.digest(front, front.start, front.folded), (None, self.md5(front.start, front.folded)))

    def play(self, front: Front, found: Sequence[tuple[str, int, int]]) -> None:
        """Do what is *found*."""
        for seed, (name, place, length) in enumerate(found):
            if name == "append":
                self.write(front, front.end, length, seed)
            elif name == "write":
                self.write(front, place, length, seed)
            elif name == "truncate":
                self.truncate(front, place)
            elif front.full:
                self.stage(front)
            self.check(front)

    @settings(max_examples=100, deadline=None)
    @given(st.booleans(), operations)
    def test_any_writes(self, pinned: bool, found: list[tuple[str, int, int]]) -> None:
        """Memory from its start to its end, joined where that is worth it; its digest is of what stands there."""
        self.play(self.front(pinned=pinned), found)

    def test_front_to_back(self) -> None:
        """What comes front to back is hashed as it comes, to any end, and is a part once it is that long."""
        front = self.front()
        for start in range(0, PART, 40 * KIB):
            self.assertFalse(front.full)
            self.write(front, start, 40 * KIB, start)
            if start == 160 * KIB:
                self.assertEqual(front.folded, 160 * KIB)
                self.assertEqual(self.digest(front, 0, 199 * KIB), self.md5(0, 199 * KIB))
        self.assertTrue(front.full)
        self.assertEqual(self.digest(front, 0, PART), self.md5(0, PART))
        self.assertLess(len(self.table.blocks(0, PART)), 4)

    def test_written_across(self) -> None:
        """Bytes that begin within what has left and go on behind it are where the next part begins."""
        front = self.front()
        self.write(front, 0, PART)
        self.stage(front)
        self.write(front, PART - 40 * KIB, 80 * KIB)
        self.check(front)
        self.assertEqual((front.start, front.end), (PART, PART + 40 * KIB))

    def test_written_over(self) -> None:
        """Only what was hashed already costs the hash: not what waits for it, nor what is elsewhere."""
        front = self.front(pinned=False)
        self.write(front, 200 * KIB, 150 * KIB)
        for start in (0, 350 * KIB, 370 * KIB):
            self.write(front, start, 40 * KIB, start)
        self.assertEqual(front.end, 410 * KIB)
        self.assertEqual(self.digest(front, 200 * KIB, 410 * KIB), self.md5(200 * KIB, 410 * KIB))
        self.write(front, 340 * KIB, 40 * KIB)
        self.assertIsNone(front.digest(200 * KIB, 410 * KIB))

    def truncate(self, front: Front, size: int) -> None:
        """Make the file *size* bytes long."""
        self.table.truncate(size)
        del self.content[size:]
        self.content += bytes(size - len(self.content))
        front.truncated()

    def test_cut_off(self) -> None:
        """Behind all that was hashed; amid it; and at or before the start of the run: then it begins anew there."""
        front = self.front()
        self.write(front, 0, 200 * KIB)
        self.write(front, 200 * KIB, 40 * KIB)
        self.truncate(front, 220 * KIB)
        self.assertEqual(self.digest(front, 0, 220 * KIB), self.md5(0, 220 * KIB))
        self.truncate(front, 100 * KIB)
        self.assertIsNone(front.digest(0, 100 * KIB))
        self.truncate(front, 0)
        self.write(front, 0, 400 * KIB)
        self.assertEqual(self.digest(front, 0, PART), self.md5(0, PART))
        self.stage(front)
        self.truncate(front, 200 * KIB)
        self.assertEqual((front.start, front.end), (200 * KIB, 200 * KIB))
        self.write(front, 200 * KIB, 200 * KIB)
        self.assertEqual(self.digest(front, 200 * KIB, 400 * KIB), self.md5(200 * KIB, 400 * KIB))

    def stage(self, front: Front) -> None:
        """Have a part that is full out of the way."""
        self.table.put(front.start, (Remote(self, 0, front.folded - front.start),))
        front.move(front.folded)

    def test_other_stretches_have_no_digest(self) -> None:
        """What begins elsewhere, ends before what was hashed, or beyond memory, was never hashed by itself."""
        front = self.front()
        self.write(front, 0, 200 * KIB)
        for start, end in ((1, 200 * KIB), (0, 100 * KIB), (0, 200 * KIB + 1)):
            self.assertIsNone(front.digest(start, end))

    def test_nobody_wants_a_digest(self) -> None:
        """Then what is written is joined, not hashed."""
        front = self.front()
        front.hashed = False
        front.move(0)
        self.write(front, 0, PART)
        self.assertTrue(front.full)
        self.assertIsNone(front.digest(0, PART))

    def test_begins_where_writing_begins(self) -> None:
        """In a file that was there; writes that overtook the first one do not hide it."""
        front = self.front(pinned=False)
        self.write(front, 80 * KIB, 40 * KIB)
        self.write(front, 40 * KIB, 40 * KIB)
        self.assertEqual((front.start, front.end), (40 * KIB, 120 * KIB))
        self.write(front, 120 * KIB, 40 * KIB)
        self.assertEqual(self.digest(front, 40 * KIB, 160 * KIB), self.md5(40 * KIB, 160 * KIB))

    def test_begins_earlier_than_what_is_joined(self) -> None:
        """What was hashed was not hashed from there; the part is as long as any other."""
        front = self.front(pinned=False)
        self.write(front, 40 * KIB, 200 * KIB)
        self.write(front, 0, 40 * KIB)
        self.assertEqual(front.start, 0)
        self.assertIsNone(front.digest(0, 240 * KIB))
        self.write(front, 240 * KIB, 80 * KIB)
        self.assertTrue(front.full)

    def test_new_file_begins_at_its_start(self) -> None:
        """However much comes elsewhere before; then all of it is there at once."""
        front = self.front()
        self.write(front, 40 * KIB, 400 * KIB)
        self.assertEqual((front.start, front.end), (0, 0))
        self.write(front, 0, 40 * KIB)
        self.assertTrue(front.full)
        self.assertEqual(self.digest(front, 0, PART), self.md5(0, PART))
