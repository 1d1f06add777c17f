"""Stock Conch as a client: an implementation that shares nothing with ours but the wire."""

from __future__ import annotations

from typing import Any

from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.transport import SSHClientTransport
from twisted.conch.ssh.userauth import SSHUserAuthClient
from twisted.internet.defer import succeed
from twisted.test.iosim import FakeTransport, connect
from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.settings import Settings
from tests.ssh.harness import HOST_KEY, USER_KEY, Server

DATA = bytes(range(256)) * 4096


class Auth(SSHUserAuthClient):
    preferredOrder = (b"publickey", b"password")

    def __init__(self, word: bytes | None, connection: SSHConnection) -> None:
        super().__init__(b"me", connection)
        self.word = word

    def getPassword(self, prompt: Any = None) -> Any:
        return succeed(self.word)

    def getPublicKey(self) -> Any:
        return None if self.word or self.lastPublicKey else USER_KEY.public()

    def getPrivateKey(self) -> Any:
        return succeed(USER_KEY)


class Channel(SSHChannel):
    name = b"session"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(localWindow=100000, localMaxPacket=20000, **kwargs)
        self.got = b""
        self.status: bytes | None = None
        self.ended = False

    def channelOpen(self, specificData: bytes) -> None:
        self.conn.sendRequest(self, b"subsystem", NS(b"echo"), wantReply=1)
        self.write(DATA)
        self.conn.sendEOF(self)

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def request_exit_status(self, data: bytes) -> None:
        self.status = data

    def closed(self) -> None:
        self.ended = True


class Connection(SSHConnection):
    def serviceStarted(self) -> None:
        self.channel = Channel(conn=self)
        self.openChannel(self.channel)


class ConchClient(SSHClientTransport):
    def __init__(self, word: bytes | None, kex: bytes, cipher: bytes, mac: bytes) -> None:
        self.word = word
        self.supportedKeyExchanges = [kex]
        self.supportedCiphers = [cipher]
        self.supportedMACs = [mac]
        self.conn = Connection()

    def verifyHostKey(self, hostKey: bytes, fingerprint: bytes) -> Any:
        assert hostKey == HOST_KEY.public().blob()
        return succeed(1)

    def connectionSecure(self) -> None:
        self.requestService(Auth(self.word, self.conn))


class StockConch(SynchronousTestCase):
    def run_session(self, word: bytes | None, kex: bytes, cipher: bytes, mac: bytes) -> Channel:
        server = Server(Settings(first_window=1 << 21))  # it says EOF before it has sent what waits for a window
        protocol = server.factory.buildProtocol(None)
        client = ConchClient(word, kex, cipher, mac)
        pump = connect(
            protocol, FakeTransport(protocol, isServer=True), client, FakeTransport(client, isServer=False)
        )
        for _ in range(1000):
            server.clock.advance(0.01)
            if not pump.pump():
                break
        return client.conn.channel

    def test_echo(self) -> None:
        """Every algorithm that it knows: log in, echo a megabyte through a small window, end well."""
        for kex in (b"curve25519-sha256", b"curve25519-sha256@libssh.org", b"ecdh-sha2-nistp256"):
            for cipher, mac in (
                (b"aes256-ctr", b"hmac-sha2-512"),
                (b"aes192-ctr", b"hmac-sha2-256"),
                (b"aes128-ctr", b"hmac-sha2-256"),
            ):
                channel = self.run_session(b"secret", kex, cipher, mac)
                self.assertEqual(len(channel.got), len(DATA))
                self.assertEqual(channel.got, DATA)

    def test_public_key(self) -> None:
        """The same by public key."""
        channel = self.run_session(None, b"curve25519-sha256", b"aes128-ctr", b"hmac-sha2-256")
        self.assertEqual(channel.got, DATA)
