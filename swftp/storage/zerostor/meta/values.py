"""What the database says: values, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal
from uuid import UUID

from swftp.entries import Kind


@dataclass(frozen=True, slots=True)
class Node:
    """One file, directory or symbolic link."""

    id: UUID
    """Stays what it is through renames; a file that replaces a file has the id of the file that it replaced."""
    name: str
    """``""`` of the root."""
    kind: Kind
    mode: int | None
    """Permission bits as a client set them."""
    mtime_ns: int
    size: int
    content: UUID | None
    """Of a file: names its bytes, and never any others.  Empty files have one, too."""
    md5: str | None
    """Hex, of all bytes, where whoever stored them knew it."""
    target: str | None
    """Of a link."""

    @property
    def is_directory(self) -> bool:
        """Whether it is one."""
        return self.kind is Kind.DIRECTORY


class Unseen(Enum):
    """Says that nobody looked at what stands at a name."""

    UNSEEN = "unseen"


UNSEEN = Unseen.UNSEEN
Replaces = UUID | None | Literal[Unseen.UNSEEN]
"""The content that a commit replaces, None (nothing may be there), or `UNSEEN`: whatever is there."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Objects *first* to *first* + *count* - 1 of an upload: their fragments are to be deleted, then this."""

    upload: bytes
    first: int
    count: int
    shards: tuple[int, ...] | None
    """Where the fragments of the one object are (`values.MISSING`: nowhere); None: look on all shards."""


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who may log in."""

    name: str
    account: UUID
    root: str
    """The directory of the account that is the root of this login."""
    disabled: bool
    keys: tuple[str, ...] = ()
    """SSH public keys, as in ``authorized_keys``."""


@dataclass(frozen=True, slots=True)
class Account:
    """One tree of files and what it may hold."""

    id: UUID
    name: str
    quota_bytes: int | None
    used_bytes: int
    used_files: int


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key that encrypts an account's chunks, itself encrypted by the master key."""

    id: int
    account: UUID
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Shard:
    """A server or directory that holds fragments."""

    id: int
    url: str
    """Without password."""
    group: str
    state: str
    """``rw``, ``ro``, ``drain`` (its fragments are to move elsewhere) or ``gone``."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a store, over all accounts."""

    used_bytes: int
    files: int
    degraded: int
    """Chunks that were stored, or mended, with a fragment missing."""
    garbage: int
    """Objects that are to be deleted from the shards."""
