"""
A file being read: all bytes of one handle come from one version of the object.

The law: once a byte, or the end, was given out, another version of the object is an error; before, it is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from swftp import errors
from swftp.entries import Entry, Kind, Opened
from swftp.interfaces import IByteSink
from swftp.paths import Path
from swftp.transfer.engine import Engine, nobody_waits
from swftp.transfer.readahead import Pace, ReadAhead


class Download:
    """
    One open file.

    :ivar entry: what is read.
    :ivar ready: called when a `read` that gave None is worth repeating.
    :ivar sent: bytes given out.
    :ivar error: the last there was; only `Changed` is for good, a store that is back is asked again.
    """

    def __init__(
        self,
        engine: Engine,
        path: Path,
        entry: Entry,
        *,
        ready: Callable[[], None] = nobody_waits,
        look: Callable[[], Awaitable[Entry]] | None = None,
        certain: bool = True,
        head: bytes = b"",
    ) -> None:
        """
        :param look: says what stands at *path* now, where *entry* may be out of date.
        :param certain: *entry* is what the store has just said, not what somebody remembers.
        :param head: its first bytes, where they came with *entry*.
        """
        self._engine = engine
        self._look = look
        self._certain = certain
        self._renewing = False
        self._closed = False
        self.path = path
        self.entry = entry
        self.ready = ready
        self.sent = 0
        self.error: errors.StorageError | None = None
        self._final: errors.StorageError | None = None
        self._ahead = self._reader(entry, head)

    def _reader(self, entry: Entry, head: bytes = b"") -> ReadAhead:
        self._version = entry.version
        self._opened = Opened(entry)
        return ReadAhead(
            self._fetch,
            entry.size,
            self._arrived,
            budget=self._engine.budget,
            group=self._engine.group,
            clock=self._engine.clock,
            pace=Pace(self._engine.limits.read_ahead),
            begun=self._begun,
            head=head,
        )

    def _arrived(self) -> None:
        self.ready()

    async def _fetch(self, sink: IByteSink, offset: int, length: int) -> object:
        try:
            return await self._engine.storage.fetch(self.path, sink, offset, length, self._version, self._opened)
        except errors.InvalidRequest as error:  # shorter than it was
            raise errors.Changed() from error

    def _begun(self, entry: Entry) -> None:
        if self._version is None:
            self._version = entry.version
        if entry.version != self._version or entry.size != self.entry.size:
            raise errors.Changed()
        self._certain = True

    async def confirm(self) -> Entry:
        """
        What is read, and from now on nothing else will be: somebody is to be told of it.

        :raises StorageError: nothing is there any more.
        """
        look, self._look = self._look, None
        if look is not None and not self._certain:
            await self._renew(look)
        if self._final is not None:
            raise self._final
        return self.entry

    def read(self, offset: int, length: int) -> bytes | memoryview | None:
        """
        *length* bytes at *offset*, less only at the end or that of the head; ``b""``: none; None: not here yet.

        :raises StorageError: they cannot be had.
        """
        if self._final is not None:
            raise self._final
        if self._closed:
            raise errors.InvalidRequest("file is closed")
        if self._renewing:
            return None
        try:
            data = self._ahead.head[offset : offset + length] or self._ahead.read(offset, length)
        except errors.Changed as error:
            if self.sent or self._look is None:
                self.error = self._final = error
                raise
            return self._read_anew(self._look, offset, length)
        except errors.StorageError as error:
            self.error = error
            raise
        if data:
            self.sent += len(data)
        elif data is not None and length:
            if not self._certain and self._look is not None:
                return self._read_anew(self._look, offset, length)  # who remembers a size does not know the end
            self._look = None  # the end was told: bytes of another file may stand behind it
        return data

    def piece(self, offset: int) -> int:
        """Bytes at *offset* that `read` would give at once and without copying them; 0: it may have to be waited."""
        if self._renewing or self._closed:
            return 0
        return max(0, len(self._ahead.head) - offset) or self._ahead.piece(offset)

    def _read_anew(self, look: Callable[[], Awaitable[Entry]], offset: int, length: int) -> bytes | memoryview | None:
        self._renewing = True
        self._engine.background(self._renew(look))
        return None if self._renewing else self.read(offset, length)

    async def _renew(self, look: Callable[[], Awaitable[Entry]]) -> None:
        """What we knew of the object was, or may be, out of date: read what stands there now."""
        self._look = None
        try:
            entry = await look()
            if entry.kind is not Kind.FILE:
                raise errors.Changed()
            if not self._closed and (entry.version, entry.size) != (self.entry.version, self.entry.size):
                self._ahead.close()
                self.entry = entry
                self._ahead = self._reader(entry)
        except errors.StorageError as error:
            self.error = self._final = error
        except BaseException:
            self.error = self._final = errors.Unavailable("internal error")
            raise
        finally:
            self._renewing = False
            self.ready()

    def close(self) -> None:
        """Stop fetching, forget everything."""
        if not self._closed:
            self._closed = True
            self._ahead.close()
            self._look, self.ready = None, nobody_waits
            del self._ahead  # it holds us
