"""A file that is being written and closed, and what is done to it by its path or too late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Attributes, Entry
from swftp.paths import resolve
from swftp.transfer.budget import LEAST_PART
from swftp.transfer.upload import Upload
from tests.transfer.case import FILE, KIB, MIB, PlainStorage, TransferCase, pattern

NEW = resolve("/box/new")


class ClosingTests(TransferCase):
    """Between CLOSE and the object."""

    def setUp(self) -> None:
        super().setUp()
        self.turn: Deferred[None] = Deferred()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        await self.turn
        yield

    def test_waiting_for_its_turn(self) -> None:
        """Until its turn has come a closed file is changed by its path; one that is refused is all that fails."""
        upload = self.upload()
        upload.write(0, [b"0123"], 4)
        closing = self.start(upload.close(self._turn))
        self.run_into(errors.TooLarge, upload.truncate(1 << 62))
        self.run_through(upload.truncate(2))
        upload.set(Attributes(mtime=5.0))
        upload.set(Attributes(mode=0o600))
        self.turn.callback(None)
        entry = self.successResultOf(closing)
        self.assertEqual((entry.size, entry.mtime, entry.mode), (2, 5.0, 0o600))
        self.assertEqual(self.storage["/box/file"], b"01")

    def test_too_late(self) -> None:
        """A file that is being stored, or is, takes no change: it would be answered with success and do nothing."""
        self.storage.latency = 1.0
        upload = self.upload()
        upload.write(0, [b"0123"], 4)
        closing = self.start(upload.close())
        for _ in range(2):
            self.assertRaises(errors.InvalidRequest, upload.set, Attributes(mtime=5.0))
            self.run_into(errors.InvalidRequest, upload.truncate(2))
            self.run_into(errors.InvalidRequest, upload.sync())
            self.settle(lambda: closing.called)
        self.assertEqual(self.storage["/box/file"], b"0123")

    def test_the_first_error_stays(self) -> None:
        """Whatever is asked after a refused CLOSE is told why that was."""
        upload = self.upload()
        upload.write(0, [b"0123"], 4)
        self.refusals["store"] = [errors.QuotaExceeded()]
        self.run_into(errors.QuotaExceeded, upload.close())
        self.assertRaises(errors.QuotaExceeded, upload.write, 0, [b"x"], 1)
        self.assertRaises(errors.QuotaExceeded, upload.read, 0, 1)
        self.run_into(errors.QuotaExceeded, upload.sync())

    def test_the_same_length(self) -> None:
        """A file that is given the length it has is not stored again: clients set what they have just copied."""
        upload = self.upload(base=self.stands(b"0123"))
        self.run_through(upload.truncate(4))
        self.assertIsNone(upload.write(1 << 62, [b""], 0))  # nor one to which nothing is written
        self.run_through(upload.close())
        self.assertEqual(self.requests, [])

    def test_a_refused_length(self) -> None:
        """A length that was refused fails the file: what its client believes of it is not so."""
        upload = self.upload()
        upload.write(0, [b"0123"], 4)
        self.run_into(errors.TooLarge, upload.truncate(1 << 62))
        self.run_into(errors.TooLarge, upload.close())
        self.assertNotIn("/box/file", self.storage)

    def test_reads_end_with_the_file(self) -> None:
        """What was read ahead of parts of the file is let go of when it is closed."""
        upload = self.upload()
        data = pattern(5 * self.segment_size)
        self.write_through(upload, 0, data)
        self.write_through(upload, len(data), b"x")
        self.run_through(upload.sync())
        self.assertTrue(self.read_through(upload, 10, 20) == data[10:30])
        self.run_through(upload.close())
        self.assertEqual(self.budget.used, 0)


class RenamedTests(TransferCase):
    """Renamed while it is open."""

    def closed(self, upload: Upload, *, exclusive: bool) -> Deferred[Entry]:
        """Rename *upload*, and close it over what stands there."""
        upload.move(NEW, exclusive=exclusive)
        upload.write(0, [b"mine"], 4)
        self.storage[str(NEW)] = b"theirs"
        return self.start(upload.close())

    def test_a_new_one_stays_new(self) -> None:
        """What had to be new under its old name has to be so under the new one, unless that may be replaced."""
        self.failureResultOf(self.closed(self.upload(exclusive=True), exclusive=True), errors.AlreadyExists)
        self.assertEqual(self.storage[str(NEW)], b"theirs")
        self.successResultOf(self.closed(self.upload(exclusive=True), exclusive=False))
        self.assertEqual(self.storage[str(NEW)], b"mine")

    def test_one_that_may_replace(self) -> None:
        """What need not be new is not refused over what stands at its new name, its own old content for one."""
        upload = self.upload(base=self.stands(b"0123456789"))
        self.run_through(self.storage.rename(FILE, NEW))
        upload.move(NEW, exclusive=True)
        upload.write(0, [b"mine"], 4)
        self.run_through(upload.close())
        self.assertEqual(self.storage[str(NEW)], b"mine456789")

    def test_to_itself(self) -> None:
        """A rename to the name it has changes nothing."""
        upload = self.upload(exclusive=True)
        upload.move(FILE, exclusive=False)
        upload.write(0, [b"mine"], 4)
        self.storage[str(FILE)] = b"theirs"
        self.run_into(errors.AlreadyExists, upload.close())


class RoomTests(TransferCase):
    """Which bytes leave when a file takes all the memory that it may."""

    segment_size = 2 * MIB

    def scattered(self, size: int, count: int) -> Upload:
        """A file that has *count* runs of *size* bytes."""
        upload = self.upload()
        for n in range(count):
            upload.write(n * 4 * MIB + 100, [pattern(size, n)], size)
        return upload

    def test_two_places(self) -> None:
        """Who writes at two places has parts of both sent before the file is as large as it may be in memory."""
        upload, chunk = self.upload(), 64 * KIB
        for at in range(0, 8 * MIB, chunk):
            for start in (0, 64 * MIB):
                self.write_through(upload, start + at, pattern(chunk, at))
                self.assertLess(upload.share.held, 2 * self.segment_size + 4 * chunk)
        upload.lost()
        self.settle(lambda: self.storage.staged == 0)

    def test_small_pieces_faster_than_the_store(self) -> None:
        """A file of any size that comes in small pieces, and faster than the store takes it, is not refused."""
        size, piece = MIB, 256
        for storage in (self.storage, PlainStorage(self.storage)):
            upload = self.upload(self.engine(storage, segment_size=64 * KIB, reorder_window=512 * KIB))
            self.storage.latency = 1.0
            for at in range(0, size, piece):
                self.write_through(upload, at, pattern(piece, at % 1024))
                self.assertEqual(upload.share.held - upload.share.leaving, upload.table.cost)
            self.run_through(upload.close())
            expected = b"".join(pattern(piece, at) for at in range(0, 1024, piece)) * (size // 1024)
            self.assertTrue(self.storage["/box/file"] == expected)

    def test_what_was_not_found_before(self) -> None:
        """A run that has become long enough is found, whatever was found a moment before."""
        size = 900 * KIB
        upload = self.scattered(size, 6)
        self.assertEqual(upload.shrink(LEAST_PART), 0)
        self.write_through(upload, 100 + size, pattern(LEAST_PART - size + 100))
        self.write_through(upload, 7 * 4 * MIB, pattern(size - 200 * KIB))
        self.assertIn("stage", self.requests)
        self.assertLess(upload.share.held, upload.brake.cap)
        upload.lost()
        self.settle(lambda: self.storage.staged == 0)
