"""What is asked of a name at which nothing stands, or something of another kind: the code that clients go by."""

from __future__ import annotations

from tests.ftp.transfercase import TransferCase


class KindTests(TransferCase):
    """``/box/d`` is a directory, ``/box/a`` a file, ``/box/none`` is not there."""

    def setUp(self) -> None:
        """Make the directory."""
        super().setUp()
        self.storage["/box/d/inside"] = b"1"

    def answered(self, command: str) -> list[int]:
        """The codes of the answers to *command*, which may use a data connection."""
        made = self.prepare(self.client)
        codes = self.client.codes(command)
        if not made.over:
            made.end()
        return codes + self.settle(self.client)

    def test_refused(self) -> None:
        """With 550, before anything moves: nothing about it is temporary (4yz is tried again by lftp and others)."""
        for command in (
            *("RETR /box/d", "RETR /box", "RETR /", "RETR /box/none", "RETR /box/a/x"),
            *("STOR /box/d", "STOR /box", "STOR /", "STOR /none/x", "STOR /box/a/x", "APPE /box/d"),
            *("LIST /box/none", "NLST /box/none", "MLSD /box/none", "STAT /box/none", "MLST /box/none"),
            *("MDTM /box/d", "DELE /box/d", "XMD5 /box/d", "HASH /box/d", "DELE /box/none", "SIZE /box/none"),
            *("RMD /box/a", "RMD /box/d", "RMD /box/none", "CWD /box/a", "CWD /box/none", "RNFR /box/none"),
            *("MKD /box/a", "MKD /box/d", "MKD /box", "MKD /box/none/deep", "MKD /box/a/x"),
            *("MFMT 20200101000000 /box/none", "SITE CHMOD 600 /box/none"),
        ):
            self.assertEqual(self.answered(command), [550], command)
        self.assertUnchanged()

    def test_renamed(self) -> None:
        """Neither a file to where a directory stands, nor the other way round, nor into what is not there."""
        for old, new in (("a", "d"), ("d", "a"), ("a", "../none/a")):
            self.assertEqual(self.client.codes(f"RNFR /box/{old}", f"RNTO /box/{new}"), [350, 550], new)
        self.assertUnchanged()

    def test_list_of_a_file(self) -> None:
        """LIST and NLST of a file are of that file; MLSD is of directories only (RFC 3659 section 7.2.1)."""
        self.assertEqual([self.answered(f"{verb} /box/a") for verb in ("LIST", "NLST")], [[150, 226]] * 2)
        self.assertEqual(self.answered("MLSD /box/a"), [501])
