"""
Whole small files, fetched ahead of a client that takes one after the other as they stand in a listing (``get *``).

The law: what was fetched is given out within a second, and only if nobody here changed the file since it was
asked for.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from swftp.entries import Entry, Kind
from swftp.interfaces import IStorage
from swftp.paths import Path
from swftp.session.head import head
from swftp.session.known import Known
from swftp.transfer.budget import Budget, Group

GOOD = 1.0
"""Seconds after it was asked for in which a file may be given out."""
LARGEST = 64 * 1024
"""Bytes of the files that are fetched ahead."""
DEPTH = 2
"""Files fetched ahead at a time."""
REACH = 4
"""Names within which the next file follows: there may be directories and links between two files."""
SURE = 2
"""Files that were asked for in order before the next ones are fetched."""

Found = tuple[Entry, bytes]


class _Fetched:
    """
    One file: a member of the budget, which lets go of it when it is old or memory is short.

    :ivar mark: `Known.mark` of when it was asked for.
    :ivar until: seconds of the clock to which it may be given out.
    """

    def __init__(self, budget: Budget, group: Group, mark: int, until: float) -> None:
        self.mark = mark
        self.until = until
        self._found: Deferred[Found | None] | None = None
        self._share = budget.join(self, group)

    @property
    def alive(self) -> bool:
        """Whether there is anything of it."""
        return self._found is not None

    def begin(self, size: int, work: Coroutine[Deferred[Found], Any, Found]) -> None:
        """Do *work*, which brings *size* bytes, if there is room for them."""
        if not self._share.take(size):
            work.close()
            self._share.close()
            return
        # whoever asks for the file then is told what is wrong with it
        self._found = Deferred.fromCoroutine(work).addErrback(lambda failure: None)

    async def wait(self) -> Found | None:
        """What there is of it; it counts no more."""
        found = None if self._found is None else await self._found
        self.drop()
        return found

    def drop(self) -> int:
        """Let go of it; returns the bytes that sets free."""
        found, self._found = self._found, None
        held = self._share.held
        if found is not None:
            found.cancel()
        self._share.close()
        return held

    def granted(self) -> None:
        """See `swftp.transfer.budget.Member`: it never waits for its turn."""

    def shrink(self, least: int) -> int:
        """See `swftp.transfer.budget.Member`."""
        return self.drop()

    def tick(self, now: float) -> None:
        """See `swftp.transfer.budget.Member`."""
        if now >= self.until:
            self.drop()

    def starve(self) -> None:
        """See `swftp.transfer.budget.Member`."""
        self.drop()


class Following:
    """One session's."""

    def __init__(self, storage: IStorage, known: Known, budget: Budget, group: Group, clock: IReactorTime) -> None:
        self._storage = storage
        self._known = known
        self._clock = clock
        self._budget = budget
        self._group = group
        self._fetched: dict[Path, _Fetched] = {}
        self._next: tuple[Path, ...] = ()
        self._in_order = 0
        self._open = True

    async def take(self, path: Path) -> Found | None:
        """The file *path*, and all its bytes, where they were fetched a moment ago."""
        fetched = self._fetched.get(path)
        if fetched is None:
            return None
        found = await fetched.wait()
        if self._clock.seconds() >= fetched.until or not self._known.unchanged(path, fetched.mark):
            return None
        return found

    def opened(self, path: Path) -> None:
        """The client reads *path*: fetch what it is going to read next, once it has its answer."""
        self._clock.callLater(0, self._look_ahead, path)

    def _look_ahead(self, path: Path) -> None:
        self._in_order = self._in_order + 1 if path in self._next else 0
        following = self._known.following(path, REACH)
        self._next = tuple(path.parent.child(entry.name) for entry in following)
        self._fetched = {known: fetched for known, fetched in self._fetched.items() if fetched.alive}
        if self._in_order < SURE or not self._open:
            return
        files = [entry for entry in following if entry.kind is Kind.FILE]
        for entry in files[:DEPTH]:
            self._fetch(path.parent.child(entry.name), entry)

    def _fetch(self, path: Path, entry: Entry) -> None:
        small = 0 < entry.size <= LARGEST and entry.version is not None
        if not small or path in self._fetched or self._known.get(path, follow=False) != entry:
            return
        fetched = _Fetched(self._budget, self._group, self._known.mark, self._clock.seconds() + GOOD)
        self._fetched[path] = fetched
        fetched.begin(entry.size, head(self._storage, path, entry.size, entry.version))

    def close(self) -> None:
        """The client is gone."""
        self._open = False
        for fetched in list(self._fetched.values()):
            fetched.drop()
