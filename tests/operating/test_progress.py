"""Rules of `swftp.operating.progress`."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from swftp.operating.progress import Bar


class Terminal(io.StringIO):
    """One."""

    def isatty(self) -> bool:
        """As of `io.StringIO`."""
        return True


class BarTests(SynchronousTestCase):
    """A line that is drawn over."""

    def test_drawn(self) -> None:
        """As much of it is filled as is done."""
        stream = Terminal()
        bar = Bar(stream)
        bar.show(1, 2, "containers")
        self.assertEqual(stream.getvalue(), f"\r\x1b[K[{'#' * 15}{'.' * 15}] 1/2 containers")
        bar.clear()
        self.assertTrue(stream.getvalue().endswith("\r\x1b[K"))

    def test_nothing_to_do(self) -> None:
        """None of none is no reason to fail."""
        stream = Terminal()
        Bar(stream).show(0, 0, "x")
        self.assertIn("0/0 x", stream.getvalue())

    def test_no_terminal(self) -> None:
        """In a file, nothing is drawn."""
        stream = io.StringIO()
        bar = Bar(stream)
        bar.show(1, 2, "x")
        bar.clear()
        self.assertEqual(stream.getvalue(), "")
