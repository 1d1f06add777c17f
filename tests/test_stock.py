"""
What the classes of Twisted that ours stand on or replace do wrong, each seen here, and that ours do not.

A test that fails in its first half says that Twisted has been mended; one that fails in its second, that we have not.
Where ours needs more than a line, `docs/security.md` names the test that has it.
"""

from __future__ import annotations

import socket
import struct
import zlib
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from twisted.conch.ssh import transport as stock_transport
from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.filetransfer import FXP_READ, FXP_WRITE, FileTransferServer
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.service import SSHService
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.protocols import ftp as stock_ftp
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory
from twisted.trial.unittest import SynchronousTestCase, TestCase

import swftp
from swftp.ftp.table import COMMANDS
from swftp.ssh import settings
from swftp.ssh.algorithms import POLICIES, STRICT_SERVER
from swftp.ssh.settings import Settings
from swftp.ssh.userauth import UserAuth, _acceptable
from tests.gateway.test_proxied import SIGNATURE, take, v2
from tests.ssh.harness import HOST_KEY, Client, Server

MIB = 1 << 20


class Ours(SynchronousTestCase):
    """A client of our server, and a packet as it is before there are keys."""

    def client(self) -> Client:
        """One that has said its version."""
        client = Client(Server())
        client.raw(b"SSH-2.0-x\r\n")
        return client

    def offer(self) -> bytes:
        """What our server says at first: its version and its KEXINIT."""
        server = Server()
        transport, wire = server.accept()
        transport.dataReceived(b"SSH-2.0-x\r\n")
        server.clock.advance(1)
        said = wire.value()
        self.assertIn(b"curve25519-sha256", said)
        return said


def stock_server() -> tuple[Any, StringTransport]:
    """Conch's server, after the versions."""
    factory = SSHFactory()
    factory.services = {b"ssh-userauth": SSHService}
    factory.getPublicKeys = lambda: {b"ssh-ed25519": HOST_KEY.public()}  # type: ignore[method-assign]
    factory.getPrivateKeys = lambda: {b"ssh-ed25519": HOST_KEY}  # type: ignore[method-assign]
    factory.startFactory()  # type: ignore[no-untyped-call]
    server, wire = stock_transport.SSHServerTransport(), StringTransport()
    server.factory = factory
    server.supportedPublicKeys = [b"ssh-ed25519"]
    server.makeConnection(wire)
    server.dataReceived(b"SSH-2.0-x\r\n")
    return server, wire


def plain(number: int, payload: bytes = b"") -> bytes:
    """A packet without keys."""
    body = bytes((number,)) + payload
    padding = 8 - (len(body) + 5) % 8 + 8
    return struct.pack(">IB", len(body) + 1 + padding, padding) + body + bytes(padding)


class TransportTests(Ours):
    """C1 to C5, C14: before a login."""

    def test_compression(self) -> None:
        """C1: zlib before login, which makes 64 MiB of 64 KiB; ours offers none."""
        self.assertIn(b"zlib", stock_transport.SSHTransportBase.supportedCompressions)
        server, _ = stock_server()
        server.incomingCompression = zlib.decompressobj()
        bomb = zlib.compress(bytes(MIB))
        self.assertGreater(len(server.incomingCompression.decompress(bomb)), 500 * len(bomb))
        self.assertNotIn(b"zlib", self.offer())

    def test_strict_exchange(self) -> None:
        """C2: no strict key exchange (Terrapin); ours has it."""
        _, wire = stock_server()
        self.assertNotIn(STRICT_SERVER, wire.value())
        self.assertIn(STRICT_SERVER, self.offer())

    def test_ciphers(self) -> None:
        """C3: no authenticated encryption, but 3DES, CBC, MD5 and SHA-1; ours the other way round."""
        stock = stock_transport.SSHTransportBase
        weak = [name for name in (*stock.supportedCiphers, *stock.supportedMACs) if b"cbc" in name or b"md5" in name]
        self.assertTrue(weak)
        self.assertFalse([name for name in stock.supportedMACs if b"etm" in name])
        self.assertFalse([name for name in stock.supportedCiphers if b"gcm" in name or b"poly1305" in name])
        for policy in POLICIES.values():
            names = b" ".join((*policy.ciphers, *policy.macs, *policy.kex))
            self.assertIn(b"gcm", names)
            self.assertNotIn(b"cbc", names)
            self.assertNotIn(b"md5", names)
            self.assertNotIn(b"sha1", names)

    def test_order(self) -> None:
        """C4: the service of logins begins before there are keys; ours hangs up."""
        server, _ = stock_server()
        server.dataReceived(plain(stock_transport.MSG_SERVICE_REQUEST, NS(b"ssh-userauth")))
        self.assertIsInstance(server.service, SSHService)
        client = self.client()
        client.raw(plain(stock_transport.MSG_SERVICE_REQUEST, NS(b"ssh-userauth")))
        self.assertIsNone(client.transport.service)
        self.assertTrue(client.closed)

    def test_grace(self) -> None:
        """C5: ten hours for a login, twenty failures, and both begin anew with every request for the service."""
        self.assertEqual(SSHUserAuthServer.loginTimeout, 36_000)
        self.assertEqual(SSHUserAuthServer.attemptsBeforeDisconnect, 20)
        server, _ = stock_server()
        services = []
        for _ in range(2):
            server.dataReceived(plain(stock_transport.MSG_SERVICE_REQUEST, NS(b"ssh-userauth")))
            services.append(server.service)
        self.assertIsNot(*services)
        self.assertEqual((Settings().login_grace, Settings().max_failures), (120, 6))
        client = Client(Server()).service()
        before = client.transport.service
        client.send(stock_transport.MSG_SERVICE_REQUEST, NS(b"ssh-userauth"))
        self.assertIs(client.transport.service, before)

    def test_packets(self) -> None:
        """C14: a packet of 1 MiB is waited for; ours takes none above 256 KiB and some, and asks for new keys."""
        server, wire = stock_server()
        server.dataReceived(struct.pack(">I", MIB - 4) + bytes(500_000))
        self.assertFalse(wire.disconnecting)
        client = self.client()
        client.raw(struct.pack(">I", MIB - 4) + bytes(64))
        self.assertTrue(client.closed)
        self.assertEqual((Settings().rekey_bytes, Settings().rekey_seconds), (1 << 30, 3600))


class LoginTests(Ours):
    """C6 to C8, C15."""

    def test_signatures(self) -> None:
        """C6: what users may sign with is said to be what the host key signs with; ours: ``test_server_sig_algs``."""
        server, _ = stock_server()
        said: list[Any] = []
        server.sendExtInfo = said.extend
        server._getKey = lambda *_: bytes(64)
        server.nextEncryptions = server.currentEncryptions
        server._keySetup(b"secret", b"hash")
        self.assertEqual(said, [(b"server-sig-algs", b"ssh-ed25519")])

    def test_touch(self) -> None:
        """C8: whether a security key was touched is not looked at; ours: `tests.auth.test_key_checker`."""
        private = ed25519.Ed25519PrivateKey.generate()
        kind, raw = b"sk-ssh-ed25519@openssh.com", private.public_key().public_bytes_raw()
        key: Any = Key.fromString(NS(kind) + NS(raw) + NS(b"ssh:"))
        for flags in (0, 1):
            self.assertTrue(key.verify(NS(kind) + NS(private.sign(b"data")) + bytes((flags, 0, 0, 0, 9)), b"data"))

    def test_weak_keys(self) -> None:
        """C7: a key of 1024 bits signs with SHA-1, and is believed; ours takes neither."""
        key = Key(rsa.generate_private_key(65537, 1024))
        self.assertTrue(key.verify(key.sign(b"data", b"ssh-rsa"), b"data"))
        self.assertIsNone(_acceptable(b"ssh-rsa", key.public().blob()))
        self.assertIsNone(_acceptable(b"rsa-sha2-256", key.public().blob()))

    def test_keyboard_interactive(self) -> None:
        """C15: no keyboard-interactive, which some clients have alone; ours has it."""
        self.assertFalse(hasattr(SSHUserAuthServer, "auth_keyboard_interactive"))
        server = Server()
        self.assertIn(b"keyboard-interactive", UserAuth(server.portal, server.clock, Settings())._methods)  # type: ignore[arg-type]


class SftpTests(SynchronousTestCase):
    """C9 to C11, C16: what `swftp.sftp` replaces; that ours answers, `tests.sftp.test_server` proves."""

    def stock(self) -> tuple[Any, StringTransport]:
        """Conch's SFTP server."""

        class Avatar:
            def __conform__(self, interface: Any) -> Any:
                return self

        server, wire = FileTransferServer(avatar=Avatar()), StringTransport()  # type: ignore[no-untyped-call]
        server.makeConnection(wire)
        return server, wire

    def test_length(self) -> None:
        """C9: a packet of 4 GiB is waited for."""
        server, wire = self.stock()
        server.dataReceived(struct.pack(">IB", 0xFFFFFFF0, FXP_READ) + bytes(8 * MIB))
        self.assertGreater(len(server.buf), 8 * MIB)
        self.assertFalse(wire.disconnecting)

    def test_unknown_handle(self) -> None:
        """C10: READ and WRITE of a handle that is none get no answer."""
        server, wire = self.stock()
        for number, rest in ((FXP_READ, b"\0" * 12), (FXP_WRITE, b"\0" * 8 + NS(b"data"))):
            body = bytes((number,)) + b"\0\0\0\1" + NS(b"nothing") + rest
            try:
                server.dataReceived(struct.pack(">I", len(body)) + body)
            except AttributeError:
                server.buf = b""
        self.flushLoggedErrors()
        self.assertEqual(wire.value(), b"")

    def test_handles(self) -> None:
        """C11: a handle is an address in memory."""
        server, wire = self.stock()
        opened = object()
        server._cbOpenFile(opened, b"\0\0\0\1")
        self.assertIn(str(hash(opened)).encode(), wire.value())

    def test_log(self) -> None:
        """C16: a line in the log for each packet."""
        lines: list[object] = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        server, _ = self.stock()
        for _ in range(10):
            server.dataReceived(struct.pack(">IB", 5, 222) + b"\0\0\0\1")
        self.flushLoggedErrors()
        self.assertGreaterEqual(len(lines), 10)


class ChannelTests(Ours):
    """C12, C13."""

    def test_buffer(self) -> None:
        """C12: what the client does not take is kept, however much it is; ours says when that is enough."""

        class Connection:
            def sendData(self, channel: Any, data: bytes) -> None:
                """Into the window."""

        channel = SSHChannel(remoteWindow=65536, remoteMaxPacket=32768, conn=Connection())  # type: ignore[no-untyped-call]
        for _ in range(64):
            channel.write(bytes(MIB))  # type: ignore[no-untyped-call]
        self.assertGreater(len(channel.buf), 63 * MIB)
        self.assertLessEqual(settings.HIGH_WATER, MIB)

    def test_tiny_packets(self) -> None:
        """C13: packets of one byte make thousands of a reply; ours opens no such channel."""

        class Connection(SSHConnection):
            def getChannel(self, channelType: bytes, windowSize: int, maxPacket: int, data: bytes) -> Any:
                return SSHChannel(remoteWindow=windowSize, remoteMaxPacket=maxPacket, conn=self)  # type: ignore[no-untyped-call]

        class Wire:
            sent: list[tuple[int, bytes]] = []

            def sendPacket(self, number: int, payload: bytes) -> None:
                self.sent.append((number, payload))

        connection = Connection()
        connection.transport = Wire()
        connection.ssh_CHANNEL_OPEN(NS(b"session") + struct.pack(">3L", 1, 65536, 1))  # type: ignore[no-untyped-call]
        self.assertEqual(connection.transport.sent[0][0], 91)  # MSG_CHANNEL_OPEN_CONFIRMATION
        client = Client(Server()).login()
        client.send(90, NS(b"session") + struct.pack(">3L", 1, 65536, 1))
        self.assertEqual(client.numbers(), [92])  # MSG_CHANNEL_OPEN_FAILURE


class FtpWireTests(TestCase):
    """T1, T3, T4: what clients of the stock server may say; ours: the tests that `docs/security.md` names."""

    def control(self) -> tuple[Any, StringTransport]:
        """Of a client that has connected; times out by no reactor."""
        control, wire = stock_ftp.FTP(), StringTransport(peerAddress=IPv4Address("TCP", "203.0.113.7", 1))
        control.factory = stock_ftp.FTPFactory()  # type: ignore[no-untyped-call]
        control.timeOut = control.factory.timeOut = None
        control.makeConnection(wire)
        wire.clear()
        return control, wire

    async def test_third_party(self) -> None:
        """T1: PORT has the server connect to whomever the client names, at any port."""
        control, _ = self.control()
        with socket.create_server(("127.0.0.1", 0)) as victim:
            port = victim.getsockname()[1]
            answer = await control.ftp_PORT(f"127,0,0,1,{port >> 8},{port & 255}")
            self.assertEqual(answer, stock_ftp.ENTERING_PORT_MODE)
            accepted, _ = victim.accept()
        self.addCleanup(accepted.close)
        gone: Deferred[None] = Deferred()
        control.dtpInstance.connectionLost = lambda reason: gone.callback(None)
        control.dtpInstance.transport.abortConnection()
        await gone

    async def test_injection(self) -> None:
        """T3: who adds TLS finds commands done that came in the clear behind AUTH, in the same segment."""
        done: list[str] = []

        class Secured(stock_ftp.FTP):
            def processCommand(self, cmd: str, *params: str) -> Any:
                if cmd == "AUTH":
                    done.append("TLS begins")
                    return stock_ftp.REQ_FILE_ACTN_COMPLETED_OK
                done.append(f"{cmd} {params[0]}")
                return stock_ftp.REQ_FILE_ACTN_COMPLETED_OK

        control = Secured()
        control.timeOut = None
        control.factory = stock_ftp.FTPFactory()  # type: ignore[no-untyped-call]
        control.factory.timeOut = None
        control.makeConnection(StringTransport())
        control.dataReceived(b"AUTH TLS\r\nUSER x\r\n")
        for _ in range(10):
            await deferLater(reactor, 0)
        self.assertEqual(done, ["TLS begins", "USER x"])

    async def test_two_replies(self) -> None:
        """T4: a name with a line feed comes back as it is, so that one reply looks like two."""
        control, wire = self.control()
        control.dataReceived(b"USER a\n226 Fake\r\n")
        await deferLater(reactor, 0)
        self.assertIn("\n226 Fake", wire.value().decode())


class FtpTests(SynchronousTestCase):
    """T2, T5 to T9: what `swftp.ftp` and `swftp.gateway.proxied` replace."""

    def test_stranger(self) -> None:
        """T2: whoever comes first gets the data connection; ours: `tests.ftp.test_data`, ``test_stranger``."""
        control = stock_ftp.FTP()
        made = stock_ftp.DTPFactory(control).buildProtocol(IPv4Address("TCP", "203.0.113.7", 1))  # type: ignore[no-untyped-call]
        self.assertIsInstance(made, stock_ftp.DTP)

    def test_ascii(self) -> None:
        """T5: TYPE A fails; ours: `tests.ftp.test_ascii`."""
        wrapper = stock_ftp.ASCIIConsumerWrapper(StringTransport())  # type: ignore[no-untyped-call]
        self.assertRaises(TypeError, wrapper.write, b"line\n")

    def test_commands(self) -> None:
        """T6: no ABOR, REST, APPE, MLSD, AUTH, PBSZ and PROT."""
        for name in ("ABOR", "REST", "APPE", "MLSD", "AUTH", "PBSZ", "PROT"):
            self.assertFalse(hasattr(stock_ftp.FTP, f"ftp_{name}"), name)
            self.assertIn(name, COMMANDS)

    def test_early_data(self) -> None:
        """T7: what comes before the file is open is kept, however much; ours: ``test_connection_before_command``."""
        connection, wire = stock_ftp.DTP(), StringTransport()
        connection.factory = stock_ftp.DTPFactory(None)  # type: ignore[no-untyped-call]
        connection.makeConnection(wire)
        for _ in range(64):
            connection.dataReceived(bytes(MIB))
        self.assertEqual(sum(map(len, connection._buffer)), 64 * MIB)
        self.assertEqual(wire.producerState, "producing")

    def test_proxy_header(self) -> None:
        """T8: a header in two pieces ends the connection, and all are believed; ours waits, and looks who speaks."""
        factory = HAProxyWrappingFactory(Factory.forProtocol(Protocol))
        made, wire = factory.buildProtocol(IPv4Address("TCP", "203.0.113.7", 1)), StringTransport()
        made.makeConnection(wire)  # type: ignore[union-attr]
        made.dataReceived(SIGNATURE[:7])  # type: ignore[union-attr]
        self.assertTrue(wire.disconnecting)
        self.assertIsNone(take(v2()[:7]))

    def test_redirects(self) -> None:
        """T9: ``RedirectAgent`` takes tokens to whoever it is sent to, ``readBody`` any length; we use neither."""
        for path in Path(swftp.__file__).parent.rglob("*.py"):
            text = path.read_text()
            self.assertNotIn("RedirectAgent(", text, path)
            self.assertNotIn("readBody(", text, path)
