"""Reading: which requests it takes, how much is held, and never a wrong byte."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Entry
from swftp.transfer.download import Download
from tests.transfer.case import FILE, KIB, MIB, TransferCase, pattern
from tests.transfer.trickle import Trickle


class DownloadCase(TransferCase):
    """A file, `self.data`, in a store that pushes a piece when told to."""

    size = 4 * MIB

    def setUp(self) -> None:
        super().setUp()
        self.data = pattern(self.size)
        self.store = Trickle(self.data)
        self.rings = 0
        self.open: list[Download] = []

    def download(self, entry: Entry | None = None, look: object = None, **limits: object) -> Download:
        """The file, open."""
        engine = self.engine(self.store, **limits)
        opened = Download(
            engine,
            FILE,
            entry or self.store.entry,
            ready=self._ring,
            look=look,  # type: ignore[arg-type]
        )
        self.open.append(opened)
        return opened

    def _ring(self) -> None:
        self.rings += 1

    def get(self, file: Download, offset: int, length: int) -> bytes:
        """Ask, and let the store push, until the answer is there."""
        for _ in range(10_000):
            data = file.read(offset, length)
            if data is not None:
                return bytes(data)
            rings = self.rings
            for _ in range(5000):
                if self.rings > rings:
                    break
                self.store.step()
                self.clock.advance(0.01)
            else:
                self.fail("not rung, whatever the store pushed")
        return self.fail("never answered")  # type: ignore[no-any-return]

    def tearDown(self) -> None:
        for file in self.open:
            file.close()
        self.assertEqual(self.store.running, [])
        super().tearDown()


class SequentialTests(DownloadCase):
    """From front to back."""

    def test_one_request(self) -> None:
        """A whole file is one request, whatever the size of the reads."""
        for length in (1000, 32 * KIB, 255 * KIB):
            self.store.flows.clear()
            file = self.download()
            got = b"".join(self.get(file, at, length) for at in range(0, self.size, length))
            self.assertEqual(got, self.data)
            self.assertEqual(len(self.store.flows), 1)

    def test_nothing_before_the_first_read(self) -> None:
        """A file that is opened and closed costs no fetch."""
        self.download().close()
        self.assertEqual(self.store.flows, [])

    def test_end_of_file(self) -> None:
        """At and beyond the end there are no bytes; just before it there are fewer."""
        file = self.download()
        self.assertEqual(file.read(self.size, 10), b"")
        self.assertEqual(file.read(1 << 62, 10), b"")
        self.assertEqual(self.get(file, self.size - 3, 10), self.data[-3:])

    def test_is_pinned(self) -> None:
        """All requests of one handle are for one version; another one is an error, not a mixture."""
        file = self.download()
        self.get(file, 0, 1000)
        self.store.cut()
        self.store.version, self.store.data = "v2", pattern(self.size, 3)
        with self.assertRaises(errors.Changed):
            self.get(file, 2 * MIB, 1000)
        with self.assertRaises(errors.Changed):
            file.read(0, 10)

    def test_slow_reader(self) -> None:
        """A reader that stops is not fetched for: what is held stays small, however long it takes."""
        file = self.download()
        self.get(file, 0, 1000)
        for _ in range(100):
            self.store.step()
        self.assertTrue(self.store.flows[0].paused)
        self.assertLess(self.budget.used, 512 * KIB)

    def test_reader_goes_on(self) -> None:
        """When what is held runs low the store is asked for more, before it has run out."""
        file = self.download()
        self.get(file, 0, 1000)
        for _ in range(20):
            self.store.step()
        self.assertTrue(self.store.flows[0].paused)
        self.get(file, 1000, 200 * KIB)
        self.assertFalse(self.store.flows[0].paused)

    def test_fast_reader_is_fetched_further_ahead(self) -> None:
        """A reader that has to wait for each piece gets a larger window."""
        file = self.download(read_ahead=2 * MIB)
        for at in range(0, 3 * MIB, 256 * KIB):
            self.get(file, at, 256 * KIB)
        for _ in range(100):
            self.store.step()
        self.assertGreaterEqual(self.budget.used, MIB - 256 * KIB)

    def test_no_further_than_configured(self) -> None:
        """However fast the reader, and however much memory there is."""
        file = self.download(read_ahead=512 * KIB)
        for at in range(0, 2 * MIB, 256 * KIB):
            self.get(file, at, 256 * KIB)
        for _ in range(100):
            self.store.step()
        self.assertLessEqual(self.budget.used, 576 * KIB)

    def test_tiny_pieces(self) -> None:
        """A store that sends byte by byte is no different."""
        self.store.piece = 1
        file = self.download()
        self.assertEqual(self.get(file, 0, 3000), self.data[:3000])
        self.assertEqual(self.get(file, 3000, 100), self.data[3000:3100])

    def test_by_pieces(self) -> None:
        """Who takes what is there, as it is, gets all of it at once, whatever the store pushes."""
        for size in (700, 20 * KIB, 300 * KIB):
            self.store = Trickle(self.data)
            self.store.piece = size
            file = self.download()
            came = bytearray()
            while len(came) < self.size:
                if count := file.piece(len(came)):
                    data = file.read(len(came), count)
                    assert data is not None
                    self.assertEqual(len(data), count)
                    came += data
                else:
                    came += self.get(file, len(came), 64 * KIB)
            self.assertEqual(came, self.data)
            self.assertEqual((file.piece(self.size), file.read(self.size, 1)), (0, b""))
            file.close()

    def test_read_larger_than_the_window(self) -> None:
        """A read is answered in full, even if the window is smaller."""
        file = self.download(read_ahead=64 * KIB)
        self.assertEqual(self.get(file, 0, 1 * MIB), self.data[: 1 * MIB])

    def test_close_stops_the_store(self) -> None:
        """A closed file fetches no more, at once."""
        file = self.download()
        self.get(file, 0, 1000)
        file.close()
        self.assertTrue(self.store.flows[0].stopped)
        self.assertEqual(self.budget.used, 0)
        with self.assertRaises(errors.InvalidRequest):
            file.read(0, 1)

    def test_close_gives_up_what_is_asked_for(self) -> None:
        """Also where the store has not answered yet: it need not."""
        given_up: list[object] = []
        entry = self.stands(b"data")
        self.storage.hook = lambda verb, path: Deferred(given_up.append)
        file = Download(self.engine(), FILE, entry, ready=lambda: None)
        self.assertIsNone(file.read(0, 4))
        self.assertEqual(given_up, [])
        file.close()
        self.assertEqual(len(given_up), 1)


class CutTests(DownloadCase):
    """A store that ends too early."""

    def test_goes_on_where_it_was_cut(self) -> None:
        """A connection that breaks in mid body costs one more request, from there on."""
        file = self.download()
        first = self.get(file, 0, 300 * KIB)
        self.store.cut()
        at = self.store.flows[0].at
        rest = self.get(file, 300 * KIB, 600 * KIB)
        self.assertEqual(first + rest, self.data[: 900 * KIB])
        self.assertEqual([flow.start for flow in self.store.flows], [0, at])

    def test_short_body_is_no_end(self) -> None:
        """A body that ends early without an error never is the end of the file."""
        file = self.download()
        self.get(file, 0, 100 * KIB)
        self.store.flows[0].done.callback(None)
        self.assertEqual(self.get(file, 100 * KIB, 600 * KIB), self.data[100 * KIB : 700 * KIB])
        self.assertEqual(len(self.store.flows), 2)

    def test_gives_up(self) -> None:
        """Cut again and again without a byte in between, the read fails; it is not the end of the file."""
        file = self.download()
        self.assertIsNone(file.read(0, 1000))
        for _ in range(4):
            self.store.cut()
            self.clock.advance(5)
        with self.assertRaises(errors.Unavailable):
            file.read(0, 1000)
        self.assertEqual(len(self.store.flows), 4)
        self.assertEqual(self.rings, 1)

    def test_a_store_that_is_back(self) -> None:
        """A read that failed may be asked again a moment later: the handle outlives the outage."""
        file = self.download()
        self.assertIsNone(file.read(0, 1000))
        for _ in range(4):
            self.store.cut()
            self.clock.advance(3)
        with self.assertRaises(errors.Unavailable):
            file.read(0, 1000)
        self.clock.advance(1)
        self.assertEqual(self.get(file, 0, 1000), self.data[:1000])

    def test_progress_counts(self) -> None:
        """A store that cuts after each piece is asked as often as it takes."""
        file = self.download()
        got = b""
        for at in range(0, 1 * MIB, 64 * KIB):
            got += self.get(file, at, 64 * KIB)
            self.store.cut()
        self.assertEqual(got, self.data[: 1 * MIB])

    def test_cut_while_nobody_reads(self) -> None:
        """Swift drops a reader that pauses for a minute: asked again when, and only when, the client goes on."""
        file = self.download()
        self.get(file, 0, 1000)
        for _ in range(20):
            self.store.step()
        self.store.cut()
        self.clock.advance(5)
        self.assertEqual(len(self.store.flows), 1)
        self.assertEqual(self.get(file, 1000, 1 * MIB), self.data[1000 : 1 * MIB + 1000])
        self.assertEqual(len(self.store.flows), 2)

    def test_idle_reader_holds_nothing(self) -> None:
        """Whoever asks for nothing for a while gives his memory and his connection back, and may go on later."""
        file = self.download()
        self.get(file, 0, 1000)
        self.clock.pump([1.0] * 25)
        self.assertEqual((self.budget.used, self.store.running), (0, []))
        self.assertEqual(self.get(file, 1000, 2000), self.data[1000:3000])


class ScatteredTests(DownloadCase):
    """Elsewhere than where the last read ended."""

    def test_one_odd_read_keeps_the_stream(self) -> None:
        """A read of the end (an index, a zip directory) does not end the stream it left."""
        file = self.download()
        self.get(file, 0, 100 * KIB)
        self.assertEqual(self.get(file, self.size - 1000, 1000), self.data[-1000:])
        self.assertEqual(self.get(file, 100 * KIB, 600 * KIB), self.data[100 * KIB : 700 * KIB])
        self.assertEqual(len(self.store.flows), 2)
        self.assertLess(self.store.flows[1].end - self.store.flows[1].start, 300 * KIB)

    def test_shuffled_reads(self) -> None:
        """Reads in flight that overtake each other still are one request."""
        offsets = list(range(0, self.size, 32 * KIB))
        random = Random(7)
        for at in range(0, len(offsets) - 4, 4):
            part = offsets[at : at + 4]
            random.shuffle(part)
            offsets[at : at + 4] = part
        file = self.download()
        got = {at: self.get(file, at, 32 * KIB) for at in offsets}
        self.assertEqual(b"".join(got[at] for at in sorted(got)), self.data)
        self.assertEqual(len(self.store.flows), 1)

    def test_backwards(self) -> None:
        """A file read from back to front takes far fewer requests than reads."""
        file = self.download()
        for at in range(self.size - 32 * KIB, -1, -32 * KIB):
            self.assertEqual(self.get(file, at, 32 * KIB), self.data[at : at + 32 * KIB])
        self.assertLess(len(self.store.flows), 128 / 4)

    def test_two_readers_in_one_handle(self) -> None:
        """Two places read in turns are two streams, not a request a read."""
        file = self.download()
        half = self.size // 2
        for at in range(0, half, 32 * KIB):
            self.assertEqual(self.get(file, at, 32 * KIB), self.data[at : at + 32 * KIB])
            self.assertEqual(self.get(file, half + at, 32 * KIB), self.data[half + at : half + at + 32 * KIB])
        self.assertLess(len(self.store.flows), 6)

    def test_parts(self) -> None:
        """Who begins elsewhere and reads a part, as one of several streams, has little more than that fetched."""
        for start in (MIB, 2 * MIB):
            self.store.flows.clear()
            file = self.download()
            got = b"".join(self.get(file, at, 32 * KIB) for at in range(start, start + MIB, 32 * KIB))
            self.assertEqual(got, self.data[start : start + MIB])
            self.assertEqual([(flow.start, flow.end) for flow in self.store.flows], [(start, start + MIB)])

    def test_rest(self) -> None:
        """Who begins elsewhere and goes on has more fetched with each request."""
        file = self.download()
        got = b"".join(self.get(file, at, 32 * KIB) for at in range(512 * KIB, self.size, 32 * KIB))
        self.assertEqual(got, self.data[512 * KIB :])
        self.assertEqual([flow.start for flow in self.store.flows], [512 * KIB, 512 * KIB + MIB])

    def test_start_elsewhere(self) -> None:
        """Who resumes at an offset gets nothing from before it."""
        file = self.download()
        got = b"".join(self.get(file, at, 64 * KIB) for at in range(3 * MIB, self.size, 64 * KIB))
        self.assertEqual(got, self.data[3 * MIB :])
        self.assertEqual([flow.start for flow in self.store.flows], [3 * MIB])

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.tuples(st.integers(0, 5 * MIB), st.integers(1, 400 * KIB)), max_size=12),
        st.sampled_from([700, 60 * KIB, 256 * KIB]),
        st.integers(0, 9),
    )
    def test_any_reads(self, reads: list[tuple[int, int]], piece: int, cut_every: int) -> None:
        """Whatever is read, in whatever pieces it comes and however often it is cut: the right bytes."""
        self.setUp()
        self.store.piece = piece
        file = self.download()
        for n, (offset, length) in enumerate(reads):
            self.assertEqual(self.get(file, offset, length), self.data[offset : offset + length])
            if cut_every and n % cut_every == 0:
                self.store.cut()
        self.tearDown()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.integers(0, 4 * MIB), st.integers(1, 100 * KIB)), min_size=1, max_size=30))
    def test_many_outstanding(self, reads: list[tuple[int, int]]) -> None:
        """Many reads that wait at the same time are all answered, right, whoever's bytes come first."""
        self.setUp()
        file = self.download()
        waiting = list(reads)
        for _ in range(5000):
            still = []
            for offset, length in waiting:
                data = file.read(offset, length)
                if data is None:
                    still.append((offset, length))
                else:
                    self.assertEqual(bytes(data), self.data[offset : offset + length])
            waiting = still
            if not waiting:
                break
            self.store.step()
        self.assertEqual(waiting, [])
        self.tearDown()


class StaleTests(DownloadCase):
    """What was known of the file at OPEN is out of date."""

    def setUp(self) -> None:
        super().setUp()
        self.stale = self.store.entry
        self.store.version, self.store.data = "v2", pattern(1000, 9)
        self.looks = 0

    async def _look(self) -> Entry:
        self.looks += 1
        return self.store.entry

    def test_before_the_first_byte(self) -> None:
        """Before a byte was given out, what stands there now is read instead."""
        file = self.download(self.stale, look=self._look)
        self.assertEqual(self.get(file, 0, 5000), self.store.data)
        self.assertEqual((self.looks, file.entry.size), (1, 1000))

    def test_after_the_end(self) -> None:
        """Who was told where the file ends reads no other one: bytes behind that end would be no part of it."""
        file = self.download(self.stale, look=self._look)
        self.assertEqual(self.get(file, self.size, 5000), b"")
        self.store.data = pattern(2 * self.size, 9)
        with self.assertRaises(errors.Changed):
            self.get(file, 0, 5000)
        self.assertEqual(self.looks, 0)

    def test_only_once(self) -> None:
        """An object that changes all the time is given up."""

        async def look() -> Entry:
            self.looks += 1
            return self.stale

        file = self.download(self.stale, look=look)
        with self.assertRaises(errors.Changed):
            self.get(file, 0, 5000)
        self.assertEqual(self.looks, 1)

    def test_gone(self) -> None:
        """An object that is gone is said to be."""

        async def look() -> Entry:
            raise errors.NotFound()

        file = self.download(self.stale, look=look)
        with self.assertRaises(errors.NotFound):
            self.get(file, 0, 5000)

    def test_size_in_the_answer_differs(self) -> None:
        """A version that came with another size is not believed."""
        lying = self._replaced(self.store.entry)
        file = self.download(lying)
        with self.assertRaises(errors.Changed):
            self.get(file, 0, 5000)

    def _replaced(self, entry: Entry) -> Entry:
        return Entry(name=entry.name, kind=entry.kind, size=5000, version=entry.version)


class MemoryTests(DownloadCase):
    """The budget."""

    def test_many_readers_that_stop(self) -> None:
        """Fifty readers that stop reading hold about a mebibyte each at most."""
        files = [self.download() for _ in range(50)]
        for file in files:
            file.read(0, 32 * KIB)
        for _ in range(200):
            self.store.step()
        self.assertLess(self.budget.used, 50 * MIB)

    def test_many_fast_readers_that_stop(self) -> None:
        """They hold little more for having been fast: that is for few."""
        self.budget.limit = 256 * MIB
        files = [self.download(read_ahead=4 * MIB) for _ in range(50)]
        for file in files:
            for offset in range(0, 2 * MIB, 256 * KIB):
                self.get(file, offset, 256 * KIB)
        for _ in range(400):
            self.store.step()
        self.assertLess(self.budget.used, 50 * 448 * KIB)

    def test_gives_way_to_uploads(self) -> None:
        """When memory is short, readers keep what somebody waits for and a little more."""
        file = self.download()
        self.get(file, 0, 32 * KIB)
        self.budget.mark = 0
        self.assertGreater(file._ahead.shrink(0), 0)
        self.assertEqual(self.budget.used, 0)
        self.assertEqual(self.get(file, 32 * KIB, 32 * KIB), self.data[32 * KIB : 64 * KIB])
        for _ in range(50):
            self.store.step()
        self.assertLess(self.budget.used, 200 * KIB)
