"""What time it is for new files: the store's, however often somebody sets the clock of this machine."""

from __future__ import annotations

from email.utils import formatdate

from swftp.paths import resolve
from tests.storage.bytes import md5
from tests.storage.swift.scripted import ScriptedCase

NOW = 1_700_000_000.0


class TimeTests(ScriptedCase):
    """`SwiftClient.now`."""

    def look(self) -> None:
        """Ask the store for something; it says what time it is there."""
        date = formatdate(self.clock.seconds(), usegmt=True)
        self.swift.expect("HEAD /c/f", 200, headers={"Etag": md5(b"data"), "Date": date}, length=4)
        self.done(self.storage.stat(resolve("/c/f")))

    def test_before_the_store_said_anything(self) -> None:
        """This machine's time is taken for it."""
        self.assertEqual(self.client.now(), NOW)

    def test_right_clock(self) -> None:
        """Where both agree to a second or two, ours, which is finer, is taken."""
        self.moved = 0.25
        self.look()
        self.assertEqual(self.client.now(), self.clock.seconds() + 0.25)

    def test_wrong_clock(self) -> None:
        """A clock that is an hour wrong is corrected by what the store says."""
        for moved in (3600.0, -3600.0):
            self.moved = moved
            self.look()
            self.assertLess(abs(self.client.now() - self.clock.seconds()), 1.0)

    def test_moved_clock(self) -> None:
        """A clock that is set between two answers is not believed."""
        self.look()
        for moved in (3600.0, -3600.0):
            self.moved = moved
            self.assertEqual(self.client.now(), self.clock.seconds())
