"""Sweeping by the way: when, how slowly, and never longer than a login."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.stores.housekeeping import DELAY, Housekeeping, Sweeping, Visit

DAY, WEEK = 86400.0, 604800.0


class Account:
    """A store with two containers, of three old uploads each."""

    def __init__(self) -> None:
        self.url = "https://store.test/v1/AUTH_a"
        self.swept: list[str] = []
        self.error: Exception | None = None
        self.held: Deferred[None] | None = None

    async def account(self) -> str:
        return self.url

    async def swept_containers(self) -> list[str]:
        if self.error is not None:
            raise self.error
        return ["box", "chest"]

    async def sweep(self, container: str, age: float, after: str = "", rest: Any = None) -> int:
        assert age == WEEK
        for upload in ("a", "b", "c"):
            if upload > after:
                await rest(upload)
                self.swept.append(f"{container}/{upload}")
                if self.held is not None:
                    await self.held
        return 1


class HousekeepingTests(SynchronousTestCase):
    """`Housekeeping` and `Visit`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.keeping = Housekeeping(self.clock, Sweeping())
        self.storage = Account()

    def visit(self, storage: object = None) -> Visit:
        """A login."""
        visit = self.keeping.visit(storage or self.storage)
        assert visit is not None
        return visit

    def pass_by(self, seconds: float) -> None:
        """Let *seconds* pass, one after the other."""
        self.clock.pump([1.0] * int(seconds))

    def test_short_login(self) -> None:
        """A login that ends soon costs the store nothing."""
        visit = self.visit()
        self.pass_by(DELAY - 1)
        visit.stop()
        self.pass_by(100)
        self.assertEqual(self.storage.swept, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slowly(self) -> None:
        """One upload is looked at a second, until all were."""
        self.visit()
        self.pass_by(DELAY + 2)
        self.assertEqual(self.storage.swept, ["box/a", "box/b"])
        self.pass_by(10)
        self.assertEqual(len(self.storage.swept), 6)

    def test_goes_on_with_the_next_login(self) -> None:
        """What the end of a login cut short goes on where it ended, and not from the start."""
        visit = self.visit()
        self.pass_by(DELAY + 2)
        visit.stop()
        self.pass_by(100)
        self.assertEqual(self.storage.swept, ["box/a", "box/b"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.visit()
        self.pass_by(DELAY + 10)
        self.assertEqual(self.storage.swept[2:], ["box/c", "chest/a", "chest/b", "chest/c"])

    def test_once_a_day(self) -> None:
        """Many logins a day sweep once; one that lasts for days each day."""
        for _ in range(3):
            visit = self.visit()
            self.pass_by(DELAY + 10)
            visit.stop()
        self.assertEqual(len(self.storage.swept), 6)
        self.visit()
        self.clock.advance(DAY)
        self.pass_by(10)
        self.clock.advance(DAY)
        self.pass_by(10)
        self.assertEqual(len(self.storage.swept), 18)

    def test_nobody_is_remembered_for_ever(self) -> None:
        """Of accounts that were swept long ago nothing is kept, however many there have been."""
        for number in range(5):
            self.storage.url = f"https://store.test/v1/AUTH_{number}"
            visit = self.visit()
            self.pass_by(DELAY + 10)
            visit.stop()
            self.clock.advance(DAY)
        self.assertLessEqual(len(self.keeping._progress), 2)

    def test_one_at_a_time(self) -> None:
        """Two logins to one account do not look at the same container together."""
        self.storage.held = Deferred()
        visits = [self.visit(), self.visit()]
        self.pass_by(DELAY + 10)
        self.assertEqual(sorted(self.storage.swept), ["box/a", "chest/a"])
        for visit in visits:
            visit.stop()

    def test_not_allowed(self) -> None:
        """Who may not list the account does not sweep it; that is no failure."""
        self.storage.error = errors.PermissionDenied()
        self.visit()
        self.pass_by(DELAY + 10)
        self.assertEqual(self.storage.swept, [])
        self.storage.error = None
        self.clock.advance(DAY)
        self.pass_by(10)
        self.assertEqual(len(self.storage.swept), 6)

    def test_bug(self) -> None:
        """A bug in it is logged and disturbs nobody."""
        self.storage.error = ValueError("bug")
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.visit()
        self.pass_by(DELAY + 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_never(self) -> None:
        """Nothing is swept where that is switched off, or where there are no large objects."""
        self.assertIsNone(Housekeeping(self.clock, Sweeping(sweep_every=0)).visit(self.storage))
        self.assertIsNone(self.keeping.visit(object()))
