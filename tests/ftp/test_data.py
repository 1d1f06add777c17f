"""Data connections until a transfer has them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.ftp.data import DataChannel, DataConnection, Phase, plain
from swftp.ftp.reply import Refused
from tests.ftp.case import PEER
from tests.ftp.datacase import HOST, DataCase, FakeListener, wire

STRANGER = "198.51.100.7"
NOBODY: Any = None


class ChannelCase(DataCase):
    """`self.channel` is what the client at `PEER` has."""

    settings = {"connect_timeout": 30.0}

    def setUp(self) -> None:
        """Nothing is prepared."""
        super().setUp()
        self.channel = self.make_channel()

    def listen(self, channel: DataChannel | None = None) -> int:
        """PASV."""
        return (channel or self.channel).passive()

    def refused(self, taken: Deferred[DataConnection]) -> int:
        """The code of the reply that *taken* fails with."""
        return self.failureResultOf(taken, Refused).value.reply.code  # type: ignore[no-any-return]


class PassiveTests(ChannelCase):
    """The client connects."""

    def test_address(self) -> None:
        """We listen on the address that the client is connected to, and nowhere else."""
        self.assertEqual(self.listen(), self.port.number)
        self.assertEqual(self.port.host, HOST)

    def test_connection_before_command(self) -> None:
        """A connection that is there when a transfer begins is its."""
        self.listen()
        made = self.port.connect()
        assert made is not None
        self.assertIs(self.successResultOf(self.channel.take()), made.protocol)
        self.assertIs(self.channel.phase, Phase.NOTHING)

    def test_connection_after_command(self) -> None:
        """A transfer waits for it."""
        self.listen()
        taken = self.channel.take()
        self.assertNoResult(taken)
        made = self.port.connect()
        assert made is not None
        self.assertIs(self.successResultOf(taken), made.protocol)

    def test_silent(self) -> None:
        """Until a transfer has it, nothing is read from it."""
        self.listen()
        made = self.port.connect()
        assert made is not None
        self.assertFalse(made.reading)

    def test_stranger(self) -> None:
        """Who comes from elsewhere is turned away, and takes nothing from the client."""
        self.listen()
        self.assertIsNone(self.port.connect(STRANGER))
        self.assertIsNotNone(self.port.connect(PEER))

    def test_stranger_allowed(self) -> None:
        """Behind proxies that have many addresses, an option lets anybody in."""
        channel = self.make_channel(check_peer=False)
        self.listen(channel)
        self.assertIsNotNone(self.port.connect(STRANGER))

    def test_one_shot(self) -> None:
        """With the first right connection the port is closed."""
        self.listen()
        port = self.port
        self.assertIsNotNone(port.connect())
        self.assertTrue(port.stopped)
        self.assertIsNone(self.channel.admit(PEER))

    def test_second_on_its_way(self) -> None:
        """Two at once: one is let in."""
        self.listen()
        self.assertIsNotNone(self.channel.admit(PEER))
        self.assertIsNone(self.channel.admit(PEER))

    def test_on_its_way_when_closed(self) -> None:
        """One that was on its way when the port was closed is not let in."""
        self.listen()
        self.channel.close()
        self.assertIsNone(self.channel.admit(PEER))

    def test_second_passive(self) -> None:
        """Another PASV closes the port of the first."""
        self.listen()
        first = self.port
        self.listen()
        self.assertTrue(first.stopped)
        self.assertFalse(self.port.stopped)

    def test_second_passive_after_connection(self) -> None:
        """Another PASV closes the connection of the first."""
        self.listen()
        made = self.port.connect()
        assert made is not None
        self.listen()
        self.assertTrue(made.aborted)
        taken = self.channel.take()
        self.assertNoResult(taken)
        second = self.port.connect()
        assert second is not None
        self.assertIs(self.successResultOf(taken), second.protocol)

    def test_nobody_comes(self) -> None:
        """A port is not kept for long for a client who never connects."""
        self.listen()
        self.clock.advance(29)
        self.assertFalse(self.port.stopped)
        self.clock.advance(2)
        self.assertTrue(self.port.stopped)
        self.assertEqual(self.refused(self.channel.take()), 425)

    def test_nobody_comes_to_a_transfer(self) -> None:
        """A transfer whose client does not connect fails with 425."""
        self.listen()
        taken = self.channel.take()
        self.clock.advance(31)
        self.assertEqual(self.refused(taken), 425)
        self.assertTrue(self.port.stopped)

    def test_any_time(self) -> None:
        """Without a limit it may take any time."""
        channel = self.make_channel(connect_timeout=0.0)
        self.listen(channel)
        self.clock.advance(1e6)
        self.assertTrue(channel.prepared)
        self.assertFalse(self.port.stopped)

    def test_never_taken(self) -> None:
        """A connection that no transfer wants is closed."""
        self.listen()
        made = self.port.connect()
        assert made is not None
        self.clock.advance(31)
        self.assertTrue(made.aborted)
        self.assertFalse(self.channel.prepared)

    def test_taken_is_not_timed(self) -> None:
        """What a transfer has, its own watch looks after."""
        self.listen()
        made = self.port.connect()
        assert made is not None
        self.successResultOf(self.channel.take())
        self.clock.advance(31)
        self.channel.close()
        self.assertFalse(made.over)

    def test_gone_before_taken(self) -> None:
        """A connection that ended before its transfer is none."""
        self.listen()
        made = self.port.connect()
        assert made is not None
        made.end()
        self.assertEqual(self.refused(self.channel.take()), 425)

    def test_nothing_prepared(self) -> None:
        """Without PASV there is nothing to take, nor twice with one."""
        self.assertEqual(self.refused(self.channel.take()), 425)
        self.listen()
        self.port.connect()
        self.successResultOf(self.channel.take())
        self.assertEqual(self.refused(self.channel.take()), 425)

    def test_close(self) -> None:
        """With the control connection, ports, connections and waits are gone."""
        self.listen()
        taken = self.channel.take()
        self.channel.close()
        self.assertTrue(self.port.stopped)
        self.failureResultOf(taken, errors.Interrupted)
        self.listen()
        made = self.port.connect()
        assert made is not None
        self.channel.close()
        self.assertTrue(made.aborted)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled(self) -> None:
        """A transfer that does not want it any more leaves no port open."""
        self.listen()
        taken = self.channel.take()
        taken.cancel()
        self.failureResultOf(taken, errors.Interrupted)
        self.assertTrue(self.port.stopped)


class RangeTests(ChannelCase):
    """Ports are shared by all control connections."""

    span = (50000, 50002)

    def test_all_in_use(self) -> None:
        """When none is left the client is told to come again, and the next who gives one back makes room."""
        channels = [self.make_channel() for _ in range(3)]
        numbers = {self.listen(channel) for channel in channels}
        self.assertEqual(numbers, {50000, 50001, 50002})
        self.assertEqual(self.assertRaises(Refused, self.listen).reply.code, 425)
        channels[1].close()
        self.listen()


class ActiveTests(ChannelCase):
    """We connect to the client."""

    settings = {"active": True, "connect_timeout": 30.0, "check_peer": False}

    def test_third_party(self) -> None:
        """Nobody is connected to but the client, whatever the options say (RFC 2577 section 3)."""
        error = self.assertRaises(Refused, self.channel.active, STRANGER, 5000)
        self.assertEqual(error.reply.code, 504)
        self.assertFalse(self.channel.prepared)

    def test_low_port(self) -> None:
        """Nor a port where a service may be."""
        for port in (0, 25, 1023, 65536):
            error = self.assertRaises(Refused, self.channel.active, PEER, port)
            self.assertEqual(error.reply.code, 504)
        for port in (1024, 65535):
            self.channel.active(PEER, port)

    def test_connects(self) -> None:
        """We connect when a transfer wants it, not before."""
        self.channel.active(PEER, 5000)
        self.assertEqual(self.reactor.called, [])
        taken = self.channel.take()
        [(host, port, factory)] = self.reactor.called
        self.assertEqual((host, port), (PEER, 5000))
        made = wire(factory.buildProtocol(made_of(PEER)))
        self.assertIs(self.successResultOf(taken), made.protocol)

    def test_nobody_there(self) -> None:
        """A client that cannot be connected to is 425."""
        self.channel.active(PEER, 5000)
        taken = self.channel.take()
        self.reactor.called[0][2].clientConnectionFailed(None, NOBODY)
        self.assertEqual(self.refused(taken), 425)

    def test_replaces_passive(self) -> None:
        """PORT behind PASV closes the port."""
        self.listen()
        self.channel.active(PEER, 5000)
        self.assertTrue(self.port.stopped)


class Address:
    """Where somebody is."""

    def __init__(self, host: str) -> None:
        self.host = host


def made_of(host: str) -> Any:
    """An address."""
    return Address(host)


class SpellingTests(ChannelCase):
    """One address has several spellings."""

    def test_mapped(self) -> None:
        """IPv4 over a socket of IPv6 is IPv4; other spellings of IPv6 are the same."""
        self.assertEqual(plain("::ffff:192.0.2.1"), PEER)
        self.assertEqual(plain("2001:DB8:0::1"), "2001:db8::1")
        channel = self.make_channel(peer="::ffff:192.0.2.1")
        self.listen(channel)
        self.assertIsNotNone(self.port.connect(PEER))
        self.assertEqual(FakeListener.made[-1].stopped, True)

    def test_mapped_here(self) -> None:
        """A client of IPv4 on a socket of IPv6, at either end, is connected to from our IPv4 address at its own."""
        for address in (PEER, "::ffff:192.0.2.1"):
            channel = self.make_channel(peer="::ffff:192.0.2.1", host="::ffff:127.0.0.1", active=True)
            channel.active(address, 5000)
            channel.take().addErrback(lambda _: None)
            self.assertEqual(self.reactor.bound.pop(), (HOST, 0))
            self.assertEqual(self.reactor.called.pop()[:2], (PEER, 5000))
            channel.close()


class LeavingTests(DataCase):
    """Our address is known by a name, which has to be looked up."""

    settings = {"masquerade_address": "ftp.example", "connect_timeout": 0.0}

    def test_gone_before_the_answer(self) -> None:
        """A client that leaves while PASV waits for the name leaves no port open: nobody would close it."""
        client = self.log_in()
        wait = self.reactor.names["ftp.example"] = Deferred()
        self.assertEqual(client.codes("PASV"), [])
        client.tcp.end()
        wait.callback("203.0.113.5")
        self.assertEqual([listener for listener in FakeListener.made if not listener.stopped], [])
