"""Files put behind one another: what happens to the parts when that fails."""

from __future__ import annotations

from collections.abc import Awaitable

from swftp import errors
from swftp.paths import Path
from tests.session.case import FILE, OTHER, SessionCase


class FailureTests(SessionCase):
    """The publishing request fails with something."""

    def setUp(self) -> None:
        super().setUp()
        self.storage[str(FILE)] = b"first "

    def combined(self, error: errors.StorageError) -> bool:
        """Whether the parts were discarded after *error*."""

        def failing(verb: str, path: Path) -> Awaitable[object] | None:
            self.requests.append(verb)
            if verb == "publish":
                raise error
            return None

        self.storage.hook = failing
        self.refused(type(error), self.session.combine(FILE, [OTHER]))
        return "discard" in self.requests

    def test_empty_target(self) -> None:
        """What has come where an empty file was is not replaced by what was to go behind that."""
        self.storage[str(FILE)] = b""
        self.held["publish"] = []
        combining = self.start(self.session.combine(FILE, [OTHER]))
        self.storage[str(FILE)] = b"theirs"
        self.release("publish")
        self.failureResultOf(combining, errors.Changed)
        self.assertEqual(self.storage[str(FILE)], b"theirs")

    def test_what_may_be_in_use_stays(self) -> None:
        """A file that perhaps stands there already is made of the parts: taking them away would destroy it."""
        for error in (errors.StateUnknown(), errors.Corrupt()):
            self.assertFalse(self.combined(error), error)

    def test_what_nobody_uses_goes(self) -> None:
        """Where it is certain that nothing was published nothing is left behind."""
        for error in (errors.Changed(), errors.Damaged(), errors.QuotaExceeded()):
            self.requests.clear()
            self.assertTrue(self.combined(error), error)
