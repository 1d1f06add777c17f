"""What the factory lets in, and what it is made of."""

from __future__ import annotations

from twisted.conch.ssh.keys import Key
from twisted.cred.portal import Portal
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.limits import Admission, AdmissionLimits
from swftp.ssh.algorithms import COMPAT, MODERN, Offer
from swftp.ssh.factory import Factory
from swftp.ssh.gate import Phase
from swftp.ssh.settings import Settings
from swftp.ssh.wire import Msg
from tests.ssh.harness import HOST_KEY, Client, Server


class Admitted(SynchronousTestCase):
    def test_turned_away(self) -> None:
        """One connection too many is told so and closed; one that ends makes room."""
        server = Server(admission=Admission(AdmissionLimits(per_peer=1)))
        first, second = Client(server), Client(server)
        self.assertFalse(first.closed)
        self.assertTrue(second.closed)
        self.assertEqual(second.wire.value(), b"Too many connections\r\n")
        second.transport.dataReceived(b"SSH-2.0-x\r\n")
        second.vanish()
        first.vanish()
        self.assertFalse(Client(server).closed)

    def test_settled(self) -> None:
        """A login frees the place among those that are not logged in."""
        server = Server(admission=Admission(AdmissionLimits(startups_per_peer=1)))
        first = Client(server)
        self.assertTrue(Client(server).closed)
        first.login()
        self.assertFalse(Client(server).closed)


class Making(SynchronousTestCase):
    """`Factory`."""

    def test_no_host_key(self) -> None:
        """No host key that the policy allows is an error at start, not at the first client."""
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        portal = Portal(None)  # type: ignore[arg-type]
        ecdsa = Key(ec.generate_private_key(ec.SECP256R1()))
        self.assertRaises(ValueError, Factory, portal, [], Clock())
        self.assertRaises(ValueError, Factory, portal, [ecdsa], Clock(), Settings(policy=MODERN))
        Factory(portal, [ecdsa], Clock(), Settings(policy=COMPAT))
        short = Key(rsa.generate_private_key(65537, 1024))
        self.assertRaises(ValueError, Factory, portal, [HOST_KEY, short], Clock())

    def test_rsa_host_key(self) -> None:
        """An RSA host key signs with SHA-2, never with SHA-1."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = Key(rsa.generate_private_key(65537, 2048))
        client = Client(Server(host_keys=(key,))).hello()
        (theirs,) = client.take(Msg.KEXINIT)
        self.assertEqual(Offer.parse(theirs).host_keys, [b"rsa-sha2-512", b"rsa-sha2-256"])
        self.assertIs(client.transport.phase, Phase.SERVICE)
