"""
A file or a listing -> a client.

The law: what is sent is read when the client has room for it; and a connection is closed in order only behind the
last byte.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from swftp import errors, sockets
from swftp.ftp.ascii import ToNetwork
from swftp.ftp.deflate import Deflater
from swftp.ftp.pipe import Phase, Pipe, Terms
from swftp.ftp.secure import Secured

ASK = 64 << 10
"""Bytes that are waited for where none are there."""
LARGE, SMALL = 1 << 20, 128 << 10
"""Bytes read at once at most; and where they have to be worked on, which others have to wait for."""
GATHER = 32 << 10
"""Bytes of a listing sent at once, where they are there."""
Piece = Callable[[int], int]
"""`swftp.session.Reader.piece`: how many bytes there are in one."""
Read = Callable[[int, int], bytes | memoryview | None]
"""`swftp.session.Reader.read`: ``b""`` is the end; None: not here yet, `Sending.pump` is to be called."""


@implementer(IPushProducer)
class Sending(Pipe):
    """One download or listing."""

    def __init__(
        self,
        terms: Terms,
        read: Read,
        offset: int = 0,
        first: bytes | memoryview = b"",
        *,
        piece: Piece = lambda offset: 0,
        text: bool = False,
        deflated: bool = False,
    ) -> None:
        """
        :param first: what was read at *offset* already.
        :param text: lines are to end in CRLF (TYPE A).
        :param deflated: it is to be compressed (MODE Z).
        """
        super().__init__(terms)
        self._read = read
        self._offset = offset + len(first)
        self._first = first
        self._piece = piece
        self._text = ToNetwork() if text else None
        self._deflater = Deflater() if deflated else None
        self._plain = self._text is None and self._deflater is None
        self._most = LARGE if self._plain else SMALL
        self._sent = 0  # bytes written to the connection
        self._paused = self._pumping = False

    @property
    def progress(self) -> int:
        """See `Pipe`: what the client has acknowledged."""
        return self._sent - sockets.unsent(self._tcp)

    @property
    def waits_for_client(self) -> bool:
        """See `Pipe`."""
        return self._paused or self.phase in (Phase.AGREEING, Phase.ENDING) or sockets.unsent(self._tcp) > 0

    def opened(self) -> None:
        """See `Pipe`.  Nothing is read: a client may be done with writing before we are."""
        self._tcp.pauseProducing()
        self.transport.registerProducer(self, True)
        self.pump()

    def pump(self) -> None:
        """Send what there is, as long as the client takes it."""
        if self._pumping:
            return
        self._pumping = True
        try:
            if self._first and self.phase is Phase.MOVING:
                first, self._first = self._first, b""
                self._take(first)
            while self.phase is Phase.MOVING and not self._paused:
                data = self._read(self._offset, min(self._piece(self._offset) or ASK, self._most))
                if data is None:
                    break
                if not len(data):
                    self._end()
                    break
                self._offset += len(data)
                self._take(data)
        except errors.StorageError as error:
            self.fail(error)
        finally:
            self._pumping = False

    def _take(self, data: bytes | memoryview) -> None:
        self.moved += len(data)
        self._send(data if self._plain else self._packed(data))

    def _packed(self, data: bytes | memoryview) -> bytes:
        packed = bytes(data) if self._text is None else self._text.feed(bytes(data))
        return packed if self._deflater is None else self._deflater.feed(packed)

    def _send(self, data: Any) -> None:
        self._sent += len(data)
        if isinstance(self.transport, Secured):
            self.transport.write(data)
        elif len(data):
            sockets.write(self.transport, data)

    def _end(self) -> None:
        self._advance("end")
        if self._deflater is not None:
            self._send(self._deflater.end())
        self.transport.unregisterProducer()
        sockets.drain(self._tcp)  # such as the close_notify of a client that has nothing to write
        self.transport.loseConnection()

    def received(self, data: bytes) -> None:
        """See `Pipe`: a client has nothing to say here."""

    def finished(self) -> None:
        """See `Pipe`."""
        if self.phase is Phase.ENDING:
            self.succeed()
        else:
            self.fail(errors.Interrupted("data connection closed by the client"))

    def pauseProducing(self) -> None:
        """The client has no room."""
        self._paused = True

    def resumeProducing(self) -> None:
        """It has."""
        self._paused = False
        self.pump()

    def stopProducing(self) -> None:
        """The connection is gone; `ended` says how."""


class Pieces:
    """What an asynchronous iterator gives, to whoever reads front to back."""

    def __init__(self, pieces: AsyncIterator[bytes], ready: Callable[[], None], run: Callable[[Any], None]) -> None:
        """
        :param ready: called when a `read` that gave None is worth repeating.
        :param run: runs a coroutine that nobody waits for.
        """
        self._pieces = pieces
        self._ready = ready
        self._run = run
        self._have: list[bytes] = []
        self._size = 0
        self._asking = self._over = False
        self._error: errors.StorageError | None = None

    def read(self, offset: int, length: int) -> bytes | None:
        """See `Read`.

        :raises StorageError: there will be no more.
        """
        if not self._have and not self._over and not self._asking:
            self._asking = True
            self._run(self._gather())
        if self._have:
            have, self._have, self._size = self._have, [], 0
            return b"".join(have)
        if self._error is not None:
            raise self._error
        return b"" if self._over else None

    async def _gather(self) -> None:
        try:
            while self._size < GATHER:
                piece = await anext(self._pieces, None)
                if piece is None:
                    self._over = True
                    break
                if piece:
                    self._have.append(piece)
                    self._size += len(piece)
        except errors.StorageError as error:
            self._error = error
            self._over = True
        except BaseException:
            self._error = errors.Unavailable("internal error")
            self._over = True
            raise
        finally:
            self._asking = False
            self._ready()
