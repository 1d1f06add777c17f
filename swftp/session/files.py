"""
Open files of a session: the transfers of `swftp.transfer`, with their place among its other calls.

One log line each, at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp import errors
from swftp.entries import Attributes, Entry
from swftp.paths import Path
from swftp.session.client import Client
from swftp.session.results import result_of
from swftp.traces import tracing
from swftp.transfer.budget import LEAST_GRANT
from swftp.transfer.download import Download
from swftp.transfer.phase import Phase
from swftp.transfer.upload import Upload

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMode:
    """How a file is opened for writing (SSH_FXF_*, draft-ietf-secsh-filexfer-02 section 6.3)."""

    create: bool = False
    """Make it if it is not there."""
    exclusive: bool = False
    """With *create*: fail if it is."""
    truncate: bool = False
    """Forget what it holds."""
    append: bool = False
    """Every write goes to the end, whatever its offset."""


class Owner(Protocol):
    """The session, as its open files see it."""

    client: Client
    clock: IReactorTime

    def closing(self, writer: Writer, *, within: bool = False) -> AbstractAsyncContextManager[object]:
        """The turn in which *writer* becomes an object; *within*: whoever closes it has the turn."""

    def stored(self, writer: Writer, entry: Entry) -> None:
        """*writer* became *entry*; said within that turn."""

    def ended(self, file: Reader | Writer) -> None:
        """*file* is open no more."""


class _File:
    """
    What readers and writers share: a line in the log.

    :cvar direction: of the bytes, as the store sees it: ``in``, ``out``.
    :ivar shown: its path as the client says it by now: renames take it along.
    :ivar opened: the store's path of the same, which may be that of a link to where its bytes are.
    :ivar over: whether it is open no more.
    :ivar outcome: then, how it ended: a word of `swftp.session.results`.
    :ivar closing: seconds of the clock at which the client said CLOSE.
    """

    verb = event = direction = ""

    def __init__(self, owner: Owner, shown: Path, opened: Path) -> None:
        self._owner = owner
        self.shown, self.opened = shown, opened
        self._begun = owner.clock.seconds()
        self.over = False
        self.outcome = "ok"
        self.closing: float | None = None

    def _end(self, count: int, error: BaseException | None, transaction: str = "") -> None:
        if self.over:
            return
        self.over = True
        self.outcome = result_of(error)
        clock = self._owner.clock  # the answer goes first, then the line
        clock.callLater(0, self._tell, count, clock.seconds() - self._begun, error, transaction)

    def _tell(self, count: int, seconds: float, error: BaseException | None, transaction: str) -> None:
        client = self._owner.client
        client.scrutiny.logger(log).info(
            "{user}@{peer} {verb} {path}: {bytes} bytes in {seconds:.3f} s, {result}",
            event=self.event,
            user=client.user,
            peer=client.peer,
            session=client.session,
            protocol=client.protocol,
            verb=self.verb,
            path=str(self.shown),
            bytes=count,
            seconds=seconds,
            result="ok" if error is None else str(error) or type(error).__name__,
            outcome=self.outcome,
            transaction=transaction,
        )


class Reader(_File):
    """
    A file open for reading.

    :ivar read: see `Download.read`.
    :ivar piece: see `Download.piece`.
    :ivar confirm: see `Download.confirm`.
    """

    verb, event, direction = "get", "download", "out"

    def __init__(self, owner: Owner, shown: Path, opened: Path, download: Download) -> None:
        super().__init__(owner, shown, opened)
        self.download = download
        self.read = download.read
        self.piece = download.piece
        self.confirm = download.confirm

    @property
    def entry(self) -> Entry:
        """What is read, as far as it is known; see `confirm`."""
        return self.download.entry

    @property
    def at(self) -> Path:
        """The store's path of its bytes."""
        return self.download.path

    @property
    def count(self) -> int:
        """Bytes that the client was sent so far."""
        return self.download.sent

    def close(self) -> None:
        """Read no more; may be called again."""
        self.download.close()
        if not self.over:
            self._end(self.count, self.download.error)
            self._owner.ended(self)

    lost = close


class Writer(_File):
    """
    A file open for writing.

    :ivar write: see `Upload.write`.
    :ivar read: see `Upload.read`.
    :ivar set: see `Upload.set`.
    :ivar truncate: see `Upload.truncate`.
    :ivar sync: see `Upload.sync`.
    """

    verb, event, direction = "put", "upload", "in"

    def __init__(self, owner: Owner, shown: Path, opened: Path, upload: Upload) -> None:
        super().__init__(owner, shown, opened)
        self.upload = upload
        self.write = upload.write
        self.read = upload.read
        self.set: Callable[[Attributes], None] = upload.set
        self.truncate = upload.truncate
        self.sync = upload.sync

    @property
    def entry(self) -> Entry:
        """The file as its own handle sees it: with what was written so far."""
        return self.upload.entry

    @property
    def at(self) -> Path:
        """The store's path where they will be an object."""
        return self.upload.path

    @property
    def count(self) -> int:
        """Bytes that the client sent so far."""
        return self.upload.received

    @property
    def is_new(self) -> bool:
        """Whether nothing stood at its path when it was opened, or nothing is left of it."""
        return self.upload.base is None

    def piece(self) -> int:
        """Bytes to ask the client's connection for at once: they are here before the client can be told to wait."""
        return max(LEAST_GRANT, self.upload.engine.budget.fair)

    @property
    def open(self) -> bool:
        """Whether it may yet become an object."""
        return self.upload.alive

    async def close(self, *, within: bool = False, sure: Deferred[None] | None = None) -> Entry:
        """
        Commit: when this returns, the object at the path is what was written.

        It is decided when this is called: a client that goes away afterwards changes nothing any more.

        :param within: see `Owner.closing`.
        :param sure: what decides it in place of that; see `Upload.close`.
        :raises InvalidRequest: it was closed before.
        :raises StorageError: it was not stored.
        """
        if self.upload.phase not in (Phase.RECEIVING, Phase.FAILED):
            raise errors.InvalidRequest("file is closed")
        error: BaseException | None = None
        self.closing = self._owner.clock.seconds()
        with tracing() as trace:
            try:
                return await self.upload.close(
                    lambda: self._owner.closing(self, within=within), lambda e: self._owner.stored(self, e), sure
                )
            except BaseException as raised:
                error = raised
                raise
            finally:
                self._finish(error, trace.transaction)

    def copied(self) -> None:
        """What it was to be the store has made of another file: nothing that was written is needed."""
        self._finish(None)
        self.upload.lost()

    def lost(self) -> None:
        """Abort, unless `close` was called: the object stays what it was."""
        self.upload.lost()
        if self.upload.phase is Phase.FAILED:
            self._finish(self.upload.error)

    def _finish(self, error: BaseException | None, transaction: str = "") -> None:
        if not self.over:
            self._end(self.count, error, transaction)
            self._owner.ended(self)
