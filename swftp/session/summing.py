"""
Checksums of what stands in the store, a slice at a time: bounded memory, and the reactor never waits for a hash.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from swftp import errors
from swftp.entries import Entry
from swftp.transfer.hashing import INLINE, Offload

SLICE = 1 << 20
"""Bytes read and hashed in one go."""
CRC32 = "crc32"

Fetch = Callable[[int, int], Awaitable[bytes | memoryview]]
"""At most so many (second) bytes at an offset (first); none at the end."""


class Sum(Protocol):
    """What `hashlib` gives, as far as it is needed here."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take *data*."""

    def digest(self) -> bytes:
        """The checksum of all that was taken."""


class Crc32:
    """CRC-32 as ``zip`` has it (ISO 3309), big-endian."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        """See `Sum`."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """See `Sum`."""
        return self._value.to_bytes(4, "big")


def new(algorithm: str) -> Sum:
    """A checksum that took nothing yet; *algorithm* is `CRC32` or what `hashlib` calls it."""
    return Crc32() if algorithm == CRC32 else hashlib.new(algorithm, usedforsecurity=False)


def known(entry: Entry, algorithm: str, start: int, end: int) -> bytes | None:
    """The checksum of these bytes of *entry* where the store has said it; None: they have to be read."""
    if algorithm == "md5" and entry.digest and start == 0 and end >= entry.size:
        return bytes.fromhex(entry.digest)
    return None


async def summed(take: Fetch, offload: Offload, algorithm: str, start: int, end: int) -> bytes:
    """
    The checksum of the bytes from *start* up to *end*.

    :raises Changed: there are fewer.
    """
    found = new(algorithm)
    while start < end:
        data = await take(start, min(SLICE, end - start))
        if not data:
            raise errors.Changed()
        start += len(data)
        if len(data) <= INLINE:
            found.update(data)
        else:
            await offload(found.update, data)
    return found.digest()
