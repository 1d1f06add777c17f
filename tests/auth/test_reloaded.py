"""Files that are read again when they change, on a clock and threads we hold."""

import os
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.reloaded import Reloaded, guarded_text
from swftp.auth.settings import SettingsError
from tests.auth.fakes import Journal, Threads, clock


def read(path):
    text = guarded_text(path, "keys", 0o022)
    if "wrong" in text:
        raise SettingsError("keys", f"{path}:1: wrong")
    return text


class ReloadedTests(SynchronousTestCase):
    def setUp(self):
        self.clock = clock()
        self.threads = Threads()
        self.path = Path(self.mktemp())
        self.stamp = 1_700_000_000
        self.write("one")
        self.file = Reloaded(self.path, read, self.clock, self.threads)

    def write(self, text):
        self.path.write_text(text)
        self.path.chmod(0o600)
        self.stamp += 1
        os.utime(self.path, (self.stamp, self.stamp))

    def get(self):
        return Deferred.fromCoroutine(self.file.get())

    def later(self):
        """What the file says a second later."""
        self.clock.advance(1)
        waiting = self.get()
        self.threads.run()
        return self.successResultOf(waiting)

    def test_unchanged(self):
        """A file that did not change is not read."""
        self.clock.advance(100)
        self.assertEqual(self.successResultOf(self.get()), "one")
        self.assertEqual(self.threads.waiting, [])

    def test_changed(self):
        """A changed file is read, in a thread, once for all who wait."""
        self.write("two")
        self.clock.advance(1)
        waiting = [self.get(), self.get()]
        self.assertEqual(len(self.threads.waiting), 1)
        self.threads.run()
        self.assertEqual([self.successResultOf(one) for one in waiting], ["two", "two"])

    def test_seldom(self):
        """The file is looked at once a second."""
        self.write("two")
        self.assertEqual(self.successResultOf(self.get()), "one")

    def test_replaced(self):
        """A file put in its place with the same size and time is another file."""
        other = Path(self.mktemp())
        other.write_text("two")
        other.chmod(0o600)
        os.utime(other, (self.stamp, self.stamp))
        other.rename(self.path)
        self.assertEqual(self.later(), "two")

    def test_gone_wrong(self):
        """What the file said before stays while it is wrong or away, with one log line a change."""
        journal = Journal(self)
        self.write("wrong")
        for _ in range(3):
            self.assertEqual(self.later(), "one")
        self.path.unlink()
        self.assertEqual(self.later(), "one")
        self.assertEqual(len([event for event in journal if event["log_level"].name == "error"]), 2)
        self.write("two")
        self.assertEqual(self.later(), "two")

    def test_wrong_at_start(self):
        """A file that is wrong at the start is an error."""
        self.write("wrong")
        self.assertRaises(SettingsError, Reloaded, self.path, read, self.clock, self.threads)

    def test_owner(self):
        """A file of another user than root and ourselves is refused."""
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        os.chown(self.path, 12345, -1)
        self.assertIn("owner", self.assertRaises(SettingsError, read, self.path).reason)
