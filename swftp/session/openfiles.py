"""The files that a session has open, and how many it may have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from swftp import errors
from swftp.entries import Entry, Page
from swftp.paths import Path
from swftp.session.files import Reader, Writer
from swftp.session.ordering import Claim, change
from swftp.transfer.phase import Phase

File = TypeVar("File", Reader, Writer)

MOMENT = 0.5
"""Seconds that a CLOSE may be overtaken by an OPEN that was to follow it: sshfs sends them from different threads."""
LONGEST = 4 * MOMENT
"""Seconds that an OPEN waits for a CLOSE at most: the kernel's own READs may go on for a while before it."""


def displaced(writers: list[Writer], how: str) -> None:
    """What *writers* were to become is not wanted any more where it was to be: it was *how*."""
    for writer in writers:
        writer.upload.refused(errors.NotFound(f"file was {how} while it was written"))


def merged(page: Page, made: dict[str, Writer]) -> tuple[Entry, ...]:
    """
    The entries of *page*, and behind those of the last one what is *made* and stood on none.

    :param made: see `OpenFiles.made_in`; what the page has is taken out.  What was stored meanwhile may stand before
        the pages that were still to come.
    """
    for entry in page.entries:
        made.pop(entry.name, None)
    if page.after is not None:
        return page.entries
    there = [(name, file) for name, file in made.items() if file.upload.phase is not Phase.FAILED]
    return (*page.entries, *(replace(file.entry, name=name) for name, file in there))


class OpenFiles:
    """One session's."""

    def __init__(self, limit: int, clock: IReactorTime) -> None:
        """
        :param limit: files open at the same time.
        """
        self._limit = limit
        self._clock = clock
        self._readers: set[Reader] = set()
        self._writers: list[Writer] = []
        self._renames: list[tuple[Path, Path]] = []
        self._opening = 0
        self._over = False
        self._waiting: set[Deferred[None]] = set()

    def __len__(self) -> int:
        return len(self._readers) + len(self._writers) + self._opening

    @asynccontextmanager
    async def opening(self, behind: Path | None = None) -> AsyncIterator[None]:
        """Count a file while it is being opened.

        :param behind: what is opened, if it matters what the session has just written there.
        :raises Busy: there are as many as there may be.
        """
        if self._over:
            raise errors.Interrupted()
        if len(self) >= self._limit:
            raise errors.Busy("too many open files")
        self._opening += 1
        try:
            if behind is not None:
                await self._closed_at(behind)
            yield
        finally:
            self._opening -= 1

    async def _closed_at(self, inside: Path) -> None:
        """Wait for the CLOSE of a file at *inside* that was changed, and used a moment ago."""
        began = now = self._clock.seconds()
        while now - began < LONGEST:
            file = self.writing(inside, follow=True)
            upload = file.upload if file is not None and file.closing is None else None
            if upload is None or not upload.changed or now - upload.idle_since >= MOMENT:
                return
            waiter: Deferred[None] = Deferred()
            waiter.addTimeout(MOMENT, self._clock, lambda *_: None)
            self._waiting.add(waiter)
            await waiter
            self._waiting.discard(waiter)
            now = self._clock.seconds()

    def add(self, file: File) -> File:
        """*file*, which is open.

        :raises Interrupted: the client went away while it was opened for him.
        """
        if self._over:
            file.lost()
            raise errors.Interrupted()
        if isinstance(file, Reader):
            self._readers.add(file)
        else:
            self._writers.append(file)
        return file

    def discard(self, file: Reader | Writer) -> None:
        """*file* is open no more."""
        if isinstance(file, Reader):
            self._readers.discard(file)
        elif file in self._writers:
            self._writers.remove(file)
            self.closing()

    def closing(self) -> None:
        """A file is being closed, and has its turn: who waits for that has his behind it."""
        for waiter in list(self._waiting):
            if not waiter.called:
                waiter.callback(None)

    def made_in(self, inside: Path) -> dict[str, Writer]:
        """The files that were made in the directory *inside* and are not stored yet, by name."""
        return {file.at.name: file for file in self.below(inside) if file.is_new and file.at.parent == inside}

    def writing(self, inside: Path, follow: bool = False) -> Writer | None:
        """
        The file at *inside* that was opened for writing last and is not stored yet.

        :param follow: one that was opened through a link at *inside* is meant, too.
        """
        for writer in reversed(self._writers):
            if writer.open and (writer.upload.path == inside or (follow and writer.opened == inside)):
                return writer
        return None

    def below(self, inside: Path) -> list[Writer]:
        """The files open for writing at *inside* and below it."""
        return [writer for writer in self._writers if inside.covers(writer.upload.path) and writer.open]

    def at(self, inside: Path, *, exclusive: bool = False) -> list[Writer]:
        """
        The files open for writing at *inside*.

        :param exclusive: whether something is to be made there that replaces nothing.
        :raises AlreadyExists: in vain: to its own session a file is there from its OPEN on.
        """
        found = [writer for writer in self.below(inside) if writer.at == inside]
        if found and exclusive:
            raise errors.AlreadyExists()
        return found

    def replaced(self, new: Path, *, exclusive: bool) -> list[Writer]:
        """
        As `at`, where something is renamed *new*.

        :raises NotEmpty: a file is being written in the directory that stands there.
        """
        found = self.at(new, exclusive=exclusive)
        if any(writer.upload.path != new for writer in self.below(new)):
            raise errors.NotEmpty()
        return found

    def check_movable(self, old: Path) -> None:
        """
        :raises Unsupported: a file at *old* or below it is on its way to the store already, under its old name.
        """
        if any(writer.upload.stream is not None for writer in self.below(old)):
            raise errors.Unsupported("a file that is on its way to this storage cannot be renamed")

    def move(self, old: Path, new: Path, shown: Path, *, exclusive: bool) -> None:
        """
        What stood at *old* stands at *new*: files that are open go with it; see `Upload.move`.

        :param shown: *new* as the client says it.
        """
        for writer in self.below(old):
            writer.upload.move(new.join(writer.upload.path.relative_to(old)), exclusive=exclusive)
        for reader in self._readers:
            if old.covers(reader.download.path):
                reader.download.path = new.join(reader.download.path.relative_to(old))
        for file in (*self._readers, *self._writers):
            if old.covers(file.opened):
                inner = file.opened.relative_to(old)
                file.opened, file.shown = new.join(inner), shown.join(inner)

    @contextmanager
    def moving(self, old: Path, new: Path) -> Iterator[None]:
        """*old* is to be renamed *new*, when it is its turn."""
        self._renames.append((old, new))
        try:
            yield
        finally:
            self._renames.remove((old, new))

    def claims(self, file: Reader | Writer) -> list[Claim]:
        """What is changed with *file*: renames that were asked for before take it elsewhere."""
        claims = []
        for path in {file.at, file.opened}:
            claims.append(change(path))
            for old, new in self._renames:
                if old.covers(path):
                    path = new.join(path.relative_to(old))
                    claims.append(change(path))
        return claims

    def lost(self) -> None:
        """The client is gone."""
        self._over = True
        for reader in list(self._readers):
            reader.lost()
        for writer in list(self._writers):
            writer.lost()
