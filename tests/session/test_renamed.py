"""Files that are open while they are renamed: what is asked of them is of what was opened, whatever its name is."""

from __future__ import annotations

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from tests.session.case import FILE, KIB, OTHER, SessionCase

DIRECTORY, MOVED = resolve("/box/dir"), resolve("/box/moved")
TIME = Attributes(mtime=1.5e9)


class RenamedReaderTests(SessionCase):
    """A file open for reading."""

    def setUp(self) -> None:
        super().setUp()
        self.data = bytes(range(256)) * 16 * KIB
        self.storage["/box/dir/large"] = self.data
        self.large = self.reader(DIRECTORY.child("large"))

    def mtime(self, path: str) -> float | None:
        """Of what stands at *path*."""
        return self.do(self.storage.stat(resolve(path))).mtime

    def test_reading_goes_on(self) -> None:
        """What was not read before is read after a rename of the file, or of a directory it is in."""
        half = len(self.data) // 2
        self.assertEqual(self.large.read(0, 1000), self.data[:1000])
        self.do(self.session.rename(DIRECTORY, MOVED))
        self.assertEqual(self.large.read(half, 1000), self.data[half : half + 1000])
        self.do(self.session.rename(MOVED.child("large"), FILE))
        self.storage["/box/moved/large"] = b"another"
        self.assertEqual(self.large.read(half * 3 // 2, 1000), self.data[half * 3 // 2 :][:1000])
        self.assertEqual((self.large.shown, self.do(self.large.confirm()).size), (FILE, len(self.data)))
        self.large.close()

    def test_attributes_are_its_own(self) -> None:
        """They are set where the file is now, also while it is on its way there; never of what has its old name."""
        reader, held = self.reader(OTHER), self.held
        held["rename"] = []
        renaming = self.start(self.session.rename(OTHER, FILE))
        setting = self.start(self.session.update_open(reader, TIME))
        self.release("rename")
        self.successResultOf(renaming)
        self.successResultOf(setting)
        self.assertEqual(self.mtime("/box/file"), TIME.mtime)
        self.storage["/box/other"] = b"new here"
        before = self.mtime("/box/other")
        self.do(self.session.rename(FILE, MOVED))
        self.do(self.session.update_open(reader, Attributes(mtime=1.6e9)))
        self.assertEqual((self.mtime("/box/moved"), self.mtime("/box/other")), (1.6e9, before))

    def test_attributes_of_what_is_gone(self) -> None:
        """Where another file has its name, or none, nothing is set."""
        reader = self.reader(OTHER)
        reader.read(0, 10)
        self.storage["/box/other"] = b"theirs"
        before = self.mtime("/box/other")
        self.refused(errors.Changed, self.session.update_open(reader, TIME))
        self.assertEqual(self.mtime("/box/other"), before)
        self.do(self.session.remove(OTHER))
        self.refused(errors.NotFound, self.session.update_open(reader, TIME))

    def test_attributes_while_it_is_written(self) -> None:
        """They are those of the file that is being written over it, when that is stored."""
        reader, writer = self.reader(OTHER), self.writer(OTHER)
        self.do(self.session.rename(OTHER, FILE))
        writer.write(0, [b"new"], 3)
        self.do(self.session.update_open(reader, TIME))
        self.do(writer.close())
        self.assertEqual((self.storage["/box/file"], self.mtime("/box/file")), (b"new", TIME.mtime))
