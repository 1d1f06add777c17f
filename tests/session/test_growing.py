"""Files that are appended to or changed while somebody else, behind another gateway perhaps, replaces them."""

from __future__ import annotations

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from swftp.session import OpenMode, Writer
from swftp.session.openfiles import MOMENT
from tests.session.case import FILE, KIB, OTHER, SessionCase

APPEND = OpenMode(create=True, append=True)
ANEW = OpenMode(create=True, append=True, truncate=True)
EXCLUSIVE = OpenMode(create=True, append=True, exclusive=True)
CHANGE = OpenMode(create=True)
SIZES = (4, 300 * KIB)
"""Of what is stored in one request, and of what is put together."""


class GrowingTests(SessionCase):
    """What was there at OPEN is what is replaced at CLOSE, also where that was nothing."""

    def written(self, mode: OpenMode, size: int, offset: int = 0) -> Writer:
        """`FILE`, open, with *size* bytes at *offset*."""
        writer = self.writer(FILE, mode)
        writer.write(offset, [b"." * size], size)
        return writer

    def left(self, writer: Writer, *expected: type[Exception]) -> None:
        """CLOSE fails; what others put there stays."""
        self.refused(*expected, writer.close())
        self.assertEqual(self.storage[str(FILE)], b"theirs")
        self.assertEqual(self.storage.staged, 0)

    def test_empty(self) -> None:
        """Who goes on with an empty file does not replace what has come in its place."""
        for size in SIZES:
            for mode, offset in ((APPEND, 0), (CHANGE, 0), (CHANGE, 7)):
                self.storage[str(FILE)] = b""
                writer = self.written(mode, size, offset)
                self.storage[str(FILE)] = b"theirs"
                self.left(writer, errors.Changed)

    def test_empty_made_longer(self) -> None:
        """The same where it is made longer without a byte being sent."""
        self.storage[str(FILE)] = b""
        writer = self.writer(FILE, CHANGE)
        self.do(writer.truncate(10))
        self.storage[str(FILE)] = b"theirs"
        self.left(writer, errors.Changed)

    def test_nothing(self) -> None:
        """Who appends to what is not there does not replace what has come meanwhile; nobody else's is lost."""
        for size in SIZES:
            writer = self.written(APPEND, size)
            self.storage[str(FILE)] = b"theirs"
            self.left(writer, errors.Changed)
            self.do(self.storage.remove(FILE))

    def test_two_appenders(self) -> None:
        """Of two who append to what is not there one is told that it has changed."""
        first = self.written(APPEND, 3)
        self.clock.advance(MOMENT)
        second = self.written(APPEND, 5)
        self.do(first.close())
        self.refused(errors.Changed, second.close())
        self.assertEqual(self.storage[str(FILE)], b"...")

    def test_last_moment(self) -> None:
        """A short file that is replaced after its bytes were fetched is not replaced with them and more."""
        self.storage[str(FILE)] = b"old"
        writer = self.written(APPEND, 4)
        self.held["store"] = []
        closing = self.start(writer.close())
        self.storage[str(FILE)] = b"theirs"
        self.release("store")
        self.failureResultOf(closing, errors.Changed)
        self.assertEqual(self.storage[str(FILE)], b"theirs")

    def test_anew(self) -> None:
        """Who begins anew replaces whatever is there, and who wanted to be the first is told that somebody was."""
        writer = self.written(ANEW, 4)
        self.storage[str(FILE)] = b"theirs"
        self.do(writer.close())
        self.assertEqual(self.storage[str(FILE)], b"....")
        self.do(self.storage.remove(FILE))
        writer = self.written(EXCLUSIVE, 4)
        self.storage[str(FILE)] = b"theirs"
        self.left(writer, errors.AlreadyExists)

    def test_undisturbed(self) -> None:
        """An empty or missing file takes what is appended, whatever else of it was set meanwhile."""
        for there in (True, False):
            if there:
                self.storage[str(FILE)] = b""
            writer = self.written(APPEND, 4)
            if there:
                self.do(self.storage.update(FILE, Attributes(mtime=1.0)))
            self.do(writer.close())
            self.assertEqual(self.storage[str(FILE)], b"....")
            self.do(self.storage.remove(FILE))

    def test_renamed(self) -> None:
        """A file that was begun by appending, and renamed before it was stored, replaces what a rename replaces."""
        writer = self.written(APPEND, 4)
        self.do(self.session.rename(FILE, OTHER))
        self.do(writer.close())
        self.assertEqual(self.storage[str(OTHER)], b"....")
        writer = self.written(APPEND, 4)
        new = resolve("/box/new")
        self.do(self.session.rename(FILE, new, exclusive=True))
        self.storage[str(new)] = b"theirs"
        self.refused(errors.Changed, writer.close())
