"""
Pages of listings that a session saw a moment ago, kept as they came.

A listing of ten thousand names is read far more often than any of them is asked for: an index of a page is made when
the first of its names is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from swftp.entries import Entry
from swftp.paths import Path


class Page:
    """
    One page.

    :ivar until: seconds of the clock to which it is good.
    :ivar serial: of the last change that it can show.
    """

    __slots__ = ("_entries", "_index", "serial", "until")

    def __init__(self, entries: Sequence[Entry], until: float, serial: int) -> None:
        self._entries = entries
        self._index: dict[str, Entry] | None = None
        self.until = until
        self.serial = serial

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def index(self) -> dict[str, Entry]:
        """Entries by name."""
        if self._index is None:
            self._index = {entry.name: entry for entry in self._entries}
        return self._index


class Pages:
    """Those of one session, the oldest first."""

    def __init__(self, capacity: int) -> None:
        """:param capacity: entries kept at most; of a longer page its first ones."""
        self._capacity = capacity
        self._pages: list[tuple[Path, Page]] = []

    def __bool__(self) -> bool:
        return bool(self._pages)

    def add(self, directory: Path, entries: Sequence[Entry], until: float, serial: int) -> None:
        """*entries* are some of those in *directory*."""
        self._pages.append((directory, Page(entries[: self._capacity], until, serial)))
        while sum(len(page) for _, page in self._pages) > self._capacity:
            del self._pages[0]

    def _of(self, directory: Path) -> Iterator[Page]:
        return (page for where, page in reversed(self._pages) if where == directory)

    def find(self, path: Path) -> tuple[Page, Entry] | None:
        """The latest page with an entry for *path*, and that."""
        for page in self._of(path.parent) if self._pages else ():
            entry = page.index.get(path.name)
            if entry is not None:
                return page, entry
        return None

    def discard(self, path: Path) -> None:
        """What is known of *path* is known better."""
        for page in self._of(path.parent) if self._pages else ():
            page.index.pop(path.name, None)

    def forget(self, path: Path) -> None:
        """What is known of *path*, and of what is below it, is in doubt."""
        self.discard(path)
        self._pages = [(where, page) for where, page in self._pages if not path.covers(where)]

    def expire(self, now: float) -> None:
        """Drop what is good no more at *now*."""
        self._pages = [(where, page) for where, page in self._pages if page.until > now]

    def clear(self) -> None:
        """Forget everything."""
        self._pages.clear()
