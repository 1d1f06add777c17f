"""The old scp protocol: what is run, what the client sends, and who waits for whom."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from swftp.entries import Attributes, Entry
from swftp.paths import resolve
from swftp.sftp.factories import open_command, open_subsystem
from swftp.sftp.scp import ScpIO, ScpServer
from swftp.sftp.server import SFTPServer
from swftp.storage.memory import MemoryStorage
from tests.sftp.case import CONTENT, NOW
from tests.sftp.client import FakeChannel
from tests.sftp.scpcase import SMALL_PARTS, Scp, ScpTestCase, everything


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
