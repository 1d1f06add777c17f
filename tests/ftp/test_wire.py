"""Rules of `swftp.ftp.wire`: what a command line is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.ftp.wire import Fault, Lines


def taken(lines: Lines) -> list[bytes | Fault]:
    """All that there is."""
    found = []
    while (line := lines.take()) is not None:
        found.append(line)
    return found


def fed(*pieces: bytes, limit: int = 64) -> list[bytes | Fault]:
    """The lines of *pieces*."""
    lines = Lines(limit)
    found = []
    for piece in pieces:
        lines.feed(piece)
        found += taken(lines)
    return found


class LinesTests(SynchronousTestCase):
    """One line is one command."""

    def test_whole_lines(self) -> None:
        """CR LF ends a line; what has no end yet waits."""
        self.assertEqual(fed(b"USER a\r\nPASS b\r\nQU"), [b"USER a", b"PASS b"])
        self.assertEqual(fed(b"USER a\r", b"\nPASS b\r\nQ", b"UIT\r\n"), [b"USER a", b"PASS b", b"QUIT"])

    def test_empty_line(self) -> None:
        """A line may be empty."""
        self.assertEqual(fed(b"\r\n\r\nA\r\n"), [b"", b"", b"A"])

    def test_line_feed_in_a_line(self) -> None:
        """A bare LF, CR or NUL in a line makes it no command, and no second one."""
        for bad in (b"DELE a\nDELE b", b"DELE a\rDELE b", b"DELE a\0b", b"\nDELE a"):
            self.assertEqual(fed(b"NOOP\r\n", bad + b"\r\nQUIT\r\n"), [b"NOOP", Fault.FORBIDDEN, b"QUIT"])

    def test_client_of_bare_line_feeds(self) -> None:
        """A client whose first line ends with a bare LF ends all of them so; one CR before it is tolerated."""
        self.assertEqual(fed(b"USER a\nPASS b\nQUIT\r\n"), [b"USER a", b"PASS b", b"QUIT"])

    def test_too_long(self) -> None:
        """Of a line that is too long, one fault comes, and nothing is kept; the next line is one again."""
        lines = Lines(64)
        found = []
        for _ in range(100):
            lines.feed(b"x" * 63)
            found += taken(lines)
            self.assertLess(lines.pending, 130)
        lines.feed(b"\r\nNOOP\r\n")
        self.assertEqual([*found, *taken(lines)], [Fault.TOO_LONG, b"NOOP"])

    def test_limit(self) -> None:
        """A line of as many bytes as allowed is one, one of more is none, however it comes."""
        for size, ok in ((64, True), (65, False)):
            for cut in range(size + 2):
                data = b"x" * size + b"\r\n"
                expected = [data[:-2] if ok else Fault.TOO_LONG, b"NOOP"]
                self.assertEqual(fed(data[:cut], data[cut:] + b"NOOP\r\n"), expected, (size, cut))

    def test_clear(self) -> None:
        """What is forgotten is no command later."""
        lines = Lines()
        lines.feed(b"USER a\r\nPASS")
        lines.clear()
        self.assertEqual(lines.pending, 0)
        lines.feed(b"NOOP\r\n")
        self.assertEqual(taken(lines), [b"NOOP"])

    def test_clear_what_is_too_long(self) -> None:
        """So is the rest of a line that was too long."""
        lines = Lines(8)
        lines.feed(b"NOOP\r\n" + b"x" * 100)
        self.assertEqual(taken(lines), [b"NOOP", Fault.TOO_LONG])
        lines.clear()
        lines.feed(b"NOOP\r\n")
        self.assertEqual(taken(lines), [b"NOOP"])


class TelnetTests(SynchronousTestCase):
    """RFC 959 sections 4.1.3 and 5.3."""

    def test_interrupt_and_synch(self) -> None:
        """IAC IP IAC DM before a command are left out, wherever they are cut, and also where the mark is missing."""
        for before in (
            b"\xff\xf4\xff\xf2",
            b"\xff\xf4\xff",
            b"\xff\xf4",
            b"\xff\xfb\x01\xff\xfa\x01x\xff\xff\xff\xf0",
        ):
            data = before + b"ABOR\r\n"
            for cut in range(len(data)):
                self.assertEqual(fed(b"NOOP\r\n", data[:cut], data[cut:]), [b"NOOP", b"ABOR"], (before, cut))

    def test_option_that_is_a_line_feed(self) -> None:
        """The byte behind WILL is no text, whatever it is."""
        self.assertEqual(fed(b"NOOP\r\n\xff\xfb\nNOOP\r\n"), [b"NOOP", b"NOOP"])

    def test_in_a_name(self) -> None:
        """A Latin-1 name with y-diaeresis does not become another name."""
        for name in (
            b"\xffabc",
            b"a\xff\xf9bc",
            b"a\xff\xffbc",
            b"abc\xff",
            b"abc\xff\xfe",
            b"\xff\xfa",
            b"\xff\xfb\xff",
        ):
            found = fed(b"NOOP\r\n", b"DELE " + name + b"\r\n")
            self.assertEqual(found, [b"NOOP", Fault.FORBIDDEN], name)

    def test_unfinished_counts(self) -> None:
        """Half a Telnet command is something that waits."""
        lines = Lines()
        lines.feed(b"NOOP\r\n\xff")
        self.assertEqual(taken(lines), [b"NOOP"])
        self.assertTrue(lines.pending)

    def test_fresh(self) -> None:
        """Behind AUTH the client shows anew how its lines end: whoever wrote in the clear may have been another."""
        lines = Lines()
        lines.feed(b"AUTH TLS\n")
        self.assertEqual(taken(lines), [b"AUTH TLS"])
        lines.clear()
        lines.feed(b"NOOP\r\nDELE a\nDELE b\r\n")
        self.assertEqual(taken(lines), [b"NOOP", Fault.FORBIDDEN])

    @settings(max_examples=500, deadline=None)
    @given(st.lists(st.binary(max_size=40) | st.sampled_from([b"\r\n", b"\n", b"\r", b"\xff", b"\0", b"A" * 70])))
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        """Whatever comes, in whatever pieces, gives the same lines; none holds what ends one."""
        whole = fed(b"NOOP\r\n", b"".join(pieces))
        self.assertEqual(fed(b"NOOP\r\n", *pieces), whole)
        for line in whole:
            if isinstance(line, bytes):
                self.assertFalse(set(line) & set(b"\r\n\0"), line)
                self.assertLessEqual(len(line), 64)
