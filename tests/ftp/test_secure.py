"""TLS over a connection: what gets through, and how it ends."""

from __future__ import annotations

import ssl
from pathlib import Path

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.ftp.secure import TlsFailed, Truncated
from swftp.ftp.tls import Tls, TlsFiles, TlsSession
from tests.ftp.tlscase import KeyUpdates, TlsClient, certificate, client_context, file, key_pem, pem

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
BOTH = (V12, V13)


class SecureCase(SynchronousTestCase):
    """`self.session` is that of one control connection."""

    def setUp(self) -> None:
        """A server with a certificate."""
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = file(directory, "server.pem", key_pem("server"), pem(certificate("server")))
        self.tls = Tls(TlsFiles(certificate=self.path), Clock())
        self.session = self.make_session()

    def make_session(self) -> TlsSession:
        """Of another control connection."""
        return self.tls.session()

    def client(self, version: ssl.TLSVersion = V13) -> TlsClient:
        """A client whose handshake is over."""
        client = TlsClient(self.session, client_context(version)).shake()
        self.assertEqual(client.server.agreed, 1)
        return client


class FlowTests(SecureCase):
    """Bytes both ways."""

    def test_both_ways(self) -> None:
        """Whatever is said arrives, in order, of any length."""
        for version in BOTH:
            client = self.client(version)
            data = bytes(range(256)) * 3000
            client.write(data)
            self.assertEqual(client.server.came, data)
            client.secured.write(memoryview(data))
            client.secured.writeSequence([b"a", b"b"])
            self.assertEqual(client.read(), data + b"ab")

    def test_cut_anywhere(self) -> None:
        """Packets need not be records."""
        client = self.client()
        client.tls.write(b"hello" * 1000)
        sealed = client._out.read()
        for at in range(0, len(sealed), 7):
            client.secured.dataReceived(sealed[at : at + 7])
        self.assertEqual(client.server.came, b"hello" * 1000)

    def test_early(self) -> None:
        """What is written before the handshake is over is sent behind it, and a close follows it."""
        client = TlsClient(self.session, client_context())
        client.secured.write(b"220 hello\r\n")
        client.secured.loseConnection()
        self.assertFalse(client.wire.over)
        client.shake()
        self.assertEqual(client.read(), b"220 hello\r\n")
        self.assertTrue(client.wire.disconnecting)

    def test_pauses(self) -> None:
        """Who pauses the reading pauses it down to TCP."""
        client = self.client()
        client.secured.pauseProducing()
        self.assertFalse(client.wire.reading)
        client.secured.resumeProducing()
        self.assertTrue(client.wire.reading)


class EndTests(SecureCase):
    """The end of TLS is not that of TCP."""

    def test_said(self) -> None:
        """close_notify is an end in order, and is answered; what TCP does then does not matter."""
        for version in BOTH:
            client = self.client(version)
            client.write(b"data")
            client.close()
            self.assertEqual(client.server.came, b"data")
            self.assertTrue(client.wire.disconnecting)
            over = client.server.over
            assert over is not None
            self.assertIs(over.type, ConnectionDone)

    def test_said_then_reset(self) -> None:
        """A reset behind close_notify takes nothing back."""
        client = self.client()
        client.write(b"data")
        client.wire.loseConnection = lambda: client.wire.cut()  # type: ignore[method-assign]
        client.close()
        over = client.server.over
        assert over is not None
        self.assertIs(over.type, ConnectionDone)

    def test_not_said(self) -> None:
        """A FIN alone may be anybody's."""
        for version in BOTH:
            client = self.client(version)
            client.write(b"data")
            client.wire.end()
            over = client.server.over
            assert over is not None
            self.assertIs(over.type, Truncated)

    def test_reset(self) -> None:
        """A reset is a reset."""
        client = self.client()
        client.wire.cut()
        over = client.server.over
        assert over is not None
        self.assertIs(over.type, ConnectionLost)

    def test_forged(self) -> None:
        """Bytes that the client did not seal end the connection, and are not delivered."""
        client = self.client()
        client.secured.dataReceived(b"\x17\x03\x03\x00\x20" + bytes(32))
        self.assertEqual(client.server.came, b"")
        over = client.server.over
        assert over is not None
        self.assertIs(over.type, TlsFailed)

    def test_we_close(self) -> None:
        """Our close says close_notify behind all that was written."""
        client = self.client()
        client.secured.write(b"the end")
        client.secured.loseConnection()
        self.assertEqual(client.read(), b"the end")
        self.assertTrue(client.said_last())

    def test_we_close_and_the_client_hangs_up(self) -> None:
        """Once we have said our last, a client need not say his: what it got it has."""
        client = self.client()
        client.secured.loseConnection()
        client.wire.end()
        over = client.server.over
        assert over is not None
        self.assertIs(over.type, ConnectionDone)

    def test_we_abort(self) -> None:
        """A reset says none: what came before is no whole file."""
        client = self.client()
        client.secured.write(b"half a file")
        client.secured.abortConnection()
        self.assertEqual(client.read(), b"half a file")
        self.assertFalse(client.said_last())
        self.assertTrue(client.wire.aborted)

    def test_no_tls(self) -> None:
        """Who does not speak TLS is told by an alert, and is heard no more."""
        client = TlsClient(self.session, client_context())
        client.secured.dataReceived(b"USER tester\r\n")
        self.assertEqual((client.server.came, client.server.agreed), (b"", 0))
        over = client.server.over
        assert over is not None
        self.assertIs(over.type, TlsFailed)

    def test_old_tls(self) -> None:
        """Versions before 1.2 are not spoken."""
        context = client_context(V12)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        client = TlsClient(self.session, context).shake()
        self.assertEqual(client.server.agreed, 0)

    def test_weak_suites(self) -> None:
        """Nor is anything but AEAD with forward secrecy."""
        for suites in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"):
            context = client_context(V12)
            context.set_ciphers(suites)
            self.assertEqual(TlsClient(self.session, context).shake().server.agreed, 0, suites)

    def test_made_to_answer(self) -> None:
        """Who has keys changed again and again, and need not read our answers, does not fill our memory with them."""
        context, keylog = client_context(), Path(self.mktemp())
        context.keylog_filename = str(keylog)
        client = TlsClient(self.session, context).shake()
        updates = KeyUpdates(keylog)
        client.secured.dataReceived(b"".join(updates.next() for _ in range(100)))
        self.assertFalse(client.wire.over)  # some are nobody's fault
        for _ in range(40):
            client.secured.dataReceived(b"".join(updates.next() for _ in range(100)))
        self.assertTrue(client.wire.over)
        self.assertLess(len(client.wire.value()), 100_000)

    def test_half(self) -> None:
        """A client who is sent a file may have said its last before the file's is said."""
        client = TlsClient(self.session, client_context(), data=True).shake()
        client.close()
        client.secured.write(b"more")
        self.assertIsNone(client.server.over)
        self.assertEqual(client.read(), b"more")
        client.secured.loseConnection()
        self.assertTrue(client.said_last())


class SessionTests(SecureCase):
    """A data connection belongs to the control connection whose session it resumes."""

    def session_of(self, version: ssl.TLSVersion, context: ssl.SSLContext) -> ssl.SSLSession:
        """What a control connection leaves."""
        client = TlsClient(self.session, context).shake()
        client.secured.write(b"220\r\n")
        client.read()
        session = client.tls.session
        assert session is not None
        return session

    def test_resumed(self) -> None:
        """The control connection's session goes on, in every version, both ways."""
        for version in BOTH:
            for receiving in (True, False):
                self.session = self.make_session()
                context = client_context(version)
                session = self.session_of(version, context)
                data = TlsClient(self.session, context, data=True, receiving=receiving, resume=session).shake()
                self.assertTrue(data.secured.resumed, version)

    def test_resumed_again(self) -> None:
        """What a download resumed can be resumed by the next, which no client need do with its first ticket."""
        context = client_context()
        session = self.session_of(V13, context)
        for _ in range(5):
            data = TlsClient(self.session, context, data=True, resume=session).shake()
            self.assertTrue(data.secured.resumed)
            data.secured.write(b"content")
            data.read()
            assert data.tls.session is not None
            session = data.tls.session

    def test_without(self) -> None:
        """A connection without a session is a new one."""
        for version in BOTH:
            data = TlsClient(self.session, client_context(version), data=True).shake()
            self.assertEqual(data.server.agreed, 1)
            self.assertFalse(data.secured.resumed)

    def test_of_another(self) -> None:
        """What another control connection left resumes nothing here: port theft does not get past this."""
        for version in BOTH:
            context = client_context(version)
            session = self.session_of(version, context)
            other = self.make_session()
            data = TlsClient(other, context, data=True, receiving=True, resume=session).shake()
            self.assertEqual(data.server.agreed, 1)
            self.assertFalse(data.secured.resumed, version)

    def test_off(self) -> None:
        """Where resumption is off, nothing is resumed."""
        self.session = Tls(TlsFiles(certificate=self.path, resume=False), Clock()).session()
        for version in BOTH:
            context = client_context(version)
            client = TlsClient(self.session, context).shake()
            client.secured.write(b"220\r\n")
            client.read()
            data = TlsClient(self.session, context, data=True, resume=client.tls.session).shake()
            self.assertEqual(data.server.agreed, 1)
            self.assertFalse(data.secured.resumed)

    def test_no_tickets_for_who_only_writes(self) -> None:
        """
        Behind the handshake of an upload the server says nothing.

        A client that never reads would have unread bytes when it closes, and its close would be a reset.
        """
        context = client_context()
        session = self.session_of(V13, context)
        for resume in (session, None):
            data = TlsClient(self.session, context, data=True, receiving=True, resume=resume)
            data.shake()
            data.write(b"content")
            self.assertEqual(data.wire.value(), b"")
            self.assertFalse(data.tls.session.has_ticket if resume is None and data.tls.session else False)
            self.assertEqual(data._in.pending, 0)

    def test_fresh_tickets_for_who_reads(self) -> None:
        """A download brings a new one: clients use each once."""
        context = client_context()
        data = TlsClient(self.session, context, data=True).shake()
        data.secured.write(b"content")
        self.assertEqual(data.read(), b"content")
        assert data.tls.session is not None
        self.assertTrue(data.tls.session.has_ticket)
