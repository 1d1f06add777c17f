"""When an SSH connection is gone, so is all that it held: nothing waits for the collector of cycles."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.sftp.server import SFTPServer
from swftp.sftp.wire import Packet, string
from swftp.ssh.wire import Msg
from swftp.storage.memory import MemoryStorage
from tests.left import left
from tests.sftp.case import NEW, NOW, READ, A, make_session
from tests.sftp.client import INIT, NO_ATTRS, packet, u32, u64
from tests.ssh.harness import Client, Server


class LeftBehindTests(SynchronousTestCase):
    """``/box/a`` holds a line."""

    def setUp(self) -> None:
        """A server that has seen a client, so that what the first one costs is paid."""
        self.server = Server()
        self.clock = self.server.clock
        self.clock.advance(NOW)
        self.storage = MemoryStorage(self.clock)
        self.storage["/box/a"] = b"hello, world"
        self.open_files()

    def leave(self, client: Client) -> None:
        """The connection is gone, and some minutes, too."""
        client.vanish()
        self.server.realm.made.clear()
        self.clock.pump([1.0] * 300)

    def open_files(self) -> None:
        """A client opens files and a directory, reads, writes, and vanishes."""
        client = Client(self.server).login()
        session = make_session(self.storage, self.clock)
        channel, _ = client.subsystem(SFTPServer(session, self.clock))
        requests = [
            packet(Packet.OPEN, u32(1), A, u32(READ), NO_ATTRS),
            packet(Packet.OPEN, u32(2), string(b"/box/b"), u32(NEW), NO_ATTRS),
            packet(Packet.OPENDIR, u32(3), string(b"/box")),
            packet(Packet.READ, u32(4), string(u32(1)), u64(0), u32(100)),
            packet(Packet.WRITE, u32(5), string(u32(2)), u64(0), string(b"new")),
            packet(Packet.READDIR, u32(6), string(u32(3))),
            packet(Packet.STAT, u32(7), string(b"/box/c")),
        ]
        for request in [INIT, *requests]:
            client.write(channel, request)
            self.clock.pump([0] * 20)
        self.assertIn(b"hello, world", client.output())
        self.leave(client)
        session.lost()

    def test_open_files(self) -> None:
        """Of a login with files open."""
        self.assertEqual(left(self.open_files), set())

    def test_closed_channel(self) -> None:
        """Of a channel that was closed, and the login that stays."""
        client = Client(self.server).login()

        def come_and_go() -> None:
            session = make_session(self.storage, self.clock)
            channel, _ = client.subsystem(SFTPServer(session, self.clock))
            client.write(channel, INIT)
            client.send(Msg.CHANNEL_CLOSE, u32(channel))
            client.messages = []
            self.server.realm.made.clear()
            session.lost()

        come_and_go()
        self.assertEqual(left(come_and_go), set())
        self.leave(client)

    def test_refused_login(self) -> None:
        """Of one that never got in."""

        def knock() -> None:
            client = Client(self.server).service()
            for _ in range(3):
                client.auth(b"password", b"\0", string(b"wrong"))
                self.clock.pump([1.0] * 5)
                client.pump()
                self.assertEqual(len(client.take(Msg.USERAUTH_FAILURE)), 1)
            self.leave(client)

        knock()
        self.assertEqual(left(knock), set())

    def test_gone_before_login(self) -> None:
        """Of one that left before, at any point."""

        def pass_by() -> None:
            self.leave(Client(self.server))
            self.leave(Client(self.server).hello())
            self.leave(Client(self.server).service())

        pass_by()
        self.assertEqual(left(pass_by), set())

    def test_gone_while_checked(self) -> None:
        """Of one whose login is still being looked at: when that is over."""

        def hasten() -> None:
            client = Client(self.server).service()
            wait: Deferred[None] = Deferred()
            checker = next(iter(self.server.portal.checkers.values()))  # type: ignore[union-attr]
            asked = checker.requestAvatarId
            checker.requestAvatarId = lambda credentials: wait.addCallback(lambda _: asked(credentials))
            client.auth(b"password", b"\0", string(b"secret"))
            self.leave(client)
            wait.callback(None)
            del checker.requestAvatarId
            self.clock.pump([1.0] * 5)

        hasten()
        self.assertEqual(left(hasten), set())
