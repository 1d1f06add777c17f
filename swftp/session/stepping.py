"""
Who asks for one name after the other, as they stand in a listing that he has seen long ago or elsewhere (an FTP
client that knows what it stored): from some point on one page of a listing costs less than to look at each name.

Pure: knows no store.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from twisted.internet.interfaces import IReactorTime

from swftp.paths import ROOT, Path

STEPS = 8
"""Names that were asked for in order before a page of their directory is worth asking for."""
VAIN = 1000
"""Further ones before another is, where a page did not show what was asked for."""
PACE = 1.0
"""Seconds between two of them at most: a listing is good for few."""


class Stepping:
    """One session's."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._last = ROOT
        self._until = 0.0
        self._steps = 0
        self._listing = False
        self._page: tuple[Path, str | None] = ROOT, None

    def step(self, path: Path) -> tuple[Path, str | None] | None:
        """
        *path* is asked for, and nothing is known of it.

        :return: what to give `IStorage.list` for a page that is worth asking for; None: none is.
        """
        last, now = self._last, self._clock.seconds()
        if path == last or self._listing:
            return None
        directory = path.parent
        onward = now <= self._until and directory == last.parent and path.name > last.name
        self._steps = self._steps + 1 if onward else 0
        self._last, self._until = path, now + PACE
        if self._steps < STEPS:
            return None
        self._steps = -VAIN
        return self._page if self._page[0] == directory else (directory, None)

    @contextmanager
    def listing(self) -> Iterator[None]:
        """A page is being asked for: nobody else who steps on meanwhile needs one."""
        before, self._listing = self._listing, True
        try:
            yield
        finally:
            self._listing = before

    def shown(self, path: Path, after: str | None) -> None:
        """A page told what *path* is; behind its end goes on the page *after*, if there is one."""
        self._page = path.parent, after
        self._steps = 0
