"""Requests on a channel (RFC 4254 section 6)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.settings import REQUESTS_BEFORE_SUBSYSTEM, Settings
from swftp.ssh.wire import U32, Msg, string
from tests.ssh.harness import Client, Recorder, Server

CLOSING = [Msg.CHANNEL_REQUEST, Msg.CHANNEL_EOF, Msg.CHANNEL_CLOSE]


def logged_in(**settings: object) -> Client:
    """A client on a server with *settings*."""
    return Client(Server(Settings(**settings))).login()  # type: ignore[arg-type]


class Requests(SynchronousTestCase):
    """RFC 4254 section 6."""

    def test_answer_comes_first(self) -> None:
        """What a subsystem says in ``connected`` comes behind CHANNEL_SUCCESS."""

        class Greeting(Recorder):
            def connected(self, channel: object) -> None:
                super().connected(channel)
                self.channel.put(b"hello")

        client = logged_in()
        client.server.realm.prepared.append(Greeting())
        channel = client.open()
        client.request(channel, b"subsystem", string(b"echo"))
        self.assertEqual(client.numbers(), [Msg.CHANNEL_SUCCESS, Msg.CHANNEL_DATA])

    def test_one_subsystem(self) -> None:
        """A channel runs one thing: a second subsystem, command or shell is refused."""
        client = logged_in()
        channel, recorder = client.subsystem(Recorder())
        for name, rest in ((b"subsystem", string(b"echo")), (b"exec", string(b"echo")), (b"shell", b"")):
            client.request(channel, name, rest)
        self.assertEqual(client.numbers(), [Msg.CHANNEL_FAILURE] * 3)
        self.assertEqual(recorder.events, ["connected"])

    def test_unknown_subsystem(self) -> None:
        """It fails, and another may be tried."""
        client = logged_in()
        channel = client.open()
        client.request(channel, b"subsystem", string(b"nonsense"))
        client.request(channel, b"subsystem", string(b"echo"))
        self.assertEqual(client.numbers(), [Msg.CHANNEL_FAILURE, Msg.CHANNEL_SUCCESS])

    def test_command(self) -> None:
        """A command that the avatar runs is a subsystem like any other."""
        client = logged_in()
        channel = client.open()
        client.request(channel, b"exec", string(b"echo"))
        client.write(channel, b"x")
        self.assertEqual(client.output(), b"x")

    def test_no_shell(self) -> None:
        """A shell, or another command: said in words, status 1, closed."""
        for name, rest in ((b"shell", b""), (b"exec", string(b"rm -rf /"))):
            client = logged_in()
            channel = client.open()
            client.request(channel, name, rest)
            self.assertEqual(client.numbers(), [Msg.CHANNEL_SUCCESS, Msg.CHANNEL_EXTENDED_DATA, *CLOSING])
            self.assertIn(b"sftp", client.messages[1][1])
            self.assertEqual(client.messages[2][1][-4:], U32.pack(1))

    def test_refused(self) -> None:
        """A terminal, variables, an agent, X11: refused, quietly, and sftp goes on."""
        client = logged_in()
        channel = client.open()
        names = (b"pty-req", b"env", b"x11-req", b"auth-agent-req@openssh.com", b"signal", b"nonsense", b"\xff")
        for name in names:
            client.request(channel, name, string(b"x"))
            client.request(channel, name, string(b"x"), reply=False)
        self.assertEqual(client.numbers(), [Msg.CHANNEL_FAILURE] * len(names))
        client.request(channel, b"subsystem", string(b"echo"))
        self.assertFalse(client.closed)

    def test_no_reply_wanted(self) -> None:
        """A subsystem asked for without wanting a reply runs."""
        client = logged_in()
        channel = client.open()
        client.request(channel, b"subsystem", string(b"echo"), reply=False)
        self.assertEqual(client.messages, [])
        client.write(channel, b"x")
        self.assertEqual(client.output(), b"x")

    def test_bounded(self) -> None:
        """Requests without end before anything runs are not answered without end."""
        client = logged_in()
        channel = client.open()
        for _ in range(REQUESTS_BEFORE_SUBSYSTEM):
            client.request(channel, b"env", string(b"A") + string(b"b"), reply=False)
        self.assertFalse(client.closed)
        client.request(channel, b"env", string(b"A") + string(b"b"), reply=False)
        self.assertTrue(client.closed)

    def test_malformed(self) -> None:
        """Requests that do not parse end the connection, without a traceback."""
        for rest in (b"", string(b"subsystem"), string(b"subsystem") + b"\1", string(b"exec") + b"\1\0\0\0\7x"):
            client = logged_in()
            channel = client.open()
            client.send(Msg.CHANNEL_REQUEST, U32.pack(channel) + rest)
            self.assertTrue(client.closed)
