"""Facts of MLSD and MLST, and the times of MDTM and MFMT."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from swftp import errors
from swftp.entries import Entry, Kind
from swftp.ftp.facts import DEFAULT, FACTS, facts, features, listed, opts_mlst, parse_time, timestamp
from swftp.paths import ROOT, resolve
from tests.ftp.listcase import ContextCase

AT = resolve("/box/a")


class FactTests(ContextCase):
    """RFC 3659 section 7."""

    def facts(self, entry: Entry, *names: str) -> str:
        """Of *entry*."""
        return facts(entry, AT, names or DEFAULT)

    def test_file(self) -> None:
        """Everything that is known."""
        entry = Entry(name="a", kind=Kind.FILE, size=12, mtime=1_700_000_000.9, mode=0o600)
        self.assertEqual(self.facts(entry), "type=file;size=12;modify=20231114221320;perm=adfrw;UNIX.mode=0600;")

    def test_directory(self) -> None:
        """A directory has no size; without a time it has one that never changes."""
        entry = Entry(name="d", kind=Kind.DIRECTORY, size=999)
        self.assertEqual(self.facts(entry), "type=dir;modify=20000101000000;perm=cdeflmp;UNIX.mode=0755;")
        self.assertEqual(facts(entry, ROOT, ("perm",)), "perm=elm;")

    def test_link(self) -> None:
        """As lftp and FileZilla read it; a target that would break the facts is left out."""
        link = Entry(name="l", kind=Kind.SYMLINK, target="/box/a", size=5)
        self.assertEqual(self.facts(link, "type", "size"), "type=OS.unix=slink:/box/a;")
        for target in ("/box/a b", "/box/a;type=dir", "/box/a\r\n250 x", None):
            link = Entry(name="l", kind=Kind.SYMLINK, target=target)
            self.assertEqual(self.facts(link, "type"), "type=OS.unix=slink;")

    def test_unique(self) -> None:
        """Equal for one path, another for another."""
        entry = Entry(name="a", kind=Kind.FILE)
        self.assertEqual(facts(entry, AT, ("unique",)), facts(entry, AT, ("unique",)))
        self.assertNotEqual(facts(entry, AT, ("unique",)), facts(entry, resolve("/box/b"), ("unique",)))

    def test_listed(self) -> None:
        """In a listing an entry has the facts it has by itself."""
        for entry in (Entry(name="a", kind=Kind.FILE, size=3), Entry(name="a", kind=Kind.DIRECTORY)):
            for names in (DEFAULT, tuple(FACTS)):
                self.assertEqual(listed(entry, AT.parent, names), facts(entry, AT, names))

    def test_opts(self) -> None:
        """Names in any case; unknown ones vanish; none at all are no facts (section 7.9)."""
        reply = self.do(opts_mlst(self.context, b"SIZE;Type;unix.MODE;nonsense;"))
        self.assertEqual((reply.code, reply.lines), (200, ("MLST OPTS type;size;UNIX.mode;",)))
        self.assertEqual(features(self.context), ("MLST type*;size*;modify;perm;unique;UNIX.mode*;",))
        reply = self.do(opts_mlst(self.context, b""))
        self.assertEqual((reply.code, reply.lines), (200, ("MLST OPTS",)))
        self.assertEqual(self.context.facts, ())

    def test_features(self) -> None:
        """All facts; a star behind those that are given (section 7.8)."""
        self.assertEqual(features(self.context), ("MLST type*;size*;modify*;perm*;unique;UNIX.mode*;",))

    @given(st.text(), st.sampled_from(list(Kind)), st.one_of(st.none(), st.text()), st.floats(0, 1e18))
    def test_one_fact_an_entry(self, name: str, kind: Kind, target: str | None, mtime: float) -> None:
        """Whatever an entry holds: what clients cut at ``;`` and ``=`` are our names, and there is no blank."""
        text = facts(Entry(name=name, kind=kind, target=target, mtime=mtime), AT, tuple(FACTS))
        self.assertNotIn(" ", text)
        self.assertTrue(text.isprintable())
        names = [fact.split("=")[0] for fact in text.split(";")[:-1]]
        self.assertEqual(names, [name for name in FACTS if name != "size" or kind is Kind.FILE])


class TimeTests(ContextCase):
    """RFC 3659 section 2.3."""

    @given(st.integers(0, 253_402_300_799))
    def test_there_and_back(self, moment: int) -> None:
        """What MDTM says, MFMT takes."""
        self.assertEqual(parse_time(timestamp(moment).encode()), moment)

    def test_fraction(self) -> None:
        """Taken and dropped."""
        self.assertEqual(parse_time(b"20231114221320.123"), 1_700_000_000.0)

    def test_no_time(self) -> None:
        """Everything else is refused."""
        for raw in (
            b"",
            b"2023",
            b"20230230000000",
            b"2023111422132x",
            b"20231114221360",
            b"20231314000000",
            b"20231114221320 ",
            b"20231114221320.",
            b"+0231114221320",
            b"20231114256000",
        ):
            self.assertRaises(errors.Malformed, parse_time, raw)

    @given(st.binary(max_size=20))
    def test_anything(self, raw: bytes) -> None:
        """A time or `Malformed`."""
        with contextlib.suppress(errors.Malformed):
            self.assertIsInstance(parse_time(raw), float)

    def test_extremes(self) -> None:
        """Times that no calendar has are the nearest that it has."""
        self.assertEqual(timestamp(-5.0), "19700101000000")
        self.assertEqual(timestamp(1e15), "99991231235959")
