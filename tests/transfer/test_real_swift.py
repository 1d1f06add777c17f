"""Uploads and downloads on a real Swift: composition, ranges and pauses are the store's here, not a model's."""

from __future__ import annotations

import time
from functools import partial
from hashlib import md5
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import Path, resolve
from swftp.session import OpenMode, Reader, Session, SessionLimits, Writer
from swftp.transfer.budget import Budget
from swftp.transfer.engine import TransferLimits
from tests.storage.realswift import RealSwiftCase
from tests.transfer.case import KIB, MIB, pattern

NEW = OpenMode(create=True, truncate=True)


class Ring:
    """The `ready` callback of a file, to wait for."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[None]] = []

    def __call__(self) -> None:
        waiting, self.waiting = self.waiting, []
        for waiter in waiting:
            waiter.callback(None)

    async def read(self, file: Reader | Writer, offset: int, length: int) -> bytes:
        """What *file* gives, when it does."""
        while (data := file.read(offset, length)) is None:
            waiter: Deferred[None] = Deferred()
            self.waiting.append(waiter)
            await waiter
        return bytes(data)


class RealSwiftTests(RealSwiftCase):
    """A session over the Swift driver; parts of one mebibyte."""

    async def begin(self) -> None:
        """Make the session, and a container for its files."""
        self.storage = await self.open()
        pool = reactor.getThreadPool()  # type: ignore[attr-defined]
        self.budget = Budget(64 * MIB, reactor)  # type: ignore[arg-type]
        self.session = Session(
            self.storage,
            budget=self.budget,
            clock=reactor,  # type: ignore[arg-type]
            wall=time.time,
            offload=partial(deferToThreadPool, reactor, pool),
            limits=SessionLimits(transfer=TransferLimits(segment_size=MIB)),
        )
        self.addCleanup(self.session.lost)
        self.container = self.account.new_container()
        self.file = resolve(f"/{self.container}/file")
        self.ring = Ring()

    async def open_file(self, mode: OpenMode = NEW, path: Path | None = None) -> Writer:
        """The file, open for writing."""
        return await self.session.open_writer(path or self.file, mode, Attributes(mtime=1.5), self.ring)

    async def write(self, writer: Writer, offset: int, data: bytes, chunk: int = 32 * KIB) -> None:
        """Write *data* at *offset*, waiting when told to."""
        for at in range(0, len(data), chunk):
            piece = data[at : at + chunk]
            wait = writer.write(offset + at, [piece], len(piece))
            if wait is not None:
                await wait

    async def put(self, data: bytes) -> None:
        """The whole file."""
        writer = await self.open_file()
        await self.write(writer, 0, data)
        await writer.close()

    def assertFile(self, data: bytes) -> None:
        """Swift itself gives *data*."""
        found = self.account.get(self.container, "file")
        self.assertEqual(md5(found or b"").hexdigest(), md5(data).hexdigest())

    async def test_large(self) -> None:
        """A file of many parts, of which nothing is seen before CLOSE."""
        await self.begin()
        data = pattern(7 * MIB + 12345)
        writer = await self.open_file()
        await self.write(writer, 0, data)
        self.assertIsNone(self.account.head(self.container, "file"))
        entry = await writer.close()
        self.assertEqual((entry.size, entry.mtime), (len(data), 1.5))
        self.assertFile(data)

    async def test_shuffled(self) -> None:
        """Writes that overtake each other by a lot."""
        await self.begin()
        data = pattern(4 * MIB)
        offsets = list(range(0, len(data), 32 * KIB))
        Random(3).shuffle(offsets)
        writer = await self.open_file()
        for at in offsets:
            await self.write(writer, at, data[at : at + 32 * KIB])
        await writer.close()
        self.assertFile(data)

    async def test_append_patch_and_cut(self) -> None:
        """A large object is appended to, patched in the middle, cut off and extended, by the store."""
        await self.begin()
        data = bytearray(pattern(5 * MIB))
        await self.put(bytes(data))
        writer = await self.open_file(OpenMode(append=True))
        await self.write(writer, 0, b"tail")
        await writer.close()
        data += b"tail"
        self.assertFile(bytes(data))
        writer = await self.open_file(OpenMode())
        await self.write(writer, 2 * MIB + 17, b"patched")
        self.assertEqual(
            await self.ring.read(writer, 2 * MIB + 10, 20),
            bytes(data[2 * MIB + 10 :][:7]) + b"patched" + bytes(data[2 * MIB + 24 :][:6]),
        )
        await writer.close()
        data[2 * MIB + 17 : 2 * MIB + 24] = b"patched"
        self.assertFile(bytes(data))
        writer = await self.open_file(OpenMode())
        await writer.truncate(3 * MIB + 1)
        await writer.truncate(6 * MIB)
        await writer.close()
        self.assertFile(bytes(data[: 3 * MIB + 1]) + bytes(3 * MIB - 1))

    async def test_append_to_an_object_of_another_tool(self) -> None:
        """A plain object is adopted as it is."""
        await self.begin()
        data = pattern(3 * MIB)
        self.account.put(self.container, "file", data)
        writer = await self.open_file(OpenMode(append=True))
        await self.write(writer, 0, b"tail")
        await writer.close()
        self.assertFile(data + b"tail")

    async def test_many_appends(self) -> None:
        """A log that is appended to again and again stays readable and in few parts."""
        await self.begin()
        data = pattern(2 * MIB)
        await self.put(data)
        for n in range(12):
            line = b"line %d\n" % n
            writer = await self.open_file(OpenMode(append=True))
            await self.write(writer, 0, line)
            await writer.close()
            data += line
        self.assertFile(data)
        await self.storage.settle()
        self.assertLess(len(self.account.segments(self.container)), 14)

    async def test_scattered_patches(self) -> None:
        """Small changes all over a large object are merged into parts that Swift reads at full speed."""
        await self.begin()
        data = bytearray(pattern(12 * MIB))
        await self.put(bytes(data))
        writer = await self.open_file(OpenMode())
        for at in range(100, len(data), 700 * KIB):
            await self.write(writer, at, b"changed")
            data[at : at + 7] = b"changed"
        await writer.close()
        self.assertFile(bytes(data))

    async def test_changed_meanwhile(self) -> None:
        """An object that somebody replaced is not overwritten by a patch of what it was."""
        await self.begin()
        await self.put(pattern(3 * MIB))
        writer = await self.open_file(OpenMode())
        await self.write(writer, 5, b"patched")
        self.account.put(self.container, "file", b"theirs")
        with self.assertRaises(errors.Changed):
            await writer.close()
        self.assertFile(b"theirs")

    async def test_lost(self) -> None:
        """A client that vanishes leaves the old object and, a moment later, no segment."""
        await self.begin()
        self.account.put(self.container, "file", b"old")
        writer = await self.open_file()
        await self.write(writer, 0, pattern(5 * MIB))
        self.session.lost()
        await self.session.settle()
        self.assertFile(b"old")
        self.assertEqual(self.account.segments(self.container), [])

    async def test_reading(self) -> None:
        """Front to back, the end, backwards and anywhere: the bytes of Swift."""
        await self.begin()
        data = pattern(6 * MIB)
        self.account.put(self.container, "file", data)
        reader = await self.session.open_reader(self.file, self.ring)
        random = Random(5)
        offsets = [0, len(data) - 100, *range(0, 2 * MIB, 255 * KIB), *range(4 * MIB, 3 * MIB, -32 * KIB)]
        offsets += [random.randrange(len(data)) for _ in range(20)]
        for at in offsets:
            self.assertEqual(await self.ring.read(reader, at, 255 * KIB), data[at : at + 255 * KIB], at)
        self.assertEqual(await self.ring.read(reader, len(data), 10), b"")
        reader.close()

    async def test_reading_what_is_replaced(self) -> None:
        """A file that is replaced while it is read is an error once the bytes that were fetched are used up."""
        await self.begin()
        self.account.put(self.container, "file", pattern(40 * MIB))
        reader = await self.session.open_reader(self.file, self.ring)
        await self.ring.read(reader, 0, 1000)
        self.account.put(self.container, "file", pattern(40 * MIB, 1))
        with self.assertRaises(errors.Changed):
            await self.ring.read(reader, 30 * MIB, 1000)
        reader.close()
