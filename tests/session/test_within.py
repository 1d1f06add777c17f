"""What the store does without moving bytes through us: copies, files put together, and what is known behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from tests.session.case import FILE, OTHER, SessionCase

NEW, LINK = resolve("/box/new"), resolve("/box/link")


class WithinTests(SessionCase):
    """`OTHER` holds 5 bytes, `FILE` 4."""

    def setUp(self) -> None:
        super().setUp()
        self.storage[str(FILE)] = b"0123"

    def lie(self, verb: str, change: Callable[[Any], Any]) -> None:
        """What *verb* comes to is *change*d before it is told."""
        honest = getattr(self.storage, verb)

        async def lying(*args: Any, **named: Any) -> Any:
            return change(await honest(*args, **named))

        setattr(self.storage, verb, lying)

    def test_copy_is_known(self) -> None:
        """What was known of a name is not believed once something was copied there."""
        self.refused(errors.NotFound, self.session.stat(NEW))
        self.assertEqual(self.do(self.session.stat(FILE)).size, 4)
        for target in (NEW, FILE):
            self.do(self.session.copy(OTHER, target))
            self.assertEqual(self.do(self.session.stat(target)).size, 5)

    def test_copy_in_its_turn(self) -> None:
        """A copy holds up what is asked of its target, not what looks at its source."""
        self.held["copy"] = []
        copying = self.start(self.session.copy(OTHER, NEW))
        self.assertEqual(self.do(self.session.stat(OTHER)).size, 5)
        looking = self.start(self.session.stat(NEW))
        self.assertNoResult(looking)
        self.release("copy")
        self.successResultOf(copying)
        self.assertEqual(self.successResultOf(looking).size, 5)

    def test_closed_as_a_copy_of_another_version(self) -> None:
        """A copy that is not what was to be copied is an error, whichever of size and checksum tells."""
        seen = replace(self.do(self.session.stat(OTHER)), digest="0" * 32)
        for wrong in ({"size": 6, "digest": None}, {"size": 5, "digest": "1" * 32}):
            writer = self.writer(NEW)
            self.lie("copy", lambda entry, wrong=wrong: replace(entry, **wrong))
            self.refused(errors.Changed, self.session.close_as_copy(writer, OTHER, seen))
        writer = self.writer(NEW)
        self.lie("copy", lambda entry: replace(entry, size=5, digest=None))
        self.do(self.session.close_as_copy(writer, OTHER, seen))
        self.assertEqual(self.do(self.session.stat(NEW)).size, 5)

    def test_combined_of_other_parts(self) -> None:
        """Nothing is published of parts that are not all of the files, and none of them stays."""
        self.lie("copies", lambda parts: [part.slice(0, part.size - 1) for part in parts])
        self.refused(errors.Changed, self.session.combine(FILE, [OTHER]))
        self.assertEqual((self.storage[str(FILE)], self.storage.staged), (b"0123", 0))

    def test_combined_of_what_cannot_be(self) -> None:
        """Of itself, of a directory, of what is not there or is being written nothing is put together."""
        self.do(self.session.make_directory(NEW))
        self.refused(errors.InvalidRequest, self.session.combine(FILE, [FILE]))
        self.refused(errors.IsDirectory, self.session.combine(FILE, [NEW]))
        self.refused(errors.NotFound, self.session.combine(FILE, [NEW.child("nothing")]))
        for written in (FILE, OTHER):
            writer = self.writer(written)
            self.refused(errors.Busy, self.session.combine(FILE, [OTHER]))
            writer.lost()
        self.do(self.session.combine(FILE, [OTHER]))
        self.assertEqual(self.storage[str(FILE)], b"0123other")

    def test_made_directory_is_known(self) -> None:
        """A directory that was asked for in vain is there once it is made."""
        self.refused(errors.NotFound, self.session.stat(NEW))
        self.do(self.session.make_directory(NEW))
        self.do(self.session.stat(NEW))


class TruncateTests(SessionCase):
    """The length of a file that nobody has open."""

    def test_refused(self) -> None:
        """A length that is refused leaves the file as it is, and nothing open."""
        self.refused(errors.TooLarge, self.session.truncate(OTHER, 1 << 62, Attributes()))
        self.assertEqual(self.storage[str(OTHER)], b"other")
        self.assertEqual((self.do(self.session.stat(OTHER)).size, self.budget.used), (5, 0))
        self.do(self.session.remove(OTHER))

    def test_by_a_link(self) -> None:
        """It is set of the file that a link leads to, before the answer."""
        self.do(self.session.make_link(LINK, OTHER))
        self.do(self.session.truncate(LINK, 2, Attributes(mtime=5.0)))
        self.assertEqual(self.storage[str(OTHER)], b"ot")
        self.assertEqual(self.do(self.session.stat(OTHER)).mtime, 5.0)
        self.assertEqual(self.budget.used, 0)


class UnsavedTests(SessionCase):
    """A new file that is renamed before it is stored."""

    def test_onto_a_directory(self) -> None:
        """It takes the place of none, which its CLOSE could not do, and stays what it is."""
        self.do(self.session.make_directory(NEW))
        writer = self.writer(FILE)
        writer.write(0, [b"new"], 3)
        self.refused(errors.IsDirectory, self.session.rename(FILE, NEW))
        self.do(writer.close())
        self.assertEqual(self.storage[str(FILE)], b"new")
