"""LIST, NLST and their arguments; lines that every client parses."""

from __future__ import annotations

import re
import time

from hypothesis import example, given
from hypothesis import strategies as st

from swftp import errors
from swftp.entries import Entry, Kind, Page
from swftp.ftp.listing import BLOCK, Found, Wanted, find, lines, long_line, nameable, parse_argument, pieces
from swftp.paths import is_plain, resolve
from swftp.session import Listing, Listings
from tests.ftp.listcase import ContextCase
from tests.sftp.case import NOW

COMMONS_NET = re.compile(
    r"([bcdelfmpSs-])"
    r"(((r|-)(w|-)([xsStTL-]))((r|-)(w|-)([xsStTL-]))((r|-)(w|-)([xsStTL-])))\+?\s*"
    r"(\d+)\s+(?:(\S+(?:\s\S+)*?)\s+)?(?:(\S+(?:\s\S+)*)\s+)?(\d+(?:,\s*\d+)?)\s+"
    r"((?:\d+[-/]\d+[-/]\d+)|(?:\S{3}\s+\d{1,2})|(?:\d{1,2}\s+\S{3}))\s+"
    r"((?:\d+(?::\d+)?))\s(.*)"
)
"""How Java's commons-net reads a line (UnixFTPEntryParser)."""
BOX = resolve("/box")
NAMES = st.text(max_size=12)
ODD = st.tuples(NAMES, st.sampled_from(list(Kind)), st.one_of(st.none(), NAMES))
"""Name, kind and target."""
LINE = "-rw-r--r--    1 owner    group           5 Nov 14 22:13 0000-000000\r\n"


class ListCase(ContextCase):
    """Lists as a client sees them."""

    def lines(self, argument: bytes = b"", *, long: bool = False) -> list[bytes]:
        """What a client gets, cut at CRLF."""

        async def gather() -> bytes:
            wanted = parse_argument(argument, long=long)
            found = await find(self.context, wanted)
            return b"".join([block async for block in pieces(self.context, wanted, found)])

        data = self.do(gather())
        self.assertTrue(data.endswith(b"\r\n") or not data)
        return data.split(b"\r\n")[:-1]


class ArgumentTests(ListCase):
    """Options as clients send them, and names that only look like options."""

    def test_options(self) -> None:
        """Those of curl, lftp, FileZilla, mc, ncftp, wget, Windows Explorer and ``ls`` itself."""
        for raw in (
            b"-a",
            b"-l",
            b"-la",
            b"-al",
            b"-aL",
            b"-R",
            b"-lR",
            b"-l -a",
            b"-alF",
            b"-1",
            b"-CF",
            b"-tr",
            b"--",
        ):
            if raw != b"-CF":  # nobody sends it: a name
                self.assertEqual(parse_argument(raw, long=True).path, b"", raw)
            self.assertEqual(parse_argument(raw + b" a b", long=True).path, b"a b" if raw != b"-CF" else b"-CF a b")

    def test_what_they_mean(self) -> None:
        """``-a``, ``-d`` and ``-l`` do something."""
        self.assertEqual(parse_argument(b"-al -d x", long=False), Wanted(b"x", long=True, hidden=True, itself=True))
        self.assertEqual(parse_argument(b"x", long=True), Wanted(b"x", long=True))

    def test_blanks_count(self) -> None:
        """Of a name every blank counts; the one behind options, or an argument of nothing else, does not."""
        self.assertEqual(parse_argument(b"two  blanks ", long=True).path, b"two  blanks ")
        self.assertEqual(parse_argument(b"-la  led", long=True).path, b" led")
        self.assertEqual(parse_argument(b"  ", long=True).path, b"")

    def test_names_that_begin_with_a_dash(self) -> None:
        """What is no option is a name, and behind ``--`` everything is."""
        for raw in (b"-", b"-x-y", b"-photo.jpg", b"-2024", b"- a"):
            self.assertEqual(parse_argument(raw, long=True).path, raw)
        self.assertEqual(parse_argument(b"-- -la", long=True).path, b"-la")
        self.assertEqual(parse_argument(b"./-la", long=True).path, b"./-la")

    @given(st.binary(max_size=30))
    def test_anything(self, raw: bytes) -> None:
        """Options are taken from the front; what stays is the end of what was sent."""
        self.assertTrue(raw.endswith(parse_argument(raw, long=True).path))


class LineTests(ListCase):
    """One line."""

    def test_recent_and_old(self) -> None:
        """The hour of the last half year, else the year, as ``ls`` has it; the future has a year."""
        for age, expected in (
            (0, "Nov 14 22:13"),
            (170, "May 28 22:13"),
            (200, "Apr 28  2023"),
            (-1, "Nov 15  2023"),
        ):
            entry = Entry(name="a", kind=Kind.FILE, size=5, mtime=NOW - age * 86400)
            line = long_line(entry, BOX, NOW).decode()
            self.assertEqual(line, f"-rw-r--r--    1 owner    group           5 {expected} a")

    def test_kinds(self) -> None:
        """Directories, links with where they lead, modes that were set."""
        for entry, expected in (
            (Entry(name="d", kind=Kind.DIRECTORY, mtime=NOW), "drwxr-xr-x    1 owner    group           0"),
            (Entry(name="d", kind=Kind.FILE, mtime=NOW, mode=0o4750), "-rwsr-x---    1 owner    group           0"),
            (
                Entry(name="d", kind=Kind.SYMLINK, mtime=NOW, target="/box/x"),
                "lrwxrwxrwx    1 owner    group           1",
            ),
        ):
            line = long_line(entry, BOX, NOW).decode()
            self.assertEqual(line, f"{expected} Nov 14 22:13 d" + (" -> x" if entry.kind is Kind.SYMLINK else ""))

    @given(
        st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20),
        st.sampled_from(list(Kind)),
        st.integers(0, 10**15),
        st.one_of(st.none(), st.floats(-1e9, 1e12)),
        st.one_of(st.none(), st.integers(0, 0o7777)),
    )
    def test_commons_net(self, name: str, kind: Kind, size: int, mtime: float | None, mode: int | None) -> None:
        """Java's parser finds type, size and name of anything, blanks at both ends of the name included."""
        entry = Entry(name=name, kind=kind, size=size, mtime=mtime, mode=mode, target="/box/t")
        found = COMMONS_NET.fullmatch(long_line(entry, BOX, NOW).decode())
        assert found is not None
        self.assertEqual(found[1], {Kind.FILE: "-", Kind.DIRECTORY: "d", Kind.SYMLINK: "l"}[kind])
        self.assertEqual(found[21], name + (" -> t" if kind is Kind.SYMLINK else ""))
        if kind is not Kind.SYMLINK:
            self.assertEqual(int(found[18]), size)


class ListTests(ListCase):
    """What is listed."""

    def setUp(self) -> None:
        """A few names."""
        super().setUp()
        for name in ("a.txt", "b.txt", "two  blanks", ".hidden", "x[1].txt", "-la", "sub/deep.txt", "sub/other"):
            self.storage[f"/box/{name}"] = b"12345"
        self.context.cwd = BOX
        self.asked.clear()

    def names(self, argument: bytes = b"") -> list[str]:
        """NLST, in order of names."""
        return sorted(line.decode() for line in self.lines(argument))

    def test_directory(self) -> None:
        """All of it, once, in one request; no dots, and nothing hidden."""
        expected = sorted(["a.txt", "b.txt", "two  blanks", ".hidden", "x[1].txt", "-la", "sub"])
        self.assertEqual(self.names(), expected)
        self.assertEqual(self.asked, ["list /box"])
        self.assertEqual(self.names(b"-a"), expected)
        self.assertEqual(self.names(b"."), expected)

    def test_names_can_be_used(self) -> None:
        """The names of another directory have its path before them (RFC 1123 section 4.1.2.7)."""
        self.assertEqual(self.names(b"sub"), ["sub/deep.txt", "sub/other"])
        self.assertEqual(self.names(b"/box/sub/"), ["/box/sub/deep.txt", "/box/sub/other"])
        self.assertEqual(self.names(b"sub/deep.txt"), ["sub/deep.txt"])
        self.assertEqual(self.names(b"/"), ["/box"])
        self.assertEqual(self.names(b"sub/*.txt"), ["sub/deep.txt"])

    def test_long(self) -> None:
        """LIST, and NLST as old clients ask for it; bare names, as ``ls`` in that directory."""
        self.assertEqual(len(self.lines(b"", long=True)), 7)
        self.assertEqual(self.lines(b"sub", long=True), self.lines(b"-l sub"))
        self.assertTrue(all(line.startswith(b"-rw-r--r--    1 owner") for line in self.lines(b"sub", long=True)))
        self.assertTrue(self.lines(b"sub/other", long=True)[0].endswith(b" other"))

    def test_file(self) -> None:
        """One line; and of names that look like something else."""
        for argument in (b"a.txt", b"two  blanks", b"./-la", b"-- -la", b"x[1].txt", b"-a .hidden"):
            self.assertEqual(len(self.lines(argument, long=True)), 1, argument)

    def test_itself(self) -> None:
        """``-d``: the directory, not what is in it."""
        self.assertEqual(self.names(b"-d sub"), ["sub"])
        self.assertTrue(self.lines(b"-d sub", long=True)[0].startswith(b"drwx"))
        self.assertTrue(self.lines(b"-d /", long=True)[0].endswith(b" /"))
        self.refused(errors.NotFound, find(self.context, parse_argument(b"-d none", long=True)))

    def test_patterns_of_themselves(self) -> None:
        """``-d`` with a pattern: what it matches, and directories among that are listed themselves."""
        self.assertEqual(self.names(b"-d *.txt"), self.names(b"*.txt"))
        self.assertEqual(self.names(b"-d s*"), ["sub"])
        self.assertEqual(self.names(b"-d no*"), [])

    def test_one_name(self) -> None:
        """NLST of a file, or with ``-d``, says what the client said: that can be used, whatever stands at its end."""
        for name in ("a.txt", "a.txt/", "./a.txt", "sub/../a.txt", "/box/a.txt/", "sub/deep.txt/."):
            self.assertEqual(self.names(name.encode()), [name])
        for name in (".", "..", "/", "sub/", "sub/..", "/box"):
            self.assertEqual(self.names(f"-d {name}".encode()), [name])
        self.assertEqual(self.names(b"-d"), ["."])

    def test_patterns(self) -> None:
        """One level, as a shell: case counts, a leading dot is matched by a dot or with ``-a``."""
        self.assertEqual(self.names(b"*.txt"), ["a.txt", "b.txt", "x[1].txt"])
        self.assertEqual(self.names(b"?.txt"), ["a.txt", "b.txt"])
        self.assertEqual(self.names(b"[ab].txt"), ["a.txt", "b.txt"])
        self.assertEqual(self.names(b"*.TXT"), [])
        self.assertEqual(self.names(b".h*"), [".hidden"])
        self.assertEqual(self.names(b"*h*den"), [])
        self.assertEqual(self.names(b"-a *h*den"), [".hidden"])
        self.assertEqual(self.names(b"no*"), [])

    def test_missing(self) -> None:
        """What is not there, is an error before anything is listed."""
        for argument in (b"none", b"none/", b"none/*", b"/none", b"*/deep.txt"):
            self.refused(errors.NotFound, find(self.context, parse_argument(argument, long=True)))

    def test_long_patterns(self) -> None:
        """Refused; a short one costs no more than its length says."""
        self.refused(errors.InvalidName, find(self.context, parse_argument(b"*" * 300, long=True)))
        begun = time.process_time()
        self.assertEqual(self.names(b"*a" * 120 + b"*b"), [])
        self.assertLess(time.process_time() - begun, 1.0)

    def test_link(self) -> None:
        """What it leads to is shown, not listed."""
        self.do(self.session.make_link(resolve("/box/link"), resolve("/box/a.txt")))
        self.assertTrue(self.lines(b"link", long=True)[0].endswith(b" link -> a.txt"))

    def test_odd_names(self) -> None:
        """A name that would end its line, or that nobody can send back, is no line; control characters stay."""
        page = [
            Entry(name=n, kind=Kind.FILE) for n in ("a\r\n226 ok", "b\n", "c\0", "..", "", "\ud800", "e\x1b[2J", "ok")
        ]
        found = self.listed(page)
        self.assertEqual(found, b"e\x1b[2J\r\nok\r\n")

    @given(st.text(st.characters(), max_size=5))
    def test_nameable(self, name: str) -> None:
        """Just what a path may have as a component."""
        self.assertEqual(
            nameable(Entry(name=name, kind=Kind.FILE)),
            is_plain(name) and not any("\ud800" <= character <= "\udfff" for character in name),
        )

    def listed(self, page: list[Entry], *, long: bool = False) -> bytes:
        """Of entries as a store may have them."""

        async def gather() -> bytes:
            async def first(_: str | None) -> Page:
                return Page(tuple(page), None)

            found = Found(await Listings(1).open(first), BOX, b"")
            return b"".join([block async for block in pieces(self.context, Wanted(b"", long=long), found)])

        return self.do(gather())

    @given(
        st.lists(st.tuples(NAMES, st.sampled_from(list(Kind)), st.one_of(st.none(), NAMES)), max_size=5),
        st.booleans(),
    )
    @example([("a\n250 b", Kind.FILE, None), ("l", Kind.SYMLINK, "/x\r\n250 y")], True)
    def test_a_line_an_entry(self, found: list[tuple[str, Kind, str | None]], long: bool) -> None:
        """Whatever names and targets are: so many lines as names that can be sent back, and no other line ends."""
        page = [Entry(name=name, kind=kind, target=target) for name, kind, target in found]
        data = self.listed(page, long=long)
        good = [e for e in page if e.name not in ("", ".", "..") and not set("/\0\r\n") & set(e.name)]
        self.assertEqual(data.count(b"\n"), len(good))
        self.assertEqual(data.count(b"\r"), len(good))
        self.assertEqual(data.count(b"\0"), 0)


class PageTests(ListCase):
    """Long directories."""

    async def pages(self, count: int, size: int) -> Listing:
        """*count* pages of *size* names; `asked` counts them."""

        async def more(after: str | None) -> Page:
            if after is None:
                return Page((), "0")
            number = int(after)
            self.asked.append(after)
            page = tuple(Entry(name=f"{number:04}-{i:06}", kind=Kind.FILE, size=i, mtime=NOW) for i in range(size))
            return Page(page, str(number + 1) if number + 1 < count else None)

        return await Listings(count * size).open(more)

    def test_page_by_page(self) -> None:
        """One page is asked for while another is taken, and no more; blocks are of `BLOCK` bytes."""

        async def gather() -> list[int]:
            sizes = []
            async for block in lines(await self.pages(50, 1000), lambda entry: long_line(entry, BOX, NOW)):
                sizes.append(len(block))
                self.assertLess(len(LINE) * 1000 * (int(self.asked[-1]) - 1) - sum(sizes), BLOCK)
            return sizes

        sizes = self.do(gather())
        self.assertEqual(len(self.asked), 50)
        self.assertEqual(
            sum(sizes), 50_000 * len("-rw-r--r--    1 owner    group           5 Nov 14 22:13 0000-000000\r\n")
        )
        self.assertTrue(all(BLOCK <= size < BLOCK + 100 for size in sizes[:-1]))

    def test_costs(self) -> None:
        """10,000 lines take a tenth of the time a store needs for them (0.6 s)."""

        async def run() -> None:
            async for _ in lines(await self.pages(1, 10_000), lambda entry: long_line(entry, BOX, NOW)):
                pass

        spent = []
        for _ in range(5):  # the best of them: others use this machine, too
            begun = time.process_time()
            self.do(run())
            spent.append(time.process_time() - begun)
        self.assertLess(min(spent), 0.25)
