"""
The handles of one channel.

A handle's number is never used twice, so a late request cannot meet a stranger's file.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from contextlib import suppress
from typing import TypeVar

from swftp import errors
from swftp.paths import Path, parse
from swftp.sftp.handles import FileHandle, Handle
from swftp.sftp.wire import HANDLE_SIZE

HandleT = TypeVar("HandleT", bound=Handle)


class HandleTable:
    """Handles by number; those being opened and closed count as well."""

    def __init__(self, limit: int) -> None:
        """
        :param limit: most handles at a time.
        """
        self.limit = limit
        self._numbers = itertools.count(1)
        self._named: dict[bytes, Handle] = {}
        self._alive: set[Handle] = set()
        self._closed = False

    def get(self, name: bytes) -> Handle | None:
        """The handle *name*, or None."""
        return self._named.get(name)

    def find(self, name: bytes, kind: type[HandleT]) -> HandleT:
        """
        The handle *name*.

        :raises InvalidRequest: there is none, or it is of another *kind*.
        """
        handle = self._named.get(name)
        if handle is None:
            raise errors.InvalidRequest("invalid handle")
        if not isinstance(handle, kind):
            raise errors.InvalidRequest("wrong kind of handle")
        return handle

    def behind(self, names: Iterable[bytes], cwd: Path) -> list[Handle]:
        """The handles of files being written at *names* that have not got to all that was asked of them."""
        late = [h for h in self._alive if isinstance(h, FileHandle) and h.writable and (h.behind or h.twin)]
        if not late:
            return []
        paths = set[Path]()
        for name in names:
            with suppress(errors.InvalidName):  # whoever looks at the name will say so
                paths.add(parse(name, cwd))
        return [handle for handle in late if handle.path in paths]

    def twins(self, path: Path) -> list[FileHandle]:
        """The handles of files being written at *path* that are to hold what another does."""
        return [h for h in self._alive if isinstance(h, FileHandle) and h.twin and h.path == path]

    def reserve(self, handle: Handle) -> None:
        """
        Take a place for *handle*, before anything is opened for it.

        :raises Busy: too many are open.
        """
        if len(self._alive) >= self.limit:
            raise errors.Busy("too many open files")
        self._alive.add(handle)

    def add(self, handle: Handle) -> bytes:
        """
        Name *handle*, which was reserved and now is open.

        :raises Interrupted: the client has gone meanwhile; the handle is abandoned.
        """
        if self._closed:
            handle.abandon()
            raise errors.Interrupted()
        name = next(self._numbers).to_bytes(HANDLE_SIZE, "big")
        self._named[name] = handle
        return name

    def unname(self, name: bytes) -> None:
        """*name* is no more; its handle lives on until `release`."""
        del self._named[name]

    def release(self, handle: Handle) -> None:
        """Nothing is open for *handle* any more."""
        self._alive.discard(handle)

    def abandon(self) -> None:
        """The client is gone: give up everything."""
        self._closed = True
        self._named.clear()
        alive, self._alive = self._alive, set()
        for handle in alive:
            handle.abandon()
