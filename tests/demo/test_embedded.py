"""Rules of `swftp.demo.embedded` that need no Swift; the rest of it carries all functional tests."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from swftp.demo import embedded


class ClaimTests(SynchronousTestCase):
    """The directory of the data."""

    def setUp(self) -> None:
        """A place for it."""
        self.data = Path(self.mktemp()).absolute()

    def test_made(self) -> None:
        """It is made where it is missing, for us alone."""
        embedded.claim(self.data).close()
        self.assertEqual((self.data / "d1").stat().st_mode & 0o777, 0o700)

    def test_one_at_a_time(self) -> None:
        """Two Swifts on one directory would destroy it."""
        lock = embedded.claim(self.data)
        error = self.assertRaises(embedded.Unusable, embedded.claim, self.data)
        self.assertIn("is in use by another Swift", str(error))
        lock.close()
        embedded.claim(self.data).close()

    def test_cannot_be_made(self) -> None:
        """A place that cannot be written is named."""
        error = self.assertRaises(embedded.Unusable, embedded.claim, Path("/proc/nonexistent"))
        self.assertIn("/proc/nonexistent cannot be used", str(error))

    def test_without_xattrs(self) -> None:
        """A file system that cannot hold Swift's metadata is said to be one."""
        error = self.assertRaises(embedded.Unusable, embedded.try_xattrs, Path("/proc/self/status"))
        self.assertIn("without user xattrs", str(error))


class StampTests(SynchronousTestCase):
    """What says that a container's database need not be opened again."""

    def setUp(self) -> None:
        """A database, and the file beside it where Swift lets rows wait."""
        self.database = Path(self.mktemp()).absolute().with_suffix(".db")
        self.database.write_bytes(b"rows")
        self.waiting = self.database.with_name(f"{self.database.name}.pending")

    def test_untouched(self) -> None:
        """What nobody wrote to stays the same."""
        self.assertEqual(embedded.stamp(self.database), embedded.stamp(self.database))

    def test_written(self) -> None:
        """A row that waits is a change, and so is its move into the database."""
        stamps = [embedded.stamp(self.database)]
        self.waiting.write_bytes(b"row")
        stamps.append(embedded.stamp(self.database))
        self.waiting.write_bytes(b"")
        self.database.write_bytes(b"rows and row")
        stamps.append(embedded.stamp(self.database))
        self.assertEqual(len(set(stamps)), 3)

    def test_written_in_place(self) -> None:
        """A change that leaves the size shows in the time."""
        os.utime(self.database, ns=(0, 0))
        before = embedded.stamp(self.database)
        self.database.write_bytes(b"more")
        self.assertNotEqual(embedded.stamp(self.database), before)
