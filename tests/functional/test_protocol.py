"""One reply to each request, whatever it holds: an error or a clean disconnect, never silence."""

from __future__ import annotations

import contextlib
import random
import struct

from tests.functional.case import GatewayCase
from tests.functional.clients import Flag, Packet, Refused, Speaker, string

KINDS = [kind for kind in Packet if Packet.OPEN <= kind <= Packet.SYMLINK or kind == Packet.EXTENDED]


class ReplyTests(GatewayCase):
    """Requests that make no sense."""

    def setUp(self) -> None:
        super().setUp()
        self.speaker = self.fresh()

    def fresh(self) -> Speaker:
        """A new session."""
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        return speaker

    def assertAlive(self) -> None:
        """The session still answers, in step."""
        self.speaker.ask(Packet.STAT, string("/"))

    def test_empty_bodies(self) -> None:
        """Each type with nothing behind its id."""
        for kind in KINDS:
            with self.assertRaises(Refused, msg=str(kind)):
                self.speaker.ask(kind)
        self.assertAlive()

    def test_unknown_types(self) -> None:
        """Types that do not exist are refused with OP_UNSUPPORTED."""
        for kind in (0, 21, 99, 150, 199, 202, 255):
            with self.assertRaises(Refused) as caught:
                self.speaker.ask(kind, b"\0" * 20)
            self.assertEqual(caught.exception.errno, 8)
        self.assertAlive()

    def test_unknown_handles(self) -> None:
        """READ, WRITE, FSTAT, FSETSTAT, READDIR and CLOSE of handles that never were, or are closed."""
        handle = self.speaker.open(self.path("f"), Flag.WRITE | Flag.CREATE)
        self.speaker.ask(Packet.CLOSE, handle)
        for bad in (handle, string(b""), string(b"\xff" * 4), string("x" * 300)):
            for kind, rest in (
                (Packet.READ, struct.pack(">QI", 0, 10)), (Packet.WRITE, struct.pack(">Q", 0) + string("x")),
                (Packet.FSTAT, b""), (Packet.FSETSTAT, b"\0\0\0\0"), (Packet.READDIR, b""), (Packet.CLOSE, b""),
            ):  # fmt: skip
                with self.assertRaises(Refused, msg=f"{kind} {bad!r}"):
                    self.speaker.ask(kind, bad, rest)
        self.assertAlive()

    def test_wrong_kind_of_handle(self) -> None:
        """A directory is not read, a file not listed, a reader not written, a writer not read."""
        self.store.put(self.container, "f", b"data")
        folder = self.speaker.ask(Packet.OPENDIR, string(self.path()))
        reader = self.speaker.open(self.path("f"), Flag.READ)
        writer = self.speaker.open(self.path("g"), Flag.WRITE | Flag.CREATE)
        some, one = struct.pack(">QI", 0, 10), struct.pack(">Q", 0) + string("x")
        for kind, handle, rest in (
            (Packet.READ, folder, some),
            (Packet.WRITE, folder, one),
            (Packet.READDIR, reader, b""),
            (Packet.WRITE, reader, one),
            (Packet.READ, writer, some),
        ):
            with self.assertRaises(Refused, msg=str(kind)):
                self.speaker.ask(kind, handle, rest)
        self.assertAlive()

    def test_random_bodies(self) -> None:
        """A thousand requests of random bytes: each answered once, or the session ended; the next login works."""
        dice = random.Random(5)
        for _ in range(1000):
            kind = dice.choice(KINDS)
            body = dice.randbytes(dice.randrange(60))
            if dice.random() < 0.5:
                body = string(self.path("x")) + body
            try:
                request = self.speaker.send(kind, body)
                self.assertEqual(self.speaker.receive()[1], request)
            except (EOFError, OSError):
                self.speaker = self.fresh()
        self.fresh().ask(Packet.STAT, string("/"))

    def test_absurd_length(self) -> None:
        """A packet of 4 GiB, or of nothing, ends the session; the gateway does not wait for it or store it."""
        for length in (0xFFFFFFFF, 0x7FFFFFFF, 1 << 26, 0):
            speaker = self.fresh()
            speaker.channel.sendall(struct.pack(">IB", length, Packet.STAT))
            with contextlib.suppress(OSError):  # it may have hung up already
                speaker.channel.sendall(b"x" * 100000)
            with self.assertRaises(EOFError):
                while True:
                    self.assertEqual(speaker.receive()[0], Packet.STATUS)
        self.assertAlive()

    def test_too_many_handles(self) -> None:
        """Handles are bounded: the one too many is refused, those open go on."""
        handles = []
        with contextlib.suppress(Refused):
            for _ in range(20000):
                handles.append(self.speaker.ask(Packet.OPENDIR, string("/")))
        self.assertGreaterEqual(len(handles), 100)
        self.assertLess(len(handles), 20000)
        self.speaker.ask(Packet.CLOSE, handles[0])
        self.assertAlive()

    def test_bytes_in_pieces(self) -> None:
        """Packets that arrive byte by byte, and many in one piece, are the same packets."""
        request = struct.pack(">IBI", 10, Packet.STAT, 7) + string("/")
        for at in range(len(request)):
            self.speaker.channel.sendall(request[at : at + 1])
        self.assertEqual(self.speaker.receive()[:2], (Packet.ATTRS, 7))
        self.speaker.channel.sendall(request * 500)
        for _ in range(500):
            self.assertEqual(self.speaker.receive()[:2], (Packet.ATTRS, 7))

    def test_requests_before_init(self) -> None:
        """A request before INIT is not served."""
        channel = self.speaker.subsystem()
        channel.sendall(struct.pack(">IBI", 10, Packet.STAT, 7) + string("/"))
        channel.settimeout(20)
        data = channel.recv(1000)
        self.assertNotEqual(data[4:5], bytes([Packet.ATTRS]))
        self.assertAlive()
