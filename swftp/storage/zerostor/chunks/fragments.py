"""
A fragment as a shard keeps it: 32 bytes that say what it is of, then what the erasure code made.

The digest covers both.  Chunks name it, so bytes of another object, another fragment or another time do not pass.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from xxhash import xxh3_128

from swftp.errors import Corrupt
from swftp.storage.zerostor.chunks import codec, erasure
from swftp.storage.zerostor.chunks.codec import CodecOptions
from swftp.storage.zerostor.chunks.layout import Layout
from swftp.storage.zerostor.values import Chunk, ObjectId

MAGIC = b"SwFz"
VERSION = 1
HEADER = struct.Struct(">4sB20sBBBI")
OVERHEAD = HEADER.size + erasure.HEADER + codec.NONCE_BYTES + codec.TAG_BYTES + 64
"""Bytes, at most, by which a fragment is longer than its part of the plain data."""

Block = bytes | memoryview


class DamagedFragments(Corrupt):
    """Some fragments are not what was stored.

    :ivar numbers: which.
    """

    def __init__(self, numbers: set[int]) -> None:
        super().__init__("fragments are damaged")
        self.numbers = numbers


@dataclass(frozen=True, slots=True)
class Fragment:
    """To be put on a shard."""

    key: bytes
    value: tuple[Block, ...]
    """Label, and parts of the content; one after the other they are the value."""
    digest: bytes

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return sum(map(len, self.value))


@dataclass(frozen=True, slots=True)
class Made:
    """A chunk that is on no shard yet."""

    stored_len: int
    fragments: tuple[Fragment, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """What a fragment says it is: enough to group what shards hold when the database is lost."""

    obj: ObjectId
    number: int
    layout: Layout
    plain_len: int

    def packed(self) -> bytes:
        """The 32 bytes that a value begins with."""
        return HEADER.pack(
            MAGIC, VERSION, self.obj.packed(), self.number, self.layout.k, self.layout.m, self.plain_len
        )

    @classmethod
    def read(cls, value: Block) -> Label:
        """
        What stands at the beginning of *value*.

        :raises Corrupt: it is no fragment of ours.
        """
        try:
            magic, version, obj, number, k, m, plain_len = HEADER.unpack_from(value)
        except struct.error as error:
            raise Corrupt("no fragment") from error
        if (magic, version) != (MAGIC, VERSION):
            raise Corrupt("no fragment")
        return cls(ObjectId.from_packed(obj), number, Layout(k, m), plain_len)


def make(
    plain: bytes | Sequence[Block],
    obj: ObjectId,
    key: bytes,
    layout: Layout,
    options: CodecOptions,
    entropy: Callable[[int], bytes],
) -> Made:
    """*plain*, sealed and cut into fragments."""
    blocks = (plain,) if isinstance(plain, bytes) else plain
    sealed = codec.seal(blocks, obj, key, options, entropy, erasure.PADDING)
    return cut(sealed, len(sealed) - erasure.PADDING, obj, layout, sum(map(len, blocks)))


def cut(sealed: Block | bytearray, stored_len: int, obj: ObjectId, layout: Layout, plain_len: int) -> Made:
    """The object of *plain_len* plain bytes that *sealed* begins with, cut into fragments; see `erasure.split`."""
    fragments = []
    for number, content in enumerate(erasure.split(layout, sealed, stored_len)):
        value = (Label(obj, number, layout, plain_len).packed(), *content)
        fragments.append(Fragment(obj.key(number), value, digest_of(value)))
    return Made(stored_len, tuple(fragments))


def digest_of(parts: Sequence[Block]) -> bytes:
    """xxh3_128 of *parts* together."""
    running = xxh3_128()
    for part in parts:
        running.update(part)
    return running.digest()


def sealed_of(chunk: Chunk, values: Mapping[int, bytes]) -> Block:
    """
    The sealed object of *chunk*, from *values* of k of its fragments.

    :raises DamagedFragments: some of them are not what was stored.
    :raises Corrupt: what *chunk* says makes no sense.
    """
    damaged = {number for number, value in values.items() if digest_of((value,)) != chunk.digest(number)}
    if damaged:
        raise DamagedFragments(damaged)
    layout = Layout.parse(chunk.layout)
    contents = {}
    for number, value in values.items():
        if Label.read(value) != Label(chunk.obj, number, layout, chunk.plain_len):
            raise Corrupt("a fragment of something else")
        contents[number] = memoryview(value)[HEADER.size :]
    return erasure.join(layout, contents, chunk.stored_len)


def plain_of(chunk: Chunk, values: Mapping[int, bytes], key: bytes) -> bytes:
    """
    The plain bytes of *chunk*; see `sealed_of`.

    :raises Corrupt: they are not those that were stored.
    """
    return codec.unseal(sealed_of(chunk, values), chunk.obj, chunk.plain_len, key)
