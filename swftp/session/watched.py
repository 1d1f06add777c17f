"""
A session of which every request is counted and timed, and every change leaves a line in the log.

The law: READ and WRITE are not among the requests.  What moves is looked at once a second, from outside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from twisted.logger import Logger, LogLevel

from swftp.entries import Attributes, Entry, Usage
from swftp.metrics import Metrics
from swftp.paths import Path
from swftp.session.files import OpenMode, Reader, Writer
from swftp.session.listing import Listing
from swftp.session.results import result_of
from swftp.session.rights import RestrictedSession
from swftp.session.session import Session
from swftp.traces import Trace, tracing

T = TypeVar("T")

log = Logger()


class Moving:
    """
    An open file, as who looks once a second sees it.

    :ivar begun: seconds of the clock.
    :ivar rate: bytes a second, lately.
    """

    __slots__ = ("_before", "begun", "file", "rate")

    def __init__(self, file: Reader | Writer, begun: float) -> None:
        self.file = file
        self.begun = begun
        self.rate = 0.0
        self._before = 0

    def look(self, seconds: float) -> None:
        """*seconds* have passed since the last look."""
        count = self.file.count
        moved, self._before = count - self._before, count
        self.rate = moved / seconds if not self.rate else 0.6 * self.rate + 0.4 * moved / seconds


class Watched(Session):
    """
    See the module.

    :ivar moving: the open files.
    """

    def __init__(
        self, storage: Any, *, metrics: Metrics, moved: dict[str, int], per_login: bool = False, **parts: Any
    ) -> None:
        """
        :param moved: bytes of the files that were closed, by direction, to add to.
        :param per_login: count bytes for each login, too.
        :param parts: as of `Session`.
        """
        super().__init__(storage, **parts)
        self._metrics, self._moved, self._per_login = metrics, moved, per_login
        self.moving: dict[Reader | Writer, Moving] = {}

    async def _told(self, operation: str, work: Awaitable[T], *paths: Path, changes: bool = False) -> T:
        """Do *work* at *paths*, count it, and log it where it changes what is there, or the login is scrutinised."""
        begun, error = self.clock.seconds(), None
        with tracing() as trace:
            try:
                return await work
            except BaseException as raised:
                error = raised
                raise
            finally:
                seconds = self.clock.seconds() - begun
                self._metrics.did(self.client.protocol, operation, result_of(error, asked=True), seconds)
                if changes or self.client.scrutiny.on:
                    self.clock.callLater(0, self._line, operation, paths, seconds, error, trace)  # behind the answer

    async def _changed(self, operation: str, work: Awaitable[T], *paths: Path) -> T:
        """The same of what changes something."""
        return await self._told(operation, work, *paths, changes=True)

    def _line(
        self, operation: str, paths: Sequence[Path], seconds: float, error: BaseException | None, trace: Trace
    ) -> None:
        path, target = str(paths[0]), str(paths[1]) if len(paths) > 1 else ""
        words = "{user}@{peer} {event} {path}" + (" to {target}" if target else "") + ": {result}"
        more = {"target": target} if target else {}
        if trace.transaction:
            more["transaction"] = trace.transaction
        self.client.scrutiny.logger(log).emit(
            LogLevel.info,
            words,
            event=operation,
            user=self.client.user,
            peer=self.client.peer,
            session=self.client.session,
            protocol=self.client.protocol,
            path=path,
            seconds=round(seconds, 6),
            result="ok" if error is None else str(error) or type(error).__name__,
            outcome=result_of(error, asked=True),
            **more,
        )

    def ended(self, file: Reader | Writer) -> None:
        """See `swftp.session.files.Owner`."""
        super().ended(file)
        moving = self.moving.pop(file, None)
        begun = moving.begun if moving is not None else self.clock.seconds()
        self._moved[file.direction] += file.count
        self._metrics.moved[self.client.protocol, file.direction] += file.count
        self._metrics.transferred(file.direction, file.outcome, self.clock.seconds() - begun)
        if file.closing is not None:
            self._metrics.did(self.client.protocol, "close", file.outcome, self.clock.seconds() - file.closing)
        if self._per_login:
            self._metrics.carried(self.client.user, file.direction, file.count)

    # -- what only looks ---------------------------------------------------------------------------------------

    async def stat(self, path: Path, follow: bool = True) -> Entry:
        """See `Session.stat`."""
        return await self._told("stat", super().stat(path, follow), path)

    async def listing(self, path: Path) -> Listing:
        """See `Session.listing`."""
        return await self._told("list", super().listing(path), path)

    async def usage(self, path: Path) -> Usage:
        """See `Session.usage`."""
        return await self._told("usage", super().usage(path), path)

    async def open_reader(self, path: Path, ready: Callable[[], None], first: int = 0) -> Reader:
        """See `Session.open_reader`."""
        reader = await self._told("open_read", super().open_reader(path, ready, first), path)
        self._opened(reader)
        return reader

    async def open_writer(
        self, path: Path, mode: OpenMode, attributes: Attributes, ready: Callable[[], None]
    ) -> Writer:
        """See `Session.open_writer`."""
        writer = await self._told("open_write", super().open_writer(path, mode, attributes, ready), path)
        self._opened(writer)
        return writer

    def _opened(self, file: Reader | Writer) -> None:
        if not file.over:
            self.moving[file] = Moving(file, self.clock.seconds())

    # -- what changes ------------------------------------------------------------------------------------------

    async def remove(self, path: Path) -> None:
        """See `Session.remove`."""
        await self._changed("remove", super().remove(path), path)

    async def make_directory(self, path: Path) -> None:
        """See `Session.make_directory`."""
        await self._changed("mkdir", super().make_directory(path), path)

    async def remove_directory(self, path: Path) -> None:
        """See `Session.remove_directory`."""
        await self._changed("rmdir", super().remove_directory(path), path)

    async def rename(self, source: Path, target: Path, exclusive: bool = False) -> Entry:
        """See `Session.rename`."""
        return await self._changed("rename", super().rename(source, target, exclusive), source, target)

    async def copy(self, source: Path, target: Path, exclusive: bool = False) -> Entry:
        """See `Session.copy`."""
        return await self._changed("copy", super().copy(source, target, exclusive), source, target)

    async def combine(self, target: Path, sources: Sequence[Path]) -> Entry:
        """See `Session.combine`."""
        return await self._changed("combine", super().combine(target, sources), target)

    async def truncate(self, path: Path, size: int, attributes: Attributes) -> None:
        """See `Session.truncate`."""
        await self._changed("truncate", super().truncate(path, size, attributes), path)

    async def make_link(self, path: Path, target: Path) -> None:
        """See `Session.make_link`."""
        await self._changed("symlink", super().make_link(path, target), path, target)

    async def update(self, path: Path, attributes: Attributes) -> None:
        """See `Session.update`."""
        await self._changed("setstat", super().update(path, attributes), path)

    async def update_open(self, reader: Reader, attributes: Attributes) -> None:
        """See `Session.update_open`."""
        await self._changed("setstat", super().update_open(reader, attributes), reader.shown)


class WatchedRestricted(Watched, RestrictedSession):
    """The same of a login that may do some of it: what it may not is seen, too."""
