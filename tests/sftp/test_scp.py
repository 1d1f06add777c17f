"""The old scp protocol, both ways."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from swftp.entries import Attributes, Entry
from swftp.errors import QuotaExceeded, Unavailable
from swftp.paths import Path, resolve
from swftp.session import SessionLimits
from swftp.sftp.factories import open_command, open_subsystem
from swftp.sftp.scp import ScpIO, ScpServer
from swftp.sftp.server import SFTPServer
from swftp.storage.memory import MemoryStorage
from swftp.transfer.budget import Budget
from swftp.transfer.engine import TransferLimits
from tests.sftp.case import CONTENT, NOW, SFTPTestCase, make_session
from tests.sftp.client import FakeChannel


class Scp:
    """The client's end of one command."""

    def __init__(
        self, line: bytes, storage: MemoryStorage, clock: Clock, limits: SessionLimits | None = None
    ) -> None:
        self.channel = FakeChannel()
        self.clock = clock
        self.sent = 0
        self.budget = Budget(64 << 20, clock)
        self.server = open_command(line, lambda: make_session(storage, clock, limits, self.budget), clock)
        assert self.server is not None
        self.server.connected(self.channel)
        self.settle()

    def settle(self) -> None:
        """Let things happen that take no time."""
        self.clock.pump([0] * 30)

    def say(self, data: bytes) -> bytes:
        """Send, and hear what comes."""
        assert self.server is not None
        self.sent += len(data)
        if data:
            self.server.received([memoryview(b"#" + data)[1:]])
        self.settle()
        return self.hear()

    def hear(self) -> bytes:
        """All output so far."""
        found = bytes(self.channel.output)
        self.channel.output.clear()
        self.channel.unread = 0
        return found

    def end(self) -> int | None:
        """Say EOF; the exit status."""
        assert self.server is not None
        self.server.ended()
        self.settle()
        return self.channel.finished

    def leave(self) -> None:
        """Be gone: then nothing is open any more."""
        assert self.server is not None
        self.server.lost()
        assert self.channel.finished is not None
        assert self.budget.used == 0


SMALL_PARTS = SessionLimits(transfer=TransferLimits(segment_size=64 << 10, reorder_window=64 << 10))


async def everything(scp: ScpIO) -> bytes:
    """All that comes, in pieces of at most 1000 bytes."""
    found = bytearray()
    while not await scp.at_end():
        found += await scp.some(1000)
    return bytes(found)


class ScpTestCase(SFTPTestCase):
    """Runs commands."""

    def run_scp(self, line: bytes, limits: SessionLimits | None = None) -> Scp:
        """Begin *line*."""
        scp = Scp(line, self.storage, self.clock, limits)
        self.addCleanup(scp.leave)
        return scp

    def sink(self, line: bytes, limits: SessionLimits | None = None) -> Scp:
        """Begin an upload."""
        scp = self.run_scp(line, limits)
        self.assertEqual(scp.hear(), b"\0")
        return scp

    def refuse(self, verb: str, path: str | None = None) -> None:
        """The store will refuse *verb*, of *path* if one is given."""

        def hook(asked: str, where: Path) -> None:
            if asked == verb and path in (None, str(where)):
                raise QuotaExceeded()

        self.storage.hook = hook


class SinkTests(ScpTestCase):
    """``scp -t``."""

    def test_file(self) -> None:
        """A file is stored when the client has said that all was well."""
        scp = self.sink(b"scp -t -- /box/n")
        self.assertEqual(scp.say(b"C0640 5 name\n"), b"\0")
        self.assertEqual(scp.say(b"hello"), b"")
        self.assertNotIn("/box/n", self.storage)
        self.assertEqual(scp.say(b"\0"), b"\0")
        self.assertEqual(scp.end(), 0)
        self.assertEqual(self.storage["/box/n"], b"hello")
        self.assertEqual(scp.channel.credited, scp.sent)

    def test_into_directory(self) -> None:
        """Into an existing directory under its own name, with time and mode."""
        scp = self.sink(b"scp -p -t /box")
        self.assertEqual(scp.say(b"T1600000000 0 1600000001 0\n"), b"\0")
        self.assertEqual(scp.say(b"C0600 3 n a\xc3\xbc\n"), b"\0")
        self.assertEqual(scp.say(b"abc\0"), b"\0")
        self.assertEqual(scp.end(), 0)
        self.assertEqual(self.storage["/box/n aü"], b"abc")
        entry = self.entry("/box/n aü")
        self.assertEqual((entry.mtime, entry.mode), (1_600_000_000.0, 0o600))

    def entry(self, path: str) -> Entry:
        """What stands at *path*."""
        return self.successResultOf(Deferred.fromCoroutine(self.storage.stat(resolve(path))))

    def test_mode_of_a_file_that_exists(self) -> None:
        """It stays, unless ``-p`` was said: then the client sends times, too."""
        for times, mode in ((b"", 0o640), (b"T1600000000 0 1600000001 0\n", 0o600)):
            update = self.storage.update(resolve("/box/a"), Attributes(mode=0o640))
            self.successResultOf(Deferred.fromCoroutine(update))
            scp = self.sink(b"scp -t /box/a")
            for line in filter(None, (times, b"C0600 3 a\n", b"new\0")):
                self.assertEqual(scp.say(line), b"\0")
            self.assertEqual(scp.end(), 0)
            self.assertEqual(self.entry("/box/a").mode, mode)

    def test_tree(self) -> None:
        """Directories are made, entered and left."""
        scp = self.sink(b"scp -rt /box/tree")
        for line in (
            b"D0755 0 top\n",
            b"C0644 1 f\n",
            b"x\0",
            b"D0755 0 sub\n",
            b"C0644 0 g\n",
            b"\0",
            b"E\n",
            b"E\n",
        ):
            self.assertEqual(scp.say(line), b"\0")
        self.assertEqual(scp.end(), 0)
        self.assertEqual((self.storage["/box/tree/f"], self.storage["/box/tree/sub/g"]), (b"x", b""))

    def test_tree_over_a_tree(self) -> None:
        """Directories that are there are entered; where a file stands, or none may be, that is told and left out."""
        self.storage["/box/d/old"] = b"old"
        scp = self.sink(b"scp -rdt /box")
        self.assertEqual(scp.say(b"D0755 0 d\n"), b"\0")
        self.storage["/box/d/f"] = b"f"
        self.assertEqual(scp.say(b"D0755 0 f\n"), b"\1scp: /box/d/f: not a directory\n")
        self.refuse("make_directory")
        self.assertEqual(scp.say(b"D0755 0 g\n"), b"\1scp: /box/d/g: quota exceeded\n")
        self.assertEqual(scp.say(b"C0644 1 new\n"), b"\0")
        self.assertEqual(scp.say(b"x\0"), b"\0")
        self.assertEqual(scp.say(b"E\n"), b"\0")
        self.assertEqual(scp.end(), 1)
        self.assertEqual((self.storage["/box/d/old"], self.storage["/box/d/new"]), (b"old", b"x"))

    def test_names_that_lead_elsewhere(self) -> None:
        """A name is one component; anything else ends it all."""
        for name in (b"..", b".", b"a/b", b"/etc/passwd", b"../a", b"a\0b", b"\xff"):
            scp = self.sink(b"scp -t /box")
            self.assertEqual(scp.say(b"C0644 1 " + name + b"\n")[:1], b"\2")
            self.assertEqual(scp.channel.finished, 1)
        self.assertEqual(self.names(), ["a"])

    def names(self) -> list[str]:
        """What is in the box."""
        page = self.successResultOf(Deferred.fromCoroutine(self.storage.list(resolve("/box"))))
        return [entry.name for entry in page.entries]

    def test_nonsense(self) -> None:
        """Lines that are none end it all."""
        for line in (b"X\n", b"C644 1 n\n", b"C0644 -1 n\n", b"C0644 1\n", b"C0649 1 n\n", b"T1 2 3\n", b"E\n", b"\n",
                     b"D0755 0 d\n", b"C0644 99999999999999999999 n\n", b"C" + b"0" * 5000):  # fmt: skip
            scp = self.sink(b"scp -t /box")
            self.assertEqual(scp.say(line)[:1], b"\2", line)
            self.assertEqual(scp.channel.finished, 1)
        for line in (b"X\n", b"E \n"):
            scp = self.sink(b"scp -rt /box")
            scp.say(b"D0755 0 d\n")
            self.assertEqual(scp.say(line)[:1], b"\2", line)

    def test_client_says_the_file_is_bad(self) -> None:
        """It read its own file with errors: nothing is stored, the rest goes on."""
        scp = self.sink(b"scp -t /box")
        scp.say(b"C0644 3 a\n")
        self.assertEqual(scp.say(b"abc\1scp: a: Input/output error\n"), b"\0")
        self.assertEqual(self.storage["/box/a"], CONTENT)
        self.assertEqual(scp.say(b"C0644 1 b\n"), b"\0")
        self.assertEqual(scp.say(b"b\0"), b"\0")
        self.assertEqual(scp.end(), 1)
        self.assertEqual(self.storage["/box/b"], b"b")

    def test_client_has_trouble(self) -> None:
        """What it could not send is no end, but no success either; after its fatal word nothing is taken."""
        scp = self.sink(b"scp -t /box")
        self.assertEqual(scp.say(b"\1scp: x: Permission denied\n"), b"")
        self.assertEqual(scp.say(b"C0644 1 b\n"), b"\0")
        self.assertEqual(scp.say(b"b\0"), b"\0")
        self.assertEqual(scp.end(), 1)
        self.assertEqual(self.storage["/box/b"], b"b")
        scp = self.sink(b"scp -t /box")
        self.assertEqual(scp.say(b"\2scp: lost connection\nC0644 1 c\n"), b"\2scp: scp: lost connection\n")
        self.assertEqual(scp.channel.finished, 1)

    def test_ends_too_early(self) -> None:
        """In the middle of a line, or of a directory: what came before is kept, but that is no success."""
        for said in (b"C0644 3 a", b"D0755 0 d\n"):
            scp = self.sink(b"scp -rt /box")
            scp.say(said)
            self.assertEqual(scp.end(), 1)
            self.assertEqual(scp.hear()[:1], b"\2")

    def test_interrupted(self) -> None:
        """EOF in the middle, or loss before the last word: the old content stays."""
        cases = [(b"", "ended"), (b"ab", "ended"), (b"", "lost"), (b"ab", "lost"), (b"abc", "lost")]
        for said, end in cases:
            scp = self.sink(b"scp -t /box/a")
            scp.say(b"C0644 3 a\n" + said)
            getattr(scp.server, end)()
            scp.settle()
            self.assertEqual(self.storage["/box/a"], CONTENT, (said, end))
            self.assertEqual(scp.channel.finished, 1)

    def test_end_instead_of_last_word(self) -> None:
        """EOF behind all that was announced stores it, though the channel closes at once: libssh2 says no more."""
        for name, content in (("n", b"abc"), ("empty", b"")):
            scp = self.sink(b"scp -t /box/" + name.encode())
            scp.say(b"C0644 %d %s\n%s" % (len(content), name.encode(), content))
            self.assertNotIn(f"/box/{name}", self.storage)
            self.assertEqual(scp.end(), 0)
            scp.leave()
            self.assertEqual(self.storage[f"/box/{name}"], content)
        scp = self.sink(b"scp -t /box/c")
        assert scp.server is not None
        scp.server.received([memoryview(b"C0644 3 c\nabc")])
        scp.server.ended()
        scp.server.lost()
        scp.settle()
        self.assertEqual(self.storage["/box/c"], b"abc")

    def test_store_refuses(self) -> None:
        """An error at the end is told, and the next file is taken."""
        self.storage.quota_bytes = 20
        scp = self.sink(b"scp -t /box")
        scp.say(b"C0644 30 n\n")
        self.assertEqual(scp.say(bytes(30) + b"\0"), b"\1scp: /box/n: quota exceeded\n")
        self.assertEqual(scp.say(b"C0644 1 m\n"), b"\0")
        self.assertEqual(scp.say(b"m\0"), b"\0")
        self.assertEqual(scp.end(), 1)
        self.assertEqual(self.names(), ["a", "m"])

    def test_store_refuses_in_the_middle(self) -> None:
        """Told when all has come: the client counts bytes, and takes no word before.  The next file is taken."""
        self.refuse("stage")
        scp = self.sink(b"scp -t /box", SMALL_PARTS)
        self.assertEqual(scp.say(b"C0644 300000 a\n"), b"\0")
        self.assertEqual(scp.say(bytes(100_000)) + scp.say(bytes(100_000)) + scp.say(bytes(100_000)), b"")
        self.assertEqual(scp.say(b"\0"), b"\1scp: /box/a: quota exceeded\n")
        self.assertEqual(scp.say(b"C0644 1 m\n"), b"\0")
        self.assertEqual(scp.say(b"m\0"), b"\0")
        self.assertEqual(scp.end(), 1)
        self.assertEqual((self.storage["/box/a"], self.storage["/box/m"]), (CONTENT, b"m"))

    def test_slow_store(self) -> None:
        """What the store has not taken yet waits at the client, who gets no window for it."""
        self.storage.latency = 5.0
        scp = self.run_scp(b"scp -t /box/n", SMALL_PARTS)
        self.clock.pump([5.0] * 3)
        scp.say(b"C0644 1048576 n\n")
        self.clock.pump([5.0] * 3)
        for _ in range(16):
            scp.say(bytes(range(256)) * 256)
        self.assertLess(scp.channel.credited, 512 << 10)
        self.clock.pump([5.0] * 20)
        self.assertEqual(scp.channel.credited, scp.sent)
        scp.say(b"\0")
        self.clock.pump([5.0] * 40)  # small parts are joined
        self.assertEqual(scp.end(), 0)
        self.assertEqual(self.storage["/box/n"], bytes(range(256)) * 4096)

    def test_refused_at_once(self) -> None:
        """What cannot be stored is said before the content is sent."""
        scp = self.sink(b"scp -t /no/n")
        self.assertEqual(scp.say(b"C0644 3 n\n"), b"\1scp: /no/n: no such file or directory\n")
        self.assertEqual(scp.end(), 1)

    def test_target_has_to_be_a_directory(self) -> None:
        """``-d`` of a file is refused."""
        scp = self.run_scp(b"scp -d -t /box/a")
        self.assertEqual((scp.hear()[:1], scp.channel.finished), (b"\2", 1))

    def test_byte_by_byte(self) -> None:
        """What waits to be taken costs little more than itself, however short its pieces are."""
        scp, data = ScpIO(FakeChannel()), bytes(range(250)) * 80
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for number in range(len(data)):
            scp.received([memoryview(b"\0" * 10 + data[number : number + 1])[10:]])
        self.assertLess(tracemalloc.get_traced_memory()[0], 3 * len(data))
        scp.received([memoryview(data), memoryview(b"end")])
        scp.end()
        self.assertTrue(self.successResultOf(Deferred.fromCoroutine(everything(scp))) == data * 2 + b"end")

    @settings(deadline=None)
    @given(st.data())
    def test_any_cut(self, data: st.DataObject) -> None:
        """A client that does not wait for answers, cut anywhere."""
        clock = Clock()
        clock.advance(NOW)
        storage = MemoryStorage(clock)
        storage["/box/a"] = CONTENT
        stream = b"D0755 0 d\nT5 0 5 0\nC0644 9 f\n123456789\0C0600 0 e\n\0E\n"
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        scp = Scp(b"scp -rt /box", storage, clock)
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            scp.say(stream[start:end])
        self.assertEqual(scp.end(), 0)
        self.assertEqual((storage["/box/d/f"], storage["/box/d/e"]), (b"123456789", b""))


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
        """The transfer ends short, with an error: never filled up with something else."""
        self.storage["/box/a"] = bytes(1 << 20)
        scp = self.run_scp(b"scp -f /box/a")
        scp.say(b"\0")
        self.clock.pump([1.0] * 30)  # so long that what was fetched ahead is forgotten

        def fail(verb: str, path: object) -> None:
            raise Unavailable()

        self.storage.hook = fail
        heard = scp.say(b"\0")
        self.clock.pump([1.0] * 60)
        self.assertLess(len(heard) + len(scp.hear()), 1 << 20)
        self.assertEqual(scp.channel.finished, 1)
        self.assertIn(b"/box/a", scp.channel.errors)


class WaitingTests(ScpTestCase):
    """Who keeps whom waiting: a client that has nothing to wait for is idle some day."""

    def waits(self, scp: Scp) -> bool:
        """Whether the client of *scp* waits for us."""
        assert isinstance(scp.server, ScpServer)
        return scp.server.waiting

    def test_upload(self) -> None:
        """For the store to take what came; else it is the client's turn."""
        self.storage.latency = 1.0
        scp = self.run_scp(b"scp -t /box/n")
        self.assertTrue(self.waits(scp))
        self.clock.advance(1.0)
        self.assertFalse(self.waits(scp))
        scp.say(b"C0644 1 n\n")
        self.clock.pump([1.0] * 3)
        self.assertFalse(self.waits(scp))
        scp.say(b"x\0")
        self.assertTrue(self.waits(scp))
        self.clock.pump([1.0] * 3)
        self.assertFalse(self.waits(scp))

    def test_download(self) -> None:
        """For the store to give what was asked for; else it is the client's turn."""
        self.storage.latency = 1.0
        scp = self.run_scp(b"scp -f /box/a")
        self.assertFalse(self.waits(scp))
        scp.say(b"\0")
        self.assertTrue(self.waits(scp))
        self.clock.pump([1.0] * 3)
        self.assertFalse(self.waits(scp))


class CommandTests(ScpTestCase):
    """What is run."""

    def test_other_commands(self) -> None:
        """Only scp is."""
        for line in (b"ls", b"", b"  ", b"rm -rf /", b"/bin/sh", b"md5sum a", b"scpx -t a", b"\xff"):
            self.assertIsNone(open_command(line, self.make_session, self.clock))

    def test_scp_that_makes_no_sense(self) -> None:
        """Says so, on standard error."""
        for line in (b"scp", b"scp -t", b"scp -f", b"scp a", b"scp -x -t a", b"scp -t -f a", b"scp -t a b",
                     b"scp -S sh -t a", b"scp -t a; rm b", b"scp -t $HOME", b"scp -f `id`", b"scp -t \xff",
                     b"scp -f " + b"a" * 5000):  # fmt: skip
            scp = self.run_scp(line)
            self.assertEqual((scp.channel.finished, scp.hear()), (1, b""), line)
            self.assertTrue(scp.channel.errors.startswith(b"scp: "))

    def test_subsystems(self) -> None:
        """sftp, and no other."""
        self.assertIsInstance(open_subsystem(b"sftp", self.make_session, self.clock), SFTPServer)
        self.assertIsNone(open_subsystem(b"netconf", self.make_session, self.clock))
