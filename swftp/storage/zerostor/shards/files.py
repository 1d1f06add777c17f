"""
The files of a `DirectoryShard`: blocking calls, made in threads.

A file is a header (magic, length, digest of key and value) and the value, so that a file that was cut, changed or
moved to another name is seen.
"""

# Paths of keys are strings: to put a `Path` together costs half of what else a small file does.
# ruff: noqa: PTH102, PTH104, PTH108, PTH116, PTH123

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from struct import Struct
from tempfile import mkstemp

import xxhash

from swftp.errors import Corrupt, InvalidRequest, NotFound, Unavailable
from swftp.storage.zerostor.shards.interfaces import (
    VALUE_LIMIT,
    Block,
    Capacity,
    Cursor,
    Held,
    Refused,
    Value,
    length,
    parts_of,
)

MARKER, TEMPORARY, FILES = "shard", "tmp", "files"
MARK = b"A shard of SwFTP, version 1. What is below belongs to it.\n"
HEADER = Struct(">8sQ16s")
MAGIC = b"SwFTPzs1"
FOLDERS = 0x1000
PAGE = 1000
"""Keys that make a page of a scan; it goes on to the end of a directory."""
VECTOR = 64
"""Parts given to the kernel at once."""
FORGOTTEN = 3600.0
"""Seconds after which a temporary file is nobody's."""


def prepare(root: Path) -> None:
    """
    Make *root* a shard, if it is none yet.

    :raises FileExistsError: there is something else in it.
    :raises OSError: it cannot be made.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (root / MARKER).exists():
        return
    if any(path.name not in (TEMPORARY, FILES) for path in root.iterdir()):
        raise FileExistsError(errno.EEXIST, "not empty, and no shard", str(root))
    for name in (TEMPORARY, FILES):
        (root / name).mkdir(mode=0o700, exist_ok=True)
    with (root / MARKER).open("wb") as marker:
        marker.write(MARK)
        marker.flush()
        os.fsync(marker.fileno())
    sync(root)
    sync(root.parent)


def sync(folder: Path | str) -> None:
    """Have the names in *folder* on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Files:
    """What is below *root*.  OSError is translated by whoever calls."""

    def __init__(self, root: Path, page_size: int = PAGE, sync: Callable[[str], None] = sync) -> None:
        self._root, self._page_size, self._sync = root, page_size, sync
        self._made: set[str] = set()
        """Directories whose own names may not be on the disk."""
        self._marker, self._files, self._temporary = (str(root / name) for name in (MARKER, FILES, TEMPORARY))

    def check_marker(self) -> None:
        """
        :raises Refused: this is no shard, or its disk is not mounted.
        """
        try:
            os.stat(self._marker)
        except FileNotFoundError as error:
            raise Refused("no shard is here: not mounted, or not made yet") from error

    def path(self, key: bytes) -> str:
        """Where *key* is."""
        return f"{self._folder(xxhash.xxh64_intdigest(key) % FOLDERS)}/{key.hex()}"

    def _folder(self, number: int) -> str:
        return f"{self._files}/{number:03x}"

    def write(self, key: bytes, value: Value) -> None:
        """Have *value* under *key*, on the disk."""
        self.check_marker()
        path = self.path(key)
        folder, _, name = path.rpartition("/")
        descriptor, temporary = mkstemp("", name, self._temporary)
        try:
            try:
                write_all(descriptor, [header(key, value), *parts_of(value)])
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
            self._rename(temporary, path, folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        self._sync(folder)
        if folder in self._made:  # the other way round, the disk would have to write its journal twice
            self._sync(self._files)
            self._made.discard(folder)

    def _rename(self, temporary: str, path: str, folder: str) -> None:
        try:
            os.rename(temporary, path)
        except FileNotFoundError:
            self._made.add(folder)  # before it is seen: whoever finds it there waits for its name as well
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700)
            os.rename(temporary, path)

    def read(self, key: bytes) -> bytes:
        """The value of *key*, verified."""
        try:
            with open(self.path(key), "rb", buffering=0) as file:
                magic, size, digest = HEADER.unpack(file.read(HEADER.size).ljust(HEADER.size, b"\0"))
                if magic != MAGIC or size > VALUE_LIMIT:
                    raise Corrupt
                value = file.read(size + 1)
        except FileNotFoundError as error:
            self.check_marker()
            raise NotFound from error
        except OSError as error:
            if error.errno == errno.EIO:
                raise Corrupt from error
            raise
        if len(value) != size or digest_of(key, value) != digest:
            raise Corrupt
        return value

    def remove(self, key: bytes) -> None:
        """Forget *key*."""
        try:
            os.unlink(self.path(key))
        except FileNotFoundError as error:
            self.check_marker()
            raise NotFound from error

    def capacity(self) -> Capacity:
        """Of the file system."""
        self.check_marker()
        found = os.statvfs(self._root)
        return Capacity(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)

    def page(self, cursor: Cursor) -> tuple[tuple[Held, ...], Cursor]:
        """The keys of some of the directories, and the number of the next."""
        self.check_marker()
        if cursor is None:
            self._sweep()
        held: list[Held] = []
        for number in range(number_of(cursor), FOLDERS):
            if len(held) >= self._page_size:
                return tuple(held), b"%d" % number
            with suppress(FileNotFoundError):  # most of them, in a shard with little in it
                held += held_in(self._folder(number))
        return tuple(held), None

    def _sweep(self) -> None:
        """Remove what was being written when a process ended."""
        for path in Path(self._temporary).iterdir():
            with suppress(FileNotFoundError):  # whoever wrote it has just finished
                if path.stat().st_mtime < time.time() - FORGOTTEN:
                    path.unlink()


def number_of(cursor: Cursor) -> int:
    """
    The directory that *cursor* goes on with.

    :raises InvalidRequest: it is none of ours.
    """
    if cursor is not None and not cursor.isdigit():
        raise InvalidRequest("no cursor of this shard")
    return int(cursor or 0)


def held_in(folder: str) -> list[Held]:
    """The keys below *folder*; what has no name of a key is not ours."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError, ValueError):
                about = entry.stat()
                found.append(Held(bytes.fromhex(entry.name), about.st_mtime))
    return found


def digest_of(key: bytes, value: Value) -> bytes:
    """What tells whether a file is what it says."""
    digest = xxhash.xxh3_128(key)
    for part in parts_of(value):
        digest.update(part)
    return digest.digest()


def header(key: bytes, value: Value) -> bytes:
    """What stands before *value*."""
    return HEADER.pack(MAGIC, length(value), digest_of(key, value))


def write_all(descriptor: int, parts: Sequence[Block]) -> None:
    """Write *parts*, however little the kernel takes at once."""
    rest = [memoryview(part) for part in parts if len(part)]
    while rest:
        count = os.writev(descriptor, rest[:VECTOR])
        if not count:
            raise Unavailable("the disk takes nothing")
        while rest and count >= len(rest[0]):
            count -= len(rest.pop(0))
        if count:
            rest[0] = rest[0][count:]
