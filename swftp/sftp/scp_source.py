"""``scp -f``: the client receives files and trees."""

from __future__ import annotations

from collections.abc import AsyncIterator

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from swftp import errors
from swftp.entries import Entry, Kind
from swftp.paths import Path, resolve
from swftp.session import Listing, Session, shown
from swftp.session.bell import fetch
from swftp.sftp import attributes
from swftp.sftp.scp import Order, ScpIO
from swftp.sftp.words import Word

SLICE = 256 * 1024


async def source(session: Session, io: ScpIO, clock: IReactorTime, order: Order) -> int:
    """Give what is asked for; returns the exit status."""
    return await _Source(session, io, clock, order).run()


class _Source:
    def __init__(self, session: Session, io: ScpIO, clock: IReactorTime, order: Order) -> None:
        self._session = session
        self._io = io
        self._clock = clock
        self._order = order
        self._errors = 0

    async def run(self) -> int:
        """All of it."""
        if await self._io.acknowledged() is not None:
            return 1
        for word in self._order.paths:
            try:
                async for path in self._expanded(word):
                    await self._give(path)
            except errors.Interrupted:
                raise
            except errors.StorageError as error:
                await self._complain(word.text, error)
        return 1 if self._errors else 0

    async def _expanded(self, word: Word) -> AsyncIterator[Path]:
        """
        The paths *word* stands for: its last component may be a pattern, as for a shell.

        What matches nothing stands for itself, and names that begin with a dot only match a pattern that does.
        """
        text = word.text.rstrip("/")
        start = text.rfind("/") + 1
        pattern = word.pattern(start)
        matched = False
        if pattern is not None:
            directory = resolve(text[:start])
            listing = await self._session.listing(directory)
            while entries := await listing.next():
                for entry in entries:
                    hidden = entry.name.startswith(".") and not text[start:].startswith(".")
                    if not hidden and pattern.match(entry.name):
                        matched = True
                        yield directory.child(entry.name)
        if not matched:
            yield resolve(text)

    async def _complain(self, what: object, error: Exception) -> None:
        self._errors += 1
        await self._io.complain(f"{what}: {error}")

    async def _give(self, path: Path) -> None:
        """One file or tree; what goes wrong in it is told, and the rest follows."""
        try:
            entry = await self._session.stat(path)
            if entry.kind is Kind.FILE:
                await self._file(path)
            elif not self._order.recursive or not path.name:
                await self._complain(path, errors.IsDirectory("not a regular file"))
            else:
                await self._tree(path, entry)
        except errors.Interrupted:
            raise
        except errors.StorageError as error:
            await self._complain(path, error)

    async def _announce(self, line: str, entry: Entry) -> bool:
        """Say what comes; False if the client does not want it."""
        if self._order.times:
            mtime = attributes.seconds(entry.mtime)
            await self._io.put(f"T{mtime} 0 {mtime} 0\n".encode())
            if await self._io.acknowledged() is not None:
                self._errors += 1
                return False
        await self._io.put(line.encode("utf-8", "surrogatepass"))
        if await self._io.acknowledged() is not None:
            self._errors += 1
            return False
        return True

    async def _file(self, path: Path) -> None:
        reader = await self._session.open_reader(path, self._io.bell.ring)
        try:
            await fetch(reader, self._io.bell, 0, 1)  # from here on it is certain what is read
            entry = reader.entry
            mode = shown.mode(entry)
            if not await self._announce(f"C{mode:04o} {entry.size} {path.name}\n", entry):
                return
            offset = 0
            while offset < entry.size:
                # an error from here on cannot be told in the protocol: the client still counts bytes of the file
                try:
                    data = await fetch(reader, self._io.bell, offset, min(SLICE, entry.size - offset))
                except errors.StorageError as error:
                    raise errors.Interrupted(f"{path}: {error}") from error
                if not data:
                    raise errors.Interrupted(f"{path}: {errors.Changed()}")
                await self._io.put(data)
                offset += len(data)
                await deferLater(self._clock, 0)
        finally:
            reader.close()
        await self._io.put(b"\0")
        if await self._io.acknowledged() is not None:
            self._errors += 1

    async def _tree(self, top: Path, entry: Entry) -> None:
        """A directory and all below it, without recursion: trees may be deep."""
        inside: list[tuple[Path, Listing, list[Entry]]] = []
        await self._enter(top, entry, inside)
        while inside:
            path, listing, left = inside[-1]
            if not left:
                left.extend(reversed(await self._next(path, listing)))
            if not left:
                inside.pop()
                await self._io.put(b"E\n")
                if await self._io.acknowledged() is not None:
                    self._errors += 1
                continue
            child = left.pop()
            if child.kind is Kind.DIRECTORY:
                await self._enter(path.child(child.name), child, inside)
            else:
                await self._give_leaf(path.child(child.name))

    async def _give_leaf(self, path: Path) -> None:
        """A file, or a link to one; links to directories are not followed, they may lead in circles."""
        try:
            await self._file(path)
        except errors.Interrupted:
            raise
        except errors.StorageError as error:
            await self._complain(path, error)

    async def _next(self, path: Path, listing: Listing) -> tuple[Entry, ...]:
        try:
            return await listing.next()
        except errors.StorageError as error:
            await self._complain(path, error)
            return ()

    async def _enter(self, path: Path, entry: Entry, inside: list[tuple[Path, Listing, list[Entry]]]) -> None:
        try:
            listing = await self._session.listing(path)
        except errors.StorageError as error:
            await self._complain(path, error)
            return
        mode = shown.mode(entry)
        if await self._announce(f"D{mode:04o} 0 {path.name}\n", entry):
            inside.append((path, listing, []))
