"""The channels of a connection, and requests to the connection itself."""

from __future__ import annotations

import random

from twisted.conch.ssh.connection import (
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    OPEN_CONNECT_FAILED,
    OPEN_RESOURCE_SHORTAGE,
    OPEN_UNKNOWN_CHANNEL_TYPE,
)
from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.algorithms import COMPAT, kexinit
from swftp.ssh.settings import CHANNELS, MAX_DATA, MIN_REMOTE_DATA
from swftp.ssh.wire import U32, Msg, string
from tests.ssh.harness import Client, Recorder, Server


def opening(kind: bytes, limit: int = 32768) -> bytes:
    """A CHANNEL_OPEN."""
    return string(kind) + U32.pack(7) + U32.pack(1000) + U32.pack(limit)


class Opening(SynchronousTestCase):
    def refusal(self, client: Client) -> int:
        (payload,) = client.take(Msg.CHANNEL_OPEN_FAILURE)
        self.assertEqual(payload[:4], U32.pack(7))
        return int(U32.unpack_from(payload, 4)[0])

    def test_session(self) -> None:
        """The answer says our number of the channel, our window and the largest packet we take."""
        client = Client(Server()).login()
        client.send(Msg.CHANNEL_OPEN, opening(b"session"))
        words = b"".join(U32.pack(word) for word in (7, 0, client.server.settings.first_window, MAX_DATA))
        self.assertEqual(client.take(Msg.CHANNEL_OPEN_CONFIRMATION), [words])

    def test_forwarding(self) -> None:
        """Forwarding of any kind is prohibited, other kinds are unknown; neither ends the connection."""
        client = Client(Server()).login()
        for kind in (b"direct-tcpip", b"direct-streamlocal@openssh.com", b"x11"):
            client.send(Msg.CHANNEL_OPEN, opening(kind) + string(b"host") + U32.pack(22) + string(b"") + U32.pack(0))
            self.assertEqual(self.refusal(client), OPEN_ADMINISTRATIVELY_PROHIBITED)
        client.send(Msg.CHANNEL_OPEN, opening(b"\xff\xfe"))
        self.assertEqual(self.refusal(client), OPEN_UNKNOWN_CHANNEL_TYPE)
        client.subsystem(Recorder())

    def test_tiny_packets(self) -> None:
        """A client that takes next to nothing in one packet would make us send thousands: refused."""
        client = Client(Server()).login()
        for limit in (0, 1, MIN_REMOTE_DATA - 1):
            client.send(Msg.CHANNEL_OPEN, opening(b"session", limit))
            self.assertEqual(self.refusal(client), OPEN_CONNECT_FAILED)

    def test_huge_packets(self) -> None:
        """One that takes anything gets packets of a sane size."""
        client = Client(Server()).login()
        _, recorder = client.subsystem(Recorder(), limit=0xFFFFFFFF, window=0xFFFFFFFF)
        recorder.channel.put(bytes(600000))
        client.pump()
        self.assertEqual([len(p) - 8 for p in client.take(Msg.CHANNEL_DATA)], [262144, 262144, 75712])

    def test_number(self) -> None:
        """Only so many channels at once; one that closes makes room, and its number is not used again."""
        client = Client(Server()).login()
        numbers = [client.open(sender=n) for n in range(CHANNELS)]
        client.send(Msg.CHANNEL_OPEN, opening(b"session"))
        self.assertEqual(self.refusal(client), OPEN_RESOURCE_SHORTAGE)
        client.send(Msg.CHANNEL_CLOSE, U32.pack(numbers[0]))
        self.assertNotIn(client.open(), numbers)

    def test_malformed(self) -> None:
        """An open that does not parse ends the connection."""
        for payload in (b"", string(b"session"), opening(b"session")[:-1], opening(b"session") + b"x"):
            client = Client(Server()).login()
            client.send(Msg.CHANNEL_OPEN, payload)
            self.assertTrue(client.closed)


class Independence(SynchronousTestCase):
    def test_one_does_not_hold_up_another(self) -> None:
        """A channel whose client does not read, and whose subsystem gives no credit, leaves others alone."""
        client = Client(Server()).login()
        stuck, silent = client.subsystem(Recorder(credits=False), window=0, sender=1)
        silent.channel.put(bytes(1 << 20))
        client.write(stuck, bytes(client.server.settings.first_window))
        free, _ = client.subsystem(sender=2)
        client.write(free, b"through")
        self.assertEqual(client.output(), b"through")


class Mutations(SynchronousTestCase):
    """Messages that are nearly right, which get further than garbage does."""

    def messages(self, channel: int) -> list[bytes]:
        number = U32.pack(channel)
        bodies = {
            Msg.CHANNEL_OPEN: opening(b"session"),
            Msg.CHANNEL_DATA: number + string(b"some data"),
            Msg.CHANNEL_EXTENDED_DATA: number + U32.pack(1) + string(b"some data"),
            Msg.CHANNEL_WINDOW_ADJUST: number + U32.pack(1000),
            Msg.CHANNEL_REQUEST: number + string(b"subsystem") + b"\1" + string(b"echo"),
            Msg.CHANNEL_EOF: number,
            Msg.CHANNEL_CLOSE: number,
            Msg.GLOBAL_REQUEST: string(b"keepalive@openssh.com") + b"\1",
            Msg.DISCONNECT: U32.pack(11) + string(b"bye") + string(b""),
            Msg.KEXINIT: kexinit(COMPAT, ())[1:],
        }
        return [bytes((kind,)) + body for kind, body in bodies.items()]

    def test_no_traceback(self) -> None:
        """Bytes changed, cut off, put in or repeated: an answer or the end, never a failure of ours."""
        chance = random.Random(9)
        client = Client(Server()).login()
        for _ in range(700):
            if client.closed or not client.transport.exchange.idle or len(client.transport.service.channels) > 5:
                client.vanish()
                client = Client(Server()).login(kex=[b"curve25519-sha256"])
            client.messages = []
            channel = client.open()
            message = bytearray(chance.choice(self.messages(channel)))
            at = chance.randrange(1, len(message))
            match chance.randrange(4):
                case 0:
                    message[at] = chance.choice((0, 1, 127, 128, 255))
                case 1:
                    del message[at:]
                case 2:
                    message[at:at] = chance.randbytes(chance.randrange(6))
                case 3:
                    message += message[1:]
            client.send(message[0], bytes(message[1:]))
        self.assertEqual(self.flushLoggedErrors(), [])


class GlobalRequests(SynchronousTestCase):
    def test_refused(self) -> None:
        """All fail, if an answer is wanted; keepalives are answered that way, which is all they ask for."""
        client = Client(Server()).login()
        for name in (b"tcpip-forward", b"keepalive@openssh.com", b"hostkeys-prove-00@openssh.com"):
            client.send(Msg.GLOBAL_REQUEST, string(name) + b"\1")
        client.send(Msg.GLOBAL_REQUEST, string(b"no-more-sessions@openssh.com") + b"\0")
        self.assertEqual(client.numbers(), [Msg.REQUEST_FAILURE] * 3)

    def test_answer_to_nothing(self) -> None:
        """An answer to a request that we did not make ends the connection."""
        for number in (Msg.REQUEST_SUCCESS, Msg.REQUEST_FAILURE):
            client = Client(Server()).login()
            client.send(number)
            self.assertTrue(client.closed)
