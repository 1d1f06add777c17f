"""
Everything that one login may do with files.

The law: calls that touch one path take effect in the order they were made; a call that waits holds up only those.
Paths are the client's here, and the store's behind `Session._inside`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any

from twisted.internet.interfaces import IReactorTime

from swftp import errors
from swftp.background import Background
from swftp.entries import UNSEEN, Attributes, Entry, Kind, Page, Usage
from swftp.interfaces import IComposes, ILinks, IQuota, IStorage
from swftp.paths import ROOT, Path, check_new
from swftp.session.changes import Changes
from swftp.session.client import NOBODY, Client
from swftp.session.combining import able, combine, copy_seen
from swftp.session.files import OpenMode, Reader, Writer
from swftp.session.known import Known
from swftp.session.limits import SessionLimits
from swftp.session.listing import Listing, Listings
from swftp.session.lookup import Lookup
from swftp.session.openfiles import OpenFiles, displaced, merged
from swftp.session.ordering import Order, change, change_below, look, look_below
from swftp.transfer.budget import Budget, Group
from swftp.transfer.engine import Engine
from swftp.transfer.hashing import Offload


class Session:
    """
    One login.

    :ivar client: whose, for the log; *user* and *peer* are of it.
    """

    def __init__(
        self,
        storage: IStorage,
        *,
        budget: Budget,
        clock: IReactorTime,
        wall: Callable[[], float],
        offload: Offload,
        limits: SessionLimits | None = None,
        changes: Changes | None = None,
        known: Known | None = None,
        order: Order | None = None,
        root: Path = ROOT,
        client: Client = NOBODY,
    ) -> None:
        """
        :param budget: memory of all transfers of the process; *clock*: for what lasts; *wall*: seconds since 1970.
        :param offload: runs what would hold up the reactor; see `swftp.transfer.hashing.Offload`.
        :param changes: those of all sessions of the process; *known*: what those of this credential remember of them;
            *order*: of the calls that come on one wire; *root*: what the client sees as ``/``.
        """
        self.client, self.user, self.peer = client, client.user, client.peer
        self.clock, self.wall, self.offload = clock, wall, offload
        self._storage, self._root = storage, root
        self._limits = limits or SessionLimits()
        self._known = (known or Known(clock, changes or Changes())).joined(self)
        self._order = Order() if order is None else order
        self._files, self._background = OpenFiles(self._limits.open_files, clock), Background()
        self._engine = Engine(
            storage=storage,
            composes=IComposes(storage, None),
            budget=budget,
            group=Group(self._limits.memory),
            clock=clock,
            wall=wall,
            offload=offload,
            limits=self._limits.transfer,
            background=self._background.run,
        )
        self._lookup, self._listings = Lookup(storage, self._known, root, self._engine), Listings(self._limits.listed)

    @property
    def pressed(self) -> bool:
        """Whether memory is so short that a client who ignores that his WRITEs wait should not be read from."""
        group, budget = self._engine.group, self._engine.budget
        return group.used > group.limit or budget.used > budget.limit

    def background(self, work: Coroutine[Any, Any, object]) -> None:
        """Run *work*; how it fails is logged."""
        self._background.run(work)

    @property
    def busy(self) -> bool:
        """Whether a file is open or something is being done."""
        return bool(self._files or self._background)

    async def settle(self) -> None:
        """Wait until all that runs in the background is over."""
        await self._background.settle()

    def lost(self) -> None:
        """The client is gone: what is open is aborted, what was closed lands."""
        self._files.lost()
        self._lookup.following.close()
        self._known.leave(self)

    def _inside(self, path: Path) -> Path:
        return self._root.join(path)

    async def stat(self, path: Path, follow: bool = True) -> Entry:
        """
        What stands at *path*; a file that this session is writing has the size it has by now.

        :raises NotFound: nothing does.
        """
        inside = self._inside(path)
        async with self._order.turn(look(inside)):
            writer = self._files.writing(inside, follow)
            if writer is not None:
                return replace(writer.entry, name=inside.name)
            return self._lookup.shown(await self._lookup.stat(inside, follow), path)

    async def listing(self, path: Path) -> Listing:
        """
        The entries of the directory *path*, without ``.`` and ``..``; files that this session is making come last.

        :raises NotFound: there is no such directory.
        :raises NotDirectory: it is a file.
        """
        inside = self._inside(path)
        made = self._files.made_in(inside)

        async def page(after: str | None) -> Page:
            async with self._order.turn(look_below(inside)):
                found = await self._lookup.page(inside, after)
                entries = merged(found, made)
                return replace(found, entries=self._lookup.shown_in(path, entries))

        return await self._listings.open(page)

    async def open_reader(self, path: Path, ready: Callable[[], None], first: int = 0) -> Reader:
        """
        Open the file *path* for reading.

        :param ready: called when a `Reader.read` that gave None is worth repeating.
        :param first: bytes that are wanted at once: where nothing is known of the file, they save a request.
        """
        inside = self._inside(path)
        async with self._files.opening(inside), self._order.turn(look(inside)):
            download = await self._lookup.download(inside, ready, first)
        return self._files.add(Reader(self, path, inside, download))

    async def open_writer(
        self, path: Path, mode: OpenMode, attributes: Attributes, ready: Callable[[], None]
    ) -> Writer:
        """
        Open the file *path* for writing, or reading and writing; nothing is stored before it is closed.

        :param attributes: the mode is for a new file; one that exists keeps its own.
        :param ready: called when a `Writer.read` that gave None is worth repeating.
        :raises NotFound: it is not there and *mode* does not create, or its directory is not there.
        :raises AlreadyExists: *mode* is exclusive and it is there.
        :raises IsDirectory: a directory is there.
        """
        inside = self._inside(path)
        behind = None if mode.truncate or mode.exclusive else inside
        # sshfs sends LSTAT right behind OPEN and takes "no such file" for a failed create: it waits for its turn
        async with self._files.opening(behind), self._order.turn(change(inside)):
            return await self._open(path, mode, attributes, ready)

    async def _open(self, path: Path, mode: OpenMode, attributes: Attributes, ready: Callable[[], None]) -> Writer:
        inside = self._inside(path)
        self._files.at(inside, exclusive=mode.create and mode.exclusive)
        return self._files.add(Writer(self, path, inside, await self._lookup.upload(inside, mode, attributes, ready)))

    def closing(self, writer: Writer, *, within: bool = False) -> AbstractAsyncContextManager[None]:
        """See `swftp.session.files.Owner`."""
        return self._closing(writer, nullcontext() if within else self._order.turn(*self._files.claims(writer)))

    @asynccontextmanager
    async def _closing(self, writer: Writer, turn: AbstractAsyncContextManager[object]) -> AsyncIterator[None]:
        self._files.closing()
        async with turn:
            try:
                yield
            except BaseException:
                self._known.changed(writer.upload.path)
                self._known.forget(writer.upload.path.parent)
                raise

    def stored(self, writer: Writer, entry: Entry) -> None:
        """See `swftp.session.files.Owner`."""
        changed = writer.upload.changed  # else *entry* is as old as its OPEN
        self._known.changed(writer.upload.path, entry if changed else None)
        if changed:
            self._known.learn(writer.upload.path, entry, self._known.mark)

    def ended(self, file: Reader | Writer) -> None:
        """See `swftp.session.files.Owner`."""
        self._files.discard(file)

    async def remove(self, path: Path) -> None:
        """
        Remove the file or link *path*.

        A file that is still being written there fails: it will not come back with its CLOSE.
        """
        inside = self._inside(path)
        async with self._order.turn(change(inside)):
            writers = self._files.at(inside)
            seen = await self._lookup.seen(inside)
            believed = seen is not None and seen.kind is not Kind.DIRECTORY
            try:
                await self._storage.remove(inside, seen if believed else UNSEEN)
            except errors.NotFound:
                if not writers:
                    raise
            finally:
                self._known.changed(inside)
            displaced(writers, "removed")

    async def make_directory(self, path: Path) -> None:
        """See `IStorage.make_directory`."""
        inside = self._inside(path)
        check_new(inside)
        async with self._order.turn(change(inside)):
            self._files.at(inside, exclusive=True)
            try:
                await self._storage.make_directory(inside)
            finally:
                self._known.changed(inside)
            self._known.made(inside)

    async def remove_directory(self, path: Path) -> None:
        """See `IStorage.remove_directory`; a file that is being written in it counts."""
        inside = self._inside(path)
        if path.is_root:
            raise errors.PermissionDenied()
        async with self._order.turn(change_below(inside)):
            if self._files.below(inside):
                raise errors.NotEmpty()
            try:
                await self._storage.remove_directory(inside)
            finally:
                self._known.changed(inside)

    async def rename(self, source: Path, target: Path, exclusive: bool = False) -> Entry:
        """
        See `IStorage.rename`.  Files that are being written under *source* go with it; one at *target* will not come
        back with its CLOSE.
        """
        old, new = self._inside(source), self._inside(target)
        if source.is_root or target.is_root:
            raise errors.PermissionDenied()
        with self._files.moving(old, new):
            return self._lookup.shown(await self._rename(old, new, exclusive), target)

    async def _rename(self, old: Path, new: Path, exclusive: bool) -> Entry:
        async with self._order.turn(change_below(old), change_below(new)):
            await self._lookup.check_name(new, old)
            self._files.check_movable(old)
            replaced = self._files.replaced(new, exclusive=exclusive) if new != old else []
            try:
                writer = self._files.writing(old)
                if writer is not None and writer.is_new and not await self._lookup.exists(old):
                    await self._lookup.check_target(new, exclusive)  # it is where it will be that is renamed
                    entry = replace(writer.entry, name=new.name)
                else:
                    entry = await self._storage.rename(old, new, exclusive, self._lookup.pair(old, new))
            finally:
                self._known.changed(old)
                self._known.changed(new)
            displaced(replaced, "replaced")
            self._files.move(old, new, new.relative_to(self._root), exclusive=exclusive)
            self._lookup.renamed(new, entry)
        return entry

    async def copy(self, source: Path, target: Path, exclusive: bool = False) -> Entry:
        """See `IStorage.copy`."""
        old, new = self._inside(source), self._inside(target)
        async with self._order.turn(look(old), change(new)):
            await self._lookup.check_name(new, old)
            self._files.at(new, exclusive=exclusive)
            try:
                return self._lookup.shown(await self._storage.copy(old, new, exclusive), target)
            finally:
                self._known.changed(new)

    async def combine(self, target: Path, sources: Sequence[Path]) -> Entry:
        """See `swftp.session.combining.combine`."""
        inside, parts = self._inside(target), [self._inside(source) for source in sources]
        async with self._order.turn(change(inside), *map(look, parts)):
            await self._lookup.check_name(inside)
            if any(map(self._files.writing, (inside, *parts))):
                raise errors.Busy("one of the files is being written")
            try:
                return self._lookup.shown(await combine(self._storage, inside, parts, self.wall()), target)
            finally:
                self._known.changed(inside)

    async def close_as_copy(self, writer: Writer, source: Path, seen: Entry) -> None:
        """
        The CLOSE of *writer*: what stands at its path becomes a copy of *seen*, which stands at *source*.

        :raises Changed: it does not any more.
        """
        old = self._inside(source)
        async with self._order.turn(look(old), *self._files.claims(writer)):
            if not writer.open:
                raise writer.upload.error or errors.InvalidRequest("file is closed")
            target, told = writer.upload.path, writer.upload.told.attributes
            try:
                await copy_seen(self._storage, old, seen, target, exclusive=writer.upload.exclusive)
                await self._storage.update(target, replace(told, mtime=self.wall()) if told.mtime is None else told)
                writer.copied()
            finally:
                writer.lost()
                self._known.changed(target)

    async def truncate(self, path: Path, size: int, attributes: Attributes) -> None:
        """
        Make the file *path* *size* bytes long and set *attributes*, in one step; one that is being written, at once.

        :raises NotFound: it is not there.
        """
        inside = self._inside(path)
        async with self._order.turn(change(inside)):
            writer = self._files.writing(inside, follow=True)
            if writer is not None:
                await writer.truncate(size)
                writer.set(attributes)
                return
            self._check_overwriting()
            async with self._files.opening():
                writer = await self._open(path, OpenMode(), Attributes(), lambda: None)
            try:
                await writer.truncate(size)
                if attributes != Attributes():
                    writer.set(attributes)
                if writer.upload.path == inside:
                    await writer.close(within=True)
            except BaseException:
                writer.lost()
                raise
        if not writer.over:  # where the link leads others may have been asked for, which have their turn first
            await writer.close()

    def _check_overwriting(self) -> None:
        """Refuse to change what stands there where the login may not."""

    async def make_link(self, path: Path, target: Path) -> None:
        """See `ILinks.make_link`.

        :raises Unsupported: this storage has no links.
        """
        links = able(ILinks, self._storage, "this storage has no symbolic links")
        inside = self._inside(path)
        async with self._order.turn(change(inside)):
            await self._lookup.check_name(inside)
            self._files.at(inside, exclusive=True)
            try:
                await links.make_link(inside, self._inside(target))
            finally:
                self._known.changed(inside)

    async def update(self, path: Path, attributes: Attributes) -> None:
        """See `IStorage.update`; of a file that is being written, its future."""
        inside = self._inside(path)
        async with self._order.turn(change(inside)):
            await self._update(inside, attributes)

    async def update_open(self, reader: Reader, attributes: Attributes) -> None:
        """
        As `update`, of what *reader* reads, whatever its name is by now.

        :raises Changed: another file has that name.
        """
        async with self._order.turn(*self._files.claims(reader)):
            seen = await reader.confirm()
            if (await self._lookup.stat(reader.at, fresh=True)).version != seen.version:
                raise errors.Changed()
            await self._update(reader.at, attributes)

    async def _update(self, inside: Path, attributes: Attributes) -> None:
        writer = self._files.writing(inside, follow=True)
        if writer is not None:
            writer.set(attributes)
            return
        mark, entry = self._known.mark, None
        try:
            entry = await self._storage.update(inside, attributes)
        finally:
            self._known.became(inside, entry, mark)

    async def usage(self, path: Path) -> Usage:
        """See `IQuota.usage`; `Unsupported` where this storage does not know."""
        return await able(IQuota, self._storage, "this storage has no quota").usage(self._inside(path))
