"""
Directories that existed only by their children, remembered for a while after the last child went.

A client that removes a tree deletes the files, then each directory; in an object store an implied directory is
gone with its last file.  To whoever removed that file it still is an empty directory: for stat, list and rmdir alike.
"""

from __future__ import annotations

from collections import OrderedDict

from twisted.internet.interfaces import IReactorTime

from swftp.paths import Path

LIFETIME = 120.0
"""Seconds after the last removal below it that a directory is remembered."""
CAPACITY = 4096
"""Directories remembered at most; the oldest are forgotten first."""


class Vanished:
    """Which directories may have vanished by what we removed.  Asked only where the store shows nothing."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._until: OrderedDict[Path, float] = OrderedDict()

    def removed(self, path: Path) -> None:
        """What stood at *path* is gone, by our doing: every directory above it may be, too."""
        until = self._clock.seconds() + LIFETIME
        parent = path.parent
        while len(parent.parts) > 1:
            self._until[parent] = until
            self._until.move_to_end(parent)
            parent = parent.parent
        while len(self._until) > CAPACITY:
            self._until.popitem(last=False)

    def forget(self, path: Path) -> None:
        """The client itself removed or moved the directory *path*, and with it all below."""
        self._until.pop(path, None)
        for other in [other for other in self._until if path.covers(other)]:
            del self._until[other]

    def __contains__(self, path: object) -> bool:
        until = self._until.get(path)  # type: ignore[call-overload]
        return until is not None and until > self._clock.seconds()
