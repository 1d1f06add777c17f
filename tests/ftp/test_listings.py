"""MLST, STAT with a path, OPTS and FEAT over a control connection; lists have a data connection in other tests."""

from __future__ import annotations

from swftp.entries import Attributes
from swftp.paths import resolve
from tests.ftp.case import ControlCase
from tests.sftp.case import NOW


class ControlListingTests(ControlCase):
    """What needs no data connection."""

    def setUp(self) -> None:
        """Two files."""
        super().setUp()
        self.storage["/box/dir/b c"] = b"12345"
        self.client = self.log_in()

    def test_mlst(self) -> None:
        """Facts and the full path, with one blank before them (RFC 3659 section 7.2)."""
        self.client.type("MLST /box/dir/b c")
        facts = "type=file;size=5;modify=20231114221320;perm=adfrw;UNIX.mode=0644;"
        self.assertEqual(
            self.client.tcp.value(), f"250-Listing follows.\r\n {facts} /box/dir/b c\r\n250 End.\r\n".encode()
        )

    def test_mlst_of_here(self) -> None:
        """Without a path it is the directory where we are."""
        self.client.codes("CWD /box")
        ((code, lines),) = self.client.ask("MLST")
        self.assertEqual(code, 250)
        self.assertTrue(lines[1].startswith("type=dir;") and lines[1].endswith("; /box"), lines)

    def test_mlst_of_a_link(self) -> None:
        """The link, not what it leads to."""
        session = self.accounts[-1].session()
        self.successResultOf(_run(session.make_link(resolve("/box/l"), resolve("/box/a"))))
        ((_, lines),) = self.client.ask("MLST /box/l")
        self.assertTrue(lines[1].startswith("type=OS.unix=slink:/box/a;"), lines)

    def test_opts_mlst(self) -> None:
        """Chooses facts for MLST and FEAT, until somebody else logs in."""
        self.assertEqual(self.client.ask("OPTS MLST size;"), [(200, ["MLST OPTS size;"])])
        self.assertEqual(self.client.ask("MLST /box/a")[0][1][1], "size=12; /box/a")
        self.assertIn("MLST type;size*;modify;perm;unique;UNIX.mode;", self.client.ask("FEAT")[0][1])

    def test_stat(self) -> None:
        """A directory, a file, a pattern; what is not there is 550 and no empty list."""
        for argument in ("/box/dir", "/box/dir/b c", "-la /box/dir/b*"):
            ((code, lines),) = self.client.ask(f"STAT {argument}")
            self.assertEqual((code, len(lines)), (213, 3), argument)
            self.assertEqual(lines[1], "-rw-r--r--    1 owner    group           5 Nov 14 22:13 b c")
        self.assertEqual(self.client.codes("STAT /none", "STAT /box/none"), [550, 550])
        self.assertEqual(self.client.ask("STAT /box/no*")[0][1], ["Status follows:", "End of status."])

    def test_stat_of_much(self) -> None:
        """More than a reply should hold is refused, and names the commands that can."""
        for number in range(17_000):
            self.storage[f"/big/{number:06}"] = b""
        ((code, lines),) = self.client.ask("STAT /big")
        self.assertEqual((code, len(lines)), (450, 1))
        self.assertIn("MLSD", lines[0])

    def test_what_was_set(self) -> None:
        """Times and modes of MFMT and SITE CHMOD are in every list."""
        self.client.codes("MFMT 20200102030405 /box/a", "SITE CHMOD 640 /box/a")
        self.assertIn("modify=20200102030405;perm=adfrw;UNIX.mode=0640;", self.client.ask("MLST /box/a")[0][1][1])
        self.assertEqual(
            self.client.ask("STAT /box/a")[0][1][1], "-rw-r-----    1 owner    group          12 Jan  2  2020 a"
        )

    def test_times_of_this_year(self) -> None:
        """The hour is shown of what is young, the year of what is old: by our clock."""
        session = self.accounts[-1].session()
        self.successResultOf(_run(session.update(resolve("/box/a"), Attributes(mtime=NOW - 100))))
        self.assertIn(" Nov 14 22:11 a", self.client.ask("STAT /box/a")[0][1][1])
        self.clock.advance(300 * 86400)
        self.client = self.log_in()
        self.assertIn(" Nov 14  2023 a", self.client.ask("STAT /box/a")[0][1][1])


def _run(work: object) -> object:
    from twisted.internet.defer import Deferred

    return Deferred.fromCoroutine(work)  # type: ignore[arg-type]
