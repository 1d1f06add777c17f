"""What is asked for by path while a file of that path waits to be stored."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from swftp.session import OpenMode, Reader, Writer
from swftp.session.openfiles import LONGEST, MOMENT
from swftp.transfer.budget import Group
from tests.session.case import FILE, KIB, MIB, NEW, OTHER, SessionCase, nothing

CHANGE = OpenMode()
APPEND = OpenMode(create=True, append=True)


class BehindTests(SessionCase):
    """Calls whose turn comes before that of a CLOSE, for they were made before it was begun."""

    def setUp(self) -> None:
        super().setUp()
        self.opened = self.writer()
        self.opened.write(0, [b"0123456789"], 10)
        self.held["copy"] = []
        self.looking = self.start(self.session.copy(FILE, resolve("/box/copy")))

    def close_behind(self, call: object) -> None:
        """CLOSE right behind *call*, then let the store answer."""
        closing = self.start(self.opened.close())
        self.assertNoResult(closing)
        self.release("copy")
        self.failureResultOf(self.looking, errors.NotFound)
        self.successResultOf(closing)

    def test_time(self) -> None:
        """A time set by path is that of the object."""
        setting = self.start(self.session.update(FILE, Attributes(mtime=9.0)))
        self.close_behind(setting)
        self.successResultOf(setting)
        self.assertEqual(self.do(self.session.stat(FILE)).mtime, 9.0)

    def test_size(self) -> None:
        """A size set by path is that of the object."""
        setting = self.start(self.session.truncate(FILE, 4, Attributes(mtime=9.0)))
        self.close_behind(setting)
        self.successResultOf(setting)
        self.assertEqual(self.storage["/box/file"], b"0123")
        self.assertEqual(self.do(self.session.stat(FILE)).mtime, 9.0)

    def test_absurd_size(self) -> None:
        """A size that cannot be is refused, and the file is stored as it is."""
        setting = self.start(self.session.truncate(FILE, 1 << 62, Attributes()))
        self.close_behind(setting)
        self.failureResultOf(setting, errors.TooLarge)
        self.assertEqual(self.storage["/box/file"], b"0123456789")

    def test_remove(self) -> None:
        """A file that is removed is not stored."""
        removing = self.start(self.session.remove(FILE))
        closing = self.start(self.opened.close())
        self.release("copy")
        self.failureResultOf(self.looking, errors.NotFound)
        self.successResultOf(removing)
        self.failureResultOf(closing, errors.NotFound)
        self.assertNotIn("/box/file", self.storage)


class OvertakenTests(SessionCase):
    """sshfs closes in one thread and opens in another: what a program does in order may come in either."""

    def setUp(self) -> None:
        super().setUp()
        self.first = self.writer()
        self.first.write(0, [b"0123456789"], 10)

    def opening(self, mode: OpenMode) -> Deferred[Writer]:
        """The same file, opened once more."""
        return self.start(self.session.open_writer(FILE, mode, Attributes(), nothing))

    def reading(self) -> Deferred[Reader]:
        """The same, for reading."""
        return self.start(self.session.open_reader(FILE, nothing))

    def test_read(self) -> None:
        """What was just written is what is read."""
        reading = self.reading()
        self.assertNoResult(reading)
        self.do(self.first.close())
        self.assertEqual(self.successResultOf(reading).read(0, 100), b"0123456789")

    def test_changed(self) -> None:
        """A change or an append is made to what was just written."""
        for mode, expected in ((CHANGE, b"AB23456789"), (APPEND, b"0123456789AB")):
            opening = self.opening(mode)
            self.assertNoResult(opening)
            closing = self.start(self.first.close())
            second = self.successResultOf(opening)
            self.successResultOf(closing)
            second.write(0, [b"AB"], 2)
            self.do(second.close())
            self.assertEqual(self.storage[str(FILE)], expected)
            self.setUp()

    def test_slow_store(self) -> None:
        """The CLOSE has its turn first, however long the store takes."""
        self.held["store"] = []
        reading = self.reading()
        closing = self.start(self.first.close())
        self.clock.advance(10 * MOMENT)
        self.assertNoResult(reading)
        self.release("store")
        self.successResultOf(closing)
        self.assertEqual(self.successResultOf(reading).read(0, 100), b"0123456789")

    def test_never_closed(self) -> None:
        """Who has both open on purpose waits for a moment only, and finds what others find."""
        reading, appending = self.reading(), self.opening(APPEND)
        self.clock.advance(MOMENT)
        self.failureResultOf(reading, errors.NotFound)
        self.assertEqual(self.successResultOf(appending).entry.size, 0)
        self.session.lost()

    def test_long_upload(self) -> None:
        """Writing on makes nobody wait for good, and what has rested for a moment is not about to be closed."""
        reading = self.reading()
        for at in range(8):
            self.clock.advance(LONGEST / 8)
            self.first.write(at, [b"x"], 1)
            self.assertEqual(reading.called, at == 7)
        self.failureResultOf(reading, errors.NotFound)
        self.clock.advance(MOMENT)
        self.failureResultOf(self.reading(), errors.NotFound)
        self.session.lost()

    def test_reads_before(self) -> None:
        """READs of the same handle are before its CLOSE: a kernel that reads ahead closes when it has done so."""
        reading = self.reading()
        self.clock.advance(MOMENT - 0.1)
        self.first.read(0, 10)
        self.clock.advance(MOMENT - 0.1)
        self.do(self.first.close())
        self.assertEqual(self.successResultOf(reading).read(0, 100), b"0123456789")

    def closes_after(self) -> None:
        """A CLOSE may be overtaken now as well."""
        reading = self.reading()
        self.assertNoResult(reading)
        self.do(self.first.close())
        self.successResultOf(reading)

    def test_slow_sync(self) -> None:
        """However long an FSYNC took, the CLOSE may be overtaken within a moment of its answer."""
        self.held["stage"] = []
        self.first.write(10, [bytes(100 * KIB)], 100 * KIB)
        syncing = self.start(self.first.sync())
        self.clock.advance(2 * MOMENT)
        self.assertNoResult(syncing)
        self.release("stage")
        self.successResultOf(syncing)
        self.closes_after()

    def test_slow_write(self) -> None:
        """So it is with a WRITE that waited for memory."""
        others = self.budget.join(self.first.upload, Group(MIB))
        others.take(64 * MIB)
        waiting = self.first.write(10, [b"x"], 1)
        assert waiting is not None
        self.clock.advance(2 * MOMENT)
        others.close()
        self.clock.advance(0)
        self.successResultOf(waiting)
        self.closes_after()

    def test_new_size(self) -> None:
        """A new size is a change like any other."""
        self.clock.advance(2 * MOMENT)
        self.do(self.first.truncate(3))
        self.closes_after()

    def test_nothing_to_wait_for(self) -> None:
        """What holds nothing new, lies elsewhere or matters to nobody holds up nothing."""
        self.do(self.first.close())
        unchanged = self.writer(OTHER, CHANGE)
        self.do(self.session.open_reader(OTHER, nothing))
        unchanged.write(0, [b"x"], 1)
        self.do(self.session.open_reader(FILE, nothing))
        self.do(self.session.open_writer(OTHER, NEW, Attributes(), nothing))
        self.session.lost()

    def test_failed(self) -> None:
        """A file that is removed, and a client that is gone, end the wait."""
        reading = self.reading()
        self.do(self.session.remove(FILE))
        self.clock.advance(MOMENT)
        self.failureResultOf(reading, errors.NotFound)
        self.first = self.writer()
        reading = self.reading()
        self.session.lost()
        self.failureResultOf(reading, errors.NotFound, errors.Interrupted)
