"""What is sealed can be opened as what it is, by who has the key, and as nothing else."""

from __future__ import annotations

import random

import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import Corrupt
from swftp.storage.zerostor.chunks import codec
from swftp.storage.zerostor.chunks.codec import CodecOptions, seal, unseal
from swftp.storage.zerostor.values import ObjectId
from tests.storage.zerostor.chunks.case import TEXT, UPLOAD, noise

KEY = bytes(range(32))
OBJ = ObjectId(UPLOAD, 5)
OPTIONS = CodecOptions()
entropy = random.Random(3).randbytes


def sealed(plain: bytes, options: CodecOptions = OPTIONS) -> bytes:
    """*plain* as `OBJ`."""
    return bytes(seal((plain,), OBJ, KEY, options, entropy))


class SealTests(SynchronousTestCase):
    """Sealing and opening."""

    @given(st.binary(max_size=2000))
    def test_round_trip(self, plain: bytes) -> None:
        """Whatever goes in comes out."""
        self.assertEqual(unseal(sealed(plain), OBJ, len(plain), KEY), plain)

    @settings(max_examples=300)
    @given(st.sampled_from((noise(300), TEXT[:3000])), st.integers(0), st.integers(0, 7))
    def test_any_bit(self, plain: bytes, at: int, bit: int) -> None:
        """One flipped bit anywhere is found."""
        data = bytearray(sealed(plain))
        data[at % len(data)] ^= 1 << bit
        with self.assertRaises(Corrupt):
            unseal(data, OBJ, len(plain), KEY)

    def test_any_length(self) -> None:
        """So is whatever is too short or too long."""
        data = sealed(TEXT[:200])
        for length in range(len(data)):
            with self.assertRaises(Corrupt):
                unseal(data[:length], OBJ, 200, KEY)
        with self.assertRaises(Corrupt):
            unseal(data + b"\0", OBJ, 200, KEY)

    def test_stands_for_nothing_else(self) -> None:
        """Another object, upload, length or key: none of them fits."""
        data = sealed(TEXT)
        for obj, size, key in (
            (ObjectId(UPLOAD, 6), len(TEXT), KEY),
            (ObjectId(UPLOAD[::-1], 5), len(TEXT), KEY),
            (OBJ, len(TEXT) - 1, KEY),
            (OBJ, len(TEXT), KEY[::-1]),
        ):
            with self.assertRaises(Corrupt):
                unseal(data, obj, size, key)

    def test_nothing_twice(self) -> None:
        """The same bytes are sealed differently each time."""
        self.assertNotEqual(sealed(TEXT), sealed(TEXT))

    @given(st.lists(st.binary(max_size=100)), st.integers(0, 80))
    def test_blocks(self, blocks: list[bytes], padding: int) -> None:
        """Blocks, of whatever lengths, are sealed as what they are together; the zeros behind are no part of it."""
        plain = b"".join(blocks)
        apart, whole = (
            seal(parts, OBJ, KEY, OPTIONS, random.Random(1).randbytes, padding)
            for parts in ([memoryview(block) for block in blocks], (plain,))
        )
        self.assertEqual(apart, whole)
        self.assertEqual(apart[len(apart) - padding :], bytes(padding))
        self.assertEqual(unseal(apart[: len(apart) - padding], OBJ, len(plain), KEY), plain)

    def test_lies_in_the_frame(self) -> None:
        """Whoever has the key and announces more than there is gets no memory for it."""
        for body in (zstandard.compress(bytes(1 << 20)), b"no frame", b""):
            nonce = entropy(12)
            bound = codec._bound(OBJ, codec.ZSTD, 10)
            data = bytes((codec.ZSTD,)) + nonce + AESGCM(KEY).encrypt(nonce, body, bound)
            with self.assertRaises(Corrupt):
                unseal(data, OBJ, 10, KEY)


class CompressionTests(SynchronousTestCase):
    """Only what gains by it is compressed."""

    def codec_of(self, plain: bytes, options: CodecOptions = OPTIONS) -> int:
        """Which it became."""
        data = sealed(plain, options)
        self.assertEqual(unseal(data, OBJ, len(plain), KEY), plain)
        return data[0]

    def test_text(self) -> None:
        """Text shrinks, short or long."""
        for size in (300, 100_000, 1 << 20):
            self.assertEqual(self.codec_of((TEXT * 20)[:size]), codec.ZSTD)
        self.assertLess(len(sealed(TEXT)), len(TEXT) // 10)

    def test_noise(self) -> None:
        """Noise does not, short or long, and costs nothing but prefix and tag."""
        for size in (0, 300, 100_000, 1 << 20):
            self.assertEqual(self.codec_of(noise(size)), codec.RAW)
            self.assertEqual(len(sealed(noise(size))), size + 29)

    def test_little_gain(self) -> None:
        """Less than a twentieth is no gain."""
        self.assertEqual(self.codec_of(noise(96_000) + bytes(3_000)), codec.RAW)
        self.assertEqual(self.codec_of(noise(80_000) + bytes(20_000)), codec.ZSTD)

    def test_noise_in_front(self) -> None:
        """What begins with noise and goes on with text is still compressed: samples are from all over it."""
        for size in (300_000, 4 << 20):
            plain = noise(size // 2) + (TEXT * 50)[: size // 2]
            self.assertEqual(self.codec_of(plain), codec.ZSTD)
            self.assertEqual(self.codec_of(plain[::-1]), codec.ZSTD)

    def test_samples_of_blocks(self) -> None:
        """They are the same of blocks as of the whole, but for those that cross an edge."""
        plain = noise(300_000)
        whole = codec._sample((plain,), len(plain))
        self.assertEqual(len(whole), codec.SAMPLES * codec.SAMPLE)
        for edge in (1, 70_000, 1 << 17):
            blocks = [memoryview(plain)[at : at + edge] for at in range(0, len(plain), edge)]
            sample = codec._sample(blocks, len(plain))
            self.assertEqual(sample[:1], whole[:1])
            self.assertLessEqual(len(sample), len(whole))
            self.assertGreaterEqual(len(sample), codec.SAMPLES * min(edge, codec.SAMPLE // 4))

    def test_switched_off(self) -> None:
        """Nothing is, then."""
        self.assertEqual(self.codec_of(TEXT, CodecOptions(compress=False)), codec.RAW)

    def test_level(self) -> None:
        """More work makes less of it."""
        dice = random.Random(5)
        plain = b" ".join(dice.choices([noise(6, seed) for seed in range(500)], k=10_000))
        self.assertLess(len(sealed(plain, CodecOptions(level=9))), len(sealed(plain)))
