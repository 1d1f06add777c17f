"""The HTTP connections of a process."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from swftp.storage.swift.connections import LEAST_RECEIVE, RECEIVE, TOGETHER, Downloads


class DownloadsTests(SynchronousTestCase):
    """How much a download reads at once."""

    def test_few_read_much(self) -> None:
        """As much as is fast."""
        downloads = Downloads()
        for downloads.count in (0, 1, 4):
            self.assertEqual(downloads.piece, RECEIVE)

    def test_many_read_less(self) -> None:
        """What all hold together stays as it is, until pieces become crumbs."""
        downloads = Downloads()
        for downloads.count in (10, 20, 32):
            self.assertLessEqual(downloads.piece * downloads.count, TOGETHER)
        downloads.count = 1000
        self.assertEqual(downloads.piece, LEAST_RECEIVE)
