"""
Plain bytes of a chunk <-> the sealed object that fragments are made of.

Sealed: codec (1 byte), nonce (12), AES-256-GCM of the plain or compressed bytes, tag (16).  What is authenticated
with them binds an object to its name, codec and length: it can stand for no other.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from swftp.errors import Corrupt
from swftp.storage.zerostor.values import ObjectId

RAW, ZSTD = 0, 1
NONCE_BYTES = 12
TAG_BYTES = 16
GAIN = 0.95
"""Compressed bytes are kept where they are not more than this part of the plain ones."""
SAMPLES, SAMPLE = 8, 8 << 10
"""So many pieces of so many bytes, spread over a chunk, are tried first: random data costs a hundredth that way."""

_PREFIX = struct.Struct(f">B{NONCE_BYTES}s")
_BOUND = struct.Struct(">BI")
Block = bytes | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecOptions:
    """How chunks are written; reading needs none of it."""

    compress: bool = True
    level: int = 1
    """Of zstd."""


class _Compressors(threading.local):
    """One a thread and level: none of them may be used by two threads at once."""

    def __init__(self) -> None:
        self._made: dict[int, zstandard.ZstdCompressor] = {}
        self.decompressor = zstandard.ZstdDecompressor()

    def of(self, level: int) -> zstandard.ZstdCompressor:
        if level not in self._made:
            self._made[level] = zstandard.ZstdCompressor(level=level, write_content_size=True)
        return self._made[level]


_compressors = _Compressors()


def seal(
    plain: Sequence[Block],
    obj: ObjectId,
    key: bytes,
    options: CodecOptions,
    entropy: Callable[[int], bytes],
    padding: int = 0,
) -> bytearray:
    """
    The object *obj* that *plain*, one block after the other, becomes.

    :param key: 32 bytes.
    :param entropy: gives so many random bytes.
    :param padding: so many zeros are put behind it.
    """
    size = sum(map(len, plain))
    codec, body = _compressed(plain, size, options)
    nonce = entropy(NONCE_BYTES)
    end = _PREFIX.size + sum(map(len, body))
    sealed = bytearray(end + TAG_BYTES + padding)
    _PREFIX.pack_into(sealed, 0, codec, nonce)
    encryptor = Cipher(algorithms.AES256(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(_bound(obj, codec, size))
    with memoryview(sealed) as view:
        at = _PREFIX.size
        for block in body:  # which leaves 15 bytes more alone than it asks for: the tag is longer
            at += encryptor.update_into(block, view[at:])
        encryptor.finalize()
        view[at : at + TAG_BYTES] = encryptor.tag
    return sealed


def _compressed(plain: Sequence[Block], size: int, options: CodecOptions) -> tuple[int, Sequence[Block]]:
    if not options.compress or not size:
        return RAW, plain
    compressor = _compressors.of(options.level)
    if size > 4 * SAMPLES * SAMPLE:
        sample = _sample(plain, size)
        if len(compressor.compress(sample)) > GAIN * len(sample):
            return RAW, plain
    packed = compressor.compress(b"".join(plain))
    return (RAW, plain) if len(packed) > GAIN * size else (ZSTD, (packed,))


def _sample(plain: Sequence[Block], size: int) -> bytes:
    step = (size - SAMPLE) // (SAMPLES - 1)
    samples, start = [], 0
    for block in plain:
        samples += [block[at : at + SAMPLE] for at in range(-start % step, len(block), step)]
        start += len(block)
    return b"".join(samples)


def unseal(sealed: Block, obj: ObjectId, plain_len: int, key: bytes) -> bytes:
    """
    The *plain_len* bytes that became *obj*.

    :raises Corrupt: *sealed* is not what `seal` made of them with this *key*.
    """
    if len(sealed) < _PREFIX.size + TAG_BYTES:
        raise Corrupt("an object that is too short")
    codec, nonce = _PREFIX.unpack_from(sealed)
    try:
        body = AESGCM(key).decrypt(nonce, memoryview(sealed)[_PREFIX.size :], _bound(obj, codec, plain_len))
    except InvalidTag as error:
        raise Corrupt("an object that is not what its name says") from error
    plain = body if codec == RAW else _decompressed(codec, body, plain_len)
    if len(plain) != plain_len:
        raise Corrupt("an object of another length")
    return plain


def _decompressed(codec: int, body: bytes, plain_len: int) -> bytes:
    """The length stands in the frame, and is looked at before there is memory for it."""
    try:
        if codec != ZSTD or zstandard.frame_content_size(body) != plain_len:
            raise Corrupt("an object of another codec or length")
        return _compressors.decompressor.decompress(body)
    except zstandard.ZstdError as error:
        raise Corrupt("an object that cannot be decompressed") from error


def _bound(obj: ObjectId, codec: int, plain_len: int) -> bytes:
    return obj.packed() + _BOUND.pack(codec, plain_len)
