"""
The server's own SSH keys: read with the checks that OpenSSH makes, or made once and then kept.

A key that is there but cannot be used is an error, never a reason to make another: clients would take the new one
for an attack.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from twisted.conch.ssh.keys import BadKeyError, EncryptedKeyError, FingerprintFormats, Key

RSA_BITS = 3072
RSA_LEAST = 2048
"""What clients of today accept (OpenSSH's RequiredRSASize is 1024, WinSCP and others warn below 2048)."""
MADE: Mapping[str, Callable[[], Any]] = {
    "ssh_host_ed25519_key": ed25519.Ed25519PrivateKey.generate,
    "ssh_host_ecdsa_key": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ssh_host_rsa_key": lambda: rsa.generate_private_key(65537, RSA_BITS),
}
"""File name -> what makes its key; the names are those of OpenSSH."""


class UnusableKey(Exception):
    """A host key cannot be read or must not be used; the message names the file and says why."""


def read(path: Path) -> Key:
    """
    The private key in the file *path*.

    :raises UnusableKey: missing, unreadable, open to others, encrypted, or of a kind or size no client wants.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(65536)
    except OSError as error:
        raise UnusableKey(f"{path}: cannot be read: {error.strerror}") from error
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise UnusableKey(f"{path}: others can read or change it (mode {mode & 0o777:04o}); allowed: 0600 or 0640")
    try:
        key: Any = Key.fromString(data)  # type: ignore[no-untyped-call]
    except EncryptedKeyError as error:
        raise UnusableKey(f"{path}: is protected by a passphrase; allowed: a key without one") from error
    except (BadKeyError, ValueError, TypeError, KeyError, IndexError) as error:
        raise UnusableKey(f"{path}: holds no private key") from error
    if key.isPublic():
        raise UnusableKey(f"{path}: holds a public key; allowed: a private key")
    if key.type() not in ("Ed25519", "RSA", "EC"):
        raise UnusableKey(f"{path}: is a key of type {key.type()}; allowed: Ed25519, RSA, ECDSA")
    if key.type() == "RSA" and key.size() < RSA_LEAST:
        raise UnusableKey(f"{path}: has {key.size()} bits; allowed: {RSA_LEAST} or more")
    usable: Key = key
    return usable


def kept(directory: Path, *, make: bool = True, makers: Mapping[str, Callable[[], Any]] = MADE) -> dict[Path, Key]:
    """
    The keys in *directory*, one of each kind in *makers*: the same for everybody who asks, also at the same moment.

    :param make: make those that are missing.

    :raises UnusableKey: one that is there cannot be used, or one that is not cannot be made.
    """
    keys = {}
    for name, maker in makers.items():
        path = directory / name
        if make and not path.exists():
            _make(path, maker)
        if make or path.exists():
            keys[path] = read(path)
    return keys


def passing() -> Key:
    """A key that is kept nowhere: to see whether everything else is right before there are any."""
    return Key(ed25519.Ed25519PrivateKey.generate())  # type: ignore[no-untyped-call]


def _make(path: Path, maker: Callable[[], Any]) -> None:
    """Unless somebody else does meanwhile: the first one wins, and his public half is the one that is written."""
    key: Any = Key(maker())  # type: ignore[no-untyped-call]
    public = key.public()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, key.toString("openssh", comment=b"swftp"), 0o600)
        path.with_name(path.name + ".pub").unlink(missing_ok=True)
        _write(path.with_name(path.name + ".pub"), public.toString("openssh", comment=b"swftp"), 0o644)
    except FileExistsError:
        return
    except OSError as error:
        raise UnusableKey(f"{path}: cannot be made: {error.strerror}") from error


def _write(path: Path, data: bytes, mode: int) -> None:
    """
    All of *data* or no file: a key cut short by a crash would never be made again.

    :raises FileExistsError: there is one.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.part-") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data.rstrip(b"\n") + b"\n")
        file.flush()
        os.fsync(file.fileno())
        os.link(file.name, path)  # unlike a rename, it replaces nothing


def fingerprint(key: Key) -> str:
    """As clients show it: ``ED25519 SHA256:...``."""
    digest = key.fingerprint(FingerprintFormats.SHA256_BASE64)  # type: ignore[no-untyped-call]
    kind = {"Ed25519": "ED25519", "EC": "ECDSA"}.get(key.type(), key.type())
    return f"{kind} SHA256:{digest.rstrip('=')}"
