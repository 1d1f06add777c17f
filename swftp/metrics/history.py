"""The last minutes, second by second: for charts, and for the rates of ``/stats.json``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SECONDS = 600
"""How far back it goes."""
MEAN = 11
"""Samples whose mean is a rate of ``/stats.json``, as in 2014."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One second."""

    time: float
    """Seconds since the epoch."""
    at: float
    """Seconds of a clock that nobody sets."""
    levels: Mapping[str, float] = field(default_factory=dict)
    """What is as it is: connections, memory, latency."""
    totals: Mapping[str, float] = field(default_factory=dict)
    """What only grows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one second brought."""

    number: int
    time: float
    levels: Mapping[str, float]
    gains: Mapping[str, float]
    """By how much each total grew, a second."""


class History:
    """A ring of points, each numbered: who has seen some asks for those after."""

    def __init__(self, seconds: int = SECONDS) -> None:
        self._points: deque[Point] = deque(maxlen=seconds)
        self._last: Sample | None = None
        self._number = 0

    @property
    def last(self) -> Sample | None:
        """The latest sample."""
        return self._last

    def add(self, sample: Sample) -> None:
        """One more second."""
        before, self._last = self._last, sample
        if before is None:
            return
        span = max(sample.at - before.at, 0.001)
        self._number += 1
        gains = {name: max(0.0, value - before.totals.get(name, 0.0)) / span for name, value in sample.totals.items()}
        self._points.append(Point(number=self._number, time=sample.time, levels=sample.levels, gains=gains))

    def since(self, number: int) -> Iterable[Point]:
        """Points after the one that is called *number*; a number of another process's gives all."""
        if number > self._number:
            number = 0
        return [point for point in self._points if point.number > number]

    def rates(self) -> dict[str, float]:
        """The mean of the last `MEAN` points of each total."""
        recent = list(self._points)[-MEAN:]
        names = recent[-1].gains if recent else {}
        return {name: sum(point.gains.get(name, 0.0) for point in recent) / len(recent) for name in names}
