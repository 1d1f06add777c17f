"""
What stands at a path, and what opening it for writing means; with as few requests as the answer needs.

All paths here are the store's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from swftp import errors
from swftp.entries import UNLIKELY, UNSEEN, Attributes, Entry, Kind, Page, Pair
from swftp.interfaces import IStorage
from swftp.paths import ROOT, Path, check_new, exact
from swftp.session.files import OpenMode
from swftp.session.following import Following
from swftp.session.head import head
from swftp.session.known import Known
from swftp.session.stepping import Stepping
from swftp.transfer.download import Download
from swftp.transfer.engine import Engine
from swftp.transfer.target import Target
from swftp.transfer.upload import Upload

HOPS = 8
"""Symbolic links followed in a row to the file that is to be written."""


class Lookup:
    """
    One session's.

    :ivar known: what it remembers.
    :ivar following: files that the client is about to read.
    """

    def __init__(self, storage: IStorage, known: Known, root: Path, engine: Engine) -> None:
        self.known = known
        self.following = Following(storage, known, engine.budget, engine.group, engine.clock)
        self._stepping = Stepping(engine.clock)
        self._storage = storage
        self._root = root
        self._engine = engine

    async def stat(self, inside: Path, follow: bool = True, fresh: bool = False) -> Entry:
        """
        See `IStorage.stat`.

        :param fresh: ask, whatever is remembered.
        """
        entry = UNSEEN if fresh else await self.seen(inside)
        if entry is UNSEEN or entry is None:
            entry = await self._look(inside)
        return await self._storage.stat(inside) if follow and entry.kind is Kind.SYMLINK else entry

    async def seen(self, inside: Path) -> Entry | None:
        """What is remembered of *inside* itself, as `Known.get`; a page is asked for where one is worked through."""
        entry = self.known.get(inside, follow=False)
        wanted = (self.known.worn(inside) or self._stepping.step(inside)) if entry is UNSEEN else None
        if wanted is not None:
            try:
                with self._stepping.listing():
                    page = await self.page(*wanted)
            except errors.StorageError:
                return UNSEEN
            entry = self.known.get(inside, follow=False)
            if entry is not UNSEEN:
                self._stepping.shown(inside, page.after)
        return entry

    async def page(self, inside: Path, after: str | None) -> Page:
        """See `IStorage.list`."""
        mark = self.known.mark
        page = await self._storage.list(inside, after)
        self.known.learn_page(inside, page.entries, after, mark)
        return page

    async def _look(self, inside: Path) -> Entry:
        mark = self.known.mark
        try:
            entry = await self._storage.stat(
                inside, follow=False
            )  # where a link leads may be free when its name is not
        except errors.NotFound:
            self.known.learn(inside, None, mark)
            raise
        self.known.learn(inside, entry, mark)
        return entry

    async def download(self, inside: Path, ready: Callable[[], None], first: int) -> Download:
        """
        The file at *inside*, open for reading; for *ready* see `Download`.

        :param first: bytes of it to bring along, where the store has to be asked anyway.
        :raises IsDirectory: it is none.
        """
        fetched = await self.following.take(inside)
        entry, begun, certain = (*fetched, True) if fetched is not None else await self._file(inside, first)
        self.following.opened(inside)
        download = Download(
            self._engine,
            inside,
            entry,
            ready=ready,
            look=lambda: self.stat(download.path, fresh=True),
            certain=certain,
            head=begun,
        )
        return download

    async def _file(self, inside: Path, first: int) -> tuple[Entry, bytes, bool]:
        """What a reader of *inside* is pinned to, its first bytes, whether it is of just now."""
        entry, begun = await self.seen(inside), b""
        if entry is not None and entry.kind is Kind.SYMLINK:
            entry = UNSEEN
        certain = entry is UNSEEN or entry is None or entry.version is None
        known = not certain
        if certain and first:
            entry, begun = await head(self._storage, inside, first)
            known = entry.version is not None and len(begun) == min(first, entry.size)
        if entry is None or not known:
            entry, begun = await self.stat(inside, fresh=True), b""
        if entry.kind is Kind.DIRECTORY:
            raise errors.IsDirectory()
        return entry, begun, certain

    async def check_target(self, inside: Path, exclusive: bool) -> None:
        """Refuse to give the name *inside* to a file that is not stored yet where its CLOSE would be refused.

        :raises AlreadyExists: something stands there, and *exclusive* says that it may not.
        """
        try:
            standing = await self._storage.stat(inside, follow=False)
        except errors.NotFound:
            await self.check_parent(inside.parent)
            return
        if exclusive:
            raise errors.AlreadyExists()
        if standing.kind is Kind.DIRECTORY:
            raise errors.IsDirectory()

    async def target(self, inside: Path, mode: OpenMode) -> tuple[Target, Entry | None]:
        """What opening *inside* for writing means, and what stands there."""
        if len(inside.parts) < 2 and (inside.is_root or self._storage.containers):
            await self._refuse_container(inside)
        entry = await self._standing(inside, mode)
        for _ in range(HOPS):
            if entry is None or entry.kind is not Kind.SYMLINK or mode.exclusive:
                break
            inside = self._linked(entry)
            entry = await self._standing(inside, mode)
        exclusive = mode.create and mode.exclusive
        await self._check(inside, entry, create=mode.create, exclusive=exclusive)
        base = None if mode.truncate else entry
        absent = mode.append and not mode.truncate and entry is None
        target = Target(
            path=inside, base=base, append=mode.append, exclusive=exclusive or absent, absent=absent and not exclusive
        )
        return target, entry

    async def upload(self, inside: Path, mode: OpenMode, attributes: Attributes, ready: Callable[[], None]) -> Upload:
        """The file at *inside*, open for writing; see `target`, and for *ready* `Upload`."""
        mark = self.known.mark
        target, entry = await self.target(inside, mode)
        if entry is not None:  # as open(2): the mode is one for a new file
            attributes = replace(attributes, mode=entry.mode)

        def replaces() -> Entry | None:
            free = entry is None and upload.path == target.path and self.known.unchanged(upload.path, mark)
            return self.replaced(upload.path, free=free)

        upload = Upload(self._engine, target, attributes, ready=ready, replaces=replaces)
        return upload

    async def _check(self, inside: Path, entry: Entry | None, *, create: bool, exclusive: bool) -> None:
        """Refuse at OPEN what would be refused at CLOSE."""
        if entry is None:
            if not create:
                raise errors.NotFound()
            check_new(inside)
            if self.known.is_directory(inside) and await self._is_directory(inside):
                raise errors.IsDirectory()
            await self.check_parent(inside.parent)
        elif exclusive:
            raise errors.AlreadyExists()
        elif entry.kind is Kind.DIRECTORY:
            raise errors.IsDirectory()
        elif entry.kind is Kind.SYMLINK:
            raise errors.InvalidRequest("too many symbolic links")

    async def _is_directory(self, inside: Path) -> bool:
        """Whether a directory, perhaps one that exists by its children alone, is at *inside*."""
        try:
            return (await self.stat(inside, fresh=True)).kind is Kind.DIRECTORY
        except errors.NotFound:
            return False

    async def _refuse_container(self, inside: Path) -> None:
        """A file cannot be where containers are; say what is wrong with this one."""
        try:
            await self.stat(inside)
        except errors.NotFound:
            raise errors.PermissionDenied("files live in containers") from None
        raise errors.IsDirectory()

    async def _standing(self, inside: Path, mode: OpenMode) -> Entry | None:
        """What a file at *inside* would replace; remembered only where nothing of it is kept and no error follows."""
        known = self.known.get(inside, follow=False)  # OpenSSH has just asked for it with STAT
        if known is not UNSEEN and mode.truncate and not mode.exclusive:
            if known is None and mode.create:
                return None
            if known is not None and known.kind is Kind.FILE:
                return known
        if self.replaced(inside) is UNLIKELY and mode.create and mode.truncate and not mode.exclusive:
            return None
        mark = self.known.mark
        try:
            entry = await self._storage.stat(inside, follow=False, implied=False)
        except errors.NotFound:
            self.known.learn_no_object(inside, mark)
            return None
        self.known.learn(inside, entry, mark)
        return entry

    def replaced(self, inside: Path, free: bool = False) -> Entry | None:
        """
        What a file that is stored at *inside* replaces, as far as it is known: see `IStorage.store`.

        :param free: whether nothing was there when it was opened.
        """
        known = self.known.get(inside, follow=False)
        if known is None or (known is UNSEEN and (free or self.known.unlikely(inside))):
            return UNLIKELY  # nothing was there: the store finds out whether that is so still
        return known

    def pair(self, old: Path, new: Path) -> Pair:
        """What is known of two names: see `IStorage.rename`."""
        seen, there = self.known.get(old, follow=False), self.known.get(new, follow=False)
        likely = there is not UNSEEN or not self.known.unlikely(new)  # without an object it may be a directory
        return (UNSEEN if seen is None else seen), (UNSEEN if likely else UNLIKELY)

    def renamed(self, inside: Path, entry: Entry) -> None:
        """*entry* was renamed to *inside*; its time is still its own if we gave it one."""
        if entry.version is not None and entry.digest is not None and "timed" in entry.detail:
            self.known.learn(inside, entry, self.known.mark)

    def _linked(self, entry: Entry) -> Path:
        """Where the symbolic link *entry* leads."""
        try:
            target = exact(entry.target or "/")
        except errors.InvalidName:
            target = ROOT
        if not self._root.covers(target) or (self._storage.containers and not target.object):
            raise errors.PermissionDenied("the link leads outside")
        return target

    async def check_name(self, inside: Path, beside: Path = ROOT) -> None:
        """
        Refuse *inside* as a new name where it is too long, or in a directory that is not there.

        To a store of objects any name is as good as another; who speaks a protocol of files has mistyped it.

        :param beside: what is there, or the store will say that it is not: of its directory nobody need ask.
        """
        check_new(inside)
        if inside.parent.object and inside.parent != beside.parent:
            await self.check_parent(inside.parent)

    async def check_parent(self, parent: Path) -> None:
        """
        :raises NotFound: nothing is at *parent*.
        :raises NotDirectory: it is a file.
        """
        if not self.known.is_directory(parent) and (await self.stat(parent, fresh=True)).kind is not Kind.DIRECTORY:
            raise errors.NotDirectory()

    async def exists(self, inside: Path) -> bool:
        """Whether the store has an object at *inside* just now."""
        try:
            await self._storage.stat(inside, follow=False, implied=False)
        except errors.NotFound:
            return False
        return True

    def shown(self, entry: Entry, path: Path) -> Entry:
        """*entry*, which stands at the client's *path*, as the client should see it."""
        if path.is_root:
            return replace(entry, name="")
        if entry.target is not None and not self._root.is_root:
            return replace(entry, target=self._seen_from_root(entry.target))
        return entry

    def _seen_from_root(self, target: str) -> str:
        """What a client is told of where a link leads: of what is outside of its root, nothing."""
        try:
            path = exact(target)
        except errors.InvalidName:
            path = ROOT
        return str(path.relative_to(self._root)) if self._root.covers(path) else "/"

    def shown_in(self, path: Path, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """*entries* of the client's directory *path*, each as `shown`."""
        if self._root.is_root:
            return entries
        return tuple(e if e.target is None else self.shown(e, path.child(e.name)) for e in entries)
