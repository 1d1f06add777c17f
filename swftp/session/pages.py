"""
Pages of listings that a session saw a moment ago, kept as they came.

A listing of ten thousand names is read far more often than any of them is asked for: an index of a page is made when
the first of its names is.  Who works through a directory file by file (``get *``, ``rm *``) soon asks for more than
is still good: one more request for the page then saves one for each file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from swftp.entries import Entry
from swftp.paths import Path

WORKED_THROUGH = 8
"""Times that a page's names were asked for before it is worth asking the store for all of it again."""
NEVER = -(1 << 60)


class Page:
    """
    One page.

    :ivar entries: as they came.
    :ivar after: what the store was asked for it with; see `IStorage.list`.
    :ivar until: seconds of the clock to which it is good.
    :ivar uses: how often one of its names was asked for.
    :ivar serial: of the last change that it can show.
    """

    __slots__ = ("_index", "_places", "after", "entries", "serial", "until", "uses")

    def __init__(self, entries: Sequence[Entry], after: str | None, until: float, serial: int) -> None:
        self.entries = entries
        self.after = after
        self.uses = 0
        self._index: dict[str, Entry] | None = None
        self._places: dict[str, int] | None = None
        self.until = until
        self.serial = serial

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def index(self) -> dict[str, Entry]:
        """Entries by name."""
        if self._index is None:
            self._index = {entry.name: entry for entry in self.entries}
        return self._index

    @property
    def places(self) -> dict[str, int]:
        """Where in `entries` each name is."""
        if self._places is None:
            self._places = {entry.name: place for place, entry in enumerate(self.entries)}
        return self._places


class Pages:
    """Those of one session, the oldest first."""

    def __init__(self, capacity: int) -> None:
        """:param capacity: entries kept at most; of a longer page its first ones."""
        self._capacity = capacity
        self._pages: list[tuple[Path, Page]] = []

    def __bool__(self) -> bool:
        return bool(self._pages)

    def add(self, directory: Path, entries: Sequence[Entry], after: str | None, until: float, serial: int) -> None:
        """*entries* are the page *after* of *directory*."""
        self._pages = [(where, page) for where, page in self._pages if where != directory or page.after != after]
        self._pages.append((directory, Page(entries[: self._capacity], after, until, serial)))
        while sum(len(page) for _, page in self._pages) > self._capacity:
            del self._pages[0]

    def _of(self, directory: Path) -> Iterator[Page]:
        return (page for where, page in reversed(self._pages) if where == directory)

    def find(self, path: Path) -> tuple[Page, Entry] | None:
        """The latest page with an entry for *path*, and that."""
        for page in self._of(path.parent) if self._pages else ():
            entry = page.index.get(path.name)
            if entry is not None:
                page.uses += 1
                return page, entry
        return None

    def following(self, path: Path, count: int) -> Sequence[Entry]:
        """The *count* entries behind that of *path*, on the latest page that has it."""
        for page in self._of(path.parent) if self._pages else ():
            place = page.places.get(path.name)
            if place is not None:
                return page.entries[place + 1 : place + 1 + count]
        return ()

    def worn(self, path: Path, now: float) -> Page | None:
        """The page of *path* that is good no more at *now*, if it is being worked through; each page once."""
        found = self.find(path)
        if found is None or found[0].until > now or found[0].uses < WORKED_THROUGH:
            return None
        found[0].uses = NEVER
        return found[0]

    def discard(self, path: Path) -> None:
        """What is known of *path* is known better."""
        for page in self._of(path.parent) if self._pages else ():
            page.index.pop(path.name, None)

    def forget(self, path: Path) -> None:
        """What is known of *path*, and of what is below it, is in doubt."""
        self.discard(path)
        self._pages = [(where, page) for where, page in self._pages if not path.covers(where)]

    def expire(self, time: float) -> None:
        """Drop what was good until *time* at most."""
        self._pages = [(where, page) for where, page in self._pages if page.until > time]

    def clear(self) -> None:
        """Forget everything."""
        self._pages.clear()
