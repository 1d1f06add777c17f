"""
Directories being listed: page by page, as the client asks, in bounded memory.

While the client takes one page the store is asked for the next, and for no more.  The law: however many directories a
session has open, their entries are no more than it may hold, and a page.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakSet

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Entry, Page

LEAST = 1000
"""Entries that a page is taken to bring before it is there."""

More = Callable[[str | None], Coroutine[Any, Any, Page]]
"""Gives the page after a `Page.after`; None: the first."""


class Listings:
    """Those of one session."""

    def __init__(self, most: int) -> None:
        """
        :param most: entries that they may hold together.
        """
        self._most = most
        self._open: WeakSet[Listing] = WeakSet()

    async def open(self, more: More) -> Listing:
        """
        One more.

        :raises Busy: the others hold too much.
        """
        listing = Listing(more, self)
        listing.check()
        self._open.add(listing)
        await listing.begin()
        return listing

    def full(self, share: int = 1) -> bool:
        """Whether a *share* of what they may hold is held."""
        return sum(listing.held for listing in self._open) * share >= self._most


class Listing:
    """One open directory."""

    def __init__(self, more: More, others: Listings) -> None:
        self._more, self._others = more, others
        self._page: Page | None = None
        self._after: str | None = None
        self._ahead: Deferred[Page | Exception] | None = None
        self._open = True
        self._given, self._coming = 0, LEAST

    @property
    def held(self) -> int:
        """Entries that are here, on their way, or in the hands of who took them last."""
        return self._given + self._coming

    def check(self) -> None:
        """
        See that there is room for a page.

        :raises Busy: there is none; once others are closed there is.
        """
        if self._others.full():
            raise errors.Busy("too many directories are being listed")

    async def begin(self) -> None:
        """Have the first page."""
        self._page = await self._more(None)
        self._coming = len(self._page.entries)

    async def next(self) -> tuple[Entry, ...]:
        """The next entries; empty at the end.  After an error the same entries may be asked for again."""
        while self._open:
            page, self._page = self._page, None
            if page is None:
                self._given = 0
                if self._after is None:
                    return ()
                page = await self._awaited(self._after)
            self._after = page.after
            self._given, self._coming = len(page.entries), 0
            if page.after is not None and self._open and not self._others.full(2):
                self._ahead = self._asked(page.after)
            if page.entries or page.after is None:
                return page.entries
        return ()

    def _asked(self, after: str) -> Deferred[Page | Exception]:
        self._coming = max(LEAST, 2 * self._given)
        return Deferred.fromCoroutine(self._attempt(after))

    async def _awaited(self, after: str) -> Page:
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            self.check()
            ahead = self._asked(after)
        page = await ahead
        if isinstance(page, Exception):
            self._coming = 0
            raise page
        return page

    async def _attempt(self, after: str) -> Page | Exception:
        try:
            page = await self._more(after)
        except Exception as error:
            return error
        if self._open:
            self._coming = len(page.entries)
        return page

    def close(self) -> None:
        """Nobody will ask for more; may be called again."""
        self._open = False
        self._given = self._coming = 0
        ahead, self._ahead, self._page = self._ahead, None, None
        if ahead is not None:
            ahead.cancel()
