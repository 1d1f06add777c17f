"""What the sessions of a process have just changed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from swftp.paths import resolve
from swftp.session import changes
from swftp.session.changes import Changes

FILE, BELOW = resolve("/c/d/f"), resolve("/c/d")


class ChangesTests(SynchronousTestCase):
    """`Changes`."""

    def test_since(self) -> None:
        """A change counts for the path and all below it, from the moment it was made on."""
        found = Changes()
        before = found.serial
        found.add(BELOW, 0.0)
        self.assertTrue(found.since(before, BELOW))
        self.assertTrue(found.since(before, FILE))
        self.assertFalse(found.since(before, resolve("/c/e")))
        self.assertFalse(found.since(before, resolve("/c")))
        self.assertFalse(found.since(found.serial, FILE))

    def test_forgotten_changes_count(self) -> None:
        """When there were more changes than are remembered, what was seen before them is in doubt."""
        found = Changes()
        before = found.serial
        found.add(resolve("/x"), 0.0)
        after = found.serial
        for n in range(changes.CAPACITY):
            found.add(resolve(f"/y/{n}"), 0.0)
        self.assertTrue(found.since(before, resolve("/x")))
        self.assertFalse(found.since(after, FILE))
        for n in range(10):
            found.add(resolve(f"/z/{n}"), 0.0)
        self.assertTrue(found.since(after, FILE))

    def test_after(self) -> None:
        """When a change was made is known as well, as long as it is remembered."""
        found = Changes()
        found.add(BELOW, 5.0)
        for path in (BELOW, FILE):
            self.assertTrue(found.after(4.9, path))
            self.assertFalse(found.after(5.0, path))
        self.assertFalse(found.after(4.9, resolve("/c")))
        for n in range(changes.CAPACITY):
            found.add(resolve(f"/y/{n}"), 6.0)
        self.assertFalse(found.after(4.9, FILE))
