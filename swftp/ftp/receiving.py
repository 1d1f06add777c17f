"""
What a client sends -> a file.

The law: the end of the connection is the end of the file only if the connection says so, and a client is not read
from while its bytes have nowhere to go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from swftp import errors, sockets
from swftp.ftp.ascii import FromNetwork
from swftp.ftp.data import RECEIVE
from swftp.ftp.deflate import Inflater
from swftp.ftp.pipe import Phase, Pipe, Terms

Write = Callable[[int, Sequence[bytes | memoryview], int], Deferred[None] | None]
"""`swftp.session.Writer.write`."""


class Receiving(Pipe):
    """
    One upload.

    :ivar offset: where its next byte goes.
    :ivar came: bytes of the file as the client counts it: out of the compressed stream, with both ends of a line.
    """

    receiving = True

    def __init__(
        self,
        terms: Terms,
        write: Write,
        offset: int = 0,
        *,
        piece: Callable[[], int] = lambda: RECEIVE,
        text: bool = False,
        inflated: bool = False,
    ) -> None:
        """
        :param piece: `swftp.session.Writer.piece`.
        :param text: lines end in CRLF (TYPE A).
        :param inflated: it comes compressed (MODE Z).
        """
        super().__init__(terms)
        self.offset = offset
        self.came = 0
        self._write = write
        self._piece = piece
        self._text = FromNetwork() if text else None
        self._inflater = Inflater() if inflated else None
        self._plain = self._text is None and self._inflater is None
        self._work: Iterator[bytes] = iter(())
        """What has come and not yet been written."""
        self._held = self._last = False

    @property
    def waits_for_client(self) -> bool:
        """See `Pipe`."""
        return not self._held

    def opened(self) -> None:
        """See `Pipe`."""
        self._resume()

    def _resume(self) -> None:
        sockets.read_at_once(self._tcp, min(RECEIVE, self._piece()))
        self.transport.resumeProducing()

    def received(self, data: bytes) -> None:
        """See `Pipe`."""
        if self.phase is not Phase.MOVING:
            return
        self.moved += len(data)
        if self._plain:
            self.came += len(data)
            self._put(data)
        else:
            self._work = self._unpacked(data)
            self._go_on()

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        for piece in self._inflater.feed(data) if self._inflater is not None else (data,):
            yield self._taken(piece)

    def _rest(self) -> Iterator[bytes]:
        if self._inflater is not None:
            for piece in self._inflater.end():
                yield self._taken(piece)
        if self._text is not None:
            yield self._text.end()

    def _taken(self, piece: bytes) -> bytes:
        self.came += len(piece)
        return piece if self._text is None else self._text.feed(piece)

    def _put(self, data: bytes) -> None:
        try:
            wait = self._write(self.offset, (data,), len(data))
        except errors.StorageError as error:
            self.fail(error)
            return
        self.offset += len(data)
        if wait is not None:
            self._hold(wait)

    def _hold(self, wait: Deferred[None]) -> None:
        self._held = True
        if not self._last:
            self.transport.pauseProducing()
        wait.addCallbacks(self._release, self._failed)

    def _release(self, _: None) -> None:
        self._held = False
        self._go_on()
        if not self._held and not self._last and self.phase is Phase.MOVING:
            self._resume()

    def _failed(self, failure: Failure) -> None:
        self._held = False
        error = failure.value
        self.fail(error if isinstance(error, Exception) else errors.Interrupted())

    def _go_on(self) -> None:
        """Write what has come, until there is no room."""
        try:
            while not self._held and self.phase is Phase.MOVING:
                piece = next(self._work, None)
                if piece is None:
                    if self._last:
                        self.succeed()
                    return
                self._put(piece)
        except errors.StorageError as error:
            self.fail(error)

    def finished(self) -> None:
        """See `Pipe`: all has come, though not all may be written."""
        self._last = True
        self._work = _both(self._work, self._rest())
        if self._plain:
            self._held = False  # there is nothing left that could wait for room
        self._go_on()


def _both(first: Iterator[bytes], second: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from second
