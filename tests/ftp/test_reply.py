"""Rules of `swftp.ftp.reply`: what goes out is one reply."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.ftp.reply import Refused, Reply, reply, reply_of
from swftp.outcomes import OUTCOMES


class ReplyTests(SynchronousTestCase):
    """RFC 959 section 4.2."""

    def test_one_line(self) -> None:
        """Code, blank, text."""
        self.assertEqual(reply(200, "OK").encode(), b"200 OK\r\n")
        self.assertEqual(reply(200).encode(), b"200 \r\n")

    def test_more_lines(self) -> None:
        """Lines between the first and the last begin with a blank, so that none looks like the last."""
        self.assertEqual(reply(211, "Features:", "211 x", "End").encode(), b"211-Features:\r\n 211 x\r\n211 End\r\n")
        self.assertEqual(reply(211, "a", "b").encode(), b"211-a\r\n211 b\r\n")

    def test_names_come_back(self) -> None:
        """A name is what it is, but for control characters."""
        self.assertEqual(Reply(257, ('"/\u00a0\u3000\u00e9"',)).encode().decode(), '257 "/\u00a0\u3000\u00e9"\r\n')
        self.assertEqual(Reply(257, ("a\x1b\x85\x7f",)).encode(), b"257 a???\r\n")

    @given(st.lists(st.text(), min_size=1))
    def test_any_text(self, lines: list[str]) -> None:
        """Whatever text goes in, the reply has as many lines, and one that ends it."""
        data = Reply(250, tuple(lines)).encode()
        self.assertEqual(data.count(b"\r\n"), len(lines))
        self.assertFalse(set(data.replace(b"\r\n", b"")) & set(b"\r\n\0"))
        ends = [line for line in data.split(b"\r\n") if re.match(rb"250 ", line)]
        self.assertEqual(len(ends), 1)
        self.assertTrue(data.endswith(ends[0] + b"\r\n"))


class ErrorTests(SynchronousTestCase):
    """What a client is told of an error."""

    def test_storage_errors(self) -> None:
        """The code of the table of outcomes, and the error's own words."""
        for kind, row in OUTCOMES.items():
            self.assertEqual(reply_of(kind("no way")), Reply(row.ftp, ("No way.",)), kind)

    def test_our_own_bugs(self) -> None:
        """Nothing of the words of a fault of ours."""
        self.assertEqual(reply_of(ValueError("secret")), Reply(451, ("Internal error.",)))

    def test_refusals(self) -> None:
        """A refusal says itself."""
        self.assertEqual(reply_of(Refused(503, "RNFR comes first.")), reply(503, "RNFR comes first."))

    def test_codes_are_negative(self) -> None:
        """No error is told as a success."""
        self.assertEqual({row.ftp // 100 for row in OUTCOMES.values()} - {4, 5}, set())
        self.assertEqual(str(errors.NotFound()), "no such file or directory")
