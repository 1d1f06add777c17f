"""
A directory being listed: page by page, as the client asks, in bounded memory.

While the client takes one page the store is asked for the next, and for no more.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from swftp.entries import Entry, Page


class Listing:
    """One open directory."""

    def __init__(self, first: Page, more: Callable[[str], Coroutine[Any, Any, Page]]) -> None:
        """
        :param more: gives the page after a `Page.after`.
        """
        self._page: Page | None = first
        self._more = more
        self._after: str | None = None
        self._ahead: Deferred[Page | Exception] | None = None
        self._open = True

    async def next(self) -> tuple[Entry, ...]:
        """The next entries; empty at the end.  After an error the same entries may be asked for again."""
        while self._open:
            page, self._page = self._page, None
            if page is None:
                if self._after is None:
                    return ()
                page = await self._awaited(self._after)
            self._after = page.after
            if page.after is not None and self._open:
                self._ahead = Deferred.fromCoroutine(self._attempt(page.after))
            if page.entries or page.after is None:
                return page.entries
        return ()

    async def _awaited(self, after: str) -> Page:
        ahead, self._ahead = self._ahead or Deferred.fromCoroutine(self._attempt(after)), None
        page = await ahead
        if isinstance(page, Exception):
            raise page
        return page

    async def _attempt(self, after: str) -> Page | Exception:
        try:
            return await self._more(after)
        except Exception as error:
            return error

    def close(self) -> None:
        """Nobody will ask for more; may be called again."""
        self._open = False
        ahead, self._ahead, self._page = self._ahead, None, None
        if ahead is not None:
            ahead.cancel()
