"""
Renaming: a copy, and then the old name goes.  Not atomic: after a crash both names may be there, never neither.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from twisted.logger import Logger

from swftp import errors
from swftp.entries import UNLIKELY, Entry, Kind, Pair
from swftp.paths import Path
from swftp.storage.swift.describe import version_of
from swftp.storage.swift.objects import Names, Objects
from swftp.storage.swift.replacing import Old, Replacing
from swftp.storage.swift.trees import LONG, Trees

log = Logger()


class Renaming:
    """Of files, links and directories of one login."""

    def __init__(
        self,
        objects: Objects,
        trees: Trees,
        replacing: Replacing,
        look: Callable[[Path, bool, bool], Awaitable[Entry]],
        stored: Callable[[Path, Old], None],
    ) -> None:
        """
        :param look: `IStorage.stat`.
        :param stored: told what was stored, and what that replaced.
        """
        self._objects = objects
        self._trees = trees
        self._replacing = replacing
        self._look = look
        self._stored = stored

    async def rename(self, source: Path, target: Path, exclusive: bool, known: Pair) -> Entry:
        """See `IStorage.rename`: two requests for a file, and one for each end that nobody knows."""
        seen = known[0] if _plain(known[0]) and not exclusive else None
        try:  # a second try would find the first one's copy, where that got no answer
            return await self._rename(source, target, exclusive, seen, known[1])
        except (errors.Changed, errors.NotFound):
            if seen is None:
                raise
        return await self._rename(source, target, exclusive, None, known[1])

    async def _rename(
        self, source: Path, target: Path, exclusive: bool, seen: Entry | None, replaces: Entry | None
    ) -> Entry:
        """:param seen: the file *source*; if it is another by now nothing is changed, and `Changed` raised."""
        entry = seen or await self._look(source, False, True)
        if source == target:
            return entry
        standing = await self._standing(target, replaces is not UNLIKELY or entry.kind is Kind.DIRECTORY)
        if standing is not None and exclusive:
            raise errors.AlreadyExists()
        if entry.kind is Kind.DIRECTORY:
            await self._directory(source, target, standing)
        else:
            await self._file(source, target, entry, standing, seen.digest if seen is not None else None)
        return replace(entry, name=target.name)

    async def _standing(self, target: Path, implied: bool) -> Entry | None:
        try:
            return await self._look(target, False, implied)
        except errors.NotFound:
            return None

    async def _directory(self, source: Path, target: Path, standing: Entry | None) -> None:
        if source.covers(target):
            raise errors.InvalidRequest("a directory cannot be moved into itself")
        if standing is not None and standing.kind is not Kind.DIRECTORY:
            raise errors.NotDirectory()
        if standing is not None and not await self._trees.is_empty(target):
            raise errors.NotEmpty()
        if await self._trees.unlisted(target, []):
            raise errors.NotEmpty()
        await self._trees.move(source, target, standing is not None)

    async def _file(self, source: Path, target: Path, entry: Entry, standing: Entry | None, only: str | None) -> None:
        old = await self._replacing.segments_of(target, False, standing)
        slo = entry.detail.get("large") == "slo"
        version = entry.version if slo or entry.digest else None
        names = (source.container, source.object), (target.container, target.object)
        until = self._objects.client.clock.seconds() + LONG
        try:
            copied = await self._trees.copy_name(*names, size=entry.size, slo=slo, version=version, only=only)
        except errors.Changed:
            if standing is None and only is None:
                await self._take_back(*names)
            raise
        if copied is None:
            raise errors.NotFound()
        try:
            if version is None or self._objects.client.clock.seconds() < until or await self._is(names[0], version):
                await self._objects.delete(names[0])
                self._trees.removed(source)
        except errors.StorageError:
            log.warn("{source} was copied to {target}, and stays", source=str(source), target=str(target))
            raise
        self._stored(target, old)

    async def _take_back(self, source: Names, target: Names) -> None:
        """Remove *target*, where nothing was: a copy of what *source* has become, but nobody asked for that one."""
        now = await self._objects.head(source, follow=False)
        if now is not None and await self._is(target, version_of(now)):
            await self._objects.delete(target)

    async def _is(self, names: Names, version: str) -> bool:
        """Whether *version* is what the object *names* holds by now: another, stored meanwhile, is not to be lost."""
        headers = await self._objects.head(names, follow=False)
        return headers is not None and version_of(headers) == version


def _plain(entry: Entry | None) -> bool:
    """
    Whether *entry* says all that has to be known, if what is copied has its checksum.

    That of nothing is also the checksum of directories and links.
    """
    return entry is not None and entry.kind is Kind.FILE and entry.digest is not None and entry.size > 0
