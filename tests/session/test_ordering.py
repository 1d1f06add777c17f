"""Which calls wait for which: every pair, and what follows from it."""

from __future__ import annotations

from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.paths import Path, resolve
from swftp.session.ordering import Claim, Order, Turn, change, change_below, conflict, look, look_below

PARENT, CHILD, SIBLING, DEEP = (resolve(text) for text in ("/c/d", "/c/d/f", "/c/d/g", "/c/d/f/h"))
KINDS = (look, look_below, change, change_below)

claims = st.builds(
    Claim,
    st.sampled_from([resolve(text) for text in ("/", "/c", "/c/d", "/c/d/f", "/c/d/g", "/c/x", "/b/d")]),
    st.booleans(),
    st.booleans(),
)


class ConflictTests(SynchronousTestCase):
    """`conflict`, by cases."""

    def test_two_looks_never_wait(self) -> None:
        """What changes nothing never waits for what changes nothing."""
        for first, second in product((look, look_below), repeat=2):
            for one, other in product((PARENT, CHILD, SIBLING), repeat=2):
                self.assertFalse(conflict(first(one), second(other)))

    def test_same_path(self) -> None:
        """On one path everything waits for a change, and a change for everything."""
        for first, second in product(KINDS, repeat=2):
            expected = first(CHILD).change or second(CHILD).change
            self.assertEqual(conflict(first(CHILD), second(CHILD)), expected)

    def test_siblings_never_wait(self) -> None:
        """Files of one directory have nothing to do with each other."""
        for first, second in product(KINDS, repeat=2):
            self.assertFalse(conflict(first(CHILD), second(SIBLING)))

    def test_below_a_change(self) -> None:
        """What touches a file waits for an earlier change of a directory above it: mkdir, then put."""
        for first, second in product((change, change_below), KINDS):
            self.assertTrue(conflict(first(PARENT), second(DEEP)))

    def test_change_below_a_look(self) -> None:
        """A change waits for an earlier listing above it, but not for an earlier stat above it."""
        self.assertTrue(conflict(look_below(PARENT), change(CHILD)))
        self.assertFalse(conflict(look(PARENT), change(CHILD)))

    def test_above_a_change(self) -> None:
        """Listing, rmdir and rename wait for what goes on below; a stat of the directory does not."""
        self.assertTrue(conflict(change(DEEP), look_below(PARENT)))
        self.assertTrue(conflict(change(DEEP), change_below(PARENT)))
        self.assertFalse(conflict(change(CHILD), look(PARENT)))
        self.assertFalse(conflict(change(CHILD), change(PARENT)))

    def test_rename_waits_for_looks_below(self) -> None:
        """A directory is not renamed under a file that is just being opened."""
        self.assertTrue(conflict(look(CHILD), change_below(PARENT)))


class OrderTests(SynchronousTestCase):
    """`Order`."""

    def setUp(self) -> None:
        self.order = Order()
        self.log: list[str] = []

    def call(self, name: str, *claims: Claim) -> Deferred[None]:
        """A call that logs its start and goes on until the Deferred given back is fired."""
        end: Deferred[None] = Deferred()
        turn = self.order.turn(*claims)

        async def run() -> None:
            async with turn:
                self.log.append(name)
                await end

        self.running = Deferred.fromCoroutine(run())
        self.addCleanup(lambda: end.called or end.callback(None))
        return end

    def test_first_come_first_served(self) -> None:
        """Changes of one path run one after the other, in the order they were asked."""
        ends = [self.call(name, change(CHILD)) for name in "abc"]
        self.assertEqual(self.log, ["a"])
        ends[0].callback(None)
        self.assertEqual(self.log, ["a", "b"])
        ends[1].callback(None)
        ends[2].callback(None)
        self.assertEqual(self.log, ["a", "b", "c"])
        self.assertEqual(len(self.order), 0)

    def test_place_is_taken_when_asked(self) -> None:
        """A call that is awaited late keeps the place it got when it was made."""
        first = self.order.turn(change(CHILD))
        second = self.call("second", change(CHILD))
        self.assertEqual(self.log, [])
        self.successResultOf(Deferred.fromCoroutine(self._pass(first)))
        self.assertEqual(self.log, ["second"])
        second.callback(None)

    async def _pass(self, turn: Turn) -> None:
        async with turn:
            pass

    def test_does_not_hold_up_others(self) -> None:
        """While one path is busy, another is served at once."""
        self.call("slow", change(CHILD))
        self.call("other", change(SIBLING))
        self.assertEqual(self.log, ["slow", "other"])

    def test_waits_behind_one_that_waits(self) -> None:
        """A look does not overtake a change that waits for an earlier look."""
        first = self.call("look", look(CHILD))
        second = self.call("change", change(CHILD))
        self.call("look again", look(CHILD))
        self.assertEqual(self.log, ["look"])
        first.callback(None)
        self.assertEqual(self.log, ["look", "change"])
        second.callback(None)
        self.assertEqual(self.log, ["look", "change", "look again"])

    def test_an_error_ends_a_turn(self) -> None:
        """A call that fails lets the next one go on."""
        end = self.call("fails", change(CHILD))
        running = self.running
        self.call("next", change(CHILD))
        end.errback(ValueError())
        self.failureResultOf(running, ValueError)
        self.assertEqual(self.log, ["fails", "next"])

    def test_cancelled_while_it_waits(self) -> None:
        """A call that is given up before its turn leaves the queue."""
        first = self.call("first", change(CHILD))
        self.call("given up", change(CHILD))
        given_up = self.running
        self.call("last", change(CHILD))
        given_up.cancel()
        self.failureResultOf(given_up)
        first.callback(None)
        self.assertEqual(self.log, ["first", "last"])

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.lists(claims, min_size=1, max_size=2), max_size=12), st.integers(0, 1 << 32))
    def test_every_order_of_ends(self, calls: list[list[Claim]], seed: int) -> None:
        """However calls end, none runs beside an earlier one it conflicts with, and all run."""
        order, random = Order(), Random(seed)
        running: dict[int, Turn] = {}
        done: set[int] = set()

        async def start(n: int, turn: Turn) -> None:
            await turn.__aenter__()
            for earlier in range(n):
                if earlier not in done:
                    pairs = product(calls[earlier], calls[n])
                    self.assertFalse(any(conflict(one, other) for one, other in pairs))
            running[n] = turn

        started = [Deferred.fromCoroutine(start(n, order.turn(*found))) for n, found in enumerate(calls)]
        while running:
            n = random.choice(sorted(running))
            turn = running.pop(n)
            done.add(n)
            order.leave(turn)
        self.assertEqual(done, set(range(len(calls))))
        for result in started:
            self.successResultOf(result)

    def test_root_and_containers(self) -> None:
        """The account is above everything: its listing waits for a container that is being made."""
        self.call("mkdir", change(resolve("/c")))
        self.call("list", look_below(Path()))
        self.assertEqual(self.log, ["mkdir"])
