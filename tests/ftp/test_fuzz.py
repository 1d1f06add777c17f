"""
Lines that no client in its right mind would send: one final reply each, in order, none of them "internal error".

What is sent, and where its packets are cut, is Hypothesis' choice; the clock is held.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from swftp.ftp.table import COMMANDS
from tests.ftp.case import Client, ControlCase

MOVES = {verb for verb, row in COMMANDS.items() if row.kind.transfer}
"""Those that use the data connection; the real one has its own tests."""
VERBS = sorted(set(COMMANDS) - MOVES - {"QUIT", "REIN", "USER", "PASS", "AUTH"})
NASTY = [
    b"", b" ", b"  ", b"/", b".", b"..", b"/box", b"/box/a", b"/box/new", b"/none/x", b"/box/a b", b'"/box/a" 0 5',
    b'"', b'""', b'"a', b"-la", b"-a *", b"*", b"[", b"/box/[!a-", b"0", b"-1", b"5", b"99999999999999999999", b"1e5",
    b"1,2,3,4,5,6", b"127,0,0,1,200,1", b"|1|127.0.0.1|50000|", b"||||", b"|", b"|2|::1|5|", b"20231114221320 /box/a",
    b"20239999999999 /box/a", b"600 /box/a", b"777", b"/box/a /box/b", b"A", b"A N", b"L 8", b"P", b"MLST type;size;",
    b"HASH MD5", b"HASH", b"UTF8 ON", b"CHMOD 600 /box/a", b"HELP", b"\xff\xf4", b"\xe4", b"%s%n", b"\x1b[2J", b"~",
    b"\xc2\xa0", b"\xe2\x80\xa8x", b"\xed\xa0\x80", b"TLS", b"EN", b"x" * 300, b"/" * 2000, b"../" * 500,
]  # fmt: skip
ARGUMENTS = st.one_of(
    st.sampled_from(NASTY),
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.tuples(st.sampled_from(NASTY), st.sampled_from(NASTY)).map(b" ".join),
)
LINES = st.one_of(
    st.tuples(st.sampled_from(VERBS).map(str.encode), ARGUMENTS).map(b" ".join),
    st.sampled_from(VERBS).map(str.encode),
    st.binary(max_size=60),
)


def one_line(raw: bytes) -> bytes:
    """*raw* without what would end it, and never a command that ends or begins a login."""
    line = raw.replace(b"\n", b"").rstrip(b"\r")
    verb = line.strip(b" \xff\xf4\xf2").split(b" ")[0].upper().decode("latin-1")
    return b"NOOP" if verb in {"QUIT", "REIN", "USER", "PASS", "AUTH", "WAIT", "MOVE", *MOVES} else line


class FuzzTests(ControlCase):
    """A control connection over a store in memory."""

    def logged_in(self) -> Client:
        """A fresh store, and somebody who may change it."""
        self.setUp()
        return self.log_in()

    @settings(deadline=None)
    @given(st.lists(LINES, min_size=1, max_size=32), st.integers(1, 50))
    def test_a_reply_a_line(self, lines: list[bytes], step: int) -> None:
        """Whatever is said, and however its packets are cut."""
        client = self.logged_in()
        sent = [one_line(line) for line in lines]
        data = b"".join(line + b"\r\n" for line in sent)
        for at in range(0, len(data), step):
            client.send(data[at : at + step])
        self.clock.pump([0] * 50)
        replies = client.hear()
        self.assertEqual(len(replies), len(sent), list(zip(sent, replies, strict=False)))
        for line, (code, texts) in zip(sent, replies, strict=True):
            self.assertTrue(200 <= code < 600, (line, code))
            self.assertNotIn("internal error", " ".join(texts).lower(), line)
        self.assertEqual(client.codes("NOOP"), [200])
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(deadline=None)
    @given(st.lists(LINES, min_size=1, max_size=20))
    def test_nobody_changes_nothing(self, lines: list[bytes]) -> None:
        """Before a login no line reaches the store."""
        self.setUp()
        asked: list[str] = []
        self.storage.hook = lambda verb, path: asked.append(verb)  # type: ignore[func-returns-value]
        client = self.connect()
        client.type(*[one_line(line) for line in lines])
        client.hear()
        self.assertEqual(asked, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=200), max_size=20))
    def test_noise(self, pieces: list[bytes]) -> None:
        """Bytes that are no lines at all: replies, or the end, and nothing logged as a fault of ours."""
        client = self.logged_in()
        for piece in pieces:
            if not client.tcp.over:
                client.send(piece)
        client.hear()
        self.assertEqual(self.flushLoggedErrors(), [])
