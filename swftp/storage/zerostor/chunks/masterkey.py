"""
The file with the master key, which encrypts the keys that encrypt the files.

Each line that is not empty and no comment is a key of 64 hexadecimal digits.  The first one encrypts; the others
still decrypt what was encrypted with them, until everything was encrypted anew.  Who loses the file loses all files.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from swftp import secretfiles
from swftp.errors import Corrupt

KEY_BYTES = 32
ID_BYTES = 8
_HEAD = "# Master key of a zerostor. Keep a copy apart from the database: without it no file can be read.\n"


class UnusableMasterKey(Exception):
    """The file cannot be read or must not be used; the message names it and says why, and shows no key."""


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """The keys of one file, the one that encrypts first."""

    keys: Sequence[bytes]

    def wrap(self, key: bytes) -> bytes:
        """*key* as the database may have it: which master key (8 bytes), then RFC 3394."""
        master = self.keys[0]
        return identify(master) + aes_key_wrap(master, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """
        What `wrap` was given.

        :raises Corrupt: it was wrapped with no key of these, or is damaged.
        """
        for master in self.keys:
            if identify(master) == wrapped[:ID_BYTES]:
                try:
                    return aes_key_unwrap(master, wrapped[ID_BYTES:])
                except InvalidUnwrap as error:
                    raise Corrupt("a data key that is damaged") from error
        raise Corrupt("a data key of another master key")

    def can_unwrap(self, wrapped: bytes) -> bool:
        """Whether it was wrapped with one of these."""
        return wrapped[:ID_BYTES] in map(identify, self.keys)

    def is_current(self, wrapped: bytes) -> bool:
        """Whether it was wrapped with the key that encrypts now."""
        return wrapped[:ID_BYTES] == identify(self.keys[0])

    def __repr__(self) -> str:
        return f"<{len(self.keys)} master keys>"


def identify(master: bytes) -> bytes:
    """What names *master*, and tells nothing of it."""
    return hashlib.sha256(b"zerostor master key" + master).digest()[:ID_BYTES]


def read(path: Path) -> MasterKeys:
    """
    The keys in *path*.

    :raises UnusableMasterKey: missing, open to others, or no such file.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(65536)
    except OSError as error:
        raise UnusableMasterKey(f"{path}: cannot be read: {error.strerror}") from error
    if mode & secretfiles.forbidden(path, stat.S_IRWXO | stat.S_IRWXG):
        raise UnusableMasterKey(f"{path}: others can read or change it (mode {mode & 0o777:04o}); allowed: 0600")
    lines = [line.strip() for line in data.decode("ascii", "replace").splitlines()]
    keys = []
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            try:
                key = bytes.fromhex(line)
            except ValueError:
                key = b""
            if len(key) != KEY_BYTES:
                raise UnusableMasterKey(
                    f"{path}: line {number} is no key; allowed: {2 * KEY_BYTES} hexadecimal digits"
                )
            keys.append(key)
    if not keys:
        raise UnusableMasterKey(f"{path}: holds no key")
    return MasterKeys(tuple(keys))


def create(path: Path) -> MasterKeys:
    """
    A new key in the new file *path*.

    :raises UnusableMasterKey: it is there, or cannot be written.
    """
    _write(path, (secrets.token_bytes(KEY_BYTES),))
    return read(path)


def rotate(path: Path) -> MasterKeys:
    """
    Put a new key before those in *path*.  Whoever runs with the old file cannot read what is written from then on by
    those with the new one: give the file to all of them first, then let `Keyring.rewrap` encrypt all data keys anew.

    :raises UnusableMasterKey: see `read`; the old file is as it was.
    """
    old = read(path)
    fresh = path.with_name(f"{path.name}.new")
    _write(fresh, (secrets.token_bytes(KEY_BYTES), *old.keys))
    fresh.replace(path)
    _sync(path.parent)
    return read(path)


def _write(path: Path, keys: Sequence[bytes]) -> None:
    text = _HEAD + "".join(f"{key.hex()}\n" for key in keys)
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(number, "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(text)
            file.flush()
            os.fsync(number)
        _sync(path.parent)
    except OSError as error:
        raise UnusableMasterKey(f"{path}: cannot be written: {error.strerror}") from error


def _sync(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
