"""
TLS over a connection that Twisted has, by the standard library's `ssl`.

Not Twisted's own: pyOpenSSL cannot keep a server from sending tickets, and costs two calls through cffi a record.
Here what the socket gave is decrypted and delivered at once, and what is written leaves encrypted in few pieces.

The law: a connection ends well only if the peer said so in TLS.  Whoever may cut the wire can send a FIN: that is
`Truncated`.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from enum import Enum
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IHandshakeListener, ITransport
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from swftp import sockets
from swftp.ftp.identity import names

log = Logger()

RECORD = 16384
"""Bytes that one record holds at most (RFC 8446 section 5.1)."""
SLICE = 256 << 10
"""Bytes encrypted at once: more would not stay in the processor's cache, and less costs more calls of send."""


ANSWERS = 64 << 10
"""
Bytes of what OpenSSL answers by itself in one connection: a client of TLS 1.3 may have our keys changed as often as
it likes (RFC 8446 section 4.6.3), and need not read what that makes us send.  No file takes 2,400 changes.
"""
REFUSED = "CALLBACK_FAILED"
"""What OpenSSL calls it where the context, asked about a new session, does not want it; see `TlsSession`."""


class Truncated(ConnectionLost):
    """TCP ended in order, TLS did not: no close_notify came."""

    def __str__(self) -> str:
        return "the end of the data was not confirmed by TLS"


class TlsFailed(ConnectionLost):
    """The peer does not speak TLS as it should, or nothing that we can agree on."""


class NotResumed(TlsFailed):
    """The peer began a session of its own where it has to resume an earlier one."""


class Phase(Enum):
    """Of a `Secured`."""

    HANDSHAKE = "nothing can be read or written yet"
    OPEN = "both sides may speak"
    CLOSING = "we have said our last"
    ENDED = "the peer has said its last"
    FAILED = "TLS is at its end without that"


TRANSITIONS = {
    Phase.HANDSHAKE: {"open": Phase.OPEN, "close": Phase.CLOSING, "fail": Phase.FAILED},
    Phase.OPEN: {"close": Phase.CLOSING, "end": Phase.ENDED, "fail": Phase.FAILED},
    Phase.CLOSING: {"close": Phase.CLOSING, "end": Phase.CLOSING, "fail": Phase.CLOSING},
    Phase.ENDED: {"close": Phase.ENDED, "end": Phase.ENDED, "fail": Phase.ENDED},
    Phase.FAILED: {"close": Phase.FAILED, "end": Phase.FAILED, "fail": Phase.FAILED},
}


@implementer(ITransport)
class Secured(Protocol):
    """
    Between a TCP connection and what speaks over it: protocol of the one, transport of the other.

    :ivar tcp: the connection below.
    :ivar phase: how far it is.
    """

    def __init__(self, protocol: Any, context: ssl.SSLContext, shown: ssl.SSLContext, *, half: bool = False) -> None:
        """
        Take over the connection of *protocol*, which is told through `IHandshakeListener` when all is agreed.

        :param context: what it begins with, and whose sessions it resumes.
        :param shown: what it goes on with: has the certificates.
        :param half: the peer's close_notify ends what it says and nothing else: we go on (RFC 8446 section 6.1).
        """
        self.protocol = protocol
        self.tcp: Any = protocol.transport
        self.phase = Phase.HANDSHAKE
        self._half = half
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._context = context  # OpenSSL calls what it is told of servers' names by an address
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._tls.context = shown
        self._answered = 0  # bytes that we did not mean to say
        self._early: list[bytes] = []  # written before the handshake was over
        self._hurried = False  # `loseConnection` was called before that
        self._error: Exception | None = None
        self.tcp.protocol = self
        protocol.transport = self

    @property
    def resumed(self) -> bool:
        """Whether an earlier session goes on."""
        return bool(self._tls.session_reused)

    @property
    def agreed(self) -> str:
        """Version and cipher suite, for the log."""
        cipher = self._tls.cipher()
        return f"{self._tls.version()} {cipher[0] if cipher else ''}"

    def names(self, kind: str) -> tuple[str, ...]:
        """What the client's certificate, where it showed a good one, says of its owner; see `identity.names`."""
        certificate = self._tls.getpeercert(True) if self.phase is not Phase.HANDSHAKE else None
        return names(certificate, kind) if certificate else ()

    # -- what TCP says -----------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Decrypt, and deliver."""
        if self.phase is Phase.HANDSHAKE:
            self._incoming.write(data)
            if self._shake():
                self._decrypt()
        elif self.phase is Phase.OPEN:
            self._incoming.write(data)
            self._decrypt()

    def _shake(self) -> bool:
        """Go on with the handshake; returns whether it is over and there is more to be done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            if isinstance(error, ssl.SSLCertVerificationError):
                peer, reason = getattr(self.tcp.getPeer(), "host", ""), error.verify_message
                log.info("{peer}: bad client certificate: {reason}", event="ftp_refused", peer=peer, reason=reason)
            self._fail(error)
            return False
        self._advance("open")
        self._flush()
        early, self._early = self._early, []
        if IHandshakeListener.providedBy(self.protocol):
            self.protocol.handshakeCompleted()
        for data in early:
            self.write(data)
        if self._hurried:
            self.loseConnection()
        return self.phase is Phase.OPEN

    def _decrypt(self) -> None:
        parts: list[bytes] = []
        read = self._tls.read
        ended, failed = False, None
        try:
            while piece := read(RECORD):
                parts.append(piece)
            ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            failed = error
        if self._outgoing.pending:
            self._answered += self._outgoing.pending
            self._flush()
        if parts:
            self.protocol.dataReceived(parts[0] if len(parts) == 1 else b"".join(parts))
        if failed is not None:
            self._fail(failed)
        elif self._answered > ANSWERS:
            self._error = TlsFailed("too many changes of keys")
            self.abortConnection()
        elif ended and not self._half and self.phase is Phase.OPEN:
            self._advance("end")
            self._say_last()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Say how it ended."""
        if self.phase is Phase.ENDED:
            reason = Failure(CONNECTION_DONE)  # type: ignore[no-untyped-call]
        elif self._error is not None:
            reason = Failure(_failure(self._error))  # type: ignore[no-untyped-call]
        elif self.phase is not Phase.CLOSING and isinstance(reason.value, ConnectionDone):
            reason = Failure(Truncated())  # type: ignore[no-untyped-call]
        self._advance("fail")
        self._early.clear()
        protocol, self.protocol = self.protocol, None  # as Twisted's own do: it holds us
        protocol.connectionLost(reason)

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._advance("fail")
        self._flush()  # the alert
        self.tcp.loseConnection()

    def _say_last(self) -> None:
        with suppress(ssl.SSLError):  # said it is with that; answered it need not be
            self._tls.unwrap()
        self._flush()
        self.tcp.loseConnection()

    def _flush(self) -> None:
        if self._outgoing.pending:
            sockets.write(self.tcp, self._outgoing.read())

    def _advance(self, event: str) -> None:
        self.phase = TRANSITIONS[self.phase][event]

    # -- ITransport, and what protocols ask of TCP beside it ---------------------------------------------------

    @property
    def disconnecting(self) -> bool:
        """Whether `loseConnection` was called."""
        return self._hurried or self.phase is Phase.CLOSING or bool(self.tcp.disconnecting)

    def write(self, data: bytes | memoryview) -> None:
        """Send *data*, which may change afterwards."""
        if self.phase is Phase.HANDSHAKE:
            self._early.append(bytes(data))
        elif self.phase is Phase.OPEN:
            send, take = self._tls.write, self._outgoing.read
            try:
                if len(data) <= SLICE:
                    send(data)
                else:
                    view = memoryview(data)
                    for start in range(0, len(data), SLICE):
                        send(view[start : start + SLICE])
                        sockets.write(self.tcp, take())
            except ssl.SSLError as error:
                self._fail(error)
            else:
                self._flush()

    def writeSequence(self, data: Any) -> None:
        """See `ITransport`."""
        self.write(b"".join(data))

    def loseConnection(self, connDone: Failure = connectionDone) -> None:
        """Say close_notify behind all that was written, and close."""
        if self.phase is Phase.HANDSHAKE and self._early:
            self._hurried = True
        elif self.phase is Phase.OPEN:
            self._advance("close")
            self._say_last()
        else:
            self._advance("close")
            self.tcp.loseConnection()

    def abortConnection(self) -> None:
        """Close with a reset and without a close_notify: what was sent is no whole file."""
        self._advance("fail")
        self.tcp.abortConnection()

    def getPeer(self) -> IAddress:
        """See `ITransport`."""
        peer: IAddress = self.tcp.getPeer()
        return peer

    def getHost(self) -> IAddress:
        """See `ITransport`."""
        host: IAddress = self.tcp.getHost()
        return host

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """See `IConsumer`."""
        self.tcp.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """See `IConsumer`."""
        self.tcp.unregisterProducer()

    def pauseProducing(self) -> None:
        """See `IPushProducer`."""
        self.tcp.pauseProducing()

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""
        self.tcp.resumeProducing()

    def stopProducing(self) -> None:
        """See `IProducer`."""
        self.loseConnection()


def _failure(error: Exception) -> TlsFailed:
    reason = getattr(error, "reason", None) or "protocol error"
    if reason == REFUSED:
        return NotResumed()
    return TlsFailed(f"TLS failed: {reason.replace('_', ' ').lower()}")
