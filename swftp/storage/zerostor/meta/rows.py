"""Rows of the database <-> values."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from swftp.errors import InvalidName
from swftp.paths import COMPONENT_LIMIT, is_plain
from swftp.storage.zerostor.meta import schema
from swftp.storage.zerostor.meta.values import Node
from swftp.storage.zerostor.values import Chunk, Extent, ObjectId

NODE_COLUMNS = tuple(
    schema.file.c[name] for name in ("id", "name", "kind", "mode", "mtime_ns", "size", "content_id", "md5", "target")
)
CHUNK_COLUMNS = tuple(
    schema.chunk.c[name] for name in ("obj", "plain_len", "stored_len", "layout", "key_id", "shards", "digests")
)
EXTENT_COLUMNS = tuple(schema.extent.c[name] for name in ("position", "skip", "length"))


def node(row: Sequence[Any]) -> Node:
    """What the `NODE_COLUMNS` *row* says."""
    number, name, kind, mode, mtime_ns, size, content, md5, target = row
    digest = None if md5 is None else md5.hex()
    return Node(number, name, schema.KINDS[kind], mode, mtime_ns, size, content, digest, target)


def chunk(row: Sequence[Any]) -> Chunk:
    """What the `CHUNK_COLUMNS` *row* says."""
    obj, plain_len, stored_len, layout, key_id, shards, digests = row
    return Chunk(ObjectId.from_packed(obj), plain_len, stored_len, layout, key_id, unpacked(shards), digests)


def extent(row: Row[Any]) -> Extent:
    """What the row of `EXTENT_COLUMNS`, then `CHUNK_COLUMNS`, says."""
    position, skip, length, *rest = row
    return Extent(position, skip, length, chunk(rest))


def chunk_values(value: Chunk) -> dict[str, Any]:
    """The row that says *value*."""
    return {
        "obj": value.obj.packed(),
        "plain_len": value.plain_len,
        "stored_len": value.stored_len,
        "layout": value.layout,
        "key_id": value.key_id,
        "shards": packed(value.shards),
        "digests": value.digests,
        "missing": value.missing,
    }


def packed(shards: Sequence[int]) -> bytes:
    """Shard numbers as they are stored: two bytes each, signed."""
    return struct.pack(f">{len(shards)}h", *shards)


def unpacked(shards: bytes) -> tuple[int, ...]:
    """The opposite of `packed`."""
    return struct.unpack(f">{len(shards) // 2}h", shards)


def check_name(name: str) -> None:
    """
    Refuse a name that could not be stored or fetched back.

    :raises InvalidName: it is empty, ``.``, ``..``, longer than `COMPONENT_LIMIT` bytes, no UTF-8, or holds
        ``/``, NUL, CR or LF.
    """
    if not is_plain(name) or len(encoded(name)) > COMPONENT_LIMIT:
        raise InvalidName()


def encoded(name: str) -> bytes:
    """
    *name* as UTF-8.

    :raises InvalidName: it has none.
    """
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise InvalidName() from None
