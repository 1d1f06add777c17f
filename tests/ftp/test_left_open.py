"""When a transfer is over, its session has no file open any more, however it ended."""

from __future__ import annotations

from tests.ftp.transfercase import TransferCase


class OpenFileTests(TransferCase):
    """Files count against the session's limit, and hold memory, while they are open."""

    def assertNothingOpen(self) -> None:
        """Nothing is."""
        self.settle(self.client)
        self.assertFalse(self.client.context.session.busy)

    def test_uploads(self) -> None:
        """That were stored, lost, aborted, announced too large, or have nowhere to go on."""
        made = self.begin("STOR /box/a")
        self.assertTrue(self.client.context.session.busy)
        made.end()
        self.assertNothingOpen()
        self.begin("STOR /box/a").cut()
        self.assertNothingOpen()
        self.begin("APPE /box/a")
        self.client.codes("ABOR")
        self.assertNothingOpen()
        self.begin("STOR /box/a", "ALLO 9").end()
        self.assertNothingOpen()
        self.prepare(self.client)
        self.assertEqual(self.client.codes("REST 99", "STOR /box/a"), [350, 554])
        self.assertNothingOpen()

    def test_downloads(self) -> None:
        """That were sent, lost, aborted, or begin behind the end."""
        self.prepare(self.client)
        self.assertEqual(self.client.codes("RETR /box/a"), [150, 226])
        self.assertNothingOpen()
        self.prepare(self.client).full = True
        self.client.codes("RETR /box/a")
        self.client.codes("ABOR")
        self.assertNothingOpen()
        self.prepare(self.client)
        self.assertEqual(self.client.codes("REST 99", "RETR /box/a"), [350, 554])
        self.assertNothingOpen()
