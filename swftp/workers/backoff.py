"""How long to wait before a worker that died is started again: longer each time, unless it had run well."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

FIRST = 0.25
MOST = 30.0
WELL = 60.0
"""Seconds of running after which what was before is forgotten."""


class Backoff:
    """One worker's."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._next = FIRST
        self._begun = 0.0

    def started(self) -> None:
        """It runs."""
        self._begun = self._clock.seconds()

    def died(self) -> float:
        """It does no more; seconds to wait."""
        if self._clock.seconds() - self._begun >= WELL:
            self._next = FIRST
        delay, self._next = self._next, min(self._next * 2, MOST)
        return delay
