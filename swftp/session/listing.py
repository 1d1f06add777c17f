"""A directory being listed: page by page, as the client asks, in bounded memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from swftp.entries import Entry, Page


class Listing:
    """One open directory."""

    def __init__(self, first: Page, more: Callable[[str], Awaitable[Page]]) -> None:
        """
        :param more: gives the page after a `Page.after`.
        """
        self._page: Page | None = first
        self._more = more
        self._after: str | None = None

    async def next(self) -> tuple[Entry, ...]:
        """The next entries; empty at the end."""
        while True:
            page, self._page = self._page, None
            if page is None:
                if self._after is None:
                    return ()
                page = await self._more(self._after)
            self._after = page.after
            if page.entries or page.after is None:
                return page.entries
