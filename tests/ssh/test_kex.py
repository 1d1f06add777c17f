"""Key exchange methods."""

from __future__ import annotations

import hashlib

from twisted.conch.ssh import _kex
from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.algorithms import COMPAT
from swftp.ssh.kex import METHODS, Keys, modp
from swftp.ssh.wire import ProtocolError, Reason
from tests.ssh.client_kex import CLIENT_METHODS


class EveryMethod(SynchronousTestCase):
    def test_both_sides_agree(self) -> None:
        """Client and server come to the same secret, a new one each time."""
        for name in COMPAT.kex:
            secrets = set()
            for _ in range(2):
                public, finish = CLIENT_METHODS[name]()
                answer, secret = METHODS[name].respond(public)
                self.assertEqual(finish(answer), secret, name)
                secrets.add(secret)
            self.assertEqual(len(secrets), 2, name)

    def test_garbage(self) -> None:
        """A public value that is none ends the exchange, for whatever reason it is none."""
        for name in [name for name in COMPAT.kex if b"group" not in name]:
            for public in (b"", b"\0", b"\1", bytes(32), b"\xff" * 65, b"\xff" * 600, b"\4" + bytes(64), bytes(1216)):
                error = self.assertRaises(ProtocolError, METHODS[name].respond, public)
                self.assertEqual(error.reason, Reason.KEY_EXCHANGE_FAILED)


class X25519(SynchronousTestCase):
    SMALL_ORDER = (
        bytes(32),
        b"\1" + bytes(31),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    )

    def test_small_order(self) -> None:
        """Points that make the secret all zeros are refused (RFC 7748 section 6.1), in the hybrid too."""
        good, _ = CLIENT_METHODS[b"mlkem768x25519-sha256"]()
        for point in self.SMALL_ORDER:
            self.assertRaises(ProtocolError, METHODS[b"curve25519-sha256"].respond, point)
            self.assertRaises(ProtocolError, METHODS[b"mlkem768x25519-sha256"].respond, good[:-32] + point)


class Groups(SynchronousTestCase):
    def test_group14(self) -> None:
        """The formula of RFC 3526 gives the prime that everybody has written down."""
        self.assertEqual(modp(2048, 124476), _kex._DHGroup14SHA1.prime)

    def test_group16(self) -> None:
        """Head, tail and size of the prime as RFC 3526 section 5 prints it."""
        text = f"{modp(4096, 240904):X}"
        self.assertEqual(len(text), 1024)
        self.assertTrue(text.startswith("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD1"))
        self.assertTrue(text.endswith("93B4EA988D8FDDC186FFB7DC90A6C08F4DF435C934063199FFFFFFFFFFFFFFFF"))

    def test_bounds(self) -> None:
        """The client's value must lie strictly between 1 and p - 1 (RFC 4253 section 8)."""
        prime = modp(2048, 124476)
        respond = METHODS[b"diffie-hellman-group14-sha256"].respond
        for e in (0, 1, prime - 1, prime, prime + 2):
            self.assertRaises(ProtocolError, respond, e.to_bytes(258, "big"))
        respond((2).to_bytes(1, "big"))


class Derivation(SynchronousTestCase):
    def test_keys(self) -> None:
        """RFC 4253 section 7.2, extended where more bytes are needed than one hash gives."""
        keys = Keys("sha256", b"K", b"H", b"S")
        first = hashlib.sha256(b"KHAS").digest()
        self.assertEqual(keys.derive(b"A"), first + hashlib.sha256(b"KH" + first).digest())
        self.assertEqual(keys.derive(b"A", 20), first)
