"""What a store says of a file: values, without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Kind(Enum):
    """What stands at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file, directory (container, marker, implied prefix) or symbolic link."""

    name: str
    """Last component of the path; ``""`` for the account."""
    kind: Kind
    size: int = 0
    """Bytes a reader gets; of a container the bytes it holds."""
    mtime: float | None = None
    """Seconds since the epoch; None where the store knows none (an implied directory)."""
    mode: int | None = None
    """Permission bits as a client set them, else None."""
    version: str | None = None
    """Names one content of the object: equal versions are equal bytes.  An opaque token of the driver."""
    digest: str | None = None
    """Hex MD5 of the content where the store knows it: never the checksum of a manifest."""
    content_type: str | None = None
    target: str | None = None
    """Of a symbolic link: ``/container/object`` as the store sees it."""
    detail: Mapping[str, str] = field(default_factory=dict, compare=False)
    """What only the driver that made the entry understands."""


UNSEEN = Entry(name="", kind=Kind.FILE)
"""Stands for "nobody looked" where None says that nothing is there; compare by identity."""
UNLIKELY = Entry(name="", kind=Kind.FILE)
"""Stands for "nobody looked, but most likely nothing is there"; compare by identity."""

Pair = tuple[Entry | None, Entry | None]
"""What is known of two names."""
UNKNOWN: Pair = (UNSEEN, UNSEEN)


@dataclass(slots=True, eq=False)
class Opened:
    """One file that is read in several calls."""

    entry: Entry
    """What is read: all bytes are of its version."""
    memo: Any = None
    """What the driver wants to remember from one call to the next."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries of a directory, in the store's order."""

    entries: tuple[Entry, ...]
    after: str | None
    """Pass it to ask for the next page; None: this was the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What a client may set of a file; None leaves it as it is, or to the store's default."""

    mtime: float | None = None
    """Seconds since the epoch."""
    mode: int | None = None
    """Permission bits, 0 to 0o7777."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How full an account or container is; None where there is no quota."""

    used_bytes: int
    quota_bytes: int | None
    used_files: int
    quota_files: int | None
