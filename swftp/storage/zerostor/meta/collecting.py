"""The extents of a new content, in batches that fit a transaction, from the pieces that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select

from swftp.errors import Changed, InvalidRequest, NotFound
from swftp.storage.zerostor.meta import rows, schema
from swftp.storage.zerostor.meta.rows import CHUNK_COLUMNS, EXTENT_COLUMNS
from swftp.storage.zerostor.values import Chunk, Extent, New, Piece

BATCH = 1000
"""Extents inserted by one transaction."""


class Part(NamedTuple):
    """One extent of the new content."""

    position: int
    obj: bytes
    skip: int
    length: int
    chunk: Chunk | None
    """Of a new piece."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the pieces are used up."""

    piece: int = 0
    used: int = 0
    """Bytes of that piece."""
    position: int = 0
    """In the new content."""


START = Cursor()


def collect(
    connection: Connection, account: UUID, pieces: Sequence[Piece], cursor: Cursor
) -> tuple[list[Part], Cursor | None]:
    """
    The next at most `BATCH` extents, and from where to go on (None: these are the last).

    :raises Changed: a content that is to be used is not there any more.
    """
    parts: list[Part] = []
    for index in range(cursor.piece, len(pieces)):
        piece = pieces[index]
        used = cursor.used if index == cursor.piece else 0
        while used < piece.length:
            room = BATCH - len(parts)
            position = parts[-1].position + parts[-1].length if parts else cursor.position
            if room == 0:
                return parts, Cursor(index, used, position)
            found = list(_of_piece(connection, account, piece, used, position, room))
            parts += found
            used += sum(part.length for part in found)
    return parts, None


def _of_piece(
    connection: Connection, account: UUID, piece: Piece, used: int, position: int, room: int
) -> Iterator[Part]:
    """At most *room* extents of *piece*, of which *used* bytes are behind us, at *position* of the new content."""
    if isinstance(piece, New):
        yield Part(position, piece.chunk.obj.packed(), piece.skip, piece.length, piece.chunk)
        return
    at, end = piece.offset + used, piece.offset + piece.length
    for extent in _stored(connection, account, piece.content, at, room):
        taken = min(end, extent.position + extent.length) - at
        if extent.position > at or taken <= 0:
            break
        yield Part(position, extent.chunk.obj.packed(), extent.skip + at - extent.position, taken, None)
        position += taken
        at += taken
    if at == piece.offset + used:
        raise Changed()


def _stored(connection: Connection, account: UUID, content: UUID, at: int, room: int) -> list[Extent]:
    try:
        return extents(connection, account, content, at, room)
    except NotFound:
        raise Changed() from None


_extent, _content = schema.extent, schema.content
_inner = _extent.alias("before")
_FIRST = (
    select(func.max(_inner.c.position))
    .where(_inner.c.content_id == bindparam("content"), _inner.c.position <= bindparam("at"))
    .scalar_subquery()
)
_OVERLAPPING = (
    select(*EXTENT_COLUMNS, *CHUNK_COLUMNS)
    .join(_content, _content.c.id == _extent.c.content_id)
    .join(schema.chunk, schema.chunk.c.obj == _extent.c.obj)
    .where(
        _extent.c.content_id == bindparam("content"),
        _content.c.account_id == bindparam("account"),
        _extent.c.position >= func.coalesce(_FIRST, 0),
    )
    .order_by(_extent.c.position)
    .limit(bindparam("room"))
)


def extents(connection: Connection, account: UUID, content: UUID, at: int, room: int) -> list[Extent]:
    """
    At most *room* extents of *content*, which is of *account*, from the one that holds the byte *at*.

    :raises NotFound: there is no such content.
    """
    values = {"content": content, "account": account, "at": at, "room": room}
    found = [rows.extent(row) for row in connection.execute(_OVERLAPPING, values)]
    if not found and connection.execute(_PRESENT, values).first() is None:
        raise NotFound()
    return [extent for extent in found if extent.position + extent.length > at]


_PRESENT = select(_content.c.id).where(
    _content.c.id == bindparam("content"), _content.c.account_id == bindparam("account")
)


def checked(pieces: Sequence[Piece]) -> int:
    """
    Bytes of all *pieces*.

    :raises InvalidRequest: one reaches beyond its chunk, or backwards.
    """
    for piece in pieces:
        start = piece.skip if isinstance(piece, New) else piece.offset
        if start < 0 or piece.length < 0:
            raise InvalidRequest()
        if isinstance(piece, New) and piece.skip + piece.length > piece.chunk.plain_len:
            raise InvalidRequest()
    return sum(piece.length for piece in pieces)
