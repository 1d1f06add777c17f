"""A file that is written, read and asked for through a symbolic link is one file, under two names."""

from __future__ import annotations

from swftp import errors
from swftp.entries import Attributes, Kind
from swftp.paths import Path, resolve
from swftp.session import OpenMode
from tests.session.case import FILE, NEW, OTHER, SessionCase

LINK, NOTHING = resolve("/box/link"), resolve("/box/nothing")


class LinkTests(SessionCase):
    """`LINK` leads to `OTHER`."""

    def setUp(self) -> None:
        super().setUp()
        self.do(self.session.make_link(LINK, OTHER))

    def test_dangling_one_is_written_through(self) -> None:
        """Who asked what a link leads to, and heard of nothing, makes that with OPEN, and the link stays."""
        self.do(self.session.make_link(FILE, NOTHING))
        self.refused(errors.NotFound, self.session.stat(FILE))
        self.put(FILE, b"made")
        self.assertEqual(self.storage["/box/nothing"], b"made")
        self.assertIs(self.do(self.session.stat(FILE, follow=False)).kind, Kind.SYMLINK)

    def test_dangling_one_is_in_the_way(self) -> None:
        """An exclusive OPEN finds the link, whatever was said of what it leads to."""
        self.do(self.session.make_link(FILE, NOTHING))
        self.refused(errors.NotFound, self.session.stat(FILE))
        mode = OpenMode(create=True, exclusive=True)
        self.refused(errors.AlreadyExists, self.session.open_writer(FILE, mode, Attributes(), lambda: None))

    def test_circle(self) -> None:
        """Links that lead to each other lead to no file: who would read or write through them is told so."""
        self.do(self.session.make_link(FILE, NOTHING))
        self.do(self.session.make_link(NOTHING, FILE))
        self.refused(errors.InvalidRequest, self.session.open_writer(FILE, NEW, Attributes(), lambda: None))
        self.assertIs(self.do(self.session.stat(FILE, follow=False)).kind, Kind.SYMLINK)

    def test_target_that_changed(self) -> None:
        """What a link leads to is what stands there now, not what was seen through the link a moment ago."""
        self.assertEqual(self.do(self.session.stat(LINK)).size, 5)
        self.put(OTHER, b"changed it")
        self.assertEqual(self.do(self.session.stat(LINK)).size, 10)

    def test_size_of_what_is_being_written(self) -> None:
        """STAT through the link sees what was written through it so far; LSTAT sees the link."""
        writer = self.writer(LINK)
        writer.write(0, [b"1234567"], 7)
        self.assertEqual(self.do(self.session.stat(LINK)).size, 7)
        self.assertIs(self.do(self.session.stat(LINK, follow=False)).kind, Kind.SYMLINK)

    def test_open_behind_close(self) -> None:
        """What was closed through the link is what an OPEN behind it reads."""
        writer = self.writer(LINK)
        writer.write(0, [b"1234567"], 7)
        self.held["store"] = []
        closing = self.start(writer.close())
        reading = self.start(self.session.open_reader(LINK, lambda: None))
        self.assertNoResult(reading)
        self.release("store")
        self.successResultOf(closing)
        self.assertEqual(self.successResultOf(reading).entry.size, 7)

    def test_set_while_it_is_written(self) -> None:
        """A time set through the link goes with the file that is being written through it."""
        writer = self.writer(LINK)
        self.do(self.session.update(LINK, Attributes(mtime=9.0)))
        self.assertEqual(self.do(writer.close()).mtime, 9.0)

    def test_link_removed_while_it_is_written(self) -> None:
        """Removing the link leaves the file that is being written through it alone."""
        writer = self.writer(LINK)
        writer.write(0, [b"new"], 3)
        self.do(self.session.remove(LINK))
        self.do(writer.close())
        self.assertEqual(self.storage["/box/other"], b"new")


class ForeignTests(SessionCase):
    """Links that another tool made, as no client of ours can; seen by a login whose root is ``/box/home``."""

    root = resolve("/box/home")
    link = resolve("/box/home/link")

    def test_names_that_lead_elsewhere(self) -> None:
        """What no client can name is not taken for what it would come to: nothing is written there, all is listed."""
        for parts in (("home", "", "f"), ("home", "..", "other"), ("home", "a\r\nb"), ("home", "."), ()):
            self.storage["/box/home/f"] = b"mine"
            self.do(self.storage.make_link(self.link, Path(("box", *parts, *([] if parts else ["x"])))))
            opening = self.session.open_writer(resolve("/link"), NEW, Attributes(), lambda: None)
            self.refused(errors.PermissionDenied, opening)
            entries = self.do(self.do(self.session.listing(Path())).next())
            self.assertEqual({entry.name: entry.target for entry in entries}, {"f": None, "link": "/"})
            self.do(self.session.remove(resolve("/link")))
        self.assertEqual((self.storage["/box/home/f"], self.storage["/box/other"]), (b"mine", b"other"))
