"""``scp -t``: the client sends files and trees."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from swftp import errors
from swftp.entries import Attributes, Kind
from swftp.paths import Path, is_plain, resolve
from swftp.session import OpenMode, Session, Writer
from swftp.sftp.scp import Order, ScpIO

SLICE = 256 * 1024
_CREATE = OpenMode(create=True, truncate=True)
_FILE = re.compile(rb"[CD]([0-7]{4}) ([0-9]{1,18}) (.+)", re.DOTALL)
_TIMES = re.compile(rb"T([0-9]{1,11}) [0-9]{1,6} [0-9]{1,11} [0-9]{1,6}")


class _Fatal(Exception):
    """The client does not keep to the protocol."""


@dataclass(frozen=True, slots=True)
class _Announced:
    """A ``C`` or ``D`` line."""

    mode: int
    size: int
    name: str


async def sink(session: Session, io: ScpIO, clock: IReactorTime, order: Order) -> int:
    """Take what comes; returns the exit status."""
    return await _Sink(session, io, order).run()


class _Sink:
    def __init__(self, session: Session, io: ScpIO, order: Order) -> None:
        self._session = session
        self._io = io
        self._order = order
        self._target: Path
        self._target_is_directory = False
        self._inside: list[Path] = []
        """Directories entered, innermost last."""
        self._mtime: float | None = None
        """Of the last ``T`` line, for the file or directory that follows it."""
        self._errors = 0

    async def run(self) -> int:
        """All of it."""
        io = self._io
        try:
            await self._look_at_target()
            await io.put(b"\0")
            while not await io.at_end():
                await self._record(await io.line())
            if self._inside:
                raise _Fatal("unexpected end")
        except (_Fatal, errors.StorageError) as error:
            await io.give_up(str(error))
            return 1
        return 1 if self._errors else 0

    async def _look_at_target(self) -> None:
        self._target = resolve(self._order.paths[0].text)
        with suppress(errors.NotFound):
            self._target_is_directory = (await self._session.stat(self._target)).kind is Kind.DIRECTORY
        if self._order.directory and not self._target_is_directory:
            raise errors.NotDirectory(f"{self._target}: not a directory")

    async def _record(self, line: bytes) -> None:
        kind = line[:1]
        if kind == b"\1":  # something went wrong over there, and it goes on
            self._errors += 1
        elif kind == b"\2":
            raise _Fatal(line[1:].decode("utf-8", "replace"))
        elif kind == b"T":
            await self._times(line)
        elif kind == b"E" and len(line) == 1 and self._inside:
            self._inside.pop()
            await self._io.put(b"\0")
        else:
            announced = self._announced(line)
            mtime, self._mtime = self._mtime, None
            path = self._place(announced.name)
            if kind == b"C":
                await self._file(path, announced, Attributes(mtime=mtime, mode=announced.mode))
            else:
                await self._directory(path)

    async def _times(self, line: bytes) -> None:
        match = _TIMES.fullmatch(line)
        if match is None:
            raise _Fatal("times not delimited")
        self._mtime = float(match[1])
        await self._io.put(b"\0")

    def _announced(self, line: bytes) -> _Announced:
        match = _FILE.fullmatch(line)
        if match is None:
            raise _Fatal("bad file record")
        try:
            name = match[3].decode("utf-8")
        except UnicodeDecodeError:
            raise _Fatal("file name is not UTF-8") from None
        if not is_plain(name):
            raise _Fatal("unexpected file name")
        return _Announced(int(match[1], 8), int(match[2]), name)

    def _place(self, name: str) -> Path:
        """Where *name* goes."""
        if self._inside:
            return resolve(name, self._inside[-1])
        return resolve(name, self._target) if self._target_is_directory else self._target

    async def _directory(self, path: Path) -> None:
        if not self._order.recursive:
            raise _Fatal("received directory without -r")
        try:
            await self._session.make_directory(path)
        except errors.AlreadyExists:
            if (await self._session.stat(path)).kind is not Kind.DIRECTORY:
                await self._complain(path, errors.NotDirectory())
                return
        except errors.StorageError as error:
            await self._complain(path, error)
            return
        self._inside.append(path)
        await self._io.put(b"\0")

    async def _complain(self, path: Path, error: Exception) -> None:
        self._errors += 1
        await self._io.complain(f"{path}: {error}")

    async def _file(self, path: Path, announced: _Announced, attributes: Attributes) -> None:
        try:
            writer = await self._session.open_writer(path, _CREATE, attributes, self._io.bell.ring)
        except errors.StorageError as error:
            await self._complain(path, error)
            return
        try:
            if attributes.mtime is not None:  # scp -p: of a file that was there, too
                writer.set(Attributes(mode=attributes.mode))
            await self._io.put(b"\0")
            problem = await self._content(writer, announced.size)
            said = await self._io.sent_well()
            if problem is None and said is None:
                problem = await _committed(writer)
        finally:
            writer.lost()
        if said is not None:
            self._errors += 1
        if problem is not None:
            await self._complain(path, problem)
        else:
            await self._io.put(b"\0")

    async def _content(self, writer: Writer, size: int) -> errors.StorageError | None:
        """Take *size* bytes whatever becomes of them: only then can the client be told."""
        problem: errors.StorageError | None = None
        offset = 0
        while offset < size:
            view = await self._io.some(min(SLICE, size - offset))
            if problem is None:
                try:
                    wait = writer.write(offset, [view], len(view))
                    if isinstance(wait, Deferred):
                        await wait
                except errors.StorageError as error:
                    problem = error
            offset += len(view)
        return problem


async def _committed(writer: Writer) -> errors.StorageError | None:
    try:
        await writer.close()
    except errors.StorageError as error:
        return error
    return None
