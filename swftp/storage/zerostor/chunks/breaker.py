"""
Whether it makes sense to ask a shard: not while it fails, and not first while it is slow.

Only a probe closes a breaker that is open, and only success of whatever was asked anyway keeps it closed.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

FAULTS = 3
"""In a row, and the breaker opens."""
LAG = 5.0
"""Seconds for which a shard that was too slow to be waited for is asked last."""


class Breaker:
    """
    Of one shard.

    :ivar open: the shard did not answer the last few times.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._faults = 0
        self._lag_until = 0.0

    @property
    def open(self) -> bool:
        """Nobody waits for this shard, if there is another."""
        return self._faults >= FAULTS

    @property
    def lagging(self) -> bool:
        """Others answered sooner, a moment ago."""
        return self._clock.seconds() < self._lag_until

    def answered(self) -> None:
        """It gave an answer, if only that there is no such key."""
        self._faults = 0

    def failed(self) -> None:
        """It was down, hung, or made no sense."""
        self._faults += 1

    def lagged(self) -> None:
        """Others were asked in its place, and answered."""
        self._lag_until = self._clock.seconds() + LAG
