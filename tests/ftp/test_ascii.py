"""TYPE A."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.ftp.ascii import FromNetwork, ToNetwork

TEXTS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc", b""]), max_size=20)
"""Pieces as they arrive, so that every way to cut a CRLF comes up."""


def through(converter: FromNetwork | ToNetwork, pieces: list[bytes]) -> bytes:
    """All that comes out."""
    came = b"".join([converter.feed(piece) for piece in pieces])
    return came + converter.end() if isinstance(converter, FromNetwork) else came


class FromNetworkTests(SynchronousTestCase):
    """Uploads."""

    @given(TEXTS)
    def test_cuts_do_not_matter(self, pieces: list[bytes]) -> None:
        """CRLF becomes LF, anything else stays, wherever packets end."""
        self.assertEqual(through(FromNetwork(), pieces), b"".join(pieces).replace(b"\r\n", b"\n"))

    def test_cr_at_the_end(self) -> None:
        """A CR that nothing follows is not lost."""
        self.assertEqual(through(FromNetwork(), [b"a\r"]), b"a\r")

    def test_bare_line_ends_pass(self) -> None:
        """As with vsftpd, proftpd and pyftpdlib."""
        self.assertEqual(through(FromNetwork(), [b"a\rb\nc\r\rd\r", b"\ne"]), b"a\rb\nc\r\rd\ne")


class ToNetworkTests(SynchronousTestCase):
    """Downloads."""

    @given(TEXTS)
    def test_cuts_do_not_matter(self, pieces: list[bytes]) -> None:
        """An LF has a CR before it, its own or ours, and nothing else changes."""
        expected = re.sub(rb"(?<!\r)\n", b"\r\n", b"".join(pieces))
        self.assertEqual(through(ToNetwork(), pieces), expected)

    @given(TEXTS)
    def test_there_and_back(self, pieces: list[bytes]) -> None:
        """A text with lines of one kind comes back as it was sent."""
        stored = b"".join(pieces).replace(b"\r", b"")
        sent = through(ToNetwork(), [stored])
        self.assertEqual(through(FromNetwork(), [sent[i : i + 1] for i in range(len(sent))]), stored)

    def test_speed(self) -> None:
        """16 MiB of text, 64 KiB at a time, either way, in well under the time a network needs."""
        data = (b"a line of text, as logs have it, and so on\n" * 1600)[:65536]
        begun = time.process_time()
        for converter in (FromNetwork(), ToNetwork()):
            for _ in range(256):
                converter.feed(data)
        self.assertLess(time.process_time() - begun, 2.0)
