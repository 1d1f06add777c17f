"""
Which algorithms are offered, and how the two sides agree (RFC 4253 section 7.1).

All policies leave out CBC, 3DES, MD5, SHA-1, DSA and compression.  ``compat``, the default, is what OpenSSH's own
default has of that kind: it adds the NIST curves, fixed groups and MACs that older clients need and nobody has
broken, and takes nothing from others, since the client's order decides.  ``modern`` leaves them out.  ``pq-only`` is
for who fears that what is recorded today is read when there are quantum computers: it lets in OpenSSH since 9.9, and
no client without ML-KEM.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from swftp.ssh.openers import ChachaOpener, CtrOpener, EtmOpener, GcmOpener, Opener
from swftp.ssh.sealers import ChachaSealer, CtrSealer, EtmSealer, GcmSealer, Sealer
from swftp.ssh.wire import Msg, ProtocolError, Reader, Reason, names

STRICT_CLIENT = b"kex-strict-c-v00@openssh.com"
STRICT_SERVER = b"kex-strict-s-v00@openssh.com"
EXT_INFO_CLIENT = b"ext-info-c"
EXT_INFO_SERVER = b"ext-info-s"

GCM = (b"aes128-gcm@openssh.com", b"aes256-gcm@openssh.com")
CHACHA = b"chacha20-poly1305@openssh.com"

KEY_BYTES = {
    b"aes128-gcm@openssh.com": 16,
    b"aes256-gcm@openssh.com": 32,
    CHACHA: 64,
    b"aes128-ctr": 16,
    b"aes192-ctr": 24,
    b"aes256-ctr": 32,
}
AEAD = frozenset((*GCM, CHACHA))

MACS = {
    b"hmac-sha2-256-etm@openssh.com": ("sha256", 32, True),
    b"hmac-sha2-512-etm@openssh.com": ("sha512", 64, True),
    b"hmac-sha2-256": ("sha256", 32, False),
    b"hmac-sha2-512": ("sha512", 64, False),
}
"""Name -> digest, bytes of the key, encrypt-then-MAC."""

USER_KEY_ALGORITHMS = (
    b"ssh-ed25519",
    b"sk-ssh-ed25519@openssh.com",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"sk-ecdsa-sha2-nistp256@openssh.com",
    b"rsa-sha2-512",
    b"rsa-sha2-256",
)
"""Signatures that users may log in with: what ``server-sig-algs`` says, whatever keys the host has (RFC 8308)."""

RSA_MINIMUM = 2048
"""Bits of the smallest RSA key that we use or accept."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a server offers, best first."""

    kex: tuple[bytes, ...]
    host_keys: tuple[bytes, ...]
    ciphers: tuple[bytes, ...]
    macs: tuple[bytes, ...]


MODERN = Policy(
    kex=(b"mlkem768x25519-sha256", b"curve25519-sha256", b"curve25519-sha256@libssh.org"),
    host_keys=(b"ssh-ed25519", b"rsa-sha2-512", b"rsa-sha2-256"),
    ciphers=(*GCM, CHACHA, b"aes128-ctr", b"aes192-ctr", b"aes256-ctr"),
    macs=(b"hmac-sha2-256-etm@openssh.com", b"hmac-sha2-512-etm@openssh.com"),
)

COMPAT = Policy(
    kex=(
        *MODERN.kex,
        b"ecdh-sha2-nistp256",
        b"diffie-hellman-group16-sha512",
        b"diffie-hellman-group14-sha256",
    ),
    host_keys=(*MODERN.host_keys, b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp521"),
    ciphers=MODERN.ciphers,
    macs=(*MODERN.macs, b"hmac-sha2-256", b"hmac-sha2-512"),  # all that libssh2 1.10 has (curl in Debian 12)
)

PQ_ONLY = Policy(
    kex=MODERN.kex[:1],
    host_keys=MODERN.host_keys,
    ciphers=MODERN.ciphers,
    macs=MODERN.macs,
)

POLICIES = {"modern": MODERN, "compat": COMPAT, "pq-only": PQ_ONLY}


@dataclass(frozen=True, slots=True)
class Offer:
    """What one side's KEXINIT says; ``in`` is client to server."""

    kex: list[bytes]
    host_keys: list[bytes]
    ciphers_in: list[bytes]
    ciphers_out: list[bytes]
    macs_in: list[bytes]
    macs_out: list[bytes]
    compression_in: list[bytes]
    compression_out: list[bytes]
    guessed: bool
    """A guessed key exchange packet follows."""

    @classmethod
    def parse(cls, message: bytes) -> Offer:
        """:param message: a KEXINIT without its message number."""
        reader = Reader(message)
        reader.take(16)
        kex, host_keys, ciphers_in, ciphers_out, macs_in, macs_out, *others = [reader.names() for _ in range(10)]
        guessed = reader.flag()
        reader.u32()
        reader.end()
        return cls(kex, host_keys, ciphers_in, ciphers_out, macs_in, macs_out, others[0], others[1], guessed)


def kexinit(policy: Policy, extra: Sequence[bytes]) -> bytes:
    """
    Our KEXINIT, with its message number.

    :param extra: indicators to add to the key exchange methods.
    """
    ciphers, macs, compression = names(list(policy.ciphers)), names(list(policy.macs)), names([b"none"])
    return b"".join(
        (
            bytes((Msg.KEXINIT,)),
            os.urandom(16),
            names([*policy.kex, *extra]),
            names(list(policy.host_keys)),
            ciphers * 2,
            macs * 2,
            compression * 2,
            names([]) * 2,
            bytes(5),
        )
    )


def tailor(policy: Policy, offer: Offer) -> Policy:
    """
    *policy* without the slower ciphers, where *offer* has AES-GCM.

    The order of the client decides, and OpenSSH, PuTTY and paramiko prefer ciphers that cost four times as much.
    """
    ciphers = tuple(c for c in policy.ciphers if c in GCM and c in offer.ciphers_in and c in offer.ciphers_out)
    if not ciphers:
        return policy
    return Policy(policy.kex, policy.host_keys, ciphers, policy.macs)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides use."""

    kex: bytes
    host_key: bytes
    cipher_in: bytes
    cipher_out: bytes
    mac_in: bytes | None
    mac_out: bytes | None
    """None with an AEAD cipher, which needs no MAC and must not fail for the want of one."""

    def __str__(self) -> str:
        way_in = [self.cipher_in, *([self.mac_in] if self.mac_in else [])]
        way_out = [self.cipher_out, *([self.mac_out] if self.mac_out else [])]
        both = [self.kex, self.host_key, *way_in, *(way_out if way_out != way_in else [])]
        return b" ".join(both).decode("ascii")


def agree(policy: Policy, offer: Offer) -> Agreement:
    """:raises ProtocolError: there is nothing that both sides know."""
    cipher_in = _first("cipher", offer.ciphers_in, policy.ciphers)
    cipher_out = _first("cipher", offer.ciphers_out, policy.ciphers)
    _first("compression", offer.compression_in, (b"none",))
    _first("compression", offer.compression_out, (b"none",))
    return Agreement(
        kex=_first("key exchange method", offer.kex, policy.kex),
        host_key=_first("host key algorithm", offer.host_keys, policy.host_keys),
        cipher_in=cipher_in,
        cipher_out=cipher_out,
        mac_in=None if cipher_in in AEAD else _first("MAC", offer.macs_in, policy.macs),
        mac_out=None if cipher_out in AEAD else _first("MAC", offer.macs_out, policy.macs),
    )


def guess_was_right(policy: Policy, offer: Offer) -> bool:
    """Whether the packet that followed the client's KEXINIT counts (RFC 4253 section 7)."""
    return offer.kex[0] == policy.kex[0] and offer.host_keys[0] == policy.host_keys[0]


def _first(what: str, theirs: Sequence[bytes], ours: Sequence[bytes]) -> bytes:
    for name in theirs:
        if name in ours:
            return name
    raise ProtocolError(f"no {what} in common", Reason.KEY_EXCHANGE_FAILED)


def make_opener(cipher: bytes, mac: bytes | None, key: bytes, iv: bytes, mac_key: bytes, sequence: int) -> Opener:
    """What reads packets of *cipher* and *mac*; key material may be longer than needed."""
    key = key[: KEY_BYTES[cipher]]
    if cipher in GCM:
        return GcmOpener(key, iv, sequence)
    if mac is None:
        return ChachaOpener(key, sequence)
    digest, size, etm = MACS[mac]
    return (EtmOpener if etm else CtrOpener)(key, iv, mac_key[:size], digest, sequence)


def make_sealer(cipher: bytes, mac: bytes | None, key: bytes, iv: bytes, mac_key: bytes, sequence: int) -> Sealer:
    """What writes packets of *cipher* and *mac*; key material may be longer than needed."""
    key = key[: KEY_BYTES[cipher]]
    if cipher in GCM:
        return GcmSealer(key, iv, sequence)
    if mac is None:
        return ChachaSealer(key, sequence)
    digest, size, etm = MACS[mac]
    return (EtmSealer if etm else CtrSealer)(key, iv, mac_key[:size], digest, sequence)
