"""One request for many who wait."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.flight import Flight


class FlightTests(SynchronousTestCase):
    def setUp(self):
        self.started = []
        self.flight = Flight()

    def start(self):
        self.started.append(Deferred())
        return self.started[-1]

    def test_shared(self):
        """All who join get the answer of one request; the next one makes a new request."""
        waiters = [self.flight.join(self.start) for _ in range(3)]
        self.assertEqual(len(self.started), 1)
        self.started[0].callback("answer")
        self.assertEqual([self.successResultOf(waiter) for waiter in waiters], ["answer"] * 3)
        self.flight.join(self.start)
        self.assertEqual(len(self.started), 2)

    def test_failure_shared(self):
        """All get the failure, and it does not stick."""
        waiters = [self.flight.join(self.start) for _ in range(2)]
        self.started[0].errback(ValueError())
        for waiter in waiters:
            self.failureResultOf(waiter, ValueError)
        self.assertFalse(self.flight.busy)

    def test_raising_start(self):
        """A request that cannot even start is a failure, not a stuck flight."""
        self.failureResultOf(self.flight.join(lambda: 1 / 0), ZeroDivisionError)
        self.assertFalse(self.flight.busy)

    def test_one_gives_up(self):
        """One who gives up does not end it for the others."""
        first, second = self.flight.join(self.start), self.flight.join(self.start)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.started[0].callback("answer")
        self.assertEqual(self.successResultOf(second), "answer")
