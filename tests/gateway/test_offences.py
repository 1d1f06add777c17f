"""Rules of `swftp.gateway.doors`: who is blamed for what, and who has to wait."""

from __future__ import annotations

from random import Random

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from swftp.auth.limits import AdmissionLimits
from swftp.gateway.doors import ANSWERED, Entrance, Guard
from tests.gatewaycase import GatewayCase


class Chance(Random):
    """:ivar asked: how often."""

    asked = 0

    def random(self) -> float:
        """See `Random`."""
        self.asked += 1
        return super().random()


class OffenceTests(GatewayCase):
    """What costs a client something before it has tried to log in."""

    def setUp(self) -> None:
        """Listens."""
        super().setUp()
        self.start()

    def ssh(self, *said: bytes) -> None:
        """An SSH client that says this, and leaves."""
        transport, _ = self.connect()
        for data in said:
            transport.dataReceived(data)
        transport.connectionLost(Failure(ConnectionDone()))

    def ftp_client(self, *said: str) -> None:
        """An FTP client that says this, and leaves."""
        client = self.dial()
        client.type(*said)
        client.control.connectionLost(Failure(ConnectionDone()))

    def test_flood(self) -> None:
        """Of those who are too many some are told so each second; the others cost nothing, and one line in all."""
        entrance = Entrance(self.ftp)
        here = IPv4Address("TCP", "203.0.113.7", 1)
        self.door.admission.change(AdmissionLimits(startups_per_peer=50))  # chance begins at 100
        for _ in range(50):
            self.door.admission.admit("203.0.113.7")
        made = [entrance.buildProtocol(here) for _ in range(20)]
        for one in made:
            one.makeConnection(StringTransport(peerAddress=here))
        self.assertEqual([entrance.buildProtocol(here) for _ in range(500)], [None] * 500)
        self.assertIsNotNone(entrance.buildProtocol(IPv4Address("TCP", "198.51.100.1", 1)))
        self.reactor.advance(1)
        self.assertIsNotNone(entrance.buildProtocol(here))

    def test_chance(self) -> None:
        """Chance is asked once a connection, also in a flood: as many are turned away as the configuration says."""
        chance = Chance(7)
        limits = AdmissionLimits(startups_start=1, startups_rate=30, startups_full=1_000_000)
        guard = Guard(limits, self.throttle, chance)
        guard.admit("192.0.2.9")
        let_in = 0
        for n in range(2000):
            peer = f"198.51.100.{n % 250}"
            place = None if guard.overrun(peer) else guard.admit(peer)
            if place is not None:
                let_in += 1
                place.leave()
        self.assertEqual(chance.asked, 2000)
        self.assertLess(abs(let_in - 1400), 100)

    def test_limits_hold(self) -> None:
        """Who was let by, and never came in, has nobody let in beyond the limits afterwards."""
        guard = Guard(AdmissionLimits(per_peer=1), self.throttle)
        self.assertFalse(guard.overrun("192.0.2.9"))
        places = [guard.admit("192.0.2.9") for _ in range(ANSWERED + 1)]
        self.assertEqual(len([place for place in places if place]), 1)
        self.assertFalse(guard.overrun("192.0.2.10"))
        place = guard.admit("192.0.2.10")
        self.assertIsNotNone(place)
        self.assertIsNone(guard.admit("192.0.2.10"))
        self.assertFalse(guard.overrun("192.0.2.11"))
        self.assertTrue(guard.overrun("192.0.2.10"))
        self.assertIsNone(guard.admit("192.0.2.10"))

    def test_probes(self) -> None:
        """Health checks, which connect and say nothing, cost nothing, however many come."""
        for _ in range(1000):
            self.ssh()
            self.ftp_client()
        self.assertEqual(len(self.throttle), 0)

    def test_left(self) -> None:
        """Who speaks to us and leaves, again and again, is refused for a while, by both protocols."""
        for client in (lambda: self.ssh(b"SSH-2.0-scan\r\n"), lambda: self.ftp_client("NOOP")):
            for _ in range(14):
                client()
            self.assertFalse(self.throttle.refused("192.0.2.1"))
            client()
            self.assertTrue(self.throttle.refused("192.0.2.1"))
            self.reactor.advance(60)

    def test_broken(self) -> None:
        """Twice what no client sends is enough."""
        self.ssh(b"GET / HTTP/1.1\r\n")
        self.assertFalse(self.throttle.refused("192.0.2.1"))
        self.ssh(b"SSH-2.0-scan\r\n", b"\0\0\0\5" * 10)
        self.assertTrue(self.throttle.refused("192.0.2.1"))

    def test_too_slow(self) -> None:
        """So is to take too long for the login."""
        self.connect()
        self.dial()
        refused = []
        for _ in range(20):
            self.reactor.advance(10)
            refused.append(self.throttle.refused("192.0.2.1"))
        self.assertIn(True, refused)

    def test_logged_in(self) -> None:
        """Who was logged in may leave as he likes."""
        for _ in range(30):
            tcp, _ = self.log_in()
            tcp.transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.throttle), 0)
