"""One session channel: windows, output, and its end."""

from __future__ import annotations

import random
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from swftp.interfaces import ISessionChannel
from swftp.ssh.settings import HIGH_WATER, MAX_DATA, Settings
from swftp.ssh.wire import U32, Msg, Reader, string
from tests.ssh.harness import WINDOW, Client, Recorder, Server

CLOSING = [Msg.CHANNEL_REQUEST, Msg.CHANNEL_EOF, Msg.CHANNEL_CLOSE]


def logged_in(**settings: object) -> Client:
    """A client on a server with *settings*."""
    return Client(Server(Settings(**settings))).login()  # type: ignore[arg-type]


class Interface(SynchronousTestCase):
    def test_provided(self) -> None:
        """A channel is what `ISessionChannel` says."""
        _, recorder = logged_in().subsystem(Recorder())
        verifyObject(ISessionChannel, recorder.channel)


class Incoming(SynchronousTestCase):
    """From the client."""

    def test_whole_packets(self) -> None:
        """The subsystem gets each packet's data where it lies, without a copy."""

        class Noting(Recorder):
            def received(self, pieces: Sequence[memoryview]) -> None:
                self.events += [f"{type(piece.obj).__name__} {len(piece.obj)}" for piece in pieces]  # type: ignore[arg-type]
                super().received(pieces)

        client = logged_in()
        channel, recorder = client.subsystem(Noting())
        client.write(channel, b"abc")
        self.assertEqual((recorder.got, recorder.events[1:]), (b"abc", ["bytes 32"]))

    def test_channels_in_one_read(self) -> None:
        """Data of several channels that comes in one piece goes to each in its order, and to no other."""
        client = logged_in()
        (one, first), (two, second) = client.subsystem(Recorder()), client.subsystem(Recorder())
        sent = [(one, b"a"), (one, b"b"), (two, b"1"), (one, b"c"), (two, b"2"), (two, b"3")]
        client.raw(b"".join([client.sealer.seal_data(channel, [data], 1, 32768) for channel, data in sent]))
        self.assertEqual((first.got, second.got), (b"abc", b"123"))

    def test_windows_of_many(self) -> None:
        """The more channels there are the less each client may send; all go on, and get it back when others go."""
        server = Server(Settings(window=1 << 20, windows=1 << 20))
        clients = [Client(server).login() for _ in range(8)]
        channels = [(client, *client.subsystem(Recorder())) for client in clients]
        for _ in range(200):
            for client, channel, _ in channels:
                client.write(channel, bytes(8192))
        held = [recorder.channel.localWindowLeft + recorder.channel._owed for _, _, recorder in channels]
        self.assertEqual(held, [1 << 17] * 8)
        for client, channel, recorder in channels:
            for _ in range(100):
                client.write(channel, bytes(8192))
            self.assertEqual((len(recorder.got), client.closed), (300 * 8192, False))
        for client, channel, _ in channels[1:]:
            client.send(Msg.CHANNEL_CLOSE, U32.pack(channel))
        client, channel, recorder = channels[0]
        for _ in range(200):
            client.write(channel, bytes(8192))
        self.assertGreater(recorder.channel.localWindowLeft, 900_000)

    def test_windows_are_given_back(self) -> None:
        """However a channel ends, others have its share."""
        server = Server()
        for end in (
            lambda client, channel: client.send(Msg.CHANNEL_CLOSE, U32.pack(channel)),
            lambda client, _: client.vanish(),
            lambda client, channel: client.send(Msg.CHANNEL_EOF, U32.pack(channel) + b"nonsense"),
        ):
            client = Client(server).login()
            channel, _ = client.subsystem(Recorder())
            self.assertEqual(server.factory.windows.open, 1)
            end(client, channel)
            if client.closed:
                client.vanish()
            self.assertEqual(server.factory.windows.open, 0)

    def test_begins_small(self) -> None:
        """Who uses his window gets a larger one with every message, up to what is configured."""
        client = logged_in(window=1 << 20)
        channel, recorder = client.subsystem(Recorder())
        sizes = [recorder.channel.localWindowSize]
        for _ in range(200):
            client.write(channel, bytes(8192))
            if recorder.channel.localWindowSize != sizes[-1]:
                sizes.append(recorder.channel.localWindowSize)
        self.assertEqual(sizes, [1 << 17, 1 << 18, 1 << 19, 1 << 20])
        self.assertLessEqual(recorder.channel.localWindowLeft + recorder.channel._owed, 1 << 20)

    def test_window_is_not_given_back_early(self) -> None:
        """A client may send its window, and gets more only for what the subsystem has dealt with."""
        client = logged_in(window=100000)
        channel, recorder = client.subsystem(Recorder(credits=False))
        client.write(channel, bytes(100000))
        self.assertEqual((len(recorder.got), client.messages), (100000, []))
        recorder.channel.credit(24999)
        client.pump()
        self.assertEqual(client.messages, [])
        recorder.channel.credit(1)
        client.pump()
        self.assertEqual(client.take(Msg.CHANNEL_WINDOW_ADJUST), [U32.pack(7) + U32.pack(25000)])
        client.write(channel, bytes(25000))
        self.assertEqual((len(recorder.got), client.closed), (125000, False))

    def test_overrun(self) -> None:
        """A client that sends more than its window is hung up on, and the excess not delivered."""
        client = logged_in(window=100000)
        channel, recorder = client.subsystem(Recorder(credits=False))
        client.write(channel, bytes(100000))
        client.write(channel, b"x")
        self.assertEqual((client.closed, len(recorder.got)), (True, 100000))

    def test_large_packet(self) -> None:
        """A packet with as much data as we said is taken; one byte more ends the connection."""
        client = logged_in(first_window=1 << 20)
        channel, recorder = client.subsystem(Recorder())
        client.raw(bytes(client.sealer.seal_data(channel, [bytes(MAX_DATA)], MAX_DATA, MAX_DATA)))
        self.assertEqual(len(recorder.got), MAX_DATA)
        client.raw(bytes(client.sealer.seal_data(channel, [bytes(MAX_DATA + 1)], MAX_DATA + 1, MAX_DATA + 1)))
        self.assertTrue(client.closed)

    def test_malformed_data(self) -> None:
        """Sizes that do not add up, and channels that are not there."""
        for payload in (
            b"",
            b"\0\0",
            U32.pack(0),
            U32.pack(0) + U32.pack(9) + b"x",
            U32.pack(0) + string(b"x") + b"y",
        ):
            client = logged_in()
            client.subsystem(Recorder())
            client.send(Msg.CHANNEL_DATA, payload)
            self.assertTrue(client.closed, payload)
        client = logged_in()
        client.send(Msg.CHANNEL_DATA, U32.pack(5) + string(b"x"))
        self.assertTrue(client.closed)

    def test_nobody_listens(self) -> None:
        """Data before a subsystem runs, and extended data at any time, is dropped and given back."""
        client = logged_in(window=4000)
        channel = client.open()
        client.write(channel, bytes(2000))
        self.assertEqual(client.take(Msg.CHANNEL_WINDOW_ADJUST), [U32.pack(7) + U32.pack(2000)])
        client.send(Msg.CHANNEL_EXTENDED_DATA, U32.pack(channel) + U32.pack(1) + string(bytes(2000)))
        self.assertEqual(client.take(Msg.CHANNEL_WINDOW_ADJUST), [U32.pack(7) + U32.pack(2000)])
        client.send(Msg.CHANNEL_EXTENDED_DATA, U32.pack(channel) + U32.pack(1) + string(bytes(4001)))
        self.assertTrue(client.closed)

    def test_after_eof(self) -> None:
        """EOF reaches the subsystem once; data or another EOF behind it ends the connection."""
        for number, rest in ((Msg.CHANNEL_DATA, string(b"x")), (Msg.CHANNEL_EOF, b"")):
            client = logged_in()
            channel, recorder = client.subsystem(Recorder())
            client.send(Msg.CHANNEL_EOF, U32.pack(channel))
            self.assertEqual(recorder.events, ["connected", "ended"])
            client.send(number, U32.pack(channel) + rest)
            self.assertTrue(client.closed)


class Outgoing(SynchronousTestCase):
    """To the client."""

    def test_packet_size(self) -> None:
        """No packet holds more than the client said it takes."""
        client = logged_in()
        _, recorder = client.subsystem(Recorder(), limit=1024)
        recorder.channel.put(bytes(5000))
        client.pump()
        sizes = [len(payload) - 8 for payload in client.take(Msg.CHANNEL_DATA)]
        self.assertEqual(sizes, [1024] * 4 + [904])

    def test_window(self) -> None:
        """No more is sent than the client's window; the rest follows as it opens, byte for byte."""
        chance = random.Random(2)
        parts = [chance.randbytes(chance.randrange(4000)) for _ in range(40)]
        client = logged_in()
        channel, recorder = client.subsystem(Recorder(), window=0)
        recorder.channel.put(*parts)
        client.pump()
        self.assertEqual(client.messages, [])
        got = b""
        while recorder.channel.backlog:
            window = chance.randrange(1, 9000)
            client.send(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(channel) + U32.pack(window))
            data = client.output()
            self.assertLessEqual(len(data), window)
            got += data
        self.assertEqual(got, b"".join(parts))

    def test_window_overflow(self) -> None:
        """A window beyond 2**32 - 1 is against RFC 4254 section 5.2."""
        client = logged_in()
        channel, _ = client.subsystem(Recorder(), window=0xFFFFFFFF)
        client.send(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(channel) + U32.pack(0))
        self.assertFalse(client.closed)
        client.send(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(channel) + U32.pack(1))
        self.assertTrue(client.closed)

    def test_drained(self) -> None:
        """``drained`` comes once for each time that the backlog was at the high water mark, and not otherwise."""
        client = logged_in()
        channel, recorder = client.subsystem(Recorder(), window=0)
        recorder.channel.put(bytes(HIGH_WATER - 1))
        client.send(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(channel) + U32.pack(10))
        self.assertEqual(recorder.events, ["connected"])
        recorder.channel.put(bytes(11))
        self.assertEqual(recorder.channel.backlog, HIGH_WATER)
        client.send(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(channel) + U32.pack(1))
        self.assertEqual(recorder.events, ["connected", "drained"])
        client.send(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(channel) + U32.pack(1))
        self.assertEqual(recorder.events, ["connected", "drained"])

    def test_producing_from_drained(self) -> None:
        """A subsystem that fills up in ``drained`` sends any amount in one go, with little waiting at any time."""

        class Producing(Recorder):
            left = 3 << 20
            most = 0

            def drained(self) -> None:
                while self.left and self.channel.backlog < self.channel.high_water:
                    self.left -= 1 << 16
                    self.channel.put(bytes(1 << 16))
                self.most = max(self.most, self.channel.backlog)

        client = logged_in()
        _, recorder = client.subsystem(Producing(), window=4 << 20)
        recorder.drained()
        client.pump()
        self.assertEqual(len(client.output()), 3 << 20)
        self.assertLessEqual(recorder.most, HIGH_WATER + (1 << 16))

    def test_standard_error(self) -> None:
        """Errors go out as extended data, within the window, behind the output."""
        client = logged_in()
        channel, recorder = client.subsystem(Recorder(), window=5)
        recorder.channel.error(b"oops")
        recorder.channel.put(b"abc")
        client.pump()
        self.assertEqual(client.numbers(), [Msg.CHANNEL_DATA, Msg.CHANNEL_EXTENDED_DATA])
        client.send(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(channel) + U32.pack(100))
        texts = [Reader(payload[8:]).string() for payload in client.take(Msg.CHANNEL_EXTENDED_DATA)]
        self.assertEqual(texts, [b"oo", b"ps"])

    def test_much_standard_error(self) -> None:
        """Errors that nobody reads do not pile up."""
        client = logged_in()
        channel, recorder = client.subsystem(Recorder(), window=0)
        for _ in range(100):
            recorder.channel.error(bytes(4096))
        client.send(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(channel) + U32.pack(WINDOW))
        texts = [Reader(payload[8:]).string() for payload in client.take(Msg.CHANNEL_EXTENDED_DATA)]
        self.assertEqual(sum(len(text) for text in texts), 64 << 10)


class Finishing(SynchronousTestCase):
    """How a channel ends."""

    def test_order(self) -> None:
        """Output, exit-status, EOF, CLOSE; then ``lost``, when the client has closed too."""
        client = logged_in()
        channel, recorder = client.subsystem(Recorder())
        recorder.channel.put(b"last words")
        recorder.channel.finish(3)
        client.pump()
        self.assertEqual(client.numbers(), [Msg.CHANNEL_DATA, *CLOSING])
        (status,) = client.take(Msg.CHANNEL_REQUEST)
        self.assertEqual(status, U32.pack(7) + string(b"exit-status") + b"\0" + U32.pack(3))
        self.assertEqual(recorder.events, ["connected"])
        client.send(Msg.CHANNEL_CLOSE, U32.pack(channel))
        self.assertEqual((recorder.events, client.messages), (["connected", "lost"], []))

    def test_waits_for_window(self) -> None:
        """CLOSE waits until the client has taken all output."""
        client = logged_in()
        channel, recorder = client.subsystem(Recorder(), window=4)
        recorder.channel.put(b"last words")
        recorder.channel.finish(0)
        client.pump()
        self.assertEqual(client.numbers(), [Msg.CHANNEL_DATA])
        client.send(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(channel) + U32.pack(100))
        self.assertEqual(client.numbers(), [Msg.CHANNEL_DATA, Msg.CHANNEL_DATA, *CLOSING])

    def test_put_after_finish(self) -> None:
        """What is put after ``finish``, or finished again, is nothing."""
        client = logged_in()
        channel, recorder = client.subsystem(Recorder())
        recorder.channel.finish(0)
        recorder.channel.put(b"too late")
        recorder.channel.error(b"too late")
        recorder.channel.finish(1)
        client.pump()
        self.assertEqual(client.numbers(), CLOSING)
        client.send(Msg.CHANNEL_CLOSE, U32.pack(channel))
        recorder.channel.put(b"too late")
        recorder.channel.credit(1 << 22)
        client.pump()
        self.assertEqual((client.numbers(), client.wire.producerState), (CLOSING, "producing"))

    def test_nothing(self) -> None:
        """Data of no bytes, which no window bounds, reaches no subsystem: it might keep it."""
        client = logged_in()
        received: list[int] = []

        class Keeper(Recorder):
            def received(self, pieces: Sequence[memoryview]) -> None:
                received.extend(len(piece) for piece in pieces)

        channel, _ = client.subsystem(Keeper())
        for data in (b"", b"x", b""):
            client.send(Msg.CHANNEL_DATA, U32.pack(channel) + string(data))
        self.assertEqual((received, client.closed), ([1], False))

    def test_input_after_finish(self) -> None:
        """Data that was under way is dropped; the client's window stays open so that it can get to its CLOSE."""
        client = logged_in(window=4000)
        channel, recorder = client.subsystem(Recorder(), window=0)
        recorder.channel.put(b"waiting")
        recorder.channel.finish(0)
        client.write(channel, bytes(4000))
        self.assertEqual(recorder.got, b"")
        self.assertEqual(client.take(Msg.CHANNEL_WINDOW_ADJUST), [U32.pack(7) + U32.pack(4000)])

    def test_client_closes(self) -> None:
        """The client's CLOSE is answered with ours alone, and is ``lost`` to the subsystem, not ``ended``."""
        client = logged_in()
        channel, recorder = client.subsystem(Recorder(), window=0)
        recorder.channel.put(b"never sent")
        client.send(Msg.CHANNEL_CLOSE, U32.pack(channel))
        self.assertEqual(client.numbers(), [Msg.CHANNEL_CLOSE])
        self.assertEqual(recorder.events, ["connected", "lost"])
        client.vanish()
        self.assertEqual(recorder.events, ["connected", "lost"])

    def test_after_close(self) -> None:
        """A closed channel's number means nothing any more."""
        client = logged_in()
        channel, _ = client.subsystem(Recorder())
        client.send(Msg.CHANNEL_CLOSE, U32.pack(channel))
        client.send(Msg.CHANNEL_EOF, U32.pack(channel))
        self.assertTrue(client.closed)

    def test_eof_and_finish(self) -> None:
        """A subsystem may finish in ``ended``, as one does whose client has said all."""

        class Ending(Recorder):
            def ended(self) -> None:
                self.channel.put(b"bye")
                self.channel.finish(0)

        client = logged_in()
        channel, _ = client.subsystem(Ending())
        client.send(Msg.CHANNEL_EOF, U32.pack(channel))
        self.assertEqual(client.numbers(), [Msg.CHANNEL_DATA, *CLOSING])

    def test_eof_without_subsystem(self) -> None:
        """EOF on a channel where nothing runs closes it."""
        client = logged_in()
        channel = client.open()
        client.send(Msg.CHANNEL_EOF, U32.pack(channel))
        self.assertEqual(client.numbers(), CLOSING)
