"""What is asked for by path while a file of that path waits to be stored."""

from __future__ import annotations

from swftp import errors
from swftp.entries import Attributes
from tests.session.case import FILE, SessionCase


class BehindTests(SessionCase):
    """Calls whose turn comes before that of a CLOSE, for they were made before it was begun."""

    def setUp(self) -> None:
        super().setUp()
        self.opened = self.writer()
        self.opened.write(0, [b"0123456789"], 10)
        self.held["stat"] = []
        self.looking = self.start(self.session.open_reader(FILE, lambda: None))

    def close_behind(self, call: object) -> None:
        """CLOSE right behind *call*, then let the store answer."""
        closing = self.start(self.opened.close())
        self.assertNoResult(closing)
        self.release("stat")
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
        self.release("stat")
        self.failureResultOf(self.looking, errors.NotFound)
        self.successResultOf(removing)
        self.failureResultOf(closing, errors.NotFound)
        self.assertNotIn("/box/file", self.storage)
