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
"""Paths remembered at most; the oldest are forgotten first."""


class Recent:
    """A set of paths that forgets: each after its lifetime, and the oldest when there are too many."""

    def __init__(self, clock: IReactorTime, lifetime: float, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._capacity = capacity
        self._until: OrderedDict[Path, float] = OrderedDict()

    def add(self, path: Path) -> None:
        """Remember *path* from now on."""
        self._until[path] = self._clock.seconds() + self._lifetime
        self._until.move_to_end(path)
        while len(self._until) > self._capacity:
            self._until.popitem(last=False)

    def discard(self, path: Path) -> None:
        """Forget *path*."""
        self._until.pop(path, None)

    def discard_tree(self, path: Path) -> None:
        """Forget *path* and all below it."""
        for other in [other for other in self._until if path.covers(other)]:
            del self._until[other]

    def below(self, path: Path) -> list[Path]:
        """What is remembered below the directory *path*."""
        return [other for other in self._until if other != path and path.covers(other) and other in self]

    def __contains__(self, path: object) -> bool:
        until = self._until.get(path)  # type: ignore[call-overload]
        return until is not None and until > self._clock.seconds()


class Vanished:
    """Which directories may have vanished by what we removed.  Asked only where the store shows nothing."""

    def __init__(self, clock: IReactorTime) -> None:
        self._directories = Recent(clock, LIFETIME)

    def removed(self, path: Path) -> None:
        """What stood at *path* is gone, by our doing: every directory above it may be, too."""
        parent = path.parent
        while len(parent.parts) > 1:
            self._directories.add(parent)
            parent = parent.parent

    def forget(self, path: Path) -> None:
        """The client itself removed or moved the directory *path*, and with it all below."""
        self._directories.discard_tree(path)

    def __contains__(self, path: object) -> bool:
        return path in self._directories
