"""More rules of `swftp.transfer.budget`: whose turn it is, and who has to give way."""

from __future__ import annotations

from swftp.transfer.budget import LEAST_GRANT, LEAST_PART, STUCK, Budget, Group
from tests.transfer.case import KIB, MIB, TransferCase
from tests.transfer.test_budget import Holder, Parked


class Quick(Holder):
    """Uses a turn, and is done with it, within the call that gives it."""

    def granted(self) -> None:
        """See `Member`."""
        super().granted()
        count = self.share.allowance
        self.share.take(count)
        self.share.give(count)


class Scattered(Holder):
    """Holds much, and no piece that is worth being sent by itself."""

    def shrink(self, least: int) -> int:
        """See `Member`."""
        if least > LEAST_GRANT:
            return 0
        self.log.append("small part")
        self.share.depart(LEAST_GRANT)
        return LEAST_GRANT


class Failing(Holder):
    """Fails when it is asked to."""

    def starve(self) -> None:
        """See `Member`."""
        super().starve()
        self.share.close()


class Ending(Holder):
    """Ends another when time passes."""

    def __init__(self, budget: Budget, others: list[Ending]) -> None:
        super().__init__(budget)
        self.others = others

    def tick(self, now: float) -> None:
        """See `Member`."""
        self.log.append("tick")
        for other in self.others:
            if other is not self:
                other.share.close()


class TurnTests(TransferCase):
    """`Budget`."""

    def setUp(self) -> None:
        """Somebody holds all there is."""
        super().setUp()
        self.budget = Budget(self.memory, self.clock)

    def tearDown(self) -> None:
        """Shares are left as they are."""

    def waits(self, group: Group | None = None) -> Holder:
        """One that waits for its turn."""
        holder = Holder(self.budget, group=group)
        holder.share.wait()
        return holder

    def test_turns_are_given_in_a_row(self) -> None:
        """However many go on at once, none of them does so within the turn of another: that would end the stack."""
        full = Holder(self.budget)
        full.share.take(self.memory)
        quick = [Quick(self.budget) for _ in range(1500)]
        for one in quick:
            one.share.wait()
        full.share.give(MIB)
        self.assertEqual({len(one.log) for one in quick}, {1})

    def test_turns_grow(self) -> None:
        """Who uses all of a turn gets twice as much in the next one, up to a small part of the memory."""
        for memory, sizes in ((64 * MIB, [256, 512, 1024, 1024]), (4 * MIB, [64, 64]), (MIB, [64, 64])):
            self.budget = Budget(memory, self.clock)
            full, one = Holder(self.budget), Holder(self.budget)
            full.share.take(memory)
            for size in sizes:
                one.share.wait()
                full.share.give(size * KIB)
                self.assertEqual(one.share.allowance, size * KIB)
                one.share.take(size * KIB)

    def test_a_turn_lasts_a_second(self) -> None:
        """At least; who has not begun with it by then waits behind those who came after him."""
        full, first = Holder(self.budget), Holder(self.budget)
        full.share.take(self.memory)
        second = Holder(self.budget)
        self.clock.advance(0.9)
        first.share.wait()
        full.share.give(256 * KIB)
        self.clock.advance(0.2)
        self.assertGreater(first.share.allowance, 0)
        self.clock.advance(1.0)
        self.assertEqual(first.share.allowance, 0)
        full.share.take(256 * KIB)
        for one in (first, second):
            one.share.wait()
        full.share.give(64 * KIB)
        self.assertEqual((len(first.log), len(second.log)), (1, 1))

    def test_closed_files_leave(self) -> None:
        """All that a file holds at CLOSE is on its way out, whatever of it was before."""
        one = Holder(self.budget)
        one.share.take(2 * MIB)
        one.share.depart(MIB)
        one.share.conclude()
        self.assertEqual((self.budget.leaving, one.share.leaving, one.share.group.leaving), (2 * MIB,) * 3)
        one.share.close()
        self.assertEqual((self.budget.used, self.budget.leaving), (0, 0))

    def test_who_leaves_while_he_waits(self) -> None:
        """Gets no turn, and keeps nobody from his."""
        full = Holder(self.budget)
        full.share.take(self.memory)
        leaving, waiting = self.waits(), self.waits()
        leaving.share.close()
        full.share.give(64 * KIB)
        self.assertEqual((leaving.log, waiting.log), ([], ["granted"]))

    def test_who_ends_in_the_time_of_another(self) -> None:
        """A transfer that ended because of what another did a moment ago is not told of that moment."""
        both: list[Ending] = []
        both += (Ending(self.budget, both), Ending(self.budget, both))
        self.clock.advance(1.0)
        self.assertEqual(sorted(one.log for one in both), [[], ["tick"]])

    def test_small_parts_are_the_last_resort(self) -> None:
        """Nothing smaller than a part is sent while anybody has a part, though he holds less."""
        scattered, parted = Scattered(self.budget), Parked(self.budget)
        scattered.share.take(self.memory - 12 * MIB)
        parted.share.take(12 * MIB)
        parted.share.depart(3 * MIB)
        self.waits()
        self.clock.advance(1.0)
        self.assertEqual((scattered.log, parted.share.leaving), ([], 12 * MIB))
        parted.share.give(12 * MIB, departed=True)
        parted.share.take(LEAST_PART - 1)
        scattered.share.take(12 * MIB - LEAST_PART + 1)
        self.waits()
        self.waits()
        self.clock.pump([1.0] * 3)
        self.assertIn("small part", scattered.log)

    def test_one_is_given_up(self) -> None:
        """Where one fails, all others may hope again, for as long as it takes to be stuck."""
        for group in (None, Group(MIB)):
            budget = self.budget = Budget(self.memory, self.clock)
            large, larger = (Failing(budget, group=group) for _ in range(2))
            large.share.take(self.memory // 2 - 1)
            larger.share.take(self.memory // 2 + 1)
            waiting = self.waits(group)
            self.clock.pump([1.0] * int(STUCK + 2))
            self.assertEqual((large.log.count("starve"), larger.log.count("starve")), (0, 1))
            self.assertEqual(waiting.log, ["granted"] if group is None else [])

    def test_who_moves_is_not_stuck(self) -> None:
        """As long as one after the other has a turn, nobody is given up."""
        large = Failing(self.budget)
        large.share.take(self.memory)
        waiting = [self.waits() for _ in range(8)]
        for one in waiting:
            self.clock.pump([1.0] * (int(STUCK) - 5))
            large.share.give(256 * KIB)
            self.assertEqual(one.log, ["granted"])
            one.share.take(one.share.allowance)
        self.assertNotIn("starve", large.log)

    def test_session_of_which_something_leaves(self) -> None:
        """So it is with a session that is full: what is on its way will make room."""
        group = Group(MIB)
        large = Failing(self.budget, group=group)
        large.share.take(2 * MIB)
        large.share.depart(1000)
        self.waits(group)
        self.clock.pump([1.0] * int(3 * STUCK))
        self.assertNotIn("starve", large.log)
