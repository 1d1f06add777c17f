"""Whose TLS session a data connection may resume: that of its control connection, and none that a stranger got."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp.ftp.secure import NotResumed, Phase, Secured
from swftp.ftp.tls import Tls, TlsFiles, TlsSession
from tests.functional.ftp import certificate

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Wire(StringTransport):
    """The server's end of a connection, which ends when it is told to."""

    protocol: Any
    ears: Ears

    def loseConnection(self) -> None:
        """As of `ITransport`."""
        self.disconnecting = True


class Ears(Protocol):
    """Hears how it ends."""

    reason: Any = None

    def connectionLost(self, reason: Failure = Failure(ZeroDivisionError())) -> None:  # noqa: B008
        """Remember it."""
        self.reason = reason.value


def trusting(highest: ssl.TLSVersion) -> ssl.SSLContext:
    """A client's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = highest
    return context


def connect(
    make: Callable[[Protocol], Secured], context: ssl.SSLContext, session: Any = None, name: str | None = None
) -> tuple[Secured, ssl.SSLObject]:
    """A handshake, as far as it goes: the server's side and the client's."""
    server, wire = Ears(), Wire()
    wire.ears = server
    wire.protocol = server
    server.makeConnection(wire)
    secured = make(server)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name, session=session)
    for _ in range(4):
        try:
            client.do_handshake()
            client.read()  # tickets
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            break
        if outgoing.pending:
            secured.dataReceived(outgoing.read())
        incoming.write(wire.value())
        wire.clear()
    if wire.disconnecting:
        secured.connectionLost()
    return secured, client


def session_of(client: ssl.SSLObject) -> Any:
    """What *client* could resume, if anything."""
    try:
        return client.session
    except ValueError:  # the handshake did not come to one
        return None


class TieTests(SynchronousTestCase):
    """``tls_reuse = required``."""

    def setUp(self) -> None:
        """One control connection."""
        self.session: TlsSession = Tls(TlsFiles(certificate=str(certificate())), Clock()).session()

    def data(self, receiving: bool) -> Callable[[Protocol], Secured]:
        """What makes a data connection of it."""
        return lambda protocol: self.session.protect_data(protocol, receiving=receiving, tied=True)

    def test_own(self) -> None:
        """Who has the control connection's session gets through, again and again, naming the server or not."""
        for highest in (V12, V13):
            self.setUp()
            context = trusting(highest)
            _, control = connect(self.session.protect, context)
            for receiving in (True, False, True):
                for name in (None, "localhost"):
                    secured, _ = connect(self.data(receiving), context, control.session, name)
                    self.assertEqual((secured.phase, secured.resumed), (Phase.OPEN, True), highest)

    def test_stranger(self) -> None:
        """Who has not gets nothing that he could resume the next time."""
        for highest in (V12, V13):
            for receiving in (True, False):
                self.setUp()
                connect(self.session.protect, trusting(highest))
                context = trusting(highest)
                secured, thief = connect(self.data(receiving), context)
                self.assertIsNot(secured.phase, Phase.OPEN)
                self.assertIsInstance(secured.tcp.ears.reason, NotResumed)
                again, _ = connect(self.data(receiving), context, session_of(thief))
                self.assertFalse(again.resumed)
                self.assertIsNot(again.phase, Phase.OPEN)

    def test_other_control_connection(self) -> None:
        """The session of another control connection is a stranger's."""
        for highest in (V12, V13):
            self.setUp()
            context = trusting(highest)
            mine, self.session = self.session, Tls(TlsFiles(certificate=str(certificate())), Clock()).session()
            _, other = connect(mine.protect, context)
            secured, _ = connect(self.data(True), context, other.session)
            self.assertIsInstance(secured.tcp.ears.reason, NotResumed)

    def test_offered(self) -> None:
        """Where it is only offered, a session of its own is served."""
        secured, _ = connect(lambda protocol: self.session.protect_data(protocol, receiving=True), trusting(V13))
        self.assertIs(secured.phase, Phase.OPEN)
