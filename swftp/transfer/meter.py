"""
Bytes a second, for all who share a meter: whoever has drawn more than was there waits until that is paid for.

The law: no timer a packet.  One runs while anything is owed, and wakes those who wait in turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

BURST = 0.25
"""Seconds' worth of bytes that may be drawn at once by who drew nothing for so long."""
LEAST = 0.02
"""Seconds: what is owed for less is not waited for."""


class Meter:
    """
    A token bucket that may be overdrawn.

    :ivar rate: bytes a second.
    """

    def __init__(self, clock: IReactorTime, rate: float) -> None:
        self.rate = rate
        self._clock = clock
        self._paid = clock.seconds()  # when all that was drawn will be paid for
        self._waiting: deque[Callable[[], None]] = deque()
        self._armed = False

    @property
    def chunk(self) -> int:
        """Bytes worth drawing at once, at least."""
        return max(int(self.rate * BURST), 4096)

    @property
    def owes(self) -> bool:
        """Whether somebody has to wait."""
        return self._paid - self._clock.seconds() > LEAST

    def draw(self, size: int) -> None:
        """*size* bytes have moved."""
        self._paid = max(self._paid, self._clock.seconds() - BURST) + size / self.rate
        self._arm()

    def wait(self, wake: Callable[[], None]) -> None:
        """Call *wake* when nothing is owed."""
        self._waiting.append(wake)
        self._arm()

    def paid(self) -> Deferred[None]:
        """Fires when nothing is owed."""
        waiting: Deferred[None] = Deferred()
        self.wait(lambda: waiting.callback(None))
        return waiting

    def _arm(self) -> None:
        """The timer also keeps the meter of a client that hangs up to owe nothing."""
        if not self._armed and (self.owes or self._waiting):
            self._armed = True
            self._clock.callLater(max(self._paid - self._clock.seconds(), 0), self._look)

    def _look(self) -> None:
        self._armed = False
        for _ in range(len(self._waiting)):  # in turn, else the first to draw would always be the first
            if self.owes:
                break
            self._waiting.popleft()()
        self._arm()
