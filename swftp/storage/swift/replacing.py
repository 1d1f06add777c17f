"""
What a new object replaces, and whose parts therefore go when it is there.

A look costs a request, so it is made only where nobody looked before.
"""

from __future__ import annotations

from collections.abc import Sequence

from swftp import errors
from swftp.entries import UNLIKELY, UNSEEN, Entry, Kind
from swftp.paths import Path
from swftp.storage.swift import describe
from swftp.storage.swift.manifests import Segment
from swftp.storage.swift.objects import Names, Objects
from swftp.storage.swift.segments import Segments

Old = tuple[Sequence[Segment], Sequence[Names]]
"""Segments, and nested manifests, of what is no more."""


class Replacing:
    """Looks at what stands where something is to be stored."""

    def __init__(self, objects: Objects, segments: Segments) -> None:
        self._objects = objects
        self._segments = segments

    async def _look(self, path: Path) -> Entry | None:
        headers = await self._objects.head((path.container, path.object), follow=False)
        return None if headers is None else describe.entry_of(path.name, headers)

    async def segments_of(self, path: Path, exclusive: bool, replaces: Entry | None) -> Old:
        """
        What goes with what stands at *path* and will be replaced.

        :param replaces: see `IStorage.store`.
        :raises IsDirectory: it cannot be.
        """
        if not path.object:
            raise errors.PermissionDenied("files live in containers")
        if (replaces is UNSEEN or replaces is UNLIKELY) and not exclusive:
            replaces = await self._look(path)
        if replaces is None or replaces is UNSEEN or replaces is UNLIKELY:
            return [], []
        if replaces.kind is Kind.DIRECTORY:
            raise errors.AlreadyExists() if exclusive else errors.IsDirectory()
        if replaces.detail.get("large") != "slo":
            return [], []
        return await self._segments.read((path.container, path.object))

    async def in_the_way(self, path: Path) -> Entry | None:
        """
        What is at *path* although it was unlikely, to be replaced.

        :raises Changed: a link, which should have been followed when the file was opened.
        """
        entry = await self._look(path)
        if entry is not None and entry.kind is Kind.SYMLINK:
            raise errors.Changed("a link was made while the file was written")
        return entry
