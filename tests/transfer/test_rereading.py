"""What a file that is being written gives to its own reader."""

from __future__ import annotations

from swftp.entries import Entry
from tests.transfer.case import KIB, TransferCase, pattern


class RereadingTests(TransferCase):
    """`Upload.read` of what is with the store already."""

    def test_segments_that_replace_each_other(self) -> None:
        """A segment read before and overwritten since is never taken for the one that replaced it."""
        upload, size = self.upload(), self.segment_size
        model = bytearray()
        for n in range(4):
            self.write_through(upload, len(model), pattern(size, n))
            model += pattern(size, n)
        for n in range(20):
            at = n % 3 * size
            self.assertTrue(self.read_through(upload, at, 32 * KIB) == model[at : at + 32 * KIB])
            self.write_through(upload, at, pattern(size, 100 + n))
            model[at : at + size] = pattern(size, 100 + n)
        upload.lost()

    def test_read_across_many_segments(self) -> None:
        """A READ of several segments is answered although their bytes come one after the other."""
        self.storage.latency = 0.1
        found: list[bytes] = []

        def attempt() -> None:
            data = None if found else upload.read(0, 6 * self.segment_size)
            if data is not None:
                found.append(bytes(data))

        upload = self.upload(ready=attempt)
        data = pattern(6 * self.segment_size)
        self.write_through(upload, 0, data)
        self.write_through(upload, len(data), b"x")
        self.run_through(upload.sync())
        self.requests.clear()
        attempt()
        self.clock.pump([0.1] * 20)
        self.assertEqual([len(one) for one in found], [len(data)])
        self.assertTrue(found == [data])
        self.assertEqual(self.requests, ["read_part"] * 6)
        upload.lost()
        self.clock.advance(1)

    def test_read_of_what_is_on_its_way(self) -> None:
        """The blocks of a segment that is being sent come in their order."""
        self.storage.latency = 1000.0
        upload = self.upload(self.engine(segment_size=512 * KIB))
        data = pattern(600 * KIB)
        for at in range(0, len(data), 16 * KIB):
            upload.write(at, [data[at : at + 16 * KIB]], len(data[at : at + 16 * KIB]))
        self.assertEqual(self.requests, ["stage"])
        self.assertTrue(bytes(upload.read(1000, 400 * KIB) or b"") == data[1000 : 1000 + 400 * KIB])
        upload.lost()
        self.clock.pump([2000.0] * 3)


class RoomTests(TransferCase):
    """What is brought into memory of the objects that files began with, and what not."""

    segment_size = 1024 * KIB
    memory = 8 * 1024 * KIB

    def _standing(self) -> Entry:
        return self.stands(pattern(self.segment_size))

    def test_many_reads(self) -> None:
        """However many changed files are read, their objects stay within the budget."""
        entry = self._standing()
        uploads = [self.upload(base=entry) for _ in range(20)]
        for upload in uploads:
            self.assertTrue(self.read_through(upload, 5, 20) == pattern(self.segment_size)[5:25])
        self.assertLess(self.budget.used, self.memory)
        for upload in uploads:
            upload.lost()

    def test_what_was_written_over_is_let_go_of(self) -> None:
        """Of an object of which the file has but a few bytes, here and there, no more is kept than those."""
        upload = self.upload(base=self._standing())
        self.write_through(upload, 1, bytes(self.segment_size - 2))
        self.assertEqual(self.read_through(upload, 0, 10), pattern(self.segment_size)[:1] + bytes(9))
        pieces = [item for _, _, item in upload.table.pieces(0, self.segment_size)]
        self.assertEqual([len(getattr(item, "obj", item)) for item in (pieces[0], pieces[-1])], [1, 1])
        upload.lost()

    def test_many_closes(self) -> None:
        """Files closed at the same time are put together by the store where there is no room to do it here."""
        entry = self._standing()
        uploads = [self.upload(base=entry) for _ in range(20)]
        for upload in uploads:
            upload.write(5, [b"new"], 3)
        self.storage.latency = 1.0
        closing = [self.start(upload.close()) for upload in uploads[1:]]
        peak = 0
        for _ in range(40):
            self.clock.advance(0.25)
            peak = max(peak, self.budget.used)
        self.assertLess(peak, self.memory)
        uploads[0].lost()
        self.clock.advance(5)
        expected = bytearray(pattern(self.segment_size))
        expected[5:8] = b"new"
        self.assertTrue(self.storage["/box/file"] == expected)
        for one in closing:
            one.addErrback(lambda _: None)  # the object was replaced by those that were faster

    def test_lost_while_loading(self) -> None:
        """A client that vanishes while the object is on its way leaves nothing in memory."""
        entry = self._standing()
        self.storage.latency = 1.0
        upload = self.upload(base=entry)
        self.assertIsNone(upload.read(0, 10))
        upload.lost()
        self.clock.pump([0.5] * 4)
