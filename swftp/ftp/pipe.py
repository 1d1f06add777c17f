"""
One data connection while its transfer runs: TLS if there is to be, and the watch over a client that does nothing.

The law: it ends once, well or badly.  Badly is a reset without a close_notify: no client can take what it got for a
whole file, and nothing that it sent becomes one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from swftp import errors
from swftp.ftp.data import DataConnection
from swftp.ftp.reply import Refused
from swftp.ftp.secure import NotResumed, Secured, TlsFailed, Truncated
from swftp.ftp.tls import TlsSession

LOOKS = 4
"""How often a client that stalls is looked at before it is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a data connection is used."""

    clock: IReactorTime
    tls: TlsSession | None = None
    """What protects it; None: nothing does."""
    resumed: bool = False
    """Whether it has to resume the control connection's session."""
    unconfirmed_end: bool = False
    """Whether the end of TCP is one of the file, though TLS says nothing."""
    stalled: float = 0.0
    """Seconds a client may do nothing; 0: any."""


class Phase(Enum):
    """Of a pipe."""

    IDLE = "the connection is not there yet"
    AGREEING = "the TLS handshake"
    MOVING = "bytes move"
    ENDING = "the last one has been moved"
    OVER = "it is over"


TRANSITIONS = {
    Phase.IDLE: {"agree": Phase.AGREEING, "move": Phase.MOVING, "over": Phase.OVER},
    Phase.AGREEING: {"move": Phase.MOVING, "over": Phase.OVER},
    Phase.MOVING: {"end": Phase.ENDING, "over": Phase.OVER},
    Phase.ENDING: {"over": Phase.OVER},
    Phase.OVER: {"over": Phase.OVER},
}


class Pipe(ABC):
    """
    See the module; `Receiving` and `Sending` say what moves.

    :ivar moved: bytes of the file or listing that were moved.
    :ivar done: fires when all was moved, or fails with why not.
    """

    receiving = False

    def __init__(self, terms: Terms) -> None:
        self.phase = Phase.IDLE
        self.moved = 0
        self.done: Deferred[None] = Deferred()
        self.transport: Any = None
        self._terms = terms
        self._tcp: Any = None
        self._timer: IDelayedCall | None = None
        self._seen, self._idle = -1, 0

    def begin(self, connection: DataConnection) -> None:
        """Use *connection*."""
        if self.phase is Phase.OVER:
            connection.transport.abortConnection()
            return
        connection.user = self
        self.transport = self._tcp = connection.transport
        self._watch()
        if connection.over is not None:
            self.ended(connection.over)
        elif self._terms.tls is not None:
            self._advance("agree")
            self.transport = self._terms.tls.protect_data(
                connection, receiving=self.receiving, tied=self._terms.resumed
            )
            self._tcp.resumeProducing()
        else:
            self._advance("move")
            self.opened()

    def agreed(self) -> None:
        """The TLS handshake is over."""
        if self.phase is not Phase.AGREEING:
            return
        if self._terms.resumed and isinstance(self.transport, Secured) and not self.transport.resumed:
            self.fail(_not_resumed())
        else:
            self._advance("move")
            self.opened()

    @abstractmethod
    def opened(self) -> None:
        """Bytes may move."""

    @abstractmethod
    def received(self, data: bytes) -> None:
        """The client sent *data*."""

    @abstractmethod
    def finished(self) -> None:
        """The connection ended as it should, while bytes moved."""

    def ended(self, reason: Failure) -> None:
        """The connection is gone."""
        error = reason.value
        well = isinstance(error, ConnectionDone) or (isinstance(error, Truncated) and self._terms.unconfirmed_end)
        if self.phase is Phase.AGREEING and isinstance(error, NotResumed):
            self.fail(_not_resumed())
        elif self.phase is Phase.AGREEING:
            self.fail(Refused(425, f"{error}." if isinstance(error, TlsFailed) else "No TLS on the data connection."))
        elif well and self.phase in (Phase.MOVING, Phase.ENDING):
            self.finished()
        else:
            text = str(error) if isinstance(error, (Truncated, TlsFailed)) else "data connection lost"
            self.fail(errors.Interrupted(text))

    def succeed(self) -> None:
        """All was moved."""
        if self.phase is not Phase.OVER:
            self._close()
            self.done.callback(None)

    def fail(self, error: Exception) -> None:
        """It ends badly, unless it is over already."""
        if self.phase is not Phase.OVER:
            self._close()
            if self.transport is not None:
                self.transport.abortConnection()
            self.done.errback(Failure(error))  # type: ignore[no-untyped-call]

    def _close(self) -> None:
        self._advance("over")
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _advance(self, event: str) -> None:
        self.phase = TRANSITIONS[self.phase][event]

    # -- the watch ---------------------------------------------------------------------------------------------

    @property
    def progress(self) -> int:
        """Grows while the client does something."""
        return self.moved

    @property
    def waits_for_client(self) -> bool:
        """Whether it is the client that has to do something."""
        return True

    def _watch(self) -> None:
        if self._terms.stalled:
            self._timer = self._terms.clock.callLater(self._terms.stalled / LOOKS, self._look)

    def _look(self) -> None:
        progress = self.progress
        if progress != self._seen or not self.waits_for_client:
            self._seen, self._idle = progress, 0
        else:
            self._idle += 1
        if self._idle >= LOOKS:
            self.fail(errors.Interrupted("transfer stalled"))
        else:
            self._watch()


def _not_resumed() -> Refused:
    return Refused(522, "The data connection has to resume the TLS session of the control connection.")
