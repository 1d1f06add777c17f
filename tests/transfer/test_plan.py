"""Which parts an object is put together from."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.transfer.plan import Sort, Stretch, plan

LEAST, MOST = 100, 400

lengths = st.one_of(st.integers(1, 30), st.integers(90, 110), st.integers(200, 900))
stretches = st.lists(st.tuples(st.sampled_from(list(Sort)), lengths), max_size=40).map(
    lambda found: [Stretch(sort, n, 1000 * n, length) for n, (sort, length) in enumerate(found)]
)


def bytes_of(stretch: Stretch) -> list[tuple[object, int]]:
    """Every byte of *stretch* by its origin and offset."""
    return [(stretch.origin, stretch.offset + at) for at in range(stretch.length)]


class PlanTests(SynchronousTestCase):
    """`plan`."""

    @settings(max_examples=200, deadline=None)
    @given(stretches)
    def test_keeps_every_byte_in_order(self, found: list[Stretch]) -> None:
        """All groups, one after the other, are the file."""
        groups = plan(found, LEAST, MOST, tolerated=2)
        planned = [byte for group in groups for stretch in group for byte in bytes_of(stretch)]
        self.assertEqual(planned, [byte for stretch in found for byte in bytes_of(stretch)])

    @settings(max_examples=200, deadline=None)
    @given(stretches)
    def test_few_parts_are_small(self, found: list[Stretch]) -> None:
        """Not more parts than are tolerated are small, the last not counted."""
        groups = plan(found, LEAST, MOST, tolerated=2)
        small = [group for group in groups[:-1] if sum(stretch.length for stretch in group) < LEAST]
        self.assertLessEqual(len(small), 2)

    @settings(max_examples=200, deadline=None)
    @given(stretches)
    def test_what_is_assembled_fits_memory(self, found: list[Stretch]) -> None:
        """A part that is put together here is never much larger than a part should be."""
        for group in plan(found, LEAST, MOST, tolerated=2):
            if len(group) > 1 or group[0].sort is not Sort.STORED:
                self.assertLess(sum(stretch.length for stretch in group), MOST + 2 * LEAST)

    def test_stored_parts_stay_where_they_are(self) -> None:
        """A small tail after a large stored object moves none of the object's bytes."""
        found = [Stretch(Sort.STORED, "old", 0, 10_000), Stretch(Sort.MEMORY, None, 10_000, 5)]
        self.assertEqual(plan(found, LEAST, MOST), [[found[0]], [found[1]]])

    def test_a_log_that_grows_by_lines_is_merged_now_and_then(self) -> None:
        """The ninth small part makes one part of all small ones; the large one before keeps nearly all its bytes."""
        lines = [Stretch(Sort.STORED, n, 0, 5) for n in range(10)]
        found = [Stretch(Sort.STORED, "old", 0, 10_000), *lines]
        groups = plan(found, LEAST, MOST)
        self.assertEqual([len(group) for group in groups], [1, 10])
