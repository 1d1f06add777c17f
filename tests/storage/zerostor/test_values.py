"""The forms in which shards and database know an object."""

from __future__ import annotations

import struct

from twisted.trial.unittest import SynchronousTestCase

from swftp.storage.zerostor.values import MISSING, Chunk, ObjectId

UPLOAD = bytes(range(16))


class ObjectIdTests(SynchronousTestCase):
    def test_a_key_says_upload_number_and_fragment(self) -> None:
        """A shard keeps a fragment under 21 bytes: upload, number (big-endian), fragment."""
        self.assertEqual(ObjectId(UPLOAD, 0x01020304).key(5), UPLOAD + bytes([1, 2, 3, 4, 5]))

    def test_the_packed_form_sorts_by_number_within_an_upload(self) -> None:
        """The database finds a range of an upload's numbers in the order of their bytes."""
        packed = [ObjectId(UPLOAD, seq).packed() for seq in (0, 1, 255, 256, 2**32 - 1)]
        self.assertEqual(packed, sorted(packed))
        self.assertEqual({len(one) for one in packed}, {20})

    def test_packing_is_undone(self) -> None:
        """What was packed comes back as it was."""
        obj = ObjectId(UPLOAD, 70_000)
        self.assertEqual(ObjectId.from_packed(obj.packed()), obj)

    def test_a_wrong_length_is_refused(self) -> None:
        """No object has a name of another length, and no number is outside 32 bits."""
        self.assertRaises(ValueError, ObjectId, UPLOAD[:15], 0)
        self.assertRaises(struct.error, ObjectId.from_packed, UPLOAD)
        self.assertRaises(struct.error, ObjectId(UPLOAD, 2**32).packed)


class ChunkTests(SynchronousTestCase):
    chunk = Chunk(ObjectId(UPLOAD, 1), 10, 40, "ec:2+1", 1, (3, MISSING, 2), b"a" * 16 + b"b" * 16 + b"c" * 16)

    def test_missing_fragments_are_counted(self) -> None:
        """A fragment on no shard is missing."""
        self.assertEqual(self.chunk.missing, 1)

    def test_each_fragment_has_its_digest(self) -> None:
        """Digests stand in the order of the fragments."""
        self.assertEqual([self.chunk.digest(number)[:1] for number in range(3)], [b"a", b"b", b"c"])
