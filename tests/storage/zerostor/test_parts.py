"""What new contents are made of, as values: ranges of ranges, and what of it may be given up."""

from __future__ import annotations

import random
import uuid
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.storage.zerostor.parts import Batch, Part, Phase, batches, of_ours, pieces
from swftp.storage.zerostor.values import Chunk, New, ObjectId, Old, Piece

CONTENT = uuid.UUID(int=1)


def chunk(number: int, size: int) -> Chunk:
    return Chunk(ObjectId(bytes(16), number), size, size, "copy:1", 1, (1,), bytes(16))


def whole(number: int, size: int) -> New:
    return New(chunk(number, size), 0, size)


def shown(made: list[Piece] | tuple[Piece, ...]) -> list[tuple[object, int]]:
    """Each byte of *made*: where it is from, and which of that."""
    found: list[tuple[object, int]] = []
    for piece in made:
        source, first = (piece.chunk.obj, piece.skip) if isinstance(piece, New) else (piece.content, piece.offset)
        found += [(source, first + i) for i in range(piece.length)]
    return found


class PartTests(SynchronousTestCase):
    """Parts, and what is cut from them."""

    part = Part((whole(1, 7), Old(CONTENT, 100, 5), whole(2, 3)))

    def test_slices(self) -> None:
        """Each slice, and each slice of one, is the bytes that it says."""
        everything = shown(self.part.pieces)
        self.assertEqual(self.part.size, 15)
        generator = random.Random(1)
        for offset in range(15):
            for length in range(1, 16 - offset):
                piece = self.part.slice(offset, length)
                wanted = everything[offset : offset + length]
                self.assertEqual((piece.size, shown(piece.pieces)), (length, wanted))
                self.assertTrue(all(one.length for one in piece.pieces))
                at = generator.randrange(length)
                self.assertEqual(shown(piece.slice(at, length - at).pieces), wanted[at:])

    def test_outside(self) -> None:
        """There is no part of a part that is not in it."""
        for offset, length in ((-1, 5), (0, 0), (0, 16), (14, 2), (15, 1)):
            self.assertRaises(errors.InvalidRequest, self.part.slice, offset, length)

    def test_joined(self) -> None:
        """Neighbours of one source are one piece; others are not: of another source, behind a gap, overlapping."""
        one, old = Part((whole(1, 9),)), Part((Old(CONTENT, 10, 9),))
        for part in (one, old):
            self.assertEqual(pieces([part.slice(0, 4), part.slice(4, 3), part.slice(7, 2)]), list(part.pieces))
            for first, second in (((0, 4), (5, 4)), ((0, 4), (3, 4)), ((4, 4), (0, 4))):
                made = pieces([part.slice(*first), part.slice(*second)])
                self.assertEqual(len(made), 2)
        apart: list[tuple[Any, Any]] = [
            (New(chunk(1, 9), 0, 4), New(chunk(2, 9), 4, 4)),
            (Old(CONTENT, 0, 4), Old(uuid.UUID(int=2), 4, 4)),
            (Old(CONTENT, 0, 4), New(chunk(1, 9), 4, 4)),
        ]
        for pair in apart:
            self.assertEqual(pieces([Part(pair)]), list(pair))

    def test_abandoned(self) -> None:
        """Nothing is made of what was given up; what was published, or is of no batch, may be used again."""
        batch = Batch()
        part = Part((whole(1, 9),), batch)
        for phase in (Phase.STAGED, Phase.PUBLISHED):
            batch.phase = phase
            self.assertEqual(pieces([part, self.part])[0], whole(1, 9))
        batch.phase = Phase.ABANDONED
        self.assertRaises(errors.NotFound, pieces, [self.part, part.slice(0, 1)])

    def test_batches(self) -> None:
        """However a part is sliced, what it was sent with counts once."""
        one, two = Batch(), Batch()
        part, other = Part((whole(1, 9),), one), Part((whole(2, 9),), two)
        found = batches([part.slice(0, 4), other, self.part, part.slice(4, 5)])
        self.assertEqual({id(batch) for batch in found}, {id(one), id(two)})
        self.assertEqual(len(found), 2)

    def test_of_another_store(self) -> None:
        """What another store made is refused."""
        stranger: Any = object()
        self.assertEqual(of_ours([self.part]), [self.part])
        self.assertRaises(errors.InvalidRequest, of_ours, [self.part, stranger])
