"""Rules of `swftp.operating.given`."""

from __future__ import annotations

import argparse
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from swftp.operating.given import Unusable, hours, prompted


class HoursTests(SynchronousTestCase):
    """Ages."""

    def test_ages(self) -> None:
        """A number from 0 on is one."""
        self.assertEqual([hours(text) for text in ("0", "48", "0.5")], [0, 48, 0.5])

    def test_none(self) -> None:
        """Anything else is none: with less than 0, what is being stored now would be taken for abandoned."""
        for text in ("-1", "nan", "inf", "1h", ""):
            self.assertRaises(argparse.ArgumentTypeError, hours, text)


class PromptedTests(SynchronousTestCase):
    """Passwords."""

    def test_nobody(self) -> None:
        """Where nobody answers, that is said, and is no error of ours."""
        for trouble in (EOFError, KeyboardInterrupt):
            error = self.assertRaises(Unusable, prompted, "Password: ", partial(self._refuse, trouble))
            self.assertEqual(str(error), "no password was given")

    def _refuse(self, trouble: type[BaseException], _: str) -> str:
        raise trouble
