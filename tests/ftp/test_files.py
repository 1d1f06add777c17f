"""Rules of `swftp.ftp.commands.files` and `.navigation`: names, and what belongs to them."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Entry, Usage
from swftp.ftp.commands.files import words
from swftp.ftp.reply import Refused
from swftp.paths import Path, resolve
from tests.ftp.case import ControlCase


class FilesCase(ControlCase):
    """Logged in."""

    def setUp(self) -> None:
        """Log in."""
        super().setUp()
        self.client = self.log_in()
        self.ask, self.codes = self.client.ask, self.client.codes

    def entry(self, path: str) -> Entry:
        """What the store says of *path*."""
        return self.successResultOf(Deferred.fromCoroutine(self.storage.stat(resolve(path))))


class NavigationTests(FilesCase):
    """PWD, CWD, CDUP."""

    def test_walk(self) -> None:
        """Into a directory and out again; the root is its own parent."""
        self.assertEqual(
            self.codes("MKD /box/d", "CWD /box", "CWD d", "CDUP", "CDUP", "CDUP"), [257, 250, 250, 250, 250, 250]
        )
        self.assertEqual(self.ask("PWD"), [(257, ['"/" is where you are.'])])

    def test_refused(self) -> None:
        """Into a file or nowhere, nobody goes; where he was, he stays."""
        self.assertEqual(self.codes("CWD /box", "CWD a", "CWD x", "CWD /nobox", "XPWD"), [250, 550, 550, 550, 257])
        self.assertEqual(str(self.client.context.cwd), "/box")

    def test_never_above_the_root(self) -> None:
        """Dots lead nowhere else."""
        self.assertEqual(self.codes("CWD ../../..", "CWD /box/../../box/."), [250, 250])
        self.assertEqual(str(self.client.context.cwd), "/box")

    def test_quotes(self) -> None:
        """A quote in a name is doubled (RFC 959 appendix II), and other names come back as they are."""
        for name in ('qu"ote', "two  blanks", " leading", "trailing ", "\u00e9\u3000\u65e5\u672c", "%41?#;"):
            self.assertEqual(self.codes(f"MKD /box/{name}", f"CWD /box/{name}"), [257, 250])
            ((code, (line,)),) = self.ask("PWD")
            self.assertEqual((code, line), (257, '"/box/{}" is where you are.'.format(name.replace('"', '""'))))

    def test_names_that_none_can_have(self) -> None:
        """Bytes that are no UTF-8, or too many, are no name."""
        self.assertEqual(self.codes(b"CWD \xe9", b"MKD \xc3\x28", "MKD /box/" + "x" * 2000), [553] * 3)


class ChangeTests(FilesCase):
    """MKD RMD DELE RNFR RNTO."""

    def test_make_and_remove(self) -> None:
        """A directory is made once, and removed when it is empty."""
        self.assertEqual(self.ask("MKD /box/d")[0], (257, ['"/box/d" created.']))
        self.assertEqual(self.codes("MKD /box/d", "RMD /box", "RMD /box/d", "RMD /box/d"), [550, 550, 250, 550])

    def test_right_verb(self) -> None:
        """RMD is for directories, DELE for files."""
        self.assertEqual(self.codes("MKD /box/d", "DELE /box/d", "RMD /box/a", "DELE /", "RMD /"), [257] + [550] * 4)
        self.assertEqual(self.codes("DELE /box/a", "DELE /box/a"), [250, 550])

    def test_rename(self) -> None:
        """A file moves, and replaces what is there."""
        self.storage["/box/b"] = b"other"
        self.assertEqual(self.codes("RNFR /box/a", "RNTO /box/b"), [350, 250])
        self.assertEqual(self.storage["/box/b"], b"hello, world")
        self.assertNotIn("/box/a", self.storage)

    def test_rename_to_itself(self) -> None:
        """Nothing is lost."""
        self.assertEqual(self.codes("RNFR /box/a", "RNTO /box/a"), [350, 250])
        self.assertEqual(self.storage["/box/a"], b"hello, world")

    def test_rename_what_is_not_there(self) -> None:
        """RNFR says so at once; the root cannot be renamed."""
        self.assertEqual(self.codes("RNFR /box/x", "RNTO /box/y"), [550, 503])
        self.assertEqual(self.codes("RNFR /", "RNTO /box/y", "RNFR /box/a", "RNTO /"), [350, 550, 350, 550])

    def test_rename_right_behind(self) -> None:
        """RNTO without RNFR right before it, or twice, renames nothing."""
        self.assertEqual(self.codes("RNTO /box/b", "RNFR /box/a", "NOOP", "RNTO /box/b"), [503, 350, 200, 503])
        self.assertEqual(self.codes("RNFR /box/a", "XYZZY", "RNTO /box/b"), [350, 500, 503])
        self.assertEqual(self.codes("RNFR /box/a", "RNTO /box/b", "RNTO /box/c"), [350, 250, 503])


class FactTests(FilesCase):
    """SIZE MDTM MFMT AVBL, SITE CHMOD UTIME."""

    def test_size(self) -> None:
        """Of a file its size, of a container what it holds, of other directories 0 (as in 2014)."""
        self.codes("MKD /box/d")
        found = self.ask("SIZE /box/a", "SIZE /box", "SIZE /box/d", "SIZE /")
        self.assertEqual(found, [(213, ["12"]), (213, ["12"]), (213, ["0"]), (213, ["0"])])
        self.assertEqual(self.codes("SIZE /box/x", "SIZE /nobox/x"), [550, 550])

    def test_size_in_ascii(self) -> None:
        """In TYPE A nobody knows it (RFC 3659 section 4)."""
        self.assertEqual(self.codes("TYPE A", "SIZE /box/a"), [200, 550])

    def test_times(self) -> None:
        """A time that is set, by whatever command, is the one that is told."""
        for number, line in enumerate(
            (
                "MFMT 2001020304050{} /box/a",
                "MDTM 2001020304050{} /box/a",
                "SITE UTIME 2001020304050{} /box/a",
                "SITE UTIME /box/a 20010203040500 2001020304050{} 20010203040500 UTC",
            )
        ):
            ((code, _),) = self.ask(line.format(number))
            self.assertIn(code, (200, 213), line)
            self.assertEqual(self.ask("MDTM /box/a"), [(213, [f"2001020304050{number}"])], line)
        self.assertEqual(self.codes("SITE UTIME 200102030405 /box/a"), [200])
        self.assertEqual(self.ask("MDTM /box/a"), [(213, ["20010203040500"])])

    def test_mfmt_answer(self) -> None:
        """MFMT says what it did (draft-somers-ftp-mfxx section 3.1)."""
        self.assertEqual(self.ask("MFMT 20200102030405 /box/a"), [(213, ["Modify=20200102030405; /box/a"])])

    def test_bad_times(self) -> None:
        """What is no time changes nothing."""
        lines = ("MFMT 20200230000000 /box/a", "MFMT 2020 /box/a", "MFMT /box/a", "SITE UTIME x /box/a")
        self.assertEqual(self.codes(*lines, "MFMT 20200101000000 /box/x"), [501, 501, 501, 501, 550])

    def test_name_like_a_time(self) -> None:
        """MDTM of a file whose name begins with a time looks at that file."""
        self.storage["/box/20010203040506 a"] = b""
        self.codes("CWD /box", "SITE UTIME 19990101000000 20010203040506 a")
        self.assertEqual(self.ask("MDTM 20010203040506 a"), [(213, ["19990101000000"])])

    def test_time_of_directories(self) -> None:
        """MDTM is of files."""
        self.assertEqual(self.codes("MDTM /box", "MDTM /box/x"), [550, 550])

    def test_mode(self) -> None:
        """A mode is kept."""
        self.assertEqual(
            self.codes("SITE CHMOD 0640 /box/a", "SITE CHMOD 9 /box/a", "SITE CHMOD 640"), [200, 501, 501]
        )
        self.assertEqual(self.entry("/box/a").mode, 0o640)

    def test_available(self) -> None:
        """What the quota leaves; without one, nobody can say."""
        self.assertEqual(self.codes("AVBL"), [550])

        async def usage(path: Path) -> Usage:
            return Usage(used_bytes=30, quota_bytes=100, used_files=1, quota_files=None)

        self.storage.usage = usage  # type: ignore[method-assign]
        self.assertEqual(self.ask("AVBL", "AVBL /box"), [(213, ["70"])] * 2)
        self.assertEqual(self.codes("ALLO 10", "ALLO 99999999"), [200, 552])
        self.assertIsNone(self.client.context.allocated)


class CopyTests(FilesCase):
    """SITE SYMLINK, SITE COPY, COMB."""

    def test_link(self) -> None:
        """A link leads where it says, from where we are."""
        self.assertEqual(self.codes("CWD /box", "SITE SYMLINK a l", "SIZE l", "SITE SYMLINK a"), [250, 200, 213, 501])

    def test_copy(self) -> None:
        """A copy has the same content; names with blanks stand in quotes."""
        self.assertEqual(self.codes('SITE COPY /box/a "/box/b c"', "SITE COPY /box/x /box/y"), [200, 550])
        self.assertEqual(self.storage["/box/b c"], b"hello, world")

    def test_combine(self) -> None:
        """Parts become one file, in their order, and go."""
        for name in "123":
            self.storage[f"/box/{name}"] = name.encode() * 3
        self.assertEqual(self.codes('COMB "/box/a ll" /box/1 /box/3 /box/2'), [250])
        self.assertEqual(self.storage["/box/a ll"], b"111333222")
        self.assertFalse([name for name in "123" if f"/box/{name}" in self.storage])

    def test_combine_behind(self) -> None:
        """They go behind what is there already; mode stays, time is that of the change."""
        self.storage["/box/1"] = b"!"
        self.codes("SITE CHMOD 640 /box/a")
        self.assertEqual(self.codes("COMB /box/a /box/1"), [250])
        self.assertEqual(self.storage["/box/a"], b"hello, world!")
        entry = self.entry("/box/a")
        self.assertEqual((entry.mode, entry.mtime), (0o640, self.clock.seconds()))

    def test_combine_fails_whole(self) -> None:
        """With a part that is not there, or is the file itself, nothing changes, and nothing is left behind."""
        self.storage["/box/1"] = b"!"
        for line in ("COMB /box/a /box/1 /box/2", "COMB /box/a /box/1 /box/a", "COMB /box/a /box", "COMB /box/a"):
            ((code, _),) = self.ask(line)
            self.assertGreaterEqual(code, 500, line)
            self.assertEqual((self.storage["/box/a"], self.storage["/box/1"]), (b"hello, world", b"!"))
            self.assertEqual(self.storage.staged, 0)

    def test_combine_not_published(self) -> None:
        """If the store does not make the file, what it copied for that goes, and the parts stay."""
        self.storage["/box/1"] = b"!"

        def refuse(verb: str, path: Path) -> None:
            if verb == "publish":
                raise errors.QuotaExceeded()

        self.storage.hook = refuse
        self.assertEqual(self.codes("COMB /box/a /box/1"), [552])
        self.assertEqual((self.storage["/box/a"], self.storage["/box/1"]), (b"hello, world", b"!"))
        self.assertEqual(self.storage.staged, 0)

    def test_words(self) -> None:
        """Quotes hold blanks and, doubled, themselves."""
        self.assertEqual(words(b'a "b c" "d""e"  f '), [b"a", b"b c", b'd"e', b"f"])
        for text in (b'"a', b'"a"b', b"x " * 2000):
            self.assertRaises(Refused, words, text)


class SettingsOfTransferTests(FilesCase):
    """What REST and ALLO say is forgotten in time."""

    def test_kept(self) -> None:
        """What prepares a transfer or only looks leaves it."""
        for line in ("TYPE I", "PASV", "EPSV", "MODE S", "STRU F", "SIZE /box/a", "NOOP", "STAT", "FEAT", "PWD"):
            self.client.type("REST 5", "ALLO 7", line)
            context = self.client.context
            self.assertEqual((context.restart, context.allocated), (5, 7), line)

    def test_forgotten(self) -> None:
        """Any other command takes it away: REST is for the transfer right behind it."""
        for line in ("CWD /box", "DELE /box/x", "MOVE", "XYZZY", "RNFR /box/a"):
            self.client.type("REST 5", "ALLO 7", line)
            if self.move.running:
                self.assertEqual(self.client.context.restart, 5)
                self.move.end(226)
            context = self.client.context
            self.assertEqual((context.restart, context.allocated), (0, None), line)

    def test_not_by_what_overtakes(self) -> None:
        """What is answered while a transfer runs takes nothing from the one behind it."""
        self.client.type("REST 5", "MOVE", "NOOP", "STAT")
        self.assertEqual(self.client.context.restart, 5)
        self.move.end(226)
