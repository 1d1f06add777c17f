"""A new name is one in a directory that is there, as on a file system, though the store would not mind."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from swftp import errors
from swftp.paths import Path, resolve
from tests.session.case import FILE, OTHER, SessionCase

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
