"""The old scp protocol: what the client receives."""

from __future__ import annotations

from swftp.errors import Unavailable
from swftp.paths import Path
from tests.sftp.case import CONTENT
from tests.sftp.scpcase import ScpTestCase


class SourceTests(ScpTestCase):
    """``scp -f``."""

    def test_file(self) -> None:
        """Announced, sent, confirmed."""
        scp = self.run_scp(b"scp -f /box/a")
        self.assertEqual(scp.hear(), b"")
        self.assertEqual(scp.say(b"\0"), b"C0644 12 a\n")
        self.assertEqual(scp.say(b"\0"), CONTENT + b"\0")
        self.assertIsNone(scp.channel.finished)
        self.assertEqual(scp.say(b"\0"), b"")
        self.assertEqual(scp.channel.finished, 0)

    def test_times(self) -> None:
        """``-p`` says when."""
        scp = self.run_scp(b"scp -pf /box/a")
        self.assertEqual(scp.say(b"\0"), b"T1700000000 0 1700000000 0\n")
        self.assertEqual(scp.say(b"\0"), b"C0644 12 a\n")

    def transfer(self, line: bytes) -> tuple[bytes, int | None]:
        """All of it, with a client that is always content."""
        scp = self.run_scp(line)
        heard = b""
        for _ in range(100):
            if scp.channel.finished is not None:
                break
            heard += scp.say(b"\0")
        return heard, scp.channel.finished

    def test_tree(self) -> None:
        """``-r`` goes all the way down, and comes back."""
        self.storage["/box/d/e/f"] = b"f"
        self.storage["/box/d/g"] = b""
        heard, status = self.transfer(b"scp -r -f /box/d")
        self.assertEqual(heard, b"D0755 0 d\nD0755 0 e\nC0644 1 f\nf\0E\nC0644 0 g\n\0E\n")
        self.assertEqual(status, 0)

    def test_large_file(self) -> None:
        """More than one slice, to a client that reads slowly: bounded, whole."""
        self.storage["/box/a"] = content = bytes(range(256)) * 8192
        scp = self.run_scp(b"scp -f /box/a")
        scp.say(b"\0")
        scp.channel.reading = False
        heard = scp.say(b"\0")
        while len(heard) <= len(content):
            self.assertLessEqual(scp.channel.backlog, 3 * scp.channel.high_water)
            assert scp.server is not None
            scp.server.drained()
            scp.settle()
            heard += scp.hear()
        self.assertEqual(heard, content + b"\0")

    def test_lost(self) -> None:
        """A client that is gone is read for no longer."""
        self.storage["/box/a"] = bytes(8 << 20)
        scp = self.run_scp(b"scp -f /box/a")
        scp.say(b"\0")
        scp.channel.reading = False
        scp.say(b"\0")
        scp.channel.dead = scp.channel.reading = True
        scp.leave()
        asked: list[str] = []
        self.storage.hook = lambda verb, path: asked.append(verb)  # type: ignore[func-returns-value]
        self.clock.pump([1.0] * 10)
        self.assertEqual((asked, scp.channel.finished), ([], 1))

    def test_pattern(self) -> None:
        """The last component is a pattern unless it is quoted; hidden names need a dot."""
        for name in ("b.txt", "c.txt", ".d.txt", "*.txt"):
            self.storage[f"/box/{name}"] = b""
        for line, names in (
            (b"scp -f /box/*.txt", [b"*.txt", b"b.txt", b"c.txt"]),
            (b"scp -f /box/.*.txt", [b".d.txt"]),
            (rb"scp -f /box/\*.txt", [b"*.txt"]),
            (b"scp -f '/box/*.txt'", [b"*.txt"]),
            (b"scp -f /box/[bx].txt /box/a", [b"b.txt", b"a"]),
        ):
            heard, status = self.transfer(line)
            found = [part.split(b" ")[2] for part in heard.replace(b"\0", b"\n").split(b"\n") if part[:2] == b"C0"]
            self.assertEqual((found, status), (names, 0))

    def test_errors(self) -> None:
        """What is missing, or a directory without ``-r``, is told; the rest is sent."""
        heard, status = self.transfer(b"scp -f /box/x /box /box/*.no /no/*.txt / /box/a")
        self.assertEqual(heard.count(b"\1scp: "), 5)
        self.assertEqual(self.transfer(b"scp -rf /"), (b"\1scp: /: not a regular file\n", 1))
        self.assertTrue(heard.endswith(b"C0644 12 a\n" + CONTENT + b"\0"))
        self.assertEqual(status, 1)

    def test_store_refuses_some(self) -> None:
        """A match of a pattern, a file of a tree, or a directory of it, is told; the rest is sent."""
        for path in ("/box/d/a", "/box/d/b/c", "/box/d/e"):
            self.storage[path] = b"x"
        sent = b"D0755 0 b\nC0644 1 c\nx\0E\n"
        for line, verb, path, begins, ends in (
            (b"scp -rf /box/d/*", "fetch", "/box/d/a", b"", sent + b"C0644 1 e\nx\0"),
            (b"scp -rf /box/d", "fetch", "/box/d/a", b"D0755 0 d\n", sent + b"C0644 1 e\nx\0E\n"),
            (b"scp -rf /box/d", "list", "/box/d/b", b"D0755 0 d\nC0644 1 a\nx\0", b"\nC0644 1 e\nx\0E\n"),
        ):
            self.refuse(verb, path)
            heard, status = self.transfer(line)
            self.assertTrue(heard.startswith(begins + b"\1scp: %s: " % path.encode()), heard)
            self.assertTrue(heard.endswith(ends), heard)
            self.assertEqual((heard.count(b"\1"), status), (1, 1))

    def test_listing_fails_in_the_middle(self) -> None:
        """What was listed is sent, the rest is told to be missing, and the client is led out of the directory."""
        for number in range(25):
            self.storage[f"/box/d/{number:02}"] = b""
        self.storage.page_size = 10
        pages: list[str] = []

        def hook(verb: str, path: Path) -> None:
            if verb == "list":
                pages.append(str(path))
                if len(pages) > 2:
                    raise Unavailable()

        self.storage.hook = hook
        heard, status = self.transfer(b"scp -rf /box/d")
        self.assertEqual((heard.count(b"C0644"), heard.count(b"\1scp: /box/d: "), status), (20, 1, 1))
        self.assertTrue(heard.endswith(b"\nE\n"))

    def test_command_with_line_feeds(self) -> None:
        """Nothing of it makes a line of its own in the protocol."""
        heard, status = self.transfer(b"scp -f '/box/n\nC0644 1 x\r' /box/a")
        self.assertEqual((heard.count(b"\n"), heard.count(b"\r"), status), (2, 0, 1))

    def test_client_is_unhappy(self) -> None:
        """At the very beginning nothing is sent; later that is no success, whatever it was said of."""
        self.storage["/box/d/e/f"] = b"f"
        scp = self.run_scp(b"scp -f /box/a")
        self.assertEqual((scp.say(b"\1scp: no\n"), scp.channel.finished), (b"", 1))
        no = b"\1scp: no\n"
        for line, said, heard in (
            (b"scp -pf /box/a", [b"\0", no], b"T1700000000 0 1700000000 0\n"),
            (b"scp -f /box/a", [b"\0", b"\0", no], b"C0644 12 a\n" + CONTENT + b"\0"),
            (b"scp -rf /box/d", [b"\0", no], b"D0755 0 d\n"),
            (b"scp -rf /box/d", [b"\0", b"\0", no, b"\0"], b"D0755 0 d\nD0755 0 e\nE\n"),
            (b"scp -rf /box/d/e", [b"\0", b"\0", b"\0", b"\0", no], b"D0755 0 e\nC0644 1 f\nf\0E\n"),
        ):
            scp = self.run_scp(line)
            self.assertEqual(b"".join(map(scp.say, said)), heard)
            self.assertEqual(scp.channel.finished, 1, line)

    def test_client_declines(self) -> None:
        """A file that the client does not want is not sent; after a fatal word nothing is."""
        self.storage["/box/b"] = self.storage["/box/c"] = b"b"
        scp = self.run_scp(b"scp -f /box/a /box/b /box/c")
        scp.say(b"\0")
        self.assertEqual(scp.say(b"\1scp: a: Permission denied\n"), b"C0644 1 b\n")
        self.assertEqual(scp.say(b"\2scp: enough\n"), b"")
        self.assertEqual(scp.channel.finished, 1)

    def test_replaced_since_it_was_seen(self) -> None:
        """A file that became longer a moment ago is announced, and sent, as it is now: whole."""
        scp = self.run_scp(b"scp -f /box/*")
        self.storage.hook = lambda verb, path: self._replace() if verb == "fetch" else None
        scp.say(b"\0")
        self.assertEqual(scp.say(b"\0"), b"longer than before\0")

    def _replace(self) -> None:
        self.storage.hook = None
        self.storage["/box/a"] = b"longer than before"

    def test_store_fails_in_the_middle(self) -> None:
        """The transfer ends short, with an error, of a tree as well: never filled up with something else."""

        def fail(verb: str, path: object) -> None:
            raise Unavailable()

        for line, said in ((b"scp -f /box/d/a", 1), (b"scp -rf /box/d", 2)):
            self.storage.hook = None
            self.storage["/box/d/a"] = self.storage["/box/d/b"] = bytes(1 << 20)
            scp = self.run_scp(line)
            for _ in range(said):
                scp.say(b"\0")
            self.clock.pump([1.0] * 30)  # so long that what was fetched ahead is forgotten
            self.storage.hook = fail
            heard = scp.say(b"\0")
            self.clock.pump([1.0] * 60)
            heard += scp.hear()
            self.assertLess(len(heard), 1 << 20)
            self.assertEqual((heard.count(b"\0"), scp.channel.finished), (len(heard), 1))
            self.assertIn(b"/box/d/a", scp.channel.errors)
