"""
What the sessions of one credential saw or did a moment ago: short-lived, their own, written through.

The law: it may save a request, never change a result.  What rests on it is pinned to a version (a download),
checked by the store (an exclusive create), or no more than early notice of an error.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar
from weakref import WeakSet

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from swftp.entries import UNSEEN, Entry, Kind
from swftp.paths import Path
from swftp.session.changes import Changes, look_of
from swftp.session.pages import Pages

V = TypeVar("V")

LIFETIME = 3.0
"""Seconds an entry is good for."""
LAG = 300.0
"""Seconds for which a listing may show what was there before a change."""
WORN = 30.0
"""Seconds after which a page that is no longer good is not worth renewing."""
DIRECTORY_LIFETIME = 60.0
"""Seconds a directory is believed to be there: if it is not, the store says so at CLOSE instead of at OPEN."""
CAPACITY = 4096
"""Entries kept at most; and as many of listings, and of each other kind."""


@dataclass(frozen=True, slots=True)
class _Sight:
    entry: Entry | None
    until: float
    serial: int


class Known:
    """The memory of one session, or of all with the same rights: rclone has a connection for each file under way."""

    def __init__(self, clock: IReactorTime, changes: Changes) -> None:
        self._clock = clock
        self._changes = changes
        self._entries: OrderedDict[Path, _Sight] = OrderedDict()
        """What stands at a path itself; where a link leads is not remembered: that changes under another name."""
        self._directories: OrderedDict[Path, float] = OrderedDict()
        self._users: WeakSet[object] = WeakSet()
        self._made: OrderedDict[Path, _Sight] = OrderedDict()
        """Directories that were made here, and have what their makers put there."""
        self._pages = Pages(CAPACITY)
        self._said: OrderedDict[Path, _Sight] = OrderedDict()
        """What the store said of paths that have changed lately: a listing that says the same is not late."""
        self._timer: IDelayedCall | None = None

    def joined(self, user: object) -> Self:
        """This memory, which is used by *user* too, until he leaves."""
        self._users.add(user)
        return self

    def leave(self, user: object) -> None:
        """*user* uses it no more; after the last one nothing is left of it."""
        self._users.discard(user)
        if not self._users:
            self.clear()

    @property
    def mark(self) -> int:
        """To be taken before the store is asked, and given to `learn` with the answer."""
        return self._changes.serial

    def get(self, path: Path, follow: bool = True) -> Entry | None:
        """
        What stands at *path*; None: no object; `UNSEEN`: not known.

        :param follow: of a link, what it leads to.
        """
        seen = self._latest(path)
        if seen is None or seen.until <= self._clock.seconds() or self._changes.since(seen.serial, path):
            return UNSEEN
        return UNSEEN if follow and seen.entry is not None and seen.entry.kind is Kind.SYMLINK else seen.entry

    def _latest(self, path: Path) -> _Sight | None:
        seen, found = self._entries.get(path), self._pages.find(path)
        if found is None or (seen is not None and seen.until > found[0].until):
            return seen
        page, entry = found
        return _Sight(entry, page.until, page.serial) if self._is_sure(path, entry, page.until - LIFETIME) else seen

    def _is_sure(self, path: Path, entry: Entry, listed: float) -> bool:
        """Whether *entry*, of a listing that came at *listed*, says what the store itself would say of *path*."""
        if entry.kind is Kind.FILE and entry.version is None:
            return False
        if not self._changes.after(listed - LAG, path) or self._changes.led_to(path, entry):
            return True
        said = self._said.get(path)
        if said is None or said.entry is None or self._changes.since(said.serial, path):
            return False
        return _same(said.entry, entry)

    def unchanged(self, path: Path, mark: int) -> bool:
        """Whether nobody here changed what stands at *path* since *mark*."""
        return not self._changes.since(mark, path)

    def following(self, path: Path, count: int) -> Sequence[Entry]:
        """The *count* entries behind *path* in its listing, as far as that was seen a moment ago."""
        return self._pages.following(path, count)

    def is_directory(self, path: Path) -> bool:
        """Whether a directory was at *path* not long ago."""
        return path.is_root or self._directories.get(path, 0.0) > self._clock.seconds()

    def unlikely(self, path: Path) -> bool:
        """Whether most likely no object is at *path*: its directory is new, and nobody here put one there since."""
        made = self._made.get(path.parent)
        return made is not None and made.until > self._clock.seconds() and not self._changes.since(made.serial, path)

    def made(self, path: Path) -> None:
        """The directory *path* was made just now."""
        entry = Entry(name=path.name, kind=Kind.DIRECTORY)
        self.learn(path, entry, self.mark)
        _put(self._made, path, _Sight(entry, self._clock.seconds() + DIRECTORY_LIFETIME, self.mark))

    def learn(self, path: Path, entry: Entry | None, mark: int) -> None:
        """
        *entry*, or nothing, stands at *path* itself.

        :param mark: `mark` as it was before.
        """
        now = self._clock.seconds()
        self._pages.discard(path)
        _put(self._entries, path, _Sight(entry, now + LIFETIME, mark))
        if self._changes.after(now - LAG, path):
            _put(self._said, path, _Sight(entry, now + LAG, mark))
        if entry is not None and entry.kind is Kind.DIRECTORY:
            _put(self._directories, path, now + DIRECTORY_LIFETIME)
        else:
            self._directories.pop(path, None)
        if entry is not None:
            self._learn_parents(path, now + DIRECTORY_LIFETIME)
        self._set_timer()

    def worn(self, path: Path) -> tuple[Path, str | None] | None:
        """Directory of a page, and `IStorage.list`'s *after*, to be asked for again; None: better look at *path*."""
        page = self._pages.worn(path, self._clock.seconds())
        return None if page is None else (path.parent, page.after)

    def learn_page(self, directory: Path, entries: Sequence[Entry], after: str | None, mark: int) -> None:
        """
        *entries* are the page *after* of *directory*.

        :param mark: `mark` as it was before.
        """
        if not entries:
            return
        now = self._clock.seconds()
        self._pages.add(directory, entries, after, now + LIFETIME, mark)
        if others := [path for path in self._directories if path.parent == directory]:
            names = {entry.name for entry in entries if entry.kind is not Kind.DIRECTORY}
            for path in others:
                if path.name in names:
                    del self._directories[path]
        for entry in entries:
            if entry.kind is Kind.DIRECTORY:
                _put(self._directories, directory.child(entry.name), now + DIRECTORY_LIFETIME)
        self._learn_parents(directory.child(""), now + DIRECTORY_LIFETIME)
        self._set_timer()

    def _learn_parents(self, path: Path, until: float) -> None:
        while not (path := path.parent).is_root:
            _put(self._directories, path, until)

    def learn_no_object(self, path: Path, mark: int) -> None:
        """No object has the name *path*; a directory may exist there by its children."""
        self._pages.discard(path)
        _put(self._entries, path, _Sight(None, self._clock.seconds() + LIFETIME, mark))
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(LIFETIME, self._expire)
        elif self._timer.getTime() > self._clock.seconds() + LIFETIME:
            self._timer.reset(LIFETIME)

    def changed(self, path: Path, outcome: Entry | None = None) -> None:
        """
        What stands at *path*, and below it, may have changed, for every session.

        :param outcome: what is there now, where it is known.
        """
        self._changes.add(path, self._clock.seconds(), outcome)
        self.forget(path)

    def became(self, path: Path, outcome: Entry | None, mark: int) -> None:
        """As `changed`; and *outcome* is what stands there, unless somebody else here changed it too since *mark*."""
        alone = self.unchanged(path, mark)
        self.changed(path, outcome if alone else None)
        if outcome is not None and alone:
            self.learn(path, outcome, self.mark)

    def forget(self, path: Path) -> None:
        """What is known of *path*, and of what is below it, is in doubt."""
        self._entries.pop(path, None)
        self._said.pop(path, None)
        self._pages.forget(path)
        if path in self._directories:
            for known in (self._entries, self._said, self._directories, self._made):
                for other in [other for other in known if path.covers(other)]:
                    del known[other]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._said.clear()
        self._directories.clear()
        self._made.clear()
        self._pages.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        now = self._clock.seconds()
        for sights in (self._entries, self._said, self._made):
            for path in [path for path, seen in sights.items() if seen.until <= now]:
                del sights[path]
        self._pages.expire(now - WORN)
        self._timer = None
        if self._entries or self._pages or self._made:
            self._set_timer()
        elif self._said:
            latest = self._said[next(reversed(self._said))]
            self._timer = self._clock.callLater(latest.until - now, self._expire)


def _same(said: Entry, listed: Entry) -> bool:
    """Whether *listed* is what was said; of a directory, that it is one."""
    if said.kind is Kind.DIRECTORY:
        return said.kind is listed.kind
    return look_of(said) == look_of(listed)


def _put(known: OrderedDict[Path, V], path: Path, value: V) -> None:
    known[path] = value
    known.move_to_end(path)
    if len(known) > CAPACITY:
        known.popitem(last=False)
