"""What goes out: together, in order, and never without bound."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.settings import HELD_LIMIT
from swftp.ssh.wire import Msg, string
from tests.ssh.harness import Client, Recorder, Server


class Turns(SynchronousTestCase):
    def test_one_write_a_turn(self) -> None:
        """Whatever one dataReceived gives rise to is one write."""
        client = Client(Server()).login()
        channel, _ = client.subsystem()
        packets = b"".join(
            bytes(client.sealer.seal_data(channel, [bytes((n,)) * 100], 100, 32768)) for n in range(50)
        )
        ping = client.sealer.seal(bytes((Msg.GLOBAL_REQUEST,)) + string(b"x") + b"\1")
        before = client.wire.writes
        client.transport.dataReceived(packets + ping)
        self.assertEqual(client.wire.writes, before + 1)
        client.pump()
        self.assertEqual(client.output(), b"".join(bytes((n,)) * 100 for n in range(50)))
        self.assertEqual(client.numbers(), [Msg.REQUEST_FAILURE])

    def test_output_of_another_turn(self) -> None:
        """Output that comes up elsewhere is collected until the reactor comes round, and is few packets."""
        client = Client(Server()).login()
        _, recorder = client.subsystem(Recorder())
        before = client.wire.writes
        for _ in range(100):
            recorder.channel.put(b"head", memoryview(b"tail"))
        self.assertEqual((client.wire.writes, recorder.channel.backlog), (before, 800))
        client.clock.advance(0)
        self.assertEqual((client.wire.writes, recorder.channel.backlog), (before + 1, 0))
        client.pump()
        self.assertEqual(client.numbers(), [Msg.CHANNEL_DATA])
        self.assertEqual(client.output(), b"headtail" * 100)

    def test_no_timer_is_left(self) -> None:
        """A connection that goes while output waits takes its call with it."""
        client = Client(Server()).login()
        _, recorder = client.subsystem(Recorder())
        calls = len(client.clock.getDelayedCalls())
        recorder.channel.put(b"x")
        self.assertEqual(len(client.clock.getDelayedCalls()), calls + 1)
        client.vanish()
        self.assertEqual(len(client.clock.getDelayedCalls()), calls)


class Choked(SynchronousTestCase):
    """The client's TCP connection takes no more."""

    def test_output_waits(self) -> None:
        """Channel output stays in its channel until TCP takes more."""
        client = Client(Server()).login()
        _, recorder = client.subsystem(Recorder())
        client.transport.pauseProducing()
        recorder.channel.put(bytes(100000))
        client.pump()
        self.assertEqual((client.output(), recorder.channel.backlog), (b"", 100000))
        client.transport.resumeProducing()
        client.pump()
        self.assertEqual((client.output(), recorder.channel.backlog), (bytes(100000), 0))

    def test_questions_without_reading(self) -> None:
        """A client that asks but does not read the answers is not read from until it does."""
        client = Client(Server()).login()
        client.transport.pauseProducing()
        request = bytes((Msg.GLOBAL_REQUEST,)) + string(b"x") + b"\1"
        asked = 0
        while client.wire.producerState == "producing":
            client.transport.dataReceived(client.sealer.seal(request))
            asked += 1
            self.assertLess(asked, HELD_LIMIT)
        client.transport.resumeProducing()
        self.assertEqual(client.wire.producerState, "producing")
        client.pump()
        self.assertEqual(len(client.take(Msg.REQUEST_FAILURE)), asked)

    def test_registered(self) -> None:
        """We are the streaming producer of the TCP connection, which is how we hear of it."""
        client = Client(Server())
        self.assertIs(client.wire.producer, client.transport)
        self.assertTrue(client.wire.streaming)
