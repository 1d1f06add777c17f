"""Reading: several places of one file at a time, requests that end before what is wanted, and files that are left."""

from __future__ import annotations

from dataclasses import replace

from swftp import errors
from swftp.entries import Entry, Kind
from swftp.transfer.download import Download
from swftp.transfer.readahead import LARGEST_READ, WINDOWS
from tests.transfer.case import FILE, KIB, MIB, TransferCase, pattern
from tests.transfer.test_download import DownloadCase


class PlacesTests(DownloadCase):
    """More than one place of a file."""

    size = 6 * MIB

    def test_all_are_busy(self) -> None:
        """A READ at one place more than are fetched waits until one of these has what was asked for there."""
        file = self.download()
        for place in range(WINDOWS + 1):
            self.assertIsNone(file.read(place * MIB, 1000))
        self.assertEqual(len(self.store.flows), WINDOWS)
        self.assertEqual(self.get(file, MIB, 1000), self.data[MIB : MIB + 1000])
        self.assertEqual(self.get(file, WINDOWS * MIB, 1000), self.data[WINDOWS * MIB : WINDOWS * MIB + 1000])

    def test_the_one_left_longest_ago_is_given_up(self) -> None:
        """Who reads at one place more loses the stream that he has not used for longest."""
        file = self.download()
        for place in range(WINDOWS):
            self.get(file, place * MIB, 1000)
        self.get(file, 1000, 1000)
        self.get(file, WINDOWS * MIB, 1000)
        self.assertEqual([flow.stopped for flow in self.store.flows[:2]], [False, True])

    def test_beyond_the_request_that_runs(self) -> None:
        """A READ that crosses the end of what is asked for just now is answered when that has come."""
        file = self.download()
        self.get(file, MIB, 700 * KIB)
        end = self.store.flows[0].end
        self.assertEqual(self.get(file, end - 1000, 5000), self.data[end - 1000 : end + 4000])
        self.assertEqual([flow.start for flow in self.store.flows], [MIB, end])

    def test_largest(self) -> None:
        """One READ gives a bounded number of bytes, however many it asks for."""
        file = self.download()
        self.assertTrue(self.get(file, 0, self.size) == self.data[:LARGEST_READ])

    def test_pieces_of_what_came_unasked(self) -> None:
        """What came in small pieces while nobody waited is given out as it is."""
        self.store.piece = 700
        file = self.download()
        self.get(file, 0, 1000)
        for _ in range(5):
            self.store.step()
        count = file.piece(1400)
        self.assertGreater(count, 0)
        self.assertEqual(bytes(file.read(1400, count) or b""), self.data[1400 : 1400 + count])

    def test_head(self) -> None:
        """The first bytes, where they are known, are given out without a request, and no more than these."""
        file = Download(self.engine(self.store), FILE, self.store.entry, head=self.data[:100])
        self.open.append(file)
        self.assertEqual((file.piece(0), file.piece(60), file.piece(100)), (100, 40, 0))
        self.assertEqual((file.read(0, 30), file.read(60, 1000)), (self.data[:30], self.data[60:100]))
        self.assertEqual(self.store.flows, [])
        file.close()
        self.assertEqual(file.piece(0), 0)

    def test_left_between_two_attempts(self) -> None:
        """A file that is closed after a cut is not fetched again."""
        file = self.download()
        self.assertIsNone(file.read(0, 1000))
        self.store.cut()
        file.close()
        self.clock.advance(5)
        self.assertEqual(len(self.store.flows), 1)

    def test_no_version_is_known(self) -> None:
        """Where nothing is known but a size, the first answer says of which version all others have to be."""
        file = self.download(replace(self.store.entry, version=None))
        self.assertEqual(self.get(file, 0, 1000), self.data[:1000])
        self.store.version, self.store.data = "v2", pattern(self.size, 3)
        with self.assertRaises(errors.Changed):
            self.get(file, 3 * MIB, 1000)

    def test_shorter_than_it_was(self) -> None:
        """An object that ends before what is asked for is another one."""
        self.store.data = self.data[:MIB]
        file = self.download(replace(self.store.entry, version=None, size=self.size))
        with self.assertRaises(errors.Changed):
            self.get(file, 3 * MIB, 1000)


class RememberedTests(TransferCase):
    """What is known of a file is what somebody remembers, and the store takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.old = self.stands(b"0123456789")
        self.storage.latency = 1.0
        self.looks = 0

    async def _look(self) -> Entry:
        self.looks += 1
        return await self.storage.stat(FILE)

    def remembered(self, entry: Entry | None = None, *, certain: bool = False) -> Download:
        """The file, open."""
        return Download(self.engine(), FILE, entry or self.old, look=self._look, certain=certain)

    def test_replaced(self) -> None:
        """An object that is known to be another one only when the store answers is read as it is now."""
        self.storage["/box/file"] = b"the new content"
        file = self.remembered(certain=True)
        self.assertEqual(file.read(3, 0), b"")  # which tells nobody anything
        self.assertEqual(self.read_through(file, 4, 100), b"new content")
        self.assertEqual(self.looks, 1)
        file.close()

    def test_longer(self) -> None:
        """The end is believed of what the store has said, not of what is remembered; it is looked at once."""
        self.storage["/box/file"] = b"the new content"
        file = self.remembered()
        self.assertEqual(self.read_through(file, 10, 100), b"ntent")
        self.assertEqual(self.read_through(file, 15, 100), b"")
        self.assertEqual(self.looks, 1)
        file.close()

    def test_read_to_its_end(self) -> None:
        """Nobody looks at what stands there once an answer has confirmed what was remembered."""
        file = self.remembered()
        self.assertEqual((self.read_through(file, 0, 100), self.read_through(file, 10, 100)), (b"0123456789", b""))
        self.assertEqual(self.looks, 0)
        file.close()

    def test_confirmed(self) -> None:
        """Who is told what he will read is told what stands there, or that it is gone."""
        self.storage["/box/file"] = b"new"
        file = self.remembered()
        self.assertEqual(self.run_through(file.confirm()).size, 3)
        self.assertEqual(self.run_through(file.confirm()).size, 3)
        self.assertEqual(self.looks, 1)
        file.close()
        self.run_through(self.storage.remove(FILE))
        file = self.remembered()
        self.run_into(errors.NotFound, file.confirm())
        self.assertRaises(errors.NotFound, file.read, 0, 1)
        file.close()

    def test_no_file_any_more(self) -> None:
        """A directory that has taken the place of a file is no content of it."""

        async def look() -> Entry:
            return Entry(name="file", kind=Kind.DIRECTORY)

        file = Download(self.engine(), FILE, self.old, look=look, certain=False)
        self.run_into(errors.Changed, file.confirm())
        file.close()

    def test_left_while_it_is_looked_at(self) -> None:
        """A file that is closed meanwhile is not opened again by what is seen."""
        file = self.remembered()
        self.assertIsNone(file.read(10, 100))
        self.assertEqual(file.piece(0), 0)
        self.storage["/box/file"] = b"the new content"
        file.close()
        self.clock.pump([1.0] * 3)

    def test_left_before_the_store_answers(self) -> None:
        """A request that has no answer yet ends with its file."""
        file = self.remembered()
        self.assertIsNone(file.read(0, 100))
        file.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RereadTests(TransferCase):
    """READs of a file that is written, of what stood there."""

    def test_one_request(self) -> None:
        """However many READs wait, the object is fetched once."""
        upload = self.upload(base=self.stands(b"0123456789"))
        self.storage.latency = 1.0
        self.assertEqual((upload.read(0, 2), upload.read(5, 2)), (None, None))
        self.assertEqual((self.read_through(upload, 0, 2), upload.read(5, 2)), (b"01", b"56"))
        self.assertEqual(self.requests, ["fetch"])
        upload.lost()

    def test_refused(self) -> None:
        """A READ fails with what the store said; the file does not, and may be read when the store is back."""
        upload = self.upload(base=self.stands(b"0123456789"))
        self.refusals["fetch"] = [errors.Corrupt()]
        self.assertIsNone(upload.read(0, 2))
        self.assertRaises(errors.Corrupt, upload.read, 0, 2)
        self.assertEqual(self.read_through(upload, 0, 2), b"01")
        upload.lost()

    def test_largest(self) -> None:
        """One READ gives a bounded number of bytes here, too."""
        upload = self.upload()
        self.run_through(upload.truncate(2 * LARGEST_READ))
        self.assertEqual(len(upload.read(0, 2 * LARGEST_READ) or b""), LARGEST_READ)
        upload.lost()
