"""
What a session saw or did a moment ago: short-lived, its own, written through.

The law: it may save a request, never change a result.  What rests on it is pinned to a version (a download),
checked by the store (an exclusive create), or no more than early notice of an error.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from swftp.entries import UNSEEN, Entry, Kind
from swftp.paths import Path

V = TypeVar("V")

LIFETIME = 3.0
"""Seconds an entry is good for."""
DIRECTORY_LIFETIME = 60.0
"""Seconds a directory is believed to be there: if it is not, the store says so at CLOSE instead of at OPEN."""
CAPACITY = 4096
"""Entries kept at most."""


class Known:
    """The memory of one session."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._links: OrderedDict[Path, tuple[float, Entry | None]] = OrderedDict()
        """What stands at a path itself."""
        self._targets: OrderedDict[Path, tuple[float, Entry | None]] = OrderedDict()
        """What it leads to."""
        self._directories: OrderedDict[Path, float] = OrderedDict()
        self._timer: IDelayedCall | None = None

    def get(self, path: Path, follow: bool = True) -> Entry | None:
        """What stands at *path*; None: nothing; `UNSEEN`: not known."""
        found = (self._targets if follow else self._links).get(path)
        if found is None or found[0] <= self._clock.seconds():
            return UNSEEN
        return found[1]

    def is_directory(self, path: Path) -> bool:
        """Whether a directory was at *path* not long ago."""
        return path.is_root or self._directories.get(path, 0.0) > self._clock.seconds()

    def learn(self, path: Path, entry: Entry | None, follow: bool = False) -> None:
        """
        *entry*, or nothing, stands at *path*.

        :param follow: it was asked for through a link, if there is one.
        """
        now = self._clock.seconds()
        if not follow:
            _put(self._links, path, (now + LIFETIME, entry))
        if entry is None or follow or entry.kind is not Kind.SYMLINK:
            _put(self._targets, path, (now + LIFETIME, entry))
        else:
            self._targets.pop(path, None)
        if entry is not None and entry.kind is Kind.DIRECTORY:
            _put(self._directories, path, now + DIRECTORY_LIFETIME)
        elif not follow:
            self._directories.pop(path, None)
        if entry is not None and not path.is_root:
            _put(self._directories, path.parent, now + DIRECTORY_LIFETIME)
        self._set_timer()

    def learn_no_object(self, path: Path) -> None:
        """No object has the name *path*; a directory may exist there by its children."""
        _put(self._links, path, (self._clock.seconds() + LIFETIME, None))
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(LIFETIME, self._expire)

    def forget(self, path: Path) -> None:
        """What stands at *path*, and below it, may have changed."""
        for known in (self._links, self._targets, self._directories):
            for other in [other for other in known if path.covers(other)]:
                del known[other]

    def clear(self) -> None:
        """Forget everything."""
        self._links.clear()
        self._targets.clear()
        self._directories.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        now = self._clock.seconds()
        for known in (self._links, self._targets):
            for path in [path for path, (until, _) in known.items() if until <= now]:
                del known[path]
        self._timer = None
        if self._links or self._targets:
            self._set_timer()


def _put(known: OrderedDict[Path, V], path: Path, value: V) -> None:
    known[path] = value
    known.move_to_end(path)
    if len(known) > CAPACITY:
        known.popitem(last=False)
