"""Policies, and how two sides agree."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh import kex
from swftp.ssh.algorithms import (
    AEAD,
    COMPAT,
    GCM,
    KEY_BYTES,
    MACS,
    MODERN,
    POLICIES,
    PQ_ONLY,
    USER_KEY_ALGORITHMS,
    Offer,
    agree,
    guess_was_right,
    kexinit,
    tailor,
)
from swftp.ssh.wire import ProtocolError, Reason


def offer(**changes: object) -> Offer:
    """What a client of the compat policy offers, but for *changes*."""
    return replace(Offer.parse(kexinit(COMPAT, (b"ext-info-c",))[1:]), **changes)


class Policies(SynchronousTestCase):
    def test_nothing_weak(self) -> None:
        """No policy and no user key has SHA-1, MD5, CBC, 3DES, RC4 or DSA in it."""
        for policy in POLICIES.values():
            offered = (*policy.kex, *policy.host_keys, *policy.ciphers, *policy.macs, *USER_KEY_ALGORITHMS)
            for name in offered:
                for weak in (b"sha1", b"md5", b"cbc", b"3des", b"arcfour", b"dss", b"group1-", b"none"):
                    self.assertNotIn(weak, name)
            self.assertNotIn(b"ssh-rsa", offered)

    def test_all_is_made(self) -> None:
        """Whatever is offered can be done."""
        self.assertEqual(set(COMPAT.kex), set(kex.METHODS))
        self.assertEqual(set(COMPAT.ciphers), set(KEY_BYTES))
        self.assertEqual(set(COMPAT.macs), set(MACS))

    def test_pq_only(self) -> None:
        """pq-only has nothing that a quantum computer reads later, and no MAC of the plain text."""
        self.assertEqual(PQ_ONLY.kex, (b"mlkem768x25519-sha256",))
        self.assertTrue(all(name.endswith(b"-etm@openssh.com") for name in PQ_ONLY.macs))
        self.assertRaises(ProtocolError, agree, PQ_ONLY, offer(kex=[b"curve25519-sha256"]))
        self.assertEqual(agree(PQ_ONLY, offer(kex=[*COMPAT.kex])).kex, b"mlkem768x25519-sha256")
        self.assertEqual(set(POLICIES), {"modern", "compat", "pq-only"})

    def test_compat_only_adds(self) -> None:
        """compat prefers what modern does."""
        for old, new in ((MODERN.kex, COMPAT.kex), (MODERN.macs, COMPAT.macs), (MODERN.ciphers, COMPAT.ciphers)):
            self.assertEqual(new[: len(old)], old)


class Agreeing(SynchronousTestCase):
    def test_client_decides(self) -> None:
        """The first of the client's names that we have (RFC 4253 section 7.1)."""
        theirs = offer(
            kex=[b"sntrup761x25519-sha512", b"curve25519-sha256", b"mlkem768x25519-sha256"],
            ciphers_in=[b"3des-cbc", b"aes256-ctr", b"aes128-ctr"],
            macs_in=[b"umac-64", b"hmac-sha2-512", b"hmac-sha2-256"],
        )
        agreement = agree(COMPAT, theirs)
        self.assertEqual(
            (agreement.kex, agreement.cipher_in, agreement.mac_in),
            (b"curve25519-sha256", b"aes256-ctr", b"hmac-sha2-512"),
        )

    def test_directions(self) -> None:
        """Each direction has its own cipher and MAC."""
        theirs = offer(ciphers_in=[b"aes128-ctr"], ciphers_out=[b"chacha20-poly1305@openssh.com"])
        agreement = agree(COMPAT, theirs)
        self.assertEqual(
            (agreement.cipher_in, agreement.mac_in, agreement.cipher_out, agreement.mac_out),
            (b"aes128-ctr", b"hmac-sha2-256-etm@openssh.com", b"chacha20-poly1305@openssh.com", None),
        )

    def test_aead_needs_no_mac(self) -> None:
        """With an AEAD cipher agreed, MACs that do not match are no reason to fail."""
        for cipher in AEAD:
            theirs = offer(ciphers_in=[cipher], ciphers_out=[cipher], macs_in=[b"umac"], macs_out=[b""])
            self.assertIsNone(agree(MODERN, theirs).mac_in)

    def test_nothing_in_common(self) -> None:
        """Whatever it is that does not match ends the exchange."""
        for field in ("kex", "host_keys", "ciphers_in", "ciphers_out", "compression_in", "compression_out"):
            error = self.assertRaises(ProtocolError, agree, MODERN, offer(**{field: [b"unknown"]}))
            self.assertEqual(error.reason, Reason.KEY_EXCHANGE_FAILED)
        theirs = offer(ciphers_in=[b"aes128-ctr"], macs_in=[b"hmac-sha1"])
        self.assertRaises(ProtocolError, agree, MODERN, theirs)

    def test_indicators_are_no_methods(self) -> None:
        """ext-info-c and strict key exchange are never agreed on (RFC 8308 section 2.2)."""
        theirs = offer(kex=[b"ext-info-c", b"ext-info-s", b"kex-strict-c-v00@openssh.com"])
        self.assertRaises(ProtocolError, agree, COMPAT, theirs)

    def test_guess(self) -> None:
        """A guess is right only if both first choices are the same (RFC 4253 section 7)."""
        self.assertTrue(guess_was_right(COMPAT, offer()))
        self.assertFalse(guess_was_right(COMPAT, offer(kex=[b"curve25519-sha256"])))
        self.assertFalse(guess_was_right(COMPAT, offer(host_keys=[b"rsa-sha2-256"])))


class Tailoring(SynchronousTestCase):
    def test_fast_cipher(self) -> None:
        """A client that prefers chacha20 but has AES-GCM ends on AES-GCM."""
        theirs = offer(ciphers_in=[*reversed(COMPAT.ciphers)], ciphers_out=[*reversed(COMPAT.ciphers)])
        self.assertIn(agree(tailor(MODERN, theirs), theirs).cipher_in, GCM)

    def test_no_fast_cipher(self) -> None:
        """A client without it, or with it one way only, is offered everything."""
        slow = [b"chacha20-poly1305@openssh.com", b"aes256-ctr"]
        self.assertIs(tailor(MODERN, offer(ciphers_in=slow, ciphers_out=slow)), MODERN)
        self.assertIs(tailor(MODERN, offer(ciphers_in=slow)), MODERN)


class Parsing(SynchronousTestCase):
    def test_every_truncation(self) -> None:
        """A KEXINIT that is cut short, or too long, is a protocol error."""
        whole = kexinit(MODERN, ())[1:]
        Offer.parse(whole)
        for size in range(len(whole)):
            self.assertRaises(ProtocolError, Offer.parse, whole[:size])
        self.assertRaises(ProtocolError, Offer.parse, whole + b"\0")
