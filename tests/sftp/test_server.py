"""The channel as a whole: one reply each, bounds, and every way it ends."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from swftp.outcomes import Status
from swftp.paths import Path
from swftp.session import SessionLimits
from swftp.session.openfiles import MOMENT
from swftp.sftp.extensions import EXTENSIONS
from swftp.sftp.server import Limits, SFTPServer
from swftp.sftp.wire import ATTR_KNOWN, Packet, string
from swftp.storage.memory import MemoryStorage
from swftp.transfer.engine import TransferLimits
from tests.sftp.case import CONTENT, CREAT, NEW, NOW, READ, WRITE, A, SFTPTestCase, make_session
from tests.sftp.client import NO_ATTRS, FakeChannel, FakeClient, Heard, packet, u32, u64


class GreetingTests(SFTPTestCase):
    """INIT and VERSION."""

    def raw_client(self) -> FakeClient:
        """A client that has said nothing yet."""
        return FakeClient(SFTPServer(self.make_session(), self.clock), greet=False)

    def test_version_is_three(self) -> None:
        """Whatever the client can do, we do version 3, the extensions beside it."""
        for version in (0, 2, 3, 4, 6, 2**32 - 1):
            client = self.raw_client()
            client.send(packet(Packet.INIT, u32(version), b"junk"))
            (heard,) = client.hear()
            self.assertEqual((heard.kind, heard.body[:4]), (Packet.VERSION, u32(3)))
            self.assertIn(string(b"limits@openssh.com") + string(b"1"), heard.body)
            self.assertNotIn(b"hardlink", heard.body)

    def test_request_before_init(self) -> None:
        """The channel is closed, nothing is answered."""
        for request in (packet(Packet.STAT, u32(1), A), packet(Packet.READ, u32(1), A, u64(0), u32(9))):
            client = self.raw_client()
            client.send(request)
            self.assertEqual((client.hear(), client.channel.finished), ([], 1))

    def test_fast_request_before_init(self) -> None:
        """A READ in its usual form is no exception."""
        client = self.raw_client()
        client.send(packet(Packet.READ, u32(1), string(b"\0\0\0\1"), u64(0), u32(9)))
        self.assertEqual((client.hear(), client.channel.finished), ([], 1))


handles = st.sampled_from([b"\0\0\0\1", b"\0\0\0\2", b"\0\0\0\3", b"", b"\0\0\0\x09", b"12345"]).map(string)
paths = st.sampled_from([b"/box/a", b"/box", b"/", b"", b".", b"/box/x", b"/no/x", b"/box/a/b", b"\xff", b"a\0"]).map(
    string
)
ints = st.integers(0, 2**32 - 1).map(u32) | st.just(u32(0)) | st.just(u32(READ | WRITE | CREAT))
longs = st.sampled_from([0, 1, 5, 2**31, 2**63, 2**64 - 1]).map(u64)
blobs = st.binary(max_size=20)
fields = handles | paths | ints | longs | blobs | blobs.map(string) | st.just(NO_ATTRS) | st.just(u32(ATTR_KNOWN))
names = st.sampled_from([*EXTENSIONS, b"nobody@home"]).map(string)
bodies = st.lists(fields, max_size=5).map(b"".join)
garbage = st.tuples(st.integers(2, 255), bodies) | st.tuples(
    st.just(Packet.EXTENDED), st.builds(lambda name, rest: name + rest, names, bodies)
)


class OneReplyTests(SFTPTestCase):
    """Each request gets exactly one reply, whatever it holds."""

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(garbage, max_size=8), st.data())
    def test_well_framed_garbage(self, requests: list[tuple[int, bytes]], data: st.DataObject) -> None:
        """Any types, any bodies, cut anywhere: as many replies as requests, each once, and no error is left over."""
        clock = Clock()
        clock.advance(NOW)
        storage = MemoryStorage(clock)
        storage["/box/a"] = CONTENT
        client = FakeClient(SFTPServer(make_session(storage, clock), clock))
        client.call(Packet.OPENDIR, string(b"/box"))
        client.open(b"/box/a", READ)
        client.open(b"/box/new", READ | NEW)
        stream = b"".join(packet(kind, u32(1000 + i), body) for i, (kind, body) in enumerate(requests))
        cut = data.draw(st.integers(0, len(stream)))
        client.send(stream[:cut])
        client.send(stream[cut:])
        clock.pump([MOMENT / 10] * 50)
        self.assertEqual(sorted(h.request for h in client.hear()), [1000 + i for i in range(len(requests))])
        self.assertIsNone(client.channel.finished)
        self.assertEqual(client.channel.credited, client.sent)

    def test_malformed(self) -> None:
        """Too short, trailing bytes, unknown attributes: BAD_MESSAGE."""
        for kind, *body in (
            (Packet.OPEN, A, u32(READ)),
            (Packet.STAT, u32(100) + b"abc"),
            (Packet.STAT, A, b"x"),
            (Packet.SETSTAT, A, u32(0x100), u64(0)),
            (Packet.WRITE, string(b"\0\0\0\1"), u64(0), u32(10), b"abc"),
            (Packet.WRITE, string(b"\0\0\0\1"), u64(0), u32(3), b"abcdef"),
            (Packet.READ, string(b"\0\0\0\1"), u64(0)),
            (Packet.CLOSE,),
            (Packet.EXTENDED, u32(77)),
        ):
            with self.subTest(kind=kind, body=body):
                self.assertEqual(self.client.call(kind, *body).code, Status.BAD_MESSAGE)

    def test_trailing_bytes_of_realpath(self) -> None:
        """REALPATH is answered whatever follows the path: a client in the field sends that."""
        self.assertEqual(self.client.call(Packet.REALPATH, string(b"."), b"\1xyz").names[0][0], b"/")

    def test_unknown_handle(self) -> None:
        """FAILURE, for every request that names a handle, closed ones included."""
        closed = self.client.open(b"/box/a", READ)
        self.assertEqual(self.client.call(Packet.CLOSE, closed).code, Status.OK)
        for handle in (closed, string(b"\0\0\0\x63"), string(b""), string(b"a long handle")):
            for kind, *rest in (
                (Packet.CLOSE,),
                (Packet.READ, u64(0), u32(9)),
                (Packet.WRITE, u64(0), string(b"abc")),
                (Packet.WRITE, u64(0), string(b"")),
                (Packet.FSTAT,),
                (Packet.FSETSTAT, NO_ATTRS),
                (Packet.READDIR,),
            ):
                heard = self.client.call(kind, handle, *rest)
                self.assertEqual((heard.code, heard.message), (Status.FAILURE, "Invalid handle"))

    def test_wrong_kind_of_handle(self) -> None:
        """READ of a directory and READDIR of a file are failures."""
        directory = string(self.client.call(Packet.OPENDIR, string(b"/")).data)
        file = self.client.open(b"/box/a", READ)
        self.assertEqual(self.client.call(Packet.READ, directory, u64(0), u32(9)).code, Status.FAILURE)
        self.assertEqual(self.client.call(Packet.WRITE, directory, u64(0), string(b"x")).code, Status.FAILURE)
        self.assertEqual(self.client.call(Packet.READDIR, file).code, Status.FAILURE)

    def test_unknown_request(self) -> None:
        """OP_UNSUPPORTED, for types and extensions alike."""
        for kind in (0, 2, 21, 101, 105, 201, 255):
            self.assertEqual(self.client.call(kind, b"whatever").code, Status.OP_UNSUPPORTED)
        for name in (b"hardlink@openssh.com", b"text-seek", b""):
            self.assertEqual(self.client.call_extended(name, A, A).code, Status.OP_UNSUPPORTED)

    def test_our_own_fault(self) -> None:
        """An error that is no `StorageError` is a FAILURE without details, and is logged."""

        def broken(verb: str, path: Path) -> None:
            raise ZeroDivisionError("secret")

        self.storage.hook = broken
        heard = self.client.call(Packet.STAT, A)
        self.assertEqual((heard.code, heard.message), (Status.FAILURE, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_absurd_length(self) -> None:
        """The channel is closed cleanly; what was asked before is answered, what comes after is not looked at."""
        self.client.ask(Packet.STAT, A)
        self.client.send(u32(2**32 - 1) + b"\6")
        self.client.ask(Packet.STAT, A)
        self.assertEqual(([h.kind for h in self.client.hear()], self.client.channel.finished), ([Packet.ATTRS], 1))

    def test_nothing_behind_an_absurd_length(self) -> None:
        """What follows it is no request, whatever it looks like: nothing that was open is committed."""
        handle = self.client.open(b"/box/n", NEW)
        self.client.send(u32(0xFFFFFFFF))
        self.client.ask(Packet.CLOSE, handle)
        self.settle()
        self.assertEqual(self.client.hear(), [])
        self.assertNotIn("/box/n", self.storage)


class IndependenceTests(SFTPTestCase):
    """Nothing waits for what it does not depend on."""

    def test_slow_close_holds_up_nothing(self) -> None:
        """While a CLOSE waits for the store, other names and other handles are served."""
        self.storage.latency = 5.0
        opening = self.client.ask(Packet.OPEN, string(b"/box/n"), u32(NEW), NO_ATTRS)
        self.clock.pump([5.0] * 3)
        handle = string(self.client.reply(opening).data)
        closing = self.client.ask(Packet.CLOSE, handle)
        self.storage.latency = 0
        self.assertIs(self.client.call(Packet.STAT, A).kind, Packet.ATTRS)
        other = self.client.open(b"/box/a", READ)
        reading = self.client.ask(Packet.READ, other, u64(0), u32(99))
        self.settle()
        self.assertEqual(self.client.reply(reading).data, CONTENT)
        self.clock.pump([5.0] * 3)
        self.assertEqual(self.client.reply(closing).code, Status.OK)

    def test_rename_right_after_close(self) -> None:
        """A RENAME that does not wait for CLOSE moves the new content."""
        handle = self.client.open(b"/box/n.part", NEW)
        self.storage.latency = 1.0
        asked = [
            self.client.ask(Packet.WRITE, handle, u64(0), string(b"new")),
            self.client.ask(Packet.CLOSE, handle),
            self.client.ask(Packet.RENAME, string(b"/box/n.part"), string(b"/box/n")),
        ]
        self.clock.pump([1.0] * 10)
        heard = self.client.hear()
        self.assertEqual([(h.request, h.code) for h in heard], [(number, Status.OK) for number in asked])
        self.assertEqual(self.storage["/box/n"], b"new")
        self.assertNotIn("/box/n.part", self.storage)

    def test_rename_right_after_fsetstat_and_close(self) -> None:
        """All in one packet, with the client not reading: the RENAME still comes last."""
        handle = self.client.open(b"/box/n.part", NEW)
        self.storage.latency = 1.0
        self.client.channel.reading = False
        self.client.channel.unread += self.client.channel.high_water
        times = u32(8) + u32(5) + u32(6)
        asked = [
            packet(Packet.WRITE, u32(101), handle, u64(0), string(b"new")),
            packet(Packet.FSETSTAT, u32(102), handle, times),
            packet(Packet.CLOSE, u32(103), handle),
            packet(Packet.RENAME, u32(104), string(b"/box/n.part"), string(b"/box/n")),
            packet(Packet.STAT, u32(105), string(b"/box/n")),
        ]
        self.client.send(b"".join(asked))
        self.client.channel.reading = True
        self.client.server.drained()  # type: ignore[attr-defined]
        self.clock.pump([1.0] * 10)
        heard = self.client.hear()
        self.assertEqual([h.request for h in heard], [101, 102, 103, 104, 105])
        self.assertEqual((heard[-1].attrs.mtime, self.storage["/box/n"]), (6, b"new"))

    def test_channels_of_one_session(self) -> None:
        """A channel that is lost takes its own files with it, and nobody else's."""
        session = self.make_session()
        one, two = (FakeClient(SFTPServer(session, self.clock)) for _ in range(2))
        first, second = one.open(b"/box/1", NEW), two.open(b"/box/2", NEW)
        one.server.lost()  # type: ignore[attr-defined]
        self.assertEqual(two.call(Packet.CLOSE, second).code, Status.OK)
        self.assertIn("/box/2", self.storage)
        self.assertNotIn("/box/1", self.storage)
        self.assertEqual(two.call(Packet.CLOSE, first).code, Status.FAILURE)

    def test_two_writers(self) -> None:
        """Two handles on one name: the last CLOSE wins, as a whole."""
        one, two = self.client.open(b"/box/n", NEW), self.client.open(b"/box/n", NEW)
        self.client.call(Packet.WRITE, one, u64(0), string(b"one, longer"))
        self.client.call(Packet.WRITE, two, u64(0), string(b"two"))
        for handle in (one, two):
            self.assertEqual(self.client.call(Packet.CLOSE, handle).code, Status.OK)
        self.assertEqual(self.storage["/box/n"], b"two")


class BoundsTests(SFTPTestCase):
    """What one client can make us hold."""

    def test_handles(self) -> None:
        """The 4th of 3 handles is refused; when one is closed there is room."""
        client = self.connect(Limits(handles=3))
        opened = [client.open(b"/box/a", READ), client.open(b"/box/n", NEW)]
        opened.append(string(client.call(Packet.OPENDIR, string(b"/")).data))
        for kind, *rest in ((Packet.OPEN, A, u32(READ), NO_ATTRS), (Packet.OPENDIR, string(b"/"))):
            self.assertEqual(client.call(kind, *rest).message, "Too many open files")
        client.call(Packet.CLOSE, opened[2])
        client.open(b"/box/a", READ)

    def test_failed_opens_take_no_place(self) -> None:
        """Only what is open counts."""
        client = self.connect(Limits(handles=1))
        for _ in range(5):
            self.assertEqual(
                client.call(Packet.OPEN, string(b"/box/x"), u32(READ), NO_ATTRS).code, Status.NO_SUCH_FILE
            )
            self.assertEqual(client.call(Packet.OPENDIR, string(b"/no")).code, Status.NO_SUCH_FILE)
        client.open(b"/box/a", READ)

    def test_numbers_are_not_used_twice(self) -> None:
        """A new handle is never called as an old one was."""
        seen = set()
        for _ in range(10):
            handle = self.client.open(b"/box/a", READ)
            self.assertNotIn(handle, seen)
            seen.add(handle)
            self.client.call(Packet.CLOSE, handle)

    def test_requests(self) -> None:
        """Above the bound requests wait without credit; they are all answered, in the end."""
        client = self.connect(Limits(requests=4))
        self.storage.latency = 1.0
        asked = [client.ask(Packet.STAT, A) for _ in range(20)]
        self.assertLess(client.channel.credited, client.sent)
        self.clock.pump([1.0] * 12)
        self.assertEqual(sorted(h.request for h in client.hear()), asked)
        self.assertEqual(client.channel.credited, client.sent)

    def test_client_that_does_not_wait_for_its_writes(self) -> None:
        """A pipelined upload to a slow store is held back by its window; then it goes on, and is whole."""
        limits = SessionLimits(memory=4 << 20, transfer=TransferLimits(segment_size=1 << 20))
        client = FakeClient(SFTPServer(make_session(self.storage, self.clock, limits), self.clock))
        handle = client.open(b"/box/n", NEW)
        client.hear()
        store: Deferred[None] = Deferred()
        self.storage.hook = lambda verb, path: store
        content = bytes(range(256)) * 128
        sent = 0
        while client.channel.credited == client.sent and sent < 1000:
            client.ask(Packet.WRITE, handle, u64(sent * len(content)), string(content))
            sent += 1
        self.assertLess(sent, 400)
        self.assertLess(len(client.hear()), sent)
        self.storage.hook = None
        store.callback(None)
        self.settle()
        client.hear()
        self.assertEqual(client.channel.credited, client.sent)
        closing = client.ask(Packet.CLOSE, handle)
        self.settle()
        self.assertEqual(client.reply(closing).code, Status.OK)
        self.assertEqual(self.storage["/box/n"], content * sent)

    def test_client_that_does_not_read(self) -> None:
        """Output stays near the high water, however many READs wait, and all are answered when it reads."""
        self.storage["/box/big"] = bytes(range(256)) * 4096
        channel = FakeChannel(high_water=64 * 1024)
        client = self.connect(channel=channel)
        handle = client.open(b"/box/big", READ)
        channel.reading = False
        asked = [client.ask(Packet.READ, handle, u64(32768 * i), u32(32768)) for i in range(32)]
        self.settle()
        self.assertLessEqual(channel.backlog, 64 * 1024 + 32768 + 26)
        heard: list[Heard] = []
        for _ in range(40):
            heard += client.hear()
            client.server.drained()  # type: ignore[attr-defined]
            self.settle()
        self.assertEqual([h.request for h in heard], asked)
        self.assertEqual(b"".join(h.data for h in heard), self.storage["/box/big"])

    def test_small_replies_to_a_client_that_does_not_read(self) -> None:
        """A flood of cheap requests is not answered without end: they wait unparsed, and uncredited."""
        channel = FakeChannel(high_water=4096)
        client = self.connect(channel=channel)
        channel.reading = False
        before = client.sent
        asked = [client.ask(Packet.REALPATH, string(b"x" * 200)) for _ in range(200)]
        self.assertLess(channel.backlog, 5 * 4096)
        self.assertLess(channel.credited - before, client.sent - before)
        heard = []
        while len(heard) < len(asked):
            heard += client.hear()
            client.server.drained()  # type: ignore[attr-defined]
        self.assertEqual([h.request for h in heard], asked)
        self.assertEqual(channel.credited, client.sent)

    def test_fair_turns(self) -> None:
        """Two handles that a slow client reads from get their replies in turn."""
        self.storage["/box/big"] = bytes(1 << 20)
        channel = FakeChannel(high_water=1024)
        client = self.connect(channel=channel)
        one, two = client.open(b"/box/big", READ), client.open(b"/box/big", READ)
        for handle in (one, two):  # have the first bytes at hand
            client.ask(Packet.READ, handle, u64(0), u32(1024))
        self.settle()
        client.hear()
        channel.reading = False
        first = {client.ask(Packet.READ, one, u64(1024 * i), u32(1024)) for i in range(10)}
        for i in range(10):
            client.ask(Packet.READ, two, u64(1024 * i), u32(1024))
        order = []
        while len(order) < 20:
            order += [h.request in first for h in client.hear()]
            client.server.drained()  # type: ignore[attr-defined]
            self.settle()
        self.assertLessEqual(abs(sum(order[2:10]) - 4), 1)
