"""Every way a channel ends."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from swftp.outcomes import Status
from swftp.sftp.wire import Packet, string
from tests.sftp.case import CONTENT, NEW, READ, WRITE, A, SFTPTestCase
from tests.sftp.client import INIT, NO_ATTRS, packet, u32, u64


class EndTests(SFTPTestCase):
    """Every way a channel ends."""

    def upload(self) -> bytes:
        """Two WRITEs of a new version of ``/box/a``."""
        handle = self.client.open(b"/box/a", NEW)
        for i in range(2):
            self.assertEqual(self.client.call(Packet.WRITE, handle, u64(3 * i), string(b"new")).code, Status.OK)
        return handle

    def test_eof(self) -> None:
        """A client that has nothing open and says EOF gets exit status 0."""
        self.client.server.ended()  # type: ignore[attr-defined]
        self.assertEqual(self.client.channel.finished, 0)

    def test_eof_waits_for_answers(self) -> None:
        """What was asked before EOF is answered before the end."""
        self.storage.latency = 1.0
        asked = self.client.ask(Packet.STAT, A)
        self.client.server.ended()  # type: ignore[attr-defined]
        self.assertIsNone(self.client.channel.finished)
        self.clock.pump([1.0] * 3)
        self.assertIs(self.client.reply(asked).kind, Packet.ATTRS)
        self.assertEqual(self.client.channel.finished, 0)

    def test_eof_commits_nothing(self) -> None:
        """EOF is not CLOSE."""
        self.upload()
        self.client.server.ended()  # type: ignore[attr-defined]
        self.assertEqual(self.client.channel.finished, 0)
        self.settle()
        self.assertEqual(self.storage["/box/a"], CONTENT)

    def test_eof_in_the_middle_of_a_packet(self) -> None:
        """Half a request is no request."""
        handle = self.upload()
        self.client.send(packet(Packet.CLOSE, u32(99), handle)[:-1])
        self.client.server.ended()  # type: ignore[attr-defined]
        self.settle()
        self.assertEqual((self.client.channel.finished, self.storage["/box/a"]), (0, CONTENT))

    def test_lost_commits_nothing(self) -> None:
        """A client that vanishes leaves the old object."""
        self.upload()
        self.client.server.lost()  # type: ignore[attr-defined]
        self.settle()
        self.assertEqual(self.storage["/box/a"], CONTENT)

    def test_lost_after_close(self) -> None:
        """A client that vanishes while the store confirms leaves the new object."""
        handle = self.upload()
        self.storage.latency = 5.0
        self.client.ask(Packet.CLOSE, handle)
        self.client.channel.dead = True
        self.client.server.lost()  # type: ignore[attr-defined]
        self.assertEqual(self.storage["/box/a"], CONTENT)
        self.clock.pump([5.0] * 3)
        self.assertEqual(self.storage["/box/a"], b"newnew")

    def test_lost_while_opening(self) -> None:
        """A file whose OPEN was not answered is not left open."""
        self.storage.latency = 5.0
        for flags in (READ, NEW, READ | WRITE):
            self.client.ask(Packet.OPEN, A, u32(flags), NO_ATTRS)
        self.client.server.lost()  # type: ignore[attr-defined]
        self.clock.pump([5.0] * 3)
        self.assertEqual(self.storage["/box/a"], CONTENT)

    def test_lost_at_every_request(self) -> None:
        """Whatever is waited for when the client goes: no error is left over, no reply is tried."""
        for flags, kind, *rest in (
            (READ, Packet.READ, u64(0), u32(5)),
            (READ | WRITE, Packet.READ, u64(0), u32(5)),
            (WRITE, Packet.WRITE, u64(0), string(b"x")),
            (READ, Packet.FSTAT),
            (READ, Packet.FSETSTAT, u32(8), u32(1), u32(1)),
            (READ, Packet.CLOSE),
        ):
            with self.subTest(kind=kind):
                client = self.connect()
                self.storage.latency = 0
                handle = client.open(b"/box/a", flags)
                self.storage.latency = 1.0
                client.ask(kind, handle, *rest)
                client.hear()
                client.channel.dead = True
                client.server.lost()  # type: ignore[attr-defined]
                self.clock.pump([1.0] * 5)
                self.assertEqual(client.hear(), [])

    def test_broken_stream_commits_nothing(self) -> None:
        """A client that stops making sense is not believed to have closed its files."""
        self.upload()
        self.client.send(u32(0))
        self.settle()
        self.assertEqual((self.client.channel.finished, self.storage["/box/a"]), (1, CONTENT))

    def test_late_input(self) -> None:
        """Input after the end is not looked at."""
        self.client.server.ended()  # type: ignore[attr-defined]
        self.client.ask(Packet.REMOVE, A)
        self.client.send(INIT)
        self.assertEqual(self.client.hear(), [])
        self.assertIn("/box/a", self.storage)

    def test_waiting(self) -> None:
        """The channel can tell whether the client waits for us."""
        waiting: Deferred[None] = Deferred()
        self.assertFalse(self.client.server.waiting)  # type: ignore[attr-defined]
        self.storage.hook = lambda verb, path: waiting
        self.client.ask(Packet.STAT, A)
        self.assertTrue(self.client.server.waiting)  # type: ignore[attr-defined]
        waiting.callback(None)
        self.assertFalse(self.client.server.waiting)  # type: ignore[attr-defined]
