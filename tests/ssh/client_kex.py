"""The client's side of every key exchange method: a public value, and what makes the secret of the server's."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from swftp.ssh.kex import modp
from swftp.ssh.wire import mpint, string


def _client_x25519() -> Any:
    private = x25519.X25519PrivateKey.generate()

    def finish(public: bytes) -> bytes:
        secret = private.exchange(x25519.X25519PublicKey.from_public_bytes(public))
        return mpint(int.from_bytes(secret, "big"))

    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), finish


def _client_mlkem() -> Any:
    quantum, classical = mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate()

    def finish(public: bytes) -> bytes:
        shared = quantum.decapsulate(public[:-32])
        shared += classical.exchange(x25519.X25519PublicKey.from_public_bytes(public[-32:]))
        return string(hashlib.sha256(shared).digest())

    public = quantum.public_key().public_bytes_raw()
    return public + classical.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), finish


def _client_nistp256() -> Any:
    private = ec.generate_private_key(ec.SECP256R1())

    def finish(public: bytes) -> bytes:
        peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        return mpint(int.from_bytes(private.exchange(ec.ECDH(), peer), "big"))

    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint), finish


def _client_group(bits: int, offset: int) -> Any:
    prime, private = modp(bits, offset), int.from_bytes(hashlib.sha512(b"private").digest(), "big")
    return mpint(pow(2, private, prime))[4:], lambda f: mpint(pow(int.from_bytes(f, "big"), private, prime))


CLIENT_METHODS = {
    b"mlkem768x25519-sha256": _client_mlkem,
    b"curve25519-sha256": _client_x25519,
    b"curve25519-sha256@libssh.org": _client_x25519,
    b"ecdh-sha2-nistp256": _client_nistp256,
    b"diffie-hellman-group14-sha256": lambda: _client_group(2048, 124476),
    b"diffie-hellman-group16-sha512": lambda: _client_group(4096, 240904),
}
