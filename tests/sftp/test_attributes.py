"""Entries as attributes, and as lines of ``ls -l``."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.entries import Attributes, Entry, Kind
from swftp.paths import resolve
from swftp.session.shown import UNDATED
from swftp.sftp import wire
from swftp.sftp.attributes import link_text, of_child, of_entry, seconds, wanted
from swftp.sftp.longnames import longname
from swftp.sftp.recall import CAPACITY, Recall
from swftp.sftp.wire import Attrs
from tests.sftp.case import NOW

AT = resolve("/box/d/a")


class AttributesTests(SynchronousTestCase):
    """To the client, and from it."""

    def test_defaults(self) -> None:
        """What the store does not know has a fixed value, and nothing is left out."""
        for kind, permissions in ((Kind.FILE, 0o100644), (Kind.DIRECTORY, 0o040755)):
            found = of_entry(Entry(name="a", kind=kind, size=7), AT, Recall())
            self.assertEqual((found.permissions, found.size, found.mtime), (permissions, 7, UNDATED))

    def test_stored_mode(self) -> None:
        """A mode that was set is shown, with the bits of the kind."""
        found = of_entry(Entry(name="a", kind=Kind.FILE, mode=0o104711), AT, Recall())
        self.assertEqual(found.permissions, 0o104711)

    def test_in_a_listing(self) -> None:
        """The same as by itself, whatever it is, and whatever the client has set of it."""
        knowing = Recall()
        knowing.accessed(AT, int(NOW), 5)
        knowing.linked(AT, "/box/d/b", b"./b")
        for kind in (Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK):
            for mode in (None, 0o640, 0o104711):
                entry = Entry(name="a", kind=kind, size=7, mtime=NOW, mode=mode, target="/box/d/b")
                for recall in (Recall(), knowing):
                    self.assertEqual(of_child(entry, AT.parent, recall), of_entry(entry, AT, recall))
        self.assertEqual(of_child(entry, AT.parent, knowing).size, 3)
        file = Entry(name="a", kind=Kind.FILE, mtime=NOW)
        self.assertEqual(of_child(file, AT.parent, knowing).atime, 5)

    @given(st.none() | st.floats(allow_nan=False, allow_infinity=False))
    def test_any_time_can_be_packed(self, mtime: float | None) -> None:
        """Times that the protocol cannot say are the nearest it can."""
        wire.attrs(of_entry(Entry(name="a", kind=Kind.FILE, mtime=mtime), AT, Recall()))

    def test_times_are_whole_seconds(self) -> None:
        """Rounded down, as every file system does."""
        self.assertEqual(seconds(5.99), 5)

    def test_wanted(self) -> None:
        """Time and permission bits; the kind, owner, group and time of access are dropped."""
        attrs = Attrs(size=1, uid=1, gid=1, permissions=0o100600, atime=1, mtime=2)
        self.assertEqual(wanted(attrs), Attributes(mtime=2.0, mode=0o600))
        self.assertEqual(wanted(Attrs()), Attributes())

    def test_link_text(self) -> None:
        """Relative inside its container, so that it holds wherever we are mounted; else absolute."""
        for target, text in (
            ("/box/d/b", b"b"),
            ("/box/x", b"../x"),
            ("/box", b".."),
            ("/o/x", b"/o/x"),
            ("/", b"/"),
        ):
            self.assertEqual(link_text(Entry(name="a", kind=Kind.SYMLINK, target=target), AT, Recall()), text)


class RecallTests(SynchronousTestCase):
    """What the store does not keep."""

    def test_time_of_access(self) -> None:
        """What was set, while the file has not changed since; else the time of the change."""
        recall = Recall()
        recall.accessed(AT, 100, 50)
        found = [of_entry(Entry(name="a", kind=Kind.FILE, mtime=mtime), AT, recall).atime for mtime in (100.5, 101.0)]
        self.assertEqual(found, [50, 101])

    def test_spelling_of_links(self) -> None:
        """As the link was made, while it leads where it led."""
        recall = Recall()
        recall.linked(AT, "/box/d/b", b"./b")
        found = [
            link_text(Entry(name="a", kind=Kind.SYMLINK, target=target), AT, recall)
            for target in ("/box/d/b", "/box/d/c")
        ]
        self.assertEqual(found, [b"./b", b"c"])

    def test_bounded(self) -> None:
        """The oldest are forgotten."""
        recall = Recall()
        paths = [AT.child(str(i)) for i in range(CAPACITY + 1)]
        for path in paths:
            recall.accessed(path, 100, 50)
        self.assertEqual((recall.atime(paths[0], 100), recall.atime(paths[1], 100)), (100, 50))


class LongnameTests(SynchronousTestCase):
    """The line of ``ls -l``."""

    def line(self, kind: Kind = Kind.FILE, size: int = 1234, mtime: float | None = None) -> str:
        """The line of an entry called ``some name``."""
        attrs = of_entry(Entry(name="some name", kind=kind, size=size, mtime=mtime, target="/box/d/b"), AT, Recall())
        return longname(b"some name", attrs, NOW).decode()

    def test_as_openssh_prints_it(self) -> None:
        """Columns where clients look for them."""
        self.assertEqual(
            self.line(mtime=NOW - 3600), "-rw-r--r--    1 owner    group        1234 Nov 14 21:13 some name"
        )
        self.assertEqual(
            self.line(mtime=NOW - 86400 * 365), "-rw-r--r--    1 owner    group        1234 Nov 14  2022 some name"
        )

    def test_kinds(self) -> None:
        """The first letter."""
        self.assertEqual([self.line(kind)[0] for kind in (Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK)], ["-", "d", "l"])

    def test_future(self) -> None:
        """A time to come has its year, for the hour alone would be taken for the past."""
        self.assertIn(" Nov 15  2023 ", self.line(mtime=NOW + 86400))

    def test_fields(self) -> None:
        """Whatever the size and time: nine fields, the ninth is the name, spaces and all."""
        for size in (0, 10**8, 10**15):
            for mtime in (0.0, NOW, 2.0**32):
                fields = self.line(size=size, mtime=mtime).split(maxsplit=8)
                self.assertEqual((len(fields), fields[4], fields[8]), (9, str(size), "some name"))

    @given(st.integers(0, 2**32 - 1))
    def test_date(self, mtime: int) -> None:
        """The date is that of UTC."""
        fields = self.line(mtime=float(mtime)).split()
        when = time.gmtime(mtime)
        self.assertEqual(fields[5:7], [time.strftime("%b", when), str(when.tm_mday)])
        self.assertIn(fields[7], (time.strftime("%H:%M", when), f"{when.tm_year:04}"))
