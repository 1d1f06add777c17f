"""
What the sessions of this process have just changed, so that none answers from memory what another one made untrue.

Paths are the store's.  Accounts are not told apart: a change that concerns nobody costs him a request at most.
"""

from __future__ import annotations

from collections import OrderedDict
from math import inf

from swftp.paths import Path

CAPACITY = 8192
"""Changes remembered; whatever was seen before the oldest of them counts as changed."""
_NEVER = (0, -inf)


class Changes:
    """
    One a process.

    :ivar serial: of the last change.
    """

    def __init__(self) -> None:
        self.serial = 0
        self._floor = 0
        self._serials: OrderedDict[Path, tuple[int, float]] = OrderedDict()

    def add(self, path: Path, now: float) -> None:
        """
        What stands at *path*, or below it, has changed or may have.

        :param now: seconds of the clock.
        """
        self.serial += 1
        self._serials[path] = self.serial, now
        self._serials.move_to_end(path)
        if len(self._serials) > CAPACITY:
            self._floor = self._serials.popitem(last=False)[1][0]

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
