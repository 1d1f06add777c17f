"""A transfer that is refused before it begins."""

from __future__ import annotations

from tests.ftp.transfercase import TransferCase


class RefusedTests(TransferCase):
    """Its data connection goes with it: one connection a command."""

    def test_connection_is_not_kept(self) -> None:
        """What a client has closed behind a refused command is not the end of its next file."""
        refused = {
            "LIST /box/none": 550,
            "NLST /box/none": 550,
            "MLSD /box/none": 550,
            "MLSD /box/a": 501,
            "RETR /box/none": 550,
            "STOR /box": 550,
        }
        for command, code in refused.items():
            made = self.prepare(self.client)
            self.assertEqual(self.client.codes(command), [code])
            self.assertTrue(made.aborted, command)
            self.assertEqual(self.client.codes("STOR /box/a"), [425], command)
        for command in (b"STOR /box/\xfe", b"LIST /box/\xfe", b"MLSD /box/\xfe"):
            made = self.prepare(self.client)
            self.client.tcp.protocol.dataReceived(command + b"\r\n")
            self.assertEqual(self.settle(self.client), [553])
            self.assertTrue(made.aborted)
        self.assertUnchanged()

    def test_listing_without_connection(self) -> None:
        """A listing says that there is none before it asks the store, as other transfers do."""
        self.held["list"] = []
        self.assertEqual(self.client.codes("LIST /box", "MLSD /box", "NLST /none"), [425, 425, 425])

    def test_listing_that_is_aborted_while_it_is_asked_for(self) -> None:
        """ABOR is what ends it, and both are answered so."""
        for command in ("LIST /box", "NLST /box", "MLSD /box"):
            self.prepare(self.client)
            self.held["list"] = []
            self.assertEqual(self.client.codes(command), [])
            self.assertEqual(self.client.codes("ABOR"), [])
            self.release("list")
            self.assertEqual(self.settle(self.client), [426, 226], command)
