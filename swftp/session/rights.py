"""
What a login may do, where not everything: the one place that says no, for SFTP, scp and FTP alike.

The law: `RestrictedSession` overrides every verb of `Session`, and a test fails where one has been forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, TypeVar

from swftp import errors
from swftp.entries import Attributes, Entry, Kind, Usage
from swftp.paths import Path
from swftp.session.files import OpenMode, Reader, Writer
from swftp.session.listing import Listing
from swftp.session.metered import meter_reader, meter_writer
from swftp.session.session import Session
from swftp.transfer.meter import Meter

T = TypeVar("T")


class Permission(Enum):
    """One thing that a login may be allowed to do."""

    LIST = "list"
    """See what is in a directory."""
    READ = "read"
    """Read what a file holds."""
    WRITE = "write"
    """Make new files and links, and set the times of files."""
    OVERWRITE = "overwrite"
    """Replace and change what is there."""
    DELETE = "delete"
    """Remove files and directories."""
    RENAME = "rename"
    """Give files and directories other names."""
    MKDIR = "mkdir"
    """Make directories."""


Permissions = frozenset[Permission]
EVERYTHING: Permissions = frozenset(Permission)
READ_ONLY: Permissions = frozenset({Permission.LIST, Permission.READ})


class RestrictedSession(Session):
    """A login that may do some of it."""

    def __init__(
        self,
        *args: Any,
        permissions: Permissions,
        upload: Meter | None = None,
        download: Meter | None = None,
        **options: Any,
    ) -> None:
        """
        :param upload: of what the client sends; *download*: of what it is sent.
        """
        super().__init__(*args, **options)
        self._permissions = permissions
        self._upload, self._download = upload, download

    def _may(self, *any_of: Permission) -> bool:
        return not self._permissions.isdisjoint(any_of)

    def _need(self, *any_of: Permission) -> None:
        if not self._may(*any_of):
            raise errors.PermissionDenied()

    async def stat(self, path: Path, follow: bool = True) -> Entry:
        """As of `Session`; who may neither list nor read sees directories, and the files it is writing."""
        entry = await super().stat(path, follow)
        if entry.kind is Kind.DIRECTORY or self._may(Permission.LIST, Permission.READ):
            return entry
        if self._files.writing(self._inside(path), follow) is None:
            raise errors.NotFound()
        return entry

    async def listing(self, path: Path) -> Listing:
        """As of `Session`."""
        self._need(Permission.LIST)
        return await super().listing(path)

    async def open_reader(self, path: Path, ready: Callable[[], None], first: int = 0) -> Reader:
        """As of `Session`."""
        self._need(Permission.READ)
        reader = await super().open_reader(path, ready, first)
        if self._download is not None:
            meter_reader(reader, self._download, ready)
        return reader

    async def open_writer(
        self, path: Path, mode: OpenMode, attributes: Attributes, ready: Callable[[], None]
    ) -> Writer:
        """As of `Session`; who may not overwrite makes new files only, and that is so at CLOSE, too."""
        create = mode.create and self._may(Permission.WRITE)
        if not create and (mode.exclusive or not self._may(Permission.OVERWRITE)):
            raise errors.PermissionDenied()
        try:
            writer = await self._sparing(
                mode.exclusive,
                lambda e: Session.open_writer(
                    self, path, replace(mode, create=create, exclusive=e), attributes, ready
                ),
            )
        except errors.NotFound:
            if create is mode.create:
                raise
            raise errors.PermissionDenied() from None
        if not self._may(Permission.READ):
            writer.read = _unreadable
        if self._upload is not None:
            meter_writer(writer, self._upload)
        return writer

    async def _sparing(self, exclusive: bool, work: Callable[[bool], Coroutine[Any, Any, T]]) -> T:
        """What *work* comes to: it is told whether something may stand where it makes something."""
        if exclusive or self._may(Permission.OVERWRITE):
            return await work(exclusive)
        try:
            return await work(True)
        except errors.AlreadyExists:
            raise errors.PermissionDenied() from None

    async def remove(self, path: Path) -> None:
        """As of `Session`."""
        self._need(Permission.DELETE)
        await super().remove(path)

    async def make_directory(self, path: Path) -> None:
        """As of `Session`."""
        self._need(Permission.MKDIR)
        await super().make_directory(path)

    async def remove_directory(self, path: Path) -> None:
        """As of `Session`."""
        self._need(Permission.DELETE)
        await super().remove_directory(path)

    async def rename(self, source: Path, target: Path, exclusive: bool = False) -> Entry:
        """As of `Session`."""
        self._need(Permission.RENAME)
        return await self._sparing(exclusive, lambda e: Session.rename(self, source, target, e))

    async def copy(self, source: Path, target: Path, exclusive: bool = False) -> Entry:
        """As of `Session`."""
        self._need(Permission.READ)
        self._need(Permission.WRITE)
        return await self._sparing(exclusive, lambda e: Session.copy(self, source, target, e))

    async def combine(self, target: Path, sources: Sequence[Path]) -> Entry:
        """As of `Session`; what stands at *target* is replaced."""
        for needed in (Permission.READ, Permission.WRITE, Permission.OVERWRITE):
            self._need(needed)
        return await super().combine(target, sources)

    async def close_as_copy(self, writer: Writer, source: Path, seen: Entry) -> None:
        """As of `Session`; what *writer* may do was decided when it was opened."""
        self._need(Permission.READ)
        await super().close_as_copy(writer, source, seen)

    async def truncate(self, path: Path, size: int, attributes: Attributes) -> None:
        """As of `Session`; a file that this session is writing is its own."""
        self._need(Permission.WRITE, Permission.OVERWRITE)
        await super().truncate(path, size, attributes)

    def _check_overwriting(self) -> None:
        self._need(Permission.OVERWRITE)

    async def make_link(self, path: Path, target: Path) -> None:
        """As of `Session`."""
        self._need(Permission.WRITE)
        await super().make_link(path, target)

    async def update(self, path: Path, attributes: Attributes) -> None:
        """As of `Session`; clients set the time of what they have just stored."""
        self._need(Permission.WRITE, Permission.OVERWRITE)
        await super().update(path, attributes)

    async def update_open(self, reader: Reader, attributes: Attributes) -> None:
        """As of `Session`."""
        self._need(Permission.WRITE, Permission.OVERWRITE)
        await super().update_open(reader, attributes)

    async def usage(self, path: Path) -> Usage:
        """As of `Session`; everybody may ask how much room there is."""
        return await super().usage(path)


def _unreadable(offset: int, length: int) -> bytes | memoryview | None:
    raise errors.PermissionDenied()
