"""
What the parts of zerostor tell each other about stored bytes.

An object is written once, under a name no other object ever has, and never modified: so a `Chunk` that was read
from the database describes the same bytes for as long as anything refers to it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

UPLOAD_BYTES = 16
PACKED_BYTES = 20
DIGEST_BYTES = 16
"""xxh3_128, one a fragment."""

MISSING = -1
"""Stands in `Chunk.shards` for a fragment that is on no shard."""

_PACKED = struct.Struct(">16sI")
_KEY = struct.Struct(">16sIB")


@dataclass(frozen=True, slots=True)
class ObjectId:
    """Names one chunk's object: given to one chunk, never reused."""

    upload: bytes
    """16 bytes: the journal row it was numbered under."""
    seq: int
    """u32, counts within `upload`."""

    def __post_init__(self) -> None:
        if len(self.upload) != UPLOAD_BYTES:
            raise ValueError(f"an upload id has {UPLOAD_BYTES} bytes, not {len(self.upload)}")

    def key(self, fragment: int) -> bytes:
        """The 21 bytes under which a shard keeps fragment number *fragment*."""
        return _KEY.pack(self.upload, self.seq, fragment)

    def packed(self) -> bytes:
        """The 20 bytes that name it in the database."""
        return _PACKED.pack(self.upload, self.seq)

    @classmethod
    def from_packed(cls, packed: bytes) -> ObjectId:
        """
        The object whose `packed` form this is.

        :raises struct.error: it has other than 20 bytes.
        """
        return cls(*_PACKED.unpack(packed))


@dataclass(frozen=True, slots=True)
class Chunk:
    """One stored chunk: all that is needed to read it back."""

    obj: ObjectId
    plain_len: int
    """Bytes of plain data."""
    stored_len: int
    """Bytes of the encrypted object before it was cut in fragments."""
    layout: str
    """``ec:2+1`` or ``copy:2``."""
    key_id: int
    """The data key it is encrypted with."""
    shards: tuple[int, ...]
    """The shard of each fragment, in order; `MISSING`: that fragment is nowhere."""
    digests: bytes
    """16 bytes (xxh3_128) a fragment, concatenated."""

    @property
    def missing(self) -> int:
        """How many fragments are nowhere."""
        return self.shards.count(MISSING)

    def digest(self, fragment: int) -> bytes:
        """What fragment number *fragment* hashes to."""
        return self.digests[fragment * DIGEST_BYTES : (fragment + 1) * DIGEST_BYTES]


@dataclass(frozen=True, slots=True)
class Extent:
    """*length* bytes at *skip* of *chunk* stand at *position* of a content."""

    position: int
    skip: int
    length: int
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class New:
    """A piece of a new content: *length* bytes at *skip* of a chunk that no content refers to yet."""

    chunk: Chunk
    skip: int
    length: int


@dataclass(frozen=True, slots=True)
class Old:
    """A piece of a new content: *length* bytes at *offset* of a content that is there already."""

    content: UUID
    offset: int
    length: int


Piece = New | Old
"""What a new content is made of, in order."""


Told = Callable[[str, int], object]
"""Who wants to know how far long work has come: gets what was done, and how many of it so far."""


def untold(what: str, count: int) -> None:
    """Nobody does."""
