"""Rules of `swftp.session.pages`: what was listed a moment ago."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from swftp.entries import Entry, Kind
from swftp.paths import Path, resolve
from swftp.session.pages import WORKED_THROUGH, Pages

A, B = resolve("/box/a"), resolve("/box/b")


def entries(*names: str, size: int = 0) -> tuple[Entry, ...]:
    """Files of these *names*."""
    return tuple(Entry(name=name, kind=Kind.FILE, size=size) for name in names)


class PagesTests(SynchronousTestCase):
    """`Pages`, of ten entries."""

    def setUp(self) -> None:
        """Two directories, one of two pages; what was listed later is good for longer."""
        self.pages = Pages(10)
        self.pages.add(A, entries("1", "2", "3"), None, 1.0, 1)
        self.pages.add(A, entries("4", "5"), "3", 2.0, 2)
        self.pages.add(B, entries("1", "7"), None, 3.0, 3)

    def knows(self, directory: Path = A) -> str:
        """The one-letter names that are known of *directory*."""
        return "".join(name for name in "123456789x" if self.pages.find(directory.child(name)))

    def test_all_pages_of_all_directories(self) -> None:
        """Each name is found on the page it came with, and not in another directory."""
        self.assertEqual((self.knows(A), self.knows(B)), ("12345", "17"))

    def test_listed_again(self) -> None:
        """A page takes the place of what it was before, and of no other one."""
        self.pages.add(A, entries("1", "3", size=5), None, 4.0, 4)
        self.assertEqual((self.knows(A), self.knows(B)), ("1345", "17"))
        found = self.pages.find(A.child("1"))
        assert found is not None
        self.assertEqual((found[0].serial, found[1].size), (4, 5))

    def test_on_two_pages(self) -> None:
        """Of a name that is on two pages the one that came last says what it is."""
        self.pages.add(A, entries("3", size=7), "2", 4.0, 4)
        found = self.pages.find(A.child("3"))
        assert found is not None
        self.assertEqual(found[1].size, 7)

    def test_bounded(self) -> None:
        """The oldest pages go first, and of a page that is too long by itself its end."""
        self.pages.add(B, entries("8", "9", "x"), "7", 4.0, 4)
        self.assertEqual((self.knows(A), self.knows(B)), ("12345", "1789x"))
        self.pages.add(B, entries("y"), "x", 4.0, 5)
        self.assertEqual((self.knows(A), self.knows(B)), ("45", "1789x"))
        self.pages.add(B, entries(*"123456789", "10", "x"), None, 4.0, 6)
        self.assertEqual((self.knows(A), self.knows(B)), ("", "123456789"))

    def test_following(self) -> None:
        """What stands behind a name on its page, and no more than was asked for."""
        for name, count, names in (("1", 1, "2"), ("1", 5, "23"), ("3", 5, ""), ("4", 5, "5"), ("7", 5, "")):
            found = self.pages.following(A.child(name), count)
            self.assertEqual("".join(entry.name for entry in found), names)

    def test_worn(self) -> None:
        """A page whose names were asked for often is worth a request once it is good no more; one."""
        path = A.child("1")
        for _ in range(WORKED_THROUGH - 2):
            self.assertTrue(self.pages.find(path))
        self.assertIsNone(self.pages.worn(path, 1.0))
        self.assertIsNone(self.pages.worn(path, 0.9))
        worn = self.pages.worn(path, 1.0)
        assert worn is not None
        self.assertIsNone(worn.after)
        self.assertIsNone(self.pages.worn(path, 1.0))
        self.assertIsNone(self.pages.worn(A.child("9"), 9.0))

    def test_known_better(self) -> None:
        """What a change says of one name is no word on another one, nor on the rest of its page."""
        self.pages.discard(A.child("2"))
        self.assertEqual((self.knows(A), self.knows(B)), ("1345", "17"))

    def test_in_doubt(self) -> None:
        """What a change may have touched: a name, and all that is below it."""
        self.pages.add(resolve("/box"), entries("a", "b"), None, 4.0, 4)
        self.pages.forget(A)
        self.assertEqual((self.knows(A), self.knows(B)), ("", "17"))
        self.assertIsNone(self.pages.find(A))
        self.assertTrue(self.pages.find(B))

    def test_expire(self) -> None:
        """Only what is good until later stays."""
        self.pages.expire(2.0)
        self.assertEqual((self.knows(A), self.knows(B)), ("", "17"))
        self.pages.clear()
        self.assertEqual(self.knows(B), "")
        self.assertFalse(self.pages)
