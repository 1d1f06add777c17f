"""
What the sessions of this process have just changed, so that none answers from memory what another one made untrue.

Paths are the store's.  Accounts are not told apart: a change that concerns nobody costs him a request at most.
"""

from __future__ import annotations

from collections import OrderedDict
from math import inf

from swftp.entries import Entry, Kind
from swftp.paths import Path

CAPACITY = 8192
"""Changes remembered; whatever was seen before the oldest of them counts as changed."""
_NEVER = (0, -inf)
Look = tuple[Kind, int, float | None, int | None, str | None, str | None]


def look_of(entry: Entry) -> Look:
    """By what two views of one file or link are known to be of the same."""
    return entry.kind, entry.size, entry.mtime, entry.mode, entry.version, entry.target


class Changes:
    """
    One a process.

    :ivar serial: of the last change.
    """

    def __init__(self) -> None:
        self.serial = 0
        self._floor = 0
        self._serials: OrderedDict[Path, tuple[int, float]] = OrderedDict()
        self._outcomes: dict[Path, tuple[int, Look]] = {}

    def add(self, path: Path, now: float, outcome: Entry | None = None) -> None:
        """
        What stands at *path*, or below it, has changed or may have.

        :param now: seconds of the clock.
        :param outcome: what is there now, as the store said; None: not known, or nothing.
        """
        self.serial += 1
        if outcome is not None:
            self._outcomes[path] = self.serial, look_of(outcome)
        else:
            self._outcomes.pop(path, None)
        self._serials[path] = self.serial, now
        self._serials.move_to_end(path)
        if len(self._serials) > CAPACITY:
            oldest, (self._floor, _) = self._serials.popitem(last=False)
            self._outcomes.pop(oldest, None)

    def led_to(self, path: Path, entry: Entry) -> bool:
        """Whether the last change of *path* is known to have made it *entry*."""
        serial, look = self._outcomes.get(path, (0, None))
        return look == look_of(entry) and not self.since(serial, path)

    def after(self, time: float, path: Path) -> bool:
        """Whether *path* is known to have changed after *time*."""
        while self._serials.get(path, _NEVER)[1] <= time:
            if path.is_root:
                return False
            path = path.parent
        return True

    def since(self, serial: int, path: Path) -> bool:
        """Whether *path* changed after *serial*."""
        if serial == self.serial:
            return False
        if serial < self._floor:
            return True
        while self._serials.get(path, _NEVER)[0] <= serial:
            if path.is_root:
                return False
            path = path.parent
        return True
