"""
Key exchange methods without I/O: the client's public value in; our public value and the shared secret out.

All of them are one message each way, with values in the same places, so one exchange hash serves them all: RFC 4253
section 8 (DH), RFC 5656 section 4 (ECDH), RFC 8731 (curve25519), draft-ietf-sshm-mlkem-hybrid-kex (ML-KEM).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from swftp.ssh.wire import ProtocolError, Reason, mpint, string

Answer = tuple[bytes, bytes]
"""Our public value (what goes into an SSH string) and the shared secret as the hash takes it (mpint or string)."""


@dataclass(frozen=True, slots=True)
class Method:
    """A key exchange method."""

    digest: str
    respond: Callable[[bytes], Answer]


def _refused() -> ProtocolError:
    return ProtocolError("invalid public value in key exchange", Reason.KEY_EXCHANGE_FAILED)


def _x25519(client: bytes) -> tuple[bytes, bytes]:
    """Our public value, and the raw secret; one of all zeros is refused (RFC 7748 section 6.1)."""
    private = x25519.X25519PrivateKey.generate()
    try:
        secret = private.exchange(x25519.X25519PublicKey.from_public_bytes(client))
    except ValueError:
        raise _refused() from None
    if not any(secret):
        raise _refused()
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), secret


def _curve25519(client: bytes) -> Answer:
    public, secret = _x25519(client)
    return public, mpint(int.from_bytes(secret, "big"))


_MLKEM768_PUBLIC = 1184


def _mlkem768x25519(client: bytes) -> Answer:
    if len(client) != _MLKEM768_PUBLIC + 32:
        raise _refused()
    public, classical = _x25519(client[_MLKEM768_PUBLIC:])
    try:
        quantum, ciphertext = mlkem.MLKEM768PublicKey.from_public_bytes(client[:_MLKEM768_PUBLIC]).encapsulate()
    except ValueError:
        raise _refused() from None
    return ciphertext + public, string(hashlib.sha256(quantum + classical).digest())


def _nistp256(client: bytes) -> Answer:
    private = ec.generate_private_key(ec.SECP256R1())
    try:
        peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), client)
    except ValueError:
        raise _refused() from None
    secret = private.exchange(ec.ECDH(), peer)
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return public, mpint(int.from_bytes(secret, "big"))


def _pi(bits: int) -> int:
    """pi times 2 to the *bits*, rounded down (Machin)."""
    one = 1 << (bits + 64)

    def arctan_of_inverse(x: int) -> int:
        total = term = one // x
        k = 1
        while term:
            term //= -x * x
            k += 2
            total += term // k
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> 64


def modp(bits: int, offset: int) -> int:
    """A prime of RFC 3526, by the formula that defines it there."""
    return (1 << bits) - (1 << bits - 64) - 1 + ((_pi(bits - 130) + offset) << 64)


_EXPONENT = 512
"""Bits: twice the strength of any cipher that we offer (RFC 4419 section 6.2)."""


def _group(bits: int, offset: int) -> Callable[[bytes], Answer]:
    """Plain arithmetic, as the `cryptography` package is about to drop these groups."""
    prime = modp(bits, offset)

    def respond(client: bytes) -> Answer:
        e = int.from_bytes(client, "big")
        if not 1 < e < prime - 1:
            raise _refused()
        private = secrets.randbits(_EXPONENT) | 1 << _EXPONENT
        return mpint(pow(2, private, prime))[4:], mpint(pow(e, private, prime))

    return respond


METHODS = {
    b"mlkem768x25519-sha256": Method("sha256", _mlkem768x25519),
    b"curve25519-sha256": Method("sha256", _curve25519),
    b"curve25519-sha256@libssh.org": Method("sha256", _curve25519),
    b"ecdh-sha2-nistp256": Method("sha256", _nistp256),
    b"diffie-hellman-group14-sha256": Method("sha256", _group(2048, 124476)),
    b"diffie-hellman-group16-sha512": Method("sha512", _group(4096, 240904)),
}


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the keys of both directions come from (RFC 4253 section 7.2)."""

    digest: str
    secret: bytes
    exchange_hash: bytes
    session_id: bytes

    def derive(self, letter: bytes, size: int = 64) -> bytes:
        """At least *size* bytes of the key named *letter*."""
        base = self.secret + self.exchange_hash
        key = hashlib.new(self.digest, base + letter + self.session_id).digest()
        while len(key) < size:
            key += hashlib.new(self.digest, base + key).digest()
        return key
