"""A new name is one in a directory that is there, as on a file system, though the store would not mind."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Attributes, Entry, Kind
from swftp.paths import Path, resolve
from swftp.session import OpenMode, Writer
from tests.session.case import FILE, OTHER, SessionCase, nothing

NOWHERE = resolve("/box/nowhere/name")


class NewNameTests(SessionCase):
    """Of what is renamed, copied, linked or combined."""

    def setUp(self) -> None:
        super().setUp()
        self.storage["/box/dir/file"] = b"file"

    def ways(self, new: Path) -> list[Coroutine[Any, Any, Any]]:
        """To give *new* to what is there, or a copy of it."""
        session = self.session
        return [session.copy(OTHER, new), session.make_link(new, OTHER), session.combine(new, [OTHER])]

    def test_directory_that_is_missing(self) -> None:
        """Nothing is made in a directory that nobody made, and what was to move stays."""
        directory = resolve("/box/dir")
        for way in (*self.ways(NOWHERE), *(self.session.rename(old, NOWHERE) for old in (OTHER, directory))):
            self.refused(errors.NotFound, way)
        self.assertNotIn("/box/nowhere/name", self.storage)
        self.assertEqual((self.storage["/box/other"], self.storage["/box/dir/file"]), (b"other", b"file"))

    def test_directory_that_is_a_file(self) -> None:
        """Nor in a file."""
        below = resolve("/box/dir/file/name")
        for way in (*self.ways(below), self.session.rename(OTHER, below)):
            self.refused(errors.NotDirectory, way)
        self.assertNotIn("/box/dir/file/name", self.storage)
        self.assertEqual(self.storage["/box/other"], b"other")

    def test_directory_that_is_implied(self) -> None:
        """One that exists by what is in it is good enough."""
        self.do(self.session.rename(OTHER, resolve("/box/dir/name")))
        self.assertEqual(self.storage["/box/dir/name"], b"other")

    def test_directory_that_is_being_made(self) -> None:
        """A rename sent behind the MKDIR of its directory waits for it."""
        self.held["make_directory"] = []
        making = self.start(self.session.make_directory(NOWHERE.parent))
        renaming = self.start(self.session.rename(OTHER, NOWHERE))
        self.release("make_directory")
        self.successResultOf(making)
        self.successResultOf(renaming)
        self.assertEqual(self.storage["/box/nowhere/name"], b"other")

    def test_same_directory(self) -> None:
        """Who renames within one directory, as after most uploads, costs the store no look at it."""
        self.requests.clear()
        self.do(self.session.rename(resolve("/box/dir/file"), resolve("/box/dir/name")))
        self.assertEqual([request for request in self.requests if request.startswith("stat")], [])
        self.refused(errors.NotFound, self.session.rename(FILE, OTHER))


class NewDirectoryTests(SessionCase):
    """A name in a directory that was just made, where most likely nothing is."""

    def setUp(self) -> None:
        super().setUp()
        self.made = resolve("/box/made")
        self.do(self.session.make_directory(self.made))
        self.name = self.made.child("new")
        self.storage[str(self.name)] = b"theirs"  # by another gateway

    def opened(self, **mode: bool) -> Deferred[Writer]:
        """An OPEN for writing."""
        return self.start(self.session.open_writer(self.name, OpenMode(create=True, **mode), Attributes(), nothing))

    def test_who_keeps_what_is_there_looks(self) -> None:
        """Who appends, or changes a part, does so to what is there: only who replaces it need not know of it."""
        for mode in ({"append": True}, {}):
            before = self.storage[str(self.name)]
            writer = self.successResultOf(self.opened(**mode))
            writer.write(len(before), [b"+"], 1)
            self.do(writer.close())
            self.assertEqual(self.storage[str(self.name)], before + b"+")

    def test_who_wants_a_new_one_looks(self) -> None:
        """Who wants a new file is told at OPEN that there is one."""
        for truncate in (True, False):
            self.failureResultOf(self.opened(exclusive=True, truncate=truncate), errors.AlreadyExists)

    def test_a_directory_is_written_by_nobody(self) -> None:
        """What is known to be a directory is refused at OPEN, also where it has no object of its own."""
        inner = self.made.child("inner")
        self.storage[str(inner.child("file"))] = b"file"
        self.assertIs(self.do(self.session.stat(inner)).kind, Kind.DIRECTORY)
        stat = self.storage.stat

        async def objects_only(path: Path, follow: bool = True, implied: bool = True) -> Entry:
            if path == inner and not implied:
                raise errors.NotFound()
            return await stat(path, follow)

        self.storage.stat = objects_only  # type: ignore[method-assign]
        self.name = inner
        for mode in ({"truncate": True}, {}):
            self.failureResultOf(self.opened(**mode), errors.IsDirectory)

    def test_no_error_is_remembered(self) -> None:
        """Where something is remembered that would refuse an OPEN it is looked at again."""
        directory = self.made.child("inner")
        self.do(self.session.make_directory(directory))
        self.do(self.session.stat(directory))
        self.do(self.storage.remove_directory(directory))
        self.refused(errors.NotFound, self.session.stat(FILE))
        for path in (directory, FILE):
            self.storage[str(path)] = b"by another gateway"
            writer = self.writer(path, OpenMode(truncate=True))
            writer.write(0, [b"ours"], 4)
            self.do(writer.close())
            self.assertEqual(self.storage[str(path)], b"ours")
