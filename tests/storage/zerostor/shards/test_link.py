"""Rules of `swftp.storage.zerostor.shards.link` and ``wire``: every call ends, and none with another's answer."""

from __future__ import annotations

from twisted.internet.defer import fail
from twisted.internet.protocol import Factory, Protocol

from swftp.errors import Unavailable
from swftp.storage.zerostor.shards.wire import ANSWER_LIMIT, DEPTH, encode
from tests.storage.zerostor.shards.case import soon
from tests.storage.zerostor.shards.netcase import NetCase
from tests.zdbfake.server import Do, Fault

VALUE = bytes(range(256)) * 40


class ConnectingTests(NetCase):
    """Before there is a connection."""

    def test_nothing_at_first(self) -> None:
        """A shard that nobody asks is not connected to."""
        self.assertEqual(self.net.pumps, [])

    def test_one_for_all(self) -> None:
        """Calls made at once share one connection."""
        calls = [soon(self.shard.put(b"%d" % index, VALUE)) for index in range(5)]
        self.net.flow()
        self.assertEqual([self.successResultOf(call) for call in calls], [None] * 5)
        self.assertEqual(len(self.net.pumps), 1)

    def test_refused(self) -> None:
        """A server that is not there fails calls at once; the next call looks again."""
        server, self.net.server = self.net.server, None
        calls = [soon(self.shard.get(b"key")) for _ in range(2)]
        for call in calls:
            self.assertIn("no connection", str(self.failureResultOf(call, Unavailable).value))
        self.net.server = server
        self.ask(self.shard.ping())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unforeseen(self) -> None:
        """An error that nobody thought of is logged, and still ends those who wait."""
        self.net.connect = lambda factory: fail(RuntimeError("odd"))
        self.fails(self.shard.ping(), Unavailable)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_silent_network(self) -> None:
        """Where no packet comes back, calls fail when a connection should have been there, and connecting stops."""
        self.net.silent = True
        call = self.begin(self.shard.ping())
        self.wait(self.connect_timeout - 0.1)
        other = self.begin(self.shard.ping())
        self.assertNoResult(call)
        self.wait(0.2)
        self.failureResultOf(call, Unavailable)
        self.failureResultOf(other, Unavailable)
        self.assertTrue(all(attempt.called for attempt in self.net.attempts))
        self.net.silent = False
        self.ask(self.shard.ping())

    def test_silent_server(self) -> None:
        """A server that accepts and says nothing (SIGSTOP) has no more time than one that does not accept."""
        self.server.faults.append(Fault(b"SELECT", Do.HANG))
        call = self.begin(self.shard.ping())
        self.wait(self.connect_timeout + 0.1)
        self.failureResultOf(call, Unavailable)
        self.assertTrue(self.net.pumps[0].clientIO.disconnecting)
        self.ask(self.shard.ping())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cut_in_greeting(self) -> None:
        """A connection that breaks while it is greeted is a shard that cannot be used, now."""
        self.server.faults.append(Fault(b"SELECT", Do.CUT_AFTER, size=2))
        self.fails(self.shard.ping(), Unavailable)
        self.ask(self.shard.ping())

    def test_closed_while_connecting(self) -> None:
        """Closing ends attempts, and what waits on them."""
        self.net.silent = True
        call = self.begin(self.shard.ping())
        self.ask(self.shard.close())
        self.failureResultOf(call, Unavailable)
        self.assertTrue(self.net.attempts[0].called)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_given_up_while_connecting(self) -> None:
        """Who gives up before there is a connection disturbs nobody who waits for it, too."""
        self.net.silent = True
        first, second = soon(self.shard.ping()), soon(self.shard.ping())
        first.addErrback(lambda _: None)
        first.cancel()
        self.assertNoResult(second)
        self.wait(self.connect_timeout + 0.1)
        self.failureResultOf(second, Unavailable)


class AnswerTests(NetCase):
    """With a connection."""

    def setUp(self) -> None:
        """One is there."""
        super().setUp()
        self.ask(self.shard.put(b"key", VALUE))

    def test_hangs(self) -> None:
        """A server that falls silent fails all that waits, in the time of one call; then a new connection is made."""
        self.server.faults.append(Fault(b"GET", Do.HANG))
        calls = [soon(self.shard.get(b"key")) for _ in range(3 * DEPTH)]
        self.net.flow()
        self.wait(self.limit - 0.1)
        for call in calls:
            self.assertNoResult(call)
        self.wait(0.2)
        for call in calls:
            self.assertIn("no answer", str(self.failureResultOf(call, Unavailable).value))
        self.assertEqual(self.ask(self.shard.get(b"key")), VALUE)
        self.assertEqual(len(self.net.pumps), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_time_begins_with_ones_turn(self) -> None:
        """A server that answers slowly, but answers, is not hanging: each question has its own time."""
        calls = [soon(self.shard.get(b"key")) for _ in range(3)]
        pump = self.net.pumps[0]
        self.net.pumps.clear()  # nothing flows by itself
        sent = pump.clientIO.getOutBuffer()
        for size in (len(sent) // 3,) * 3:
            self.clock.advance(self.limit - 1)
            pump.server.dataReceived(sent[:size])
            pump.client.dataReceived(pump.serverIO.getOutBuffer())
            sent = sent[size:]
        self.assertEqual([self.successResultOf(call) for call in calls], [VALUE] * 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cut_anywhere(self) -> None:
        """A connection that breaks after any number of bytes of an answer is an error, never a shorter value."""
        whole = len(VALUE) + len(b"$%d\r\n\r\n" % len(VALUE))
        for size in (0, 1, 5, 8, 9, whole // 2, whole - 2, whole - 1):
            self.server.faults.append(Fault(b"GET", Do.CUT_AFTER, size=size))
            self.fails(self.shard.get(b"key"), Unavailable)
        self.assertEqual(self.ask(self.shard.get(b"key")), VALUE)

    def test_cut_before(self) -> None:
        """What was never carried out is an error; doing it again is right."""
        self.server.faults.append(Fault(b"SET", Do.CUT))
        self.fails(self.shard.put(b"other", VALUE), Unavailable)
        self.ask(self.shard.put(b"other", VALUE))

    def test_carried_out_and_cut(self) -> None:
        """What was carried out without an answer is an error, too; doing it again is right."""
        self.server.faults.append(Fault(b"SET", Do.CUT_AFTER, size=0))
        self.fails(self.shard.put(b"other", VALUE), Unavailable)
        self.ask(self.shard.put(b"other", VALUE))
        self.assertEqual(self.ask(self.shard.get(b"other")), VALUE)

    def test_cut_fails_those_behind(self) -> None:
        """All that was asked on a connection fails with it, asked or still waiting to be."""
        self.server.faults.append(Fault(b"GET", Do.CUT_AFTER, size=7))
        calls = [soon(self.shard.get(b"key")) for _ in range(2 * DEPTH)]
        self.net.flow()
        for call in calls:
            self.failureResultOf(call, Unavailable)

    def test_no_more_than_depth(self) -> None:
        """The server never has more to answer than `DEPTH`: it would have to keep that in memory."""
        calls = [soon(self.shard.get(b"key")) for _ in range(3 * DEPTH)]
        sent = self.net.pumps[0].clientIO.getOutBuffer()
        self.assertEqual(sent.count(b"GET"), DEPTH)
        self.net.pumps[0].clientIO.write(sent)
        self.net.flow()
        self.assertEqual([self.successResultOf(call) for call in calls], [VALUE] * len(calls))

    def test_given_up_when_asked(self) -> None:
        """Who gives up does not shift the answers of others."""
        self.ask(self.shard.put(b"other", b"other"))
        first, second = soon(self.shard.get(b"key")), soon(self.shard.get(b"other"))
        first.addErrback(lambda _: None)
        first.cancel()
        self.net.flow()
        self.assertEqual(self.successResultOf(second), b"other")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_given_up_before_asked(self) -> None:
        """Who gives up before the question went out costs the server nothing."""
        calls = [soon(self.shard.get(b"key")) for _ in range(DEPTH + 1)]
        calls[-1].addErrback(lambda _: None)
        calls[-1].cancel()
        before = len(self.server.seen)
        self.net.flow()
        self.assertEqual(len(self.server.seen) - before, DEPTH)

    def test_closed(self) -> None:
        """Closing fails what is under way, and all that comes after."""
        call = soon(self.shard.get(b"key"))
        self.ask(self.shard.close())
        self.failureResultOf(call, Unavailable)
        self.fails(self.shard.get(b"key"), Unavailable)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_asked_too_late(self) -> None:
        """A question to a connection that has ended fails at once."""
        self.ask(self.shard.ping())
        wire = self.shard._link._wire
        wire.end("test")
        self.failureResultOf(wire.ask(b"PING"), Unavailable)

    def test_no_shard(self) -> None:
        """A server that speaks something else is given up."""
        for said in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$zzz\r\n", b"*1\r\n$-7\r\nx", b"\x00\xff" * 50 + b"\r\n"):
            self.server.faults.append(Fault(b"GET", Do.SAY, reply=said))
            self.fails(self.shard.get(b"key"), Unavailable)
            self.assertEqual(self.ask(self.shard.get(b"key")), VALUE)

    def test_uninvited(self) -> None:
        """An answer that nobody asked for ends the connection: the next ones would be taken for others'."""
        self.server.faults.append(Fault(b"GET", Do.SAY, reply=b"$1\r\nx\r\n$5\r\nwrong\r\n"))
        self.assertEqual(self.ask(self.shard.get(b"key")), b"x")
        self.assertEqual(self.ask(self.shard.get(b"key")), VALUE)
        self.assertEqual(len(self.net.pumps), 2)

    def test_much_in_all(self) -> None:
        """A connection carries any amount, as long as no answer is too long."""
        value = bytes(4 << 20)
        self.ask(self.shard.put(b"big", value))
        for _ in range(ANSWER_LIMIT // len(value) + 1):
            self.assertEqual(len(self.ask(self.shard.get(b"big"))), len(value))
        self.assertEqual(len(self.net.pumps), 1)

    def test_without_end(self) -> None:
        """An answer that does not end does not fill the memory."""
        self.server.faults.append(Fault(b"GET", Do.SAY, reply=b"$%d\r\n" % (1 << 40)))
        call = self.begin(self.shard.get(b"key"))
        for _ in range(ANSWER_LIMIT // (4 << 20) + 1):
            self.net.pumps[0].client.dataReceived(bytes(4 << 20))
        self.failureResultOf(call, Unavailable)


class EncodingTests(NetCase):
    """What goes out."""

    def test_frames(self) -> None:
        """A question is an array of strings, whatever parts its words are made of."""
        value = (b"ab", memoryview(b"xcdx")[1:3], b"")
        self.assertEqual(
            b"".join(encode((b"SET", b"k\r\n", value))), b"*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$4\r\nabcd\r\n"
        )

    def test_no_copies(self) -> None:
        """Large parts go out as they are."""
        value = bytes(100)
        self.assertIn(id(value), [id(block) for block in encode((b"SET", b"k", (value,)))])

    def test_dribble(self) -> None:
        """Answers may come in pieces of any size."""

        class Dribble(Protocol):
            def dataReceived(self, data: bytes) -> None:
                for byte in b"+OK\r\n" if b"SELECT" in data else b"$4\r\n\r\n\r\n\r\n":
                    self.transport.write(bytes([byte]))

        self.net.server = Factory.forProtocol(Dribble)
        shard = self.make_shard()
        call = soon(shard.get(b"key"))
        self.net.flow()
        self.assertEqual(self.successResultOf(call), b"\r\n\r\n")
