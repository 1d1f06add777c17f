"""How a data connection ends is what becomes of its transfer."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from swftp import errors
from swftp.ftp.data import DataConnection
from swftp.ftp.pipe import Pipe
from swftp.ftp.receiving import Receiving
from swftp.ftp.reply import Refused
from swftp.ftp.secure import TlsFailed, Truncated
from swftp.ftp.sending import Sending
from swftp.ftp.tls import Tls, TlsFiles
from tests.ftp.datacase import wire
from tests.ftp.test_pipe import NO_CHANNEL, PipeCase
from tests.ftp.tlscase import client_context
from tests.functional.ftp import certificate


class EndTests(PipeCase):
    """Of an upload."""

    def upload(self) -> Deferred[None]:
        """Whose bytes are written at once."""
        return self.begin(Receiving(self.terms, lambda offset, parts, size: None))

    def test_not_confirmed(self) -> None:
        """The end of TCP without that of TLS is none: who may cut the wire may send it."""
        done = self.upload()
        self.wire.send(b"data")
        self.wire.end(Truncated())
        self.failureResultOf(done, errors.Interrupted)

    def test_not_confirmed_but_accepted(self) -> None:
        """An option takes it for one; and nothing else that is none."""
        self.terms = replace(self.terms, unconfirmed_end=True)
        done = self.upload()
        self.wire.end(Truncated())
        self.successResultOf(done)
        for reason in (TlsFailed("forged"), Failure(ZeroDivisionError()).value):
            self.setUp()
            self.terms = replace(self.terms, unconfirmed_end=True)
            done = self.upload()
            self.wire.end(reason)
            self.failureResultOf(done, errors.Interrupted)

    def test_over_in_order_before_it_began(self) -> None:
        """A connection that went in order while nobody read it is no empty file: nobody knows what was in it."""
        self.wire.end()
        self.failureResultOf(self.upload(), errors.Interrupted)

    def test_no_watch_is_left(self) -> None:
        """When it is over, nobody looks any more whether the client stalls."""
        done = self.upload()
        self.wire.end()
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_handshake(self) -> None:
        """A client that never begins TLS is not waited for, whichever way the bytes are to go."""
        tls = Tls(TlsFiles(certificate=str(certificate())), self.clock).session()
        terms = replace(self.terms, tls=tls)
        for pipe in (
            Receiving(terms, lambda offset, parts, size: None),
            Sending(terms, lambda offset, length: b"data"),
        ):
            self.connection = DataConnection(NO_CHANNEL)
            self.wire = wire(self.connection)
            done = self.begin(pipe)
            self.clock.pump([15] * 6)
            self.failureResultOf(done, errors.Interrupted)
            self.assertEqual((self.wire.value(), self.wire.aborted), (b"", True))


class HandshakeTests(PipeCase):
    """TLS has to be agreed on before bytes move."""

    def setUp(self) -> None:
        """The terms of a protected connection."""
        super().setUp()
        self.terms = replace(self.terms, tls=Tls(TlsFiles(certificate=str(certificate())), self.clock).session())
        self.asked = 0

    def read(self, offset: int, length: int) -> bytes:
        """A file of four bytes."""
        self.asked += 1
        return b"data"[offset:]

    def shake(self, pipe: Pipe) -> bytes:
        """A client's handshake; what it then is sent."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_context().wrap_bio(incoming, outgoing)
        for step in (tls.do_handshake, tls.do_handshake, tls.do_handshake, lambda: tls.read(100)):
            with contextlib.suppress(ssl.SSLWantReadError):
                came = step()
            if outgoing.pending and not self.wire.over:
                pipe.transport.dataReceived(outgoing.read())
            incoming.write(self.wire.value())
            self.wire.clear()
        return came or b""

    def test_agreed(self) -> None:
        """Then, and not before, the file is read and sent."""
        pipe = Sending(self.terms, self.read)
        done = self.begin(pipe)
        self.assertEqual((self.asked, self.wire.value()), (0, b""))
        self.assertEqual(self.shake(pipe), b"data")
        self.wire.end()
        self.successResultOf(done)

    def test_not_resumed(self) -> None:
        """Where it has to resume the session of the control connection, another one is refused, and gets nothing."""
        self.terms = replace(self.terms, resumed=True)
        pipe = Sending(self.terms, self.read)
        done = self.begin(pipe)
        with contextlib.suppress(ssl.SSLError):
            self.shake(pipe)
        self.assertEqual((self.failureResultOf(done, Refused).value.reply.code, self.asked), (522, 0))

    def test_no_tls(self) -> None:
        """Who speaks anything else, or goes, is told that there was no TLS, and nothing was moved."""
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b""):
            self.connection = DataConnection(NO_CHANNEL)
            self.wire = wire(self.connection)
            pipe = Sending(self.terms, self.read)
            done = self.begin(pipe)
            if garbage:
                pipe.transport.dataReceived(garbage)
            self.wire.end()
            self.assertEqual((self.failureResultOf(done, Refused).value.reply.code, self.asked), (425, 0))
