"""Downloads: every byte right, whatever the order and number of READs, in bounded memory."""

from __future__ import annotations

import random
import struct
import time

from tests.functional.case import KIB, MIB, GatewayCase, content, md5
from tests.functional.clients import Flag, Packet, Speaker
from tests.functional.processes import eventually

END_OF_FILE = 1


class SizeTests(GatewayCase):
    """Whole files."""

    def test_sizes(self) -> None:
        """Every size comes back as it is, around the sizes of packets, windows and buffers too."""
        client = self.login()
        for size in (0, 1, 32 * KIB - 1, 32 * KIB, 32 * KIB + 1, 255 * KIB + 7, MIB, 10 * MIB):
            data = content(size)
            self.store.put(self.container, f"f{size}", data)
            self.assertEqual(md5(client.get_bytes(self.path(f"f{size}"))), md5(data), f"{size} bytes")
            self.assertEqual(client.stat(self.path(f"f{size}")).st_size, size)

    def test_missing(self) -> None:
        """A file, or a container, that is not there is NO_SUCH_FILE."""
        client = self.login()
        self.assertFails(client.open, self.path("no"), code=2)
        self.assertFails(client.open, "/no-such-container-at-all/f", code=2)

    def test_directory(self) -> None:
        """A directory cannot be read as a file."""
        self.store.put_directory(self.container, "d")
        client = self.login()
        for path in ("/", self.path(), self.path("d")):
            self.assertFails(client.get_bytes, path)


class OffsetTests(GatewayCase):
    """READs at any offset."""

    size = 3 * MIB + 12345

    def setUp(self) -> None:
        super().setUp()
        self.data = content(self.size)
        self.store.put(self.container, "f", self.data)
        self.speaker = Speaker(self.gateway.port)
        self.addCleanup(self.speaker.close)

    def read_all(self, wanted: list[tuple[int, int]], window: int) -> None:
        """All of *wanted*, *window* outstanding; each answer must be the bytes of its own request."""
        speaker = self.speaker
        handle = speaker.open(self.path("f"), Flag.READ)
        asked: dict[int, tuple[int, int]] = {}
        for offset, length in wanted:
            asked[speaker.read(handle, offset, length)] = (offset, length)
            if len(asked) == window:
                self.check_one(asked)
        while asked:
            self.check_one(asked)
        speaker.ask(Packet.CLOSE, handle)

    def check_one(self, asked: dict[int, tuple[int, int]]) -> None:
        """Take one reply; a short one is only right at the end of the file."""
        kind, request, body = self.speaker.receive()
        offset, length = asked.pop(request)
        expected = self.data[offset : offset + length]
        if not expected:
            self.assertEqual((kind, struct.unpack_from(">I", body)[0]), (Packet.STATUS, END_OF_FILE))
            return
        self.assertEqual(kind, Packet.DATA, body[:200])
        self.assertEqual(body[4:], expected, f"READ {length} at {offset}")

    def test_pipelined(self) -> None:
        """64 READs in flight, past the end too."""
        self.read_all([(at, 32768) for at in range(0, self.size + 10 * 32768, 32768)], 64)

    def test_shuffled(self) -> None:
        """Any order, with repetitions and overlaps."""
        dice = random.Random(7)
        wanted = [(dice.randrange(self.size + 50000), dice.choice((1, 4096, 32768, 65536))) for _ in range(300)]
        self.read_all(wanted, 64)

    def test_backwards(self) -> None:
        """From the end to the start, one at a time, as no read-ahead expects it."""
        self.read_all([(at, 40000) for at in range(self.size, -1, -250000)], 1)

    def test_many_outstanding(self) -> None:
        """Hundreds of READs asked before the first answer is taken."""
        self.read_all([(at, 8192) for at in range(0, self.size, 8192)], 1000)

    def test_end(self) -> None:
        """A READ at the end is EOF, one of nothing is no error, one far beyond is EOF."""
        handle = self.speaker.open(self.path("f"), Flag.READ)
        for offset in (self.size, self.size + 1, 1 << 40, (1 << 63) - 1):
            self.speaker.read(handle, offset, 100)
            kind, _, body = self.speaker.receive()
            self.assertEqual((kind, body[:4]), (Packet.STATUS, struct.pack(">I", END_OF_FILE)), f"at {offset}")

    def test_several_handles(self) -> None:
        """Readers of one file in one session, and of the same file in another, do not disturb each other."""
        first, second = (self.speaker.open(self.path("f"), Flag.READ) for _ in range(2))
        for at in range(0, MIB, 32768):
            one, two = self.speaker.read(first, at, 32768), self.speaker.read(second, self.size - at - 32768, 32768)
            got = {request: body[4:] for _, request, body in (self.speaker.receive(), self.speaker.receive())}
            self.assertEqual(got[one], self.data[at : at + 32768])
            self.assertEqual(got[two], self.data[self.size - at - 32768 : self.size - at])

    def test_one_version(self) -> None:
        """A file replaced while it is read: its old bytes or an error, never a mixture."""
        handle = self.speaker.open(self.path("f"), Flag.READ)
        self.speaker.read(handle, 0, 1000)
        self.assertEqual(self.speaker.receive()[2][4:], self.data[:1000])
        other = content(self.size, "other")
        self.store.put(self.container, "f", other)
        for at in (2 * MIB, 1000, self.size - 100):
            self.speaker.read(handle, at, 100)
            kind, _, body = self.speaker.receive()
            if kind == Packet.DATA:
                self.assertEqual(body[4:], self.data[at : at + 100])
            else:
                self.assertNotEqual(struct.unpack_from(">I", body)[0], END_OF_FILE)


class SlowReaderTests(GatewayCase):
    """Clients that take their time."""

    def test_memory(self) -> None:
        """2,000 READs asked for, nothing taken: the gateway holds a window of them, not all."""
        self.store.put(self.container, "f", content(64 * MIB))
        before = self.gateway.child.memory()
        self.gateway.child.forget_peak()
        speakers = [Speaker(self.gateway.port) for _ in range(4)]
        for speaker in speakers:
            self.addCleanup(speaker.close)
            handle = speaker.open(self.path("f"), Flag.READ)
            for at in range(2000):
                speaker.read(handle, at * 32768 % (60 * MIB), 32768)
        time.sleep(2)
        self.assertLess(self.gateway.child.memory("VmHWM") - before, 64 * MIB)
        for _ in range(100):
            self.assertEqual(speakers[0].receive()[0], Packet.DATA)

    def test_slow_but_whole(self) -> None:
        """A client that sleeps between reads gets every byte, and the gateway does not buffer the file."""
        data = content(48 * MIB)
        self.store.put(self.container, "f", data)
        client = self.login()
        before = self.gateway.child.memory()
        self.gateway.child.forget_peak()
        got = bytearray()
        with client.open(self.path("f"), "rb") as file:
            file.prefetch(max_concurrent_requests=32)
            while piece := file.read(MIB):
                got += piece
                time.sleep(0.02)
        self.assertEqual(md5(bytes(got)), md5(data))
        self.assertLess(self.gateway.child.memory("VmHWM") - before, 40 * MIB)

    def test_early_close_frees(self) -> None:
        """A reader that leaves early, by CLOSE or by hanging up, gives its connection to Swift back."""
        self.store.put(self.container, "f", content(32 * MIB))
        self.login().get_bytes(self.path("f"))
        descriptors = self.gateway.child.descriptors()
        for _ in range(30):
            speaker = Speaker(self.gateway.port)
            for _ in range(4):
                handle = speaker.open(self.path("f"), Flag.READ)
                speaker.read(handle, 0, 32768)
                self.assertEqual(speaker.receive()[0], Packet.DATA)
            speaker.close()
        self.assertTrue(eventually(lambda: self.gateway.child.descriptors() <= descriptors + 8))
