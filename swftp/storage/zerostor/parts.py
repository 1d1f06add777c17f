"""
Stored bytes that no name leads to yet, and ranges of contents that some name led to: what new contents are made of.

The law: of what was staged in one go everything is published or abandoned once, however it was sliced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from zope.interface import implementer

from swftp import errors
from swftp.interfaces import IPart
from swftp.storage.zerostor.values import Chunk, New, ObjectId, Old, Piece


class Phase(Enum):
    """Of what was staged in one go."""

    STAGED = "staged"
    PUBLISHED = "published"
    """Some content may refer to it."""
    ABANDONED = "abandoned"
    """None ever will."""


class Batch:
    """What was sent to the shards in one go.

    :ivar objects: all that may be on a shard; as a chunk, once it is known where.
    """

    def __init__(self) -> None:
        self.phase = Phase.STAGED
        self.objects: dict[ObjectId, Chunk | ObjectId] = {}


@implementer(IPart)
@dataclass(frozen=True, slots=True)
class Part:
    """See `IPart`."""

    pieces: tuple[Piece, ...]
    batch: Batch | None = None
    """What the new pieces were sent with."""

    @property
    def size(self) -> int:
        """See `IPart.size`."""
        return sum(piece.length for piece in self.pieces)

    def slice(self, offset: int, length: int) -> Part:
        """See `IPart.slice`."""
        if offset < 0 or length < 1 or offset + length > self.size:
            raise errors.InvalidRequest("range outside of the part")
        return replace(self, pieces=tuple(_cut(self.pieces, offset, length)))


def _cut(pieces: Sequence[Piece], offset: int, length: int) -> Iterator[Piece]:
    for piece in pieces:
        if length and offset < piece.length:
            count = min(piece.length - offset, length)
            if isinstance(piece, New):
                yield New(piece.chunk, piece.skip + offset, count)
            else:
                yield Old(piece.content, piece.offset + offset, count)
            length -= count
            offset = 0
        else:
            offset -= piece.length if length else 0


def of_ours(parts: Iterable[IPart]) -> list[Part]:
    """
    *parts*, which this store made.

    :raises InvalidRequest: another store made one.
    """
    ours = []
    for part in parts:
        if not isinstance(part, Part):
            raise errors.InvalidRequest("a part of another store")
        ours.append(part)
    return ours


def batches(parts: Iterable[Part]) -> list[Batch]:
    """What *parts* were staged in, each once."""
    found = {id(part.batch): part.batch for part in parts if part.batch is not None}
    return list(found.values())


def pieces(parts: Iterable[Part]) -> list[Piece]:
    """
    What *parts* consist of, in order; ranges that follow one another in one chunk or content are one piece.

    :raises NotFound: one was discarded.
    """
    joined: list[Piece] = []
    for part in parts:
        if part.batch is not None and part.batch.phase is Phase.ABANDONED:
            raise errors.NotFound("part is gone")
        for piece in part.pieces:
            last = joined[-1] if joined else None
            longer = None if last is None else _together(last, piece)
            if longer is None:
                joined.append(piece)
            else:
                joined[-1] = longer
    return joined


def _together(one: Piece, two: Piece) -> Piece | None:
    """Both as one piece, where *two* goes on where *one* ends."""
    if isinstance(one, New) and isinstance(two, New):
        if one.chunk.obj == two.chunk.obj and one.skip + one.length == two.skip:
            return New(one.chunk, one.skip, one.length + two.length)
    elif isinstance(one, Old) and isinstance(two, Old):  # noqa: SIM102
        if one.content == two.content and one.offset + one.length == two.offset:
            return Old(one.content, one.offset, one.length + two.length)
    return None
