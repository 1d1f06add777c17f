"""A fragment passes as itself only."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations, permutations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import Corrupt
from swftp.storage.zerostor.chunks import CodecOptions, Label, Layout, erasure, fragments, isal
from swftp.storage.zerostor.chunks.fragments import OVERHEAD, DamagedFragments, digest_of, make, plain_of, sealed_of
from swftp.storage.zerostor.values import Chunk, ObjectId
from tests.storage.zerostor.chunks.case import TEXT, UPLOAD, noise

KEY = bytes(range(32))
EC = Layout(2, 1)


def stored(plain: bytes, seq: int = 0, layout: Layout = EC, key: bytes = KEY) -> tuple[Chunk, dict[int, bytes]]:
    """The chunk that *plain* becomes, and the values of its fragments."""
    obj = ObjectId(UPLOAD, seq)
    made = make(plain, obj, key, layout, CodecOptions(), random.Random(seq).randbytes)
    digests = b"".join(fragment.digest for fragment in made.fragments)
    shards = tuple(range(layout.total))
    chunk = Chunk(obj, len(plain), made.stored_len, str(layout), 1, shards, digests)
    return chunk, {number: b"".join(fragment.value) for number, fragment in enumerate(made.fragments)}


class PassingTests(SynchronousTestCase):
    """What passes, and what does not."""

    @given(st.integers(0), st.integers(0, 7), st.integers(0, 2), st.sampled_from((noise(1000), TEXT, b"x")))
    def test_any_bit(self, at: int, bit: int, number: int, plain: bytes) -> None:
        """One flipped bit in any fragment, be it in front, is found, and told which."""
        chunk, values = stored(plain)
        value = bytearray(values[number])
        value[at % len(value)] ^= 1 << bit
        others = (number, (number + 1) % 3)
        values[number] = bytes(value)
        with self.assertRaises(DamagedFragments) as caught:
            plain_of(chunk, {other: values[other] for other in others}, KEY)
        self.assertEqual(caught.exception.numbers, {number})

    def test_swapped_numbers(self) -> None:
        """A fragment under another one's number is damage."""
        chunk, values = stored(noise(1000))
        for order in permutations(range(3)):
            for pair in combinations(range(3), 2):
                given_values = {number: values[order[number]] for number in pair}
                wrong = {number for number in pair if order[number] != number}
                if wrong:
                    with self.assertRaises(DamagedFragments) as caught:
                        plain_of(chunk, given_values, KEY)
                    self.assertEqual(caught.exception.numbers, wrong)

    def test_of_another_object(self) -> None:
        """So is one of another object, or of another writing of the same one."""
        chunk, values = stored(noise(1000), 0)
        _, others = stored(noise(1000), 1)
        _, again = stored(noise(1000), 0, key=bytes(32))
        for other in (others[0], again[0]):
            with self.assertRaises(DamagedFragments):
                plain_of(chunk, {0: other, 1: values[1]}, KEY)

    def test_swapped_rows(self) -> None:
        """A row of the database that was given the digests and places of another one gives nothing."""
        chunk, _ = stored(noise(1000), 0)
        other, values = stored(noise(1000, 2), 1)
        forged = replace(chunk, digests=other.digests)
        with self.assertRaises(Corrupt):
            plain_of(forged, {0: values[0], 1: values[1]}, KEY)

    def test_nothing_is_mended_with_it(self) -> None:
        """Nor is it mended, for which nobody has the key: the labels tell."""
        chunk, _ = stored(noise(1000), 0)
        other, values = stored(noise(1000, 2), 1)
        for wrong in (
            replace(chunk, digests=other.digests),
            replace(other, plain_len=999),
            replace(other, layout="copy:3"),
        ):
            with self.assertRaises(Corrupt):
                sealed_of(wrong, {0: values[0], 1: values[1]})
        sealed_of(other, {0: values[0], 1: values[1]})

    def test_forged_label(self) -> None:
        """Nor does one whose labels were forged to fit it: what is sealed is bound to its name."""
        chunk, _ = stored(noise(1000), 0)
        _, values = stored(noise(1000, 2), 1)
        forged = {n: Label(chunk.obj, n, EC, 1000).packed() + values[n][32:] for n in values}
        digests = b"".join(digest_of((forged[number],)) for number in range(3))
        with self.assertRaises(Corrupt) as caught:
            plain_of(replace(chunk, digests=digests), {0: forged[0], 1: forged[1]}, KEY)
        self.assertNotIsInstance(caught.exception, DamagedFragments)

    def test_wrong_lengths_in_the_row(self) -> None:
        """Lengths and layouts that do not fit are errors, not other bytes."""
        chunk, values = stored(TEXT)
        for wrong in (
            replace(chunk, plain_len=chunk.plain_len - 1),
            replace(chunk, stored_len=chunk.stored_len - 1),
            replace(chunk, stored_len=chunk.stored_len + 100_000),
            replace(chunk, layout="ec:3+1"),
            replace(chunk, layout="copy:3"),
        ):
            for pair in ((0, 1), (1, 2)):
                with self.assertRaises(Corrupt):
                    plain_of(wrong, {number: values[number] for number in pair}, KEY)

    def test_overhead(self) -> None:
        """No fragment is longer than its part and what is allowed for."""
        for layout in (EC, Layout(10, 4), Layout(16, 4), Layout(1, 1)):
            for size in (0, 1, 1000, 65_537, 1 << 20):
                _, values = stored(noise(size), 0, layout)
                self.assertLessEqual(max(map(len, values.values())), -(-size // layout.k) + OVERHEAD)


class LabelTests(SynchronousTestCase):
    """What a fragment says of itself."""

    def test_says_what_it_is(self) -> None:
        """Enough to find the others of its object."""
        _, values = stored(noise(1000), 77)
        self.assertEqual(Label.read(values[2]), Label(ObjectId(UPLOAD, 77), 2, EC, 1000))

    def test_other_forms(self) -> None:
        """Nothing that begins otherwise is one, be it only of another version."""
        _, values = stored(noise(1000))
        for at in range(5):
            value = bytearray(values[0])
            value[at] ^= 1
            self.assertRaises(Corrupt, Label.read, bytes(value))

    @given(st.binary(max_size=60))
    def test_garbage(self, value: bytes) -> None:
        """What is no fragment says so."""
        with self.assertRaises(Corrupt):
            Label.read(value)


def split(layout: Layout, whole: bytes, *, owned: bool = True) -> list[bytes]:
    """The fragments of *whole*, each in one piece."""
    data = bytearray(whole + bytes(erasure.PADDING)) if owned else whole
    return [b"".join(parts) for parts in erasure.split(layout, data, len(whole))]


class ErasureTests(SynchronousTestCase):
    """The code itself."""

    def test_every_loss(self) -> None:
        """No choice of m losses is one too many, with the most fragments that are usual."""
        whole = noise(3_001)
        for layout in (Layout(10, 4), Layout(5, 3), Layout(16, 2)):
            pieces = split(layout, whole)
            for kept in combinations(range(layout.total), layout.k):
                joined = erasure.join(layout, {number: pieces[number] for number in kept}, len(whole))
                self.assertEqual(bytes(joined), whole, kept)

    def test_data_fragments_are_the_object(self) -> None:
        """What is read without decoding is what decoding gives."""
        for layout in (EC, Layout(3, 2), Layout(16, 4)):
            for size in (1, 2, 15, 16, 17, 31, 33, 100, 4097):
                whole = noise(size)
                pieces = dict(enumerate(split(layout, whole)[: layout.k]))
                decoded = erasure._driver(layout.k, layout.m).decode(list(pieces.values()))
                self.assertEqual(bytes(erasure.join(layout, pieces, size)), decoded)

    def test_same_as_the_library_makes(self) -> None:
        """Whether ISA-L was asked or liberasurecode: the fragments are the same to the bit."""
        for layout in (Layout(k, m) for k in (2, 3, 4, 10, 16) for m in (1, 2, 4)):
            for size in (1, 15, 17, 33, 1000, 4097, 65_536 + 29):
                whole = noise(size)
                self.assertEqual(split(layout, whole), erasure._driver(layout.k, layout.m).encode(whole))
                self.assertEqual(split(layout, whole), split(layout, whole, owned=False))

    def test_nothing_is_copied(self) -> None:
        """Data fragments are views of the object: ISA-L was found, here at least."""
        whole = bytearray(noise(1000) + bytes(erasure.PADDING))
        for _ in range(2):
            fragments = erasure.split(EC, whole, 1000)
        for _, content in fragments[: EC.k]:
            self.assertIs(memoryview(content).obj, whole)

    def test_one_of_a_kind(self) -> None:
        """What ISA-L makes is compared with what the library makes where that pays: for a size that comes again."""
        compared = []
        for _ in range(3):
            split(EC, noise(76_543))
            compared.append(erasure._known.cache_info().misses)
        self.assertEqual([more - compared[0] for more in compared], [0, 1, 1])

    def test_who_disagrees_is_not_asked(self) -> None:
        """Where ISA-L does not make the parities that liberasurecode makes, nothing is taken from it."""
        erasure._driver(EC.k, EC.m)
        parity = isal.coder(EC.k, EC.m)
        assert parity is not None
        self.assertEqual(len(erasure.headers(EC, 1000, parity)), EC.total)
        self.assertEqual(erasure.headers(EC, 1000, lambda data, length: [bytearray(length)]), ())

    def test_nonsense(self) -> None:
        """Whatever has passed as a fragment and is none is an error, and does not end the process."""
        for bad in (b"", b"x", bytes(80), noise(96)):
            with self.assertRaises(Corrupt):
                erasure.join(EC, {0: bad, 2: bad}, 10)
            with self.assertRaises(Corrupt):
                erasure.join(EC, {1: memoryview(bad), 2: noise(200)}, 10)


class LayoutTests(SynchronousTestCase):
    """What can be configured."""

    def test_words(self) -> None:
        """What is meant, and that it says so again."""
        for text, k, m, least in (
            ("ec:2+1", 2, 1, 2),
            ("ec:4+2", 4, 2, 5),
            ("ec:10+4", 10, 4, 11),
            ("copy:1", 1, 0, 1),
            ("copy:2", 1, 1, 2),
            ("copy:3", 1, 2, 2),
        ):
            layout = Layout.parse(text)
            self.assertEqual((layout.k, layout.m, layout.least, str(layout)), (k, m, least, text))

    def test_refused(self) -> None:
        """What cannot be had is refused, with what can."""
        for text in (
            "",
            "ec",
            "ec:2",
            "ec:1+1",
            "ec:0+1",
            "ec:2+0",
            "ec:17+1",
            "ec:2+5",
            "copy:0",
            "copy:9",
            "ec:2+1 ",
        ):
            with self.assertRaises(ValueError) as caught:
                Layout.parse(text)
            self.assertIn("allowed: ec:k+m", str(caught.exception))


class MakeTests(SynchronousTestCase):
    """What goes in."""

    def test_views(self) -> None:
        """Parts, one after the other, are the same as the whole."""
        whole = noise(100_000)
        parts = [memoryview(whole)[at : at + 7777] for at in range(0, 100_000, 7777)]
        obj = ObjectId(UPLOAD, 0)
        one, two = (make(data, obj, KEY, EC, CodecOptions(), random.Random(1).randbytes) for data in (whole, parts))
        self.assertEqual([b"".join(f.value) for f in one.fragments], [b"".join(f.value) for f in two.fragments])
        self.assertEqual([(f.key, f.digest) for f in one.fragments], [(f.key, f.digest) for f in two.fragments])

    def test_header(self) -> None:
        """32 bytes, as documented: other programs may look for them."""
        self.assertEqual(fragments.HEADER.size, 32)
        label = Label(ObjectId(bytes(16), 1), 2, Layout(3, 4), 5).packed()
        self.assertEqual(label.hex(), "5377467a01" + "00" * 16 + "00000001" + "02" + "03" + "04" + "00000005")
