"""How a data connection ends is what becomes of its transfer."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from swftp import errors
from swftp.ftp.data import DataConnection
from swftp.ftp.receiving import Receiving
from swftp.ftp.secure import TlsFailed, Truncated
from swftp.ftp.sending import Sending
from swftp.ftp.tls import Tls, TlsFiles
from tests.ftp.datacase import wire
from tests.ftp.test_pipe import NO_CHANNEL, PipeCase
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
