"""What clients are told of our address."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.ftp.public import PublicAddresses
from swftp.ftp.reply import Refused
from swftp.ftp.settings import Settings
from tests.ftp.datacase import FakeReactor

HOST, CLIENT, INSIDE = "192.0.2.10", "198.51.100.7", "10.1.2.3"


class PublicTests(SynchronousTestCase):
    """`PublicAddresses`."""

    def setUp(self) -> None:
        """One name is known."""
        self.reactor = FakeReactor()
        self.reactor.names["ftp.example"] = "203.0.113.5"

    def told(self, public: PublicAddresses, peer: str = CLIENT) -> Deferred[str]:
        """What the client at *peer* is told."""
        return Deferred.fromCoroutine(public.of(peer, HOST))

    def public(self, **settings: Any) -> PublicAddresses:
        """With *settings*."""
        return PublicAddresses(Settings(**settings), self.reactor)

    def test_own(self) -> None:
        """Where nothing is configured it is the address of the control connection."""
        self.assertEqual(self.successResultOf(self.told(self.public())), HOST)

    def test_address(self) -> None:
        """An address needs no look-up."""
        public = self.public(masquerade_address="203.0.113.9")
        self.assertEqual(self.successResultOf(self.told(public)), "203.0.113.9")
        self.assertEqual(self.reactor.asked, [])

    def test_name_again(self) -> None:
        """A name is looked up again after a while: addresses change."""
        public = self.public(masquerade_address="ftp.example")
        self.assertEqual(self.successResultOf(self.told(public)), "203.0.113.5")
        self.reactor.names["ftp.example"] = "203.0.113.6"
        self.assertEqual(self.successResultOf(self.told(public)), "203.0.113.5")
        self.reactor.advance(61)
        self.assertEqual(self.successResultOf(self.told(public)), "203.0.113.6")

    def test_name_gone(self) -> None:
        """While a name does not resolve, its last address is better than none; without one it is 425."""
        public = self.public(masquerade_address="ftp.example")
        self.successResultOf(self.told(public))
        self.reactor.names.clear()
        self.reactor.advance(61)
        self.assertEqual(self.successResultOf(self.told(public)), "203.0.113.5")
        error = self.failureResultOf(self.told(self.public(masquerade_address="ftp.example")), Refused)
        self.assertEqual(error.value.reply.code, 425)

    def test_networks(self) -> None:
        """Clients of some networks are told something else, or our own address."""
        public = self.public(
            masquerade_address="ftp.example", masquerade_networks=(("10.1.0.0/16", ""), ("172.16.0.1/12", "10.0.0.1"))
        )
        self.assertEqual(self.successResultOf(self.told(public, INSIDE)), HOST)
        self.assertEqual(self.successResultOf(self.told(public, "172.17.0.1")), "10.0.0.1")
        self.assertEqual(self.successResultOf(self.told(public)), "203.0.113.5")
