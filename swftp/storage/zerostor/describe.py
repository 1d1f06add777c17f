"""What the database says of a file, as an `Entry`, and back."""

from __future__ import annotations

import math
import mimetypes
from uuid import UUID

from swftp import errors
from swftp.entries import Entry, Kind
from swftp.storage.zerostor.meta.values import Node

NANO = 1_000_000_000
LATEST = (1 << 63) - 1
"""Nanoseconds: what a row can hold, to the year 2262, and as far back from 1970."""
BINARY = "application/octet-stream"


def entry_of(node: Node, name: str | None = None) -> Entry:
    """
    *node*.

    :param name: what it is called where it was found over a link.
    """
    is_file = node.kind is Kind.FILE
    shown = node.name if name is None else name
    return Entry(
        name=shown,
        kind=node.kind,
        size=node.size if is_file else 0,
        mtime=node.mtime_ns / NANO,
        mode=node.mode,
        version=node.content.hex if is_file and node.content is not None else None,
        digest=node.md5 if is_file else None,
        content_type=(mimetypes.guess_type(shown)[0] or BINARY) if is_file else None,
        target=node.target,
    )


def content_of(entry: Entry) -> UUID:
    """
    The content that *entry* is a version with.

    :raises Changed: there never was such a version.
    """
    try:
        return UUID(entry.version)
    except (ValueError, TypeError, AttributeError):
        raise errors.Changed() from None


def nanoseconds(mtime: float) -> int:
    """Of *mtime* in seconds since the epoch, to the last bit; the nearest that a row can hold."""
    whole = math.floor(mtime)
    return max(-LATEST, min(whole * NANO + round((mtime - whole) * NANO), LATEST))
