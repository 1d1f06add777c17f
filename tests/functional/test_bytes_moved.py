"""How many bytes of a file travel between gateway and store: those that change, and those that are read."""

from __future__ import annotations

import random
from collections import Counter
from typing import ClassVar

from tests.functional.case import KIB, MIB, content, need
from tests.functional.clients import Flag, Packet, Speaker, string
from tests.functional.faultcase import FaultCase
from tests.functional.gateway import Gateway
from tests.functional.swift import USER
from tests.functional.test_clients import SSH_OPTIONS, ProgramCase

SIZE = 20 * MIB
WASTED = 15 * MIB
"""The rest of a file whose first quarter is read: nobody has it sent once more."""
OVERHEAD = 64 * KIB
"""Manifests, listings and error pages."""
WHOLE = f"bytes=0-{SIZE - 1}"
"""What is asked for who begins at the start: when he stops, what is on its way has moved for nothing."""


class MovedCase(FaultCase):
    """Counts what passes between the gateway and its Swift; segments of 2 MiB."""

    fault_options: ClassVar[dict[str, object]] = {"transfer.segment_size": 2 * MIB}

    def setUp(self) -> None:
        super().setUp()
        self.data = content(SIZE)

    def fill(self, large: bool) -> None:
        """``f`` holds `self.data`, as a plain object or as a large one of our own."""
        if large:
            self.login().put_bytes(self.path("f"), self.data)
        else:
            self.store.put(self.container, "f", self.data)
        self.proxy.clear()

    def moved(self) -> tuple[int, int]:
        """Bytes to the store and from it since `fill`."""
        requests = list(self.proxy.requests)
        return sum(r.received for r in requests), sum(r.sent for r in requests)

    def assertMoved(self, up: int, down: int = 0) -> None:
        """No more than *up* bytes went to the store, and *down* came from it."""
        moved = self.moved()
        self.assertLessEqual(moved[0], up + OVERHEAD, "to the store")
        self.assertLessEqual(moved[1], down + OVERHEAD, "from the store")


class ChangeTests(MovedCase):
    """What is not changed is not moved."""

    def test_written_at_the_end(self) -> None:
        """A WRITE at the end of an object, as clients resume."""
        for large in (False, True):
            self.fill(large)
            with self.login().open(self.path("f"), "r+b") as file:
                file.seek(SIZE)
                file.write(b"tail" * 1000)
            self.assertMoved(4000)
            self.assertStored("f", self.data + b"tail" * 1000)

    def test_appended(self) -> None:
        """APPEND, whatever the offset."""
        for large in (False, True):
            self.fill(large)
            speaker = Speaker(self.gateway.port)
            self.addCleanup(speaker.close)
            handle = speaker.open(self.path("f"), Flag.WRITE | Flag.APPEND)
            for part in (b"one", b"two"):
                speaker.write(handle, 0, part)
                speaker.expect_ok()
            speaker.ask(Packet.CLOSE, handle)
            self.assertMoved(6)
            self.assertStored("f", self.data + b"onetwo")

    def test_patched(self) -> None:
        """A few bytes in the middle: what is moved is a part's worth, not the file."""
        for large in (False, True):
            self.fill(large)
            with self.login().open(self.path("f"), "r+b") as file:
                file.seek(9 * MIB - 3)
                file.write(b"patched")
            self.assertMoved(2 * MIB, 2 * MIB)
            self.assertStored("f", self.data[: 9 * MIB - 3] + b"patched" + self.data[9 * MIB + 4 :])

    def test_shortened(self) -> None:
        """SETSTAT and FSETSTAT of a smaller size."""
        for large in (False, True):
            self.fill(large)
            client = self.login()
            client.truncate(self.path("f"), SIZE - MIB - 1)
            with client.open(self.path("f"), "r+b") as file:
                file.truncate(SIZE // 2 + 1)
            self.assertMoved(0, 0)
            self.assertStored("f", self.data[: SIZE // 2 + 1])

    def test_lengthened(self) -> None:
        """SETSTAT and FSETSTAT of a larger size, and a WRITE beyond the end: zeros are sent once, if at all."""
        for large in (False, True):
            self.fill(large)
            client = self.login()
            client.truncate(self.path("f"), SIZE + 16 * MIB)
            with client.open(self.path("f"), "r+b") as file:
                file.truncate(SIZE + 32 * MIB)
                file.seek(SIZE + 48 * MIB)
                file.write(b"end")
            self.assertMoved(3 * 2 * MIB, 0)
            self.assertStored("f", self.data + bytes(48 * MIB) + b"end")

    def test_sparse(self) -> None:
        """A new file with a hole of 100 MiB costs a part of zeros, and what is beside it."""
        self.fill(large=False)
        with self.login().open(self.path("g"), "wb") as file:
            file.write(b"start")
            file.seek(100 * MIB)
            file.write(b"end")
        self.assertMoved(3 * 2 * MIB)
        self.assertEqual(self.store.get(self.container, "g"), b"start" + bytes(100 * MIB - 5) + b"end")

    def test_copied(self) -> None:
        """copy-data of a whole file moves none of it."""
        for large in (False, True):
            self.fill(large)
            speaker = Speaker(self.gateway.port)
            self.addCleanup(speaker.close)
            old = speaker.open(self.path("f"), Flag.READ)
            new = speaker.open(self.path("g"), Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
            speaker.ask(Packet.EXTENDED, string("copy-data"), old, bytes(16), new, bytes(8))
            for handle in (old, new):
                speaker.ask(Packet.CLOSE, handle)
            self.assertMoved(0)
            self.assertStored("g", self.data)


class ProgramTests(MovedCase, ProgramCase):
    """OpenSSH's commands for it."""

    def make_gateway(self) -> Gateway:
        return FaultCase.make_gateway(self)

    def sftp(self, *commands: str) -> None:
        """A batch."""
        need("sshpass")
        argv = ["sshpass", "-e", need("sftp"), "-q", "-oBatchMode=no", *SSH_OPTIONS, f"-oUser={USER}"]
        self.run_program([*argv, "-b", "-", "-P", str(self.gateway.port), "127.0.0.1"], "\n".join(commands) + "\n")

    def test_reput(self) -> None:
        """reput sends the rest; cp sends nothing."""
        (self.here / "f").write_bytes(self.data + b"tail" * 1000)
        for large in (False, True):
            self.fill(large)
            self.sftp(f"reput {self.here}/f {self.path('f')}", f"cp {self.path('f')} {self.path('g')}")
            self.assertMoved(4000)
            for name in ("f", "g"):
                self.assertStored(name, self.data + b"tail" * 1000)
                self.store.connection.delete_object(self.container, name)

    def asked(self) -> Counter[str]:
        """Methods of the requests for objects in ``d`` since the last call."""
        requests = Counter(r.method for r in list(self.proxy.requests) if f"/{self.container}/d/" in r.path)
        self.proxy.clear()
        return requests

    def test_small_files(self) -> None:
        """Each costs one request: when it is put, taken and removed, by a login of its own each."""
        back = self.here / "back"
        back.mkdir()
        names = [f"s{number:02}" for number in range(20)]
        for name in names:
            (self.here / name).write_bytes(name.encode() * 100)
        directory = self.path("d")
        self.proxy.clear()
        self.sftp(f"mkdir {directory}", f"cd {directory}", f"put {self.here}/s*")
        self.assertEqual(self.asked(), {"PUT": 20})
        self.sftp(f"cd {directory}", f"lcd {back}", "get *")
        self.assertEqual(self.asked(), {"GET": 20})
        self.assertEqual([(back / name).read_bytes() for name in names], [name.encode() * 100 for name in names])
        self.sftp(f"cd {directory}", "rm *")
        self.assertEqual(self.asked(), {"DELETE": 20})


class ReadTests(MovedCase):
    """What is fetched is what is read, in few requests."""

    def setUp(self) -> None:
        super().setUp()
        self.fill(large=False)

    def gets(self) -> int:
        """Requests for the file's bytes."""
        return len(self.proxy.seen("GET", f"{self.container}/f"))

    def test_sequential(self) -> None:
        """From front to back: one request, each byte once."""
        with self.login().open(self.path("f"), "rb", bufsize=0) as file:  # paramiko's `get` may ask for bytes twice
            for at in range(0, SIZE, 256 * KIB):
                self.assertEqual(file.read(256 * KIB), self.data[at : at + 256 * KIB])
        self.assertEqual(self.gets(), 1)
        self.assertMoved(0, SIZE)

    def test_odd_reads_in_between(self) -> None:
        """READs elsewhere, as of a player that looks at an index, do not end the stream they leave."""
        with self.login().open(self.path("f"), "rb", bufsize=0) as file:
            for at in range(0, SIZE, 256 * KIB):
                file.seek(at)
                self.assertEqual(file.read(256 * KIB), self.data[at : at + 256 * KIB])
                if at % (4 * MIB) == 0:
                    file.seek(SIZE - 100)
                    self.assertEqual(file.read(100), self.data[-100:])
        self.assertLessEqual(self.gets(), 1 + 5)
        self.assertMoved(0, SIZE + 5 * 256 * KIB)

    def test_backwards(self) -> None:
        """From back to front, in small steps: a request for many of them."""
        step = 32 * KIB
        with self.login().open(self.path("f"), "rb", bufsize=0) as file:
            for at in range(8 * MIB - step, 4 * MIB, -step):
                file.seek(at)
                self.assertEqual(file.read(step), self.data[at : at + step])
        self.assertLessEqual(self.gets(), 40)
        self.assertLessEqual(self.moved()[1], 3 * 4 * MIB)

    def test_anywhere(self) -> None:
        """A thousand small READs anywhere, hundreds of them at a time."""
        dice = random.Random(1)
        with self.login().open(self.path("f"), "rb") as file:
            for _ in range(4):
                places = [(dice.randrange(SIZE - 1000), 1000) for _ in range(250)]
                for (at, size), got in zip(places, file.readv(places), strict=True):
                    self.assertEqual(got, self.data[at : at + size])

    def test_fast_get(self) -> None:
        """64 READs outstanding, the next sent as each is answered, as ssh2's fastGet does it: one request."""
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        handle = speaker.open(self.path("f"), Flag.READ)
        places = iter(range(0, SIZE, 32 * KIB))
        asked = {speaker.read(handle, at, 32 * KIB): at for _, at in zip(range(64), places, strict=False)}
        got = bytearray(SIZE)
        while asked:
            _, request, body = speaker.receive()
            at = asked.pop(request)
            got[at : at + 32 * KIB] = body[4:]
            for at in places:
                asked[speaker.read(handle, at, 32 * KIB)] = at
                break
        self.assertEqual(bytes(got), self.data)
        self.assertEqual(self.gets(), 1)

    def test_four_streams(self) -> None:
        """A quarter of the file by each of four handles in turn, as rclone does it: three of them ask for a part."""
        client = self.login()
        quarter = SIZE // 4
        files = [client.open(self.path("f"), "rb", bufsize=0) for _ in range(4)]
        got = [bytearray() for _ in files]
        for at in range(0, quarter, 128 * KIB):
            for number, file in enumerate(files):
                file.seek(number * quarter + at)
                got[number] += file.read(128 * KIB)
        self.assertEqual(b"".join(got), self.data)
        for file in files:
            file.close()
        self.assertLessEqual(self.gets(), 8)
        parts = [r.sent for r in self.proxy.seen("GET", f"{self.container}/f") if r.headers["Range"] != WHOLE]
        self.assertEqual(sum(parts), 3 * quarter)
        self.assertMoved(0, SIZE + WASTED)  # the one that begins at the start asks for all, and stops where it likes
