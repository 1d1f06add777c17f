"""Uploads: what the client wrote is stored, all of it or nothing, and nobody sees it before CLOSE."""

from __future__ import annotations

import random
import struct
import threading

from tests.functional.case import KIB, MIB, GatewayCase, content, md5
from tests.functional.clients import Flag, Packet, Refused, Speaker

WRITE = Flag.WRITE | Flag.CREATE | Flag.TRUNCATE


class SizeTests(GatewayCase):
    """Whole files."""

    def test_sizes(self) -> None:
        """Every size is stored with its length and MD5."""
        client = self.login()
        for size in (0, 1, 32 * KIB - 1, 32 * KIB, 32 * KIB + 1, MIB, 10 * MIB):
            data = content(size)
            client.put_bytes(self.path(f"f{size}"), data)
            head = self.store.head(self.container, f"f{size}") or {}
            self.assertEqual((head.get("content-length"), head.get("etag")), (str(size), md5(data)))

    def test_overwrite(self) -> None:
        """Shorter, longer and empty content replaces the old one whole."""
        client = self.login()
        for size in (1000, 10, 0, 5000, MIB, 0, 1):
            client.put_bytes(self.path("f"), content(size, size))
            self.assertStored("f", content(size, size))

    def test_truncate_without_write(self) -> None:
        """Opening with TRUNC and closing at once leaves an empty file."""
        self.store.put(self.container, "f", b"old")
        self.login().open(self.path("f"), "w").close()
        self.assertStored("f", b"")

    def test_missing_container(self) -> None:
        """A file in a container that is not there is NO_SUCH_FILE, at OPEN or at CLOSE."""
        self.assertFails(self.login().put_bytes, "/no-such-container-at-all/f", b"x", code=2)

    def test_root(self) -> None:
        """There are no files in the account, and a container is not one."""
        client = self.login()
        self.assertFails(client.put_bytes, "/" + self.container, b"x")
        self.assertFails(client.put_bytes, "/", b"x")

    def test_onto_directory(self) -> None:
        """A file does not replace a directory."""
        self.store.put_directory(self.container, "d")
        self.assertFails(self.login().put_bytes, self.path("d"), b"x")
        self.assertEqual((self.store.head(self.container, "d") or {})["content-type"], "application/directory")


class VisibilityTests(GatewayCase):
    """Before CLOSE, and after."""

    def setUp(self) -> None:
        super().setUp()
        self.speaker = Speaker(self.gateway.port)
        self.addCleanup(self.speaker.close)

    def test_no_placeholder(self) -> None:
        """An open file is nothing that others see; its own session sees its size."""
        handle = self.speaker.open(self.path("new"), WRITE)
        self.assertStored("new", None)
        self.speaker.write(handle, 0, b"12345")
        self.speaker.expect_ok()
        self.assertStored("new", None)
        body = self.speaker.ask(Packet.FSTAT, handle)
        self.assertEqual(struct.unpack_from(">IQ", body)[1], 5)
        self.speaker.ask(Packet.CLOSE, handle)
        self.assertStored("new", b"12345")

    def test_old_until_close(self) -> None:
        """Other sessions read the old content until CLOSE."""
        self.store.put(self.container, "f", b"old")
        handle = self.speaker.open(self.path("f"), WRITE)
        self.speaker.write(handle, 0, b"new content")
        self.speaker.expect_ok()
        self.assertEqual(self.login().get_bytes(self.path("f")), b"old")
        self.speaker.ask(Packet.CLOSE, handle)
        self.assertEqual(self.login().get_bytes(self.path("f")), b"new content")

    def test_read_after_close(self) -> None:
        """After CLOSE a stat, a read and a listing of every session know the new file."""
        client, other = self.login(), self.login()
        for number in range(10):
            client.put_bytes(self.path(f"f{number}"), b"x" * number)
            for session in (client, other):
                self.assertEqual(session.stat(self.path(f"f{number}")).st_size, number)
        self.assertEqual(sorted(client.listdir(self.path())), sorted(f"f{n}" for n in range(10)))

    def test_last_close_wins(self) -> None:
        """Of two writers the one that closes last has its whole file stored."""
        handles = [self.speaker.open(self.path("f"), WRITE) for _ in range(2)]
        for letter, handle in zip((b"a", b"b"), handles, strict=True):
            self.speaker.write(handle, 0, letter * 100000)
            self.speaker.expect_ok()
        self.speaker.ask(Packet.CLOSE, handles[1])
        self.speaker.ask(Packet.CLOSE, handles[0])
        self.assertStored("f", b"a" * 100000)

    def test_exclusive(self) -> None:
        """EXCL refuses a name that is taken, and makes one that is not."""
        self.store.put(self.container, "f", b"old")
        with self.assertRaises(Refused):
            handle = self.speaker.open(self.path("f"), WRITE | Flag.EXCLUSIVE)
            self.speaker.ask(Packet.CLOSE, handle)
        self.assertStored("f", b"old")
        self.speaker.ask(Packet.CLOSE, self.speaker.open(self.path("g"), WRITE | Flag.EXCLUSIVE))
        self.assertStored("g", b"")

    def test_exclusive_taken_meanwhile(self) -> None:
        """A name taken between OPEN with EXCL and CLOSE is not overwritten."""
        handle = self.speaker.open(self.path("f"), WRITE | Flag.EXCLUSIVE)
        self.speaker.write(handle, 0, b"mine")
        self.speaker.expect_ok()
        self.store.put(self.container, "f", b"theirs")
        with self.assertRaises(Refused):
            self.speaker.ask(Packet.CLOSE, handle)
        self.assertStored("f", b"theirs")

    def test_without_create(self) -> None:
        """OPEN for writing without CREAT needs a file."""
        with self.assertRaises(Refused) as caught:
            self.speaker.open(self.path("no"), Flag.WRITE)
        self.assertEqual(caught.exception.errno, 2)


class OffsetTests(GatewayCase):
    """WRITEs at any offset."""

    def setUp(self) -> None:
        super().setUp()
        self.speaker = Speaker(self.gateway.port)
        self.addCleanup(self.speaker.close)

    def pour(self, flags: int, writes: list[tuple[int, bytes]], name: str = "f") -> None:
        """OPEN, all *writes* at once, CLOSE right behind them; everything must be OK."""
        handle = self.speaker.open(self.path(name), flags)
        expected = {self.speaker.write(handle, offset, data) for offset, data in writes}
        expected.add(self.speaker.send(Packet.CLOSE, handle))
        answered = {self.speaker.expect_ok() for _ in range(len(expected))}
        self.assertEqual(answered, expected)

    def test_shuffled(self) -> None:
        """WRITEs of a file in any order make the file."""
        data = content(5 * MIB + 77)
        writes = [(at, data[at : at + 32768]) for at in range(0, len(data), 32768)]
        dice = random.Random(3)
        for start in range(0, len(writes), 40):  # as parallel clients do: out of order, not out of reach
            window = writes[start : start + 40]
            dice.shuffle(window)
            writes[start : start + 40] = window
        self.pour(WRITE, writes)
        self.assertStored("f", data)

    def test_rewritten(self) -> None:
        """The last WRITE to a byte wins."""
        self.pour(WRITE, [(0, b"a" * 1000), (500, b"b" * 1000), (100, b"c" * 100), (1499, b"dd")])
        self.assertStored("f", b"a" * 100 + b"c" * 100 + b"a" * 300 + b"b" * 999 + b"dd")

    def test_hole(self) -> None:
        """What was never written reads as zeros."""
        self.pour(WRITE, [(10, b"x"), (100000, b"y")])
        self.assertStored("f", b"\0" * 10 + b"x" + b"\0" * 99989 + b"y")

    def test_append(self) -> None:
        """APPEND writes at the end, whatever the offset says (OpenSSH sends the real one, others 0)."""
        self.store.put(self.container, "f", b"old,")
        self.pour(Flag.WRITE | Flag.APPEND, [(0, b"one,"), (8, b"two")])
        self.assertStored("f", b"old,one,two")

    def test_resume(self) -> None:
        """WRITEs from the end of an existing file, without TRUNC, extend it."""
        data = content(3 * MIB)
        self.store.put(self.container, "f", data[:MIB])
        self.pour(Flag.WRITE, [(at, data[at : at + 32768]) for at in range(MIB, 3 * MIB, 32768)])
        self.assertStored("f", data)

    def test_in_the_middle(self) -> None:
        """A WRITE into an existing file changes those bytes and no others."""
        data = bytearray(content(MIB))
        self.store.put(self.container, "f", bytes(data))
        self.pour(Flag.WRITE | Flag.READ, [(5000, b"patch"), (MIB - 2, b"tail")])
        data[5000:5005] = b"patch"
        data[MIB - 2 :] = b"tail"
        self.assertStored("f", bytes(data))

    def test_untouched(self) -> None:
        """A file opened for update and closed without a WRITE stays, with its version."""
        self.store.put(self.container, "f", b"old", X_Object_Meta_Color="blue")
        self.pour(Flag.WRITE, [])
        self.assertStored("f", b"old")
        self.assertEqual((self.store.head(self.container, "f") or {}).get("x-object-meta-color"), "blue")

    def test_read_back(self) -> None:
        """A handle open for both reads what it has written, over what was there."""
        self.store.put(self.container, "f", b"0123456789")
        handle = self.speaker.open(self.path("f"), Flag.READ | Flag.WRITE)
        self.speaker.write(handle, 3, b"abc")
        self.speaker.expect_ok()
        self.speaker.read(handle, 0, 100)
        self.assertEqual(self.speaker.receive()[2][4:], b"012abc6789")
        self.speaker.ask(Packet.CLOSE, handle)
        self.assertStored("f", b"012abc6789")

    def test_truncate(self) -> None:
        """FSETSTAT and SETSTAT of the size cut and extend."""
        self.store.put(self.container, "f", b"0123456789")
        client = self.login()
        client.truncate(self.path("f"), 4)
        self.assertStored("f", b"0123")
        client.truncate(self.path("f"), 6)
        self.assertStored("f", b"0123\0\0")
        with client.open(self.path("f"), "r+") as file:
            file.truncate(2)
            file.seek(2)
            file.write(b"!")
        self.assertStored("f", b"01!")

    def test_absurd_offset(self) -> None:
        """A WRITE beyond all sizes fails clearly, and so does CLOSE; the old content stays."""
        self.store.put(self.container, "f", b"old")
        for offset in (1 << 63, (1 << 64) - 10, 1 << 62):
            handle = self.speaker.open(self.path("f"), WRITE)
            self.speaker.write(handle, offset, b"x" * 20)
            with self.assertRaises(Refused):
                self.speaker.expect_ok()
                self.speaker.ask(Packet.CLOSE, handle)
            with self.assertRaises(Refused):
                self.speaker.ask(Packet.CLOSE, handle)
            self.assertStored("f", b"old")


class ParallelTests(GatewayCase):
    """Many at once."""

    gateway_options = {"sessions_per_user": 0}

    def test_in_one_session(self) -> None:
        """40 files written in turns by one session, with listings in between, do not starve each other."""
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        handles = [speaker.open(self.path(f"f{number}"), WRITE) for number in range(40)]
        block = content(32768)
        for step in range(20):
            for handle in handles:
                speaker.write(handle, step * 32768, block)
            self.collect(speaker, len(handles))
            speaker.ask(Packet.STAT, struct.pack(">I", 1) + b"/")
        for handle in handles:
            speaker.send(Packet.CLOSE, handle)
        self.collect(speaker, len(handles))
        head = self.store.head(self.container, "f39") or {}
        self.assertEqual(head["etag"], md5(block * 20))
        self.assertEqual(len(self.store.names(self.container)), 40)

    def collect(self, speaker: Speaker, count: int) -> None:
        """*count* replies, all OK."""
        for _ in range(count):
            speaker.expect_ok()

    def test_many_sessions(self) -> None:
        """20 sessions at once each get their own file stored."""
        failures: list[BaseException] = []

        def upload(number: int) -> None:
            try:
                client = self.login()
                client.put_bytes(self.path(f"f{number}"), content(MIB, number))
            except BaseException as error:  # reported by the test
                failures.append(error)

        threads = [threading.Thread(target=upload, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual(failures, [])
        for number in range(20):
            self.assertStored(f"f{number}", content(MIB, number))

    def test_close_then_rename(self) -> None:
        """CLOSE, RENAME and STAT sent in one breath take effect in that order."""
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        handle = speaker.open(self.path("f.part"), WRITE)
        old, new = (struct.pack(">I", len(p)) + p.encode() for p in (self.path("f.part"), self.path("f")))
        speaker.write(handle, 0, b"content")
        speaker.send(Packet.CLOSE, handle)
        speaker.send(Packet.RENAME, old, new)
        last = speaker.send(Packet.STAT, new)
        replies = {request: (kind, body) for kind, request, body in (speaker.receive() for _ in range(4))}
        self.assertEqual(replies[last][0], Packet.ATTRS)
        self.assertEqual(struct.unpack_from(">IQ", replies[last][1])[1], 7)
        self.assertStored("f", b"content")
        self.assertStored("f.part", None)
