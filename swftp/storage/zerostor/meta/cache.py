"""
What is known of names without asking the database.

Nodes by directory and name, that nothing is there, and pages of listings.  What a change touched is forgotten, never
replaced, and what was being read meanwhile is not remembered: so what is here was true after the last change of ours.
Losing it loses nothing; every transaction looks for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from cachetools import LRUCache

from swftp.storage.zerostor.meta.committing import Key
from swftp.storage.zerostor.meta.values import Node

SHARED_LIFE = 1.0
"""Seconds for which what other gateways may change is believed."""
DISTRUST = 60.0
"""Seconds for which nothing is remembered after a change of which nobody knows whether and when it takes effect."""
PageKey = tuple[str | None, int]
"""After which name, how many."""


class Page(NamedTuple):
    """Some nodes of a directory, in order."""

    nodes: tuple[Node, ...]
    more: bool


class _Known(NamedTuple):
    """One thing and when it was read."""

    value: Node | None
    at: float


class Reading:
    """What changed while something was being read."""

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.changed: set[UUID] = set()
        """Directories."""
        self.void = False


class Cache:
    """
    :param limit: nodes kept, those of listings counted again; 0: none.
    :param alone_since: since when this process has been the only one that changes names, and still is; what it has
        learned since then stays true.  Infinity: it is not.
    :param seconds: of a clock that only goes forward.
    """

    def __init__(self, limit: int, alone_since: Callable[[], float], seconds: Callable[[], float]) -> None:
        self._alone_since = alone_since
        self._seconds = seconds
        self._nodes: LRUCache[Key, _Known] = LRUCache(limit)
        self._pages: LRUCache[UUID, _Pages] = LRUCache(limit, getsizeof=_Pages.weight)
        self._readings: set[Reading] = set()
        self._closed_until = seconds()

    def get(self, key: Key) -> Node | None:
        """
        What stands there; None: nothing.

        :raises KeyError: not known.
        """
        known = self._nodes[key]
        if not self._believes(known.at):
            raise KeyError(key)
        return known.value

    def page(self, directory: UUID, key: PageKey) -> Page | None:
        """A page of *directory*; None: not known."""
        pages = self._pages.get(directory)
        if pages is None or not self._believes(pages.at):
            return None
        return pages.found.get(key)

    def _believes(self, at: float) -> bool:
        return at >= self._alone_since() or self._seconds() - at < SHARED_LIFE

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """While the database is being asked; what it says is then offered to `learn` or `learn_page`."""
        reading = Reading(self._seconds())
        self._readings.add(reading)
        try:
            yield reading
        finally:
            self._readings.discard(reading)

    def _may_learn(self, reading: Reading, directory: UUID) -> bool:
        return not reading.void and directory not in reading.changed and reading.begun >= self._closed_until

    def learn(self, reading: Reading, start: UUID, names: Sequence[str], trail: Sequence[Node]) -> None:
        """*trail* is what stands along *names* from *start*."""
        parent = start
        for name, node in zip(names, trail, strict=False):
            self._put(reading, (parent, name), node)
            parent = node.id
        if len(trail) < len(names) and (not trail or trail[-1].is_directory):
            self._put(reading, (parent, names[len(trail)]), None)

    def learn_page(self, reading: Reading, directory: UUID, key: PageKey, page: Page) -> None:
        """*page* is that of *directory*."""
        if not self._may_learn(reading, directory):
            return
        pages = self._pages.pop(directory, None)
        if pages is None or not self._believes(pages.at):
            pages = _Pages(reading.begun)
        pages.found[key] = page
        if pages.weight() <= self._pages.maxsize:
            self._pages[directory] = pages
        for node in page.nodes:
            self._put(reading, (directory, node.name), node)

    def _put(self, reading: Reading, key: Key, node: Node | None) -> None:
        if self._may_learn(reading, key[0]) and self._nodes.maxsize:
            self._nodes[key] = _Known(node, reading.begun)

    def forget(self, touched: Iterable[Key]) -> None:
        """Something else stands at these names now, or may."""
        for key in touched:
            self._nodes.pop(key, None)
            self._pages.pop(key[0], None)
            for reading in self._readings:
                reading.changed.add(key[0])

    def distrust(self) -> None:
        """A change may take effect at any time: forget all, and remember nothing for a while."""
        self.clear()
        self._closed_until = self._seconds() + DISTRUST

    def clear(self) -> None:
        """Forget all."""
        self._nodes.clear()
        self._pages.clear()
        for reading in self._readings:
            reading.void = True


class _Pages:
    """The pages of one directory that are known."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.found: dict[PageKey, Page] = {}

    def weight(self) -> int:
        """Nodes."""
        return sum(len(page.nodes) + 1 for page in self.found.values())
