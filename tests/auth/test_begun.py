"""Clients that leave while their login is looked at, or before."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.begun import in_turn
from swftp.auth.login import Login
from swftp.auth.refusals import LoginRefused
from swftp.auth.throttle import AT_ONCE, Throttle, ThrottleSettings

PEER = "192.0.2.1"


class Right:
    """Counts."""

    released = 0

    def release(self) -> None:
        """As of `swftp.auth.login.Right`."""
        self.released += 1


class TurnTests(SynchronousTestCase):
    """`in_turn`."""

    def setUp(self) -> None:
        """Nobody is there."""
        self.throttle = Throttle(ThrottleSettings(), Clock())
        self.looks: list[Deferred[Login]] = []
        self.right = Right()
        self.addCleanup(self.end)

    def end(self) -> None:
        """Nothing is left under way."""
        while self.looks:
            self.looks.pop().errback(LoginRefused())
        self.assertEqual((dict(self.throttle._asking), self.throttle._waiting), ({}, {}))

    def login(self) -> Deferred[Login]:
        """A client at `PEER` tries."""

        async def look() -> Login:
            self.looks.append(Deferred())
            return await self.looks[-1]

        entering = in_turn(self.throttle, PEER, look)
        entering.addErrback(lambda failure: failure.trap(LoginRefused, CancelledError) and None)
        return entering

    def granted(self) -> Login:
        """What a look ends with."""
        access: Any = self.right
        return Login(name="me", user="me", access=access)

    def test_waited(self) -> None:
        """Who leaves before his turn is not looked at, and nothing remembers him."""
        staying = [self.login() for _ in range(AT_ONCE)]
        for _ in range(1000):
            self.login().cancel()
        self.assertEqual((len(self.looks), self.throttle._waiting), (AT_ONCE, {}))
        last = self.login()
        self.looks.pop(0).callback(self.granted())
        self.assertEqual((self.successResultOf(staying[0]).name, len(self.looks)), ("me", AT_ONCE))
        self.assertNoResult(last)

    def test_begun(self) -> None:
        """Who leaves in his turn has it until the work is over: leaving again and again has no more looked at."""
        for _ in range(100):
            self.login().cancel()
        self.assertEqual(len(self.looks), AT_ONCE)
        self.looks.pop(0).callback(self.granted())
        self.assertEqual(self.right.released, 1)
        self.login()
        self.assertEqual(len(self.looks), AT_ONCE)

    def test_refused_for_nobody(self) -> None:
        """A refusal that nobody waits for leaves no line and no turn behind."""
        self.login().cancel()
        self.looks.pop().errback(LoginRefused())
        self.assertEqual((dict(self.throttle._asking), self.flushLoggedErrors()), ({}, []))

    def test_at_once(self) -> None:
        """What needs no waiting is answered at once."""

        async def look() -> Login:
            return self.granted()

        self.assertEqual(self.successResultOf(in_turn(self.throttle, PEER, look)).name, "me")
        self.assertEqual(self.right.released, 0)
