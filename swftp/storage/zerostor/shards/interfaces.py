"""
What a shard is: a place that keeps bytes under short keys, and may lose them, lie about them or not answer at all.

A key is written once and never gets another value: that alone makes every call here safe to repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from swftp.errors import InvalidRequest, TooLarge, Unavailable

Block = bytes | memoryview
Value = Block | Sequence[Block]
"""Bytes, or parts of them in order, which are sent as they are: nothing may change them until the call has ended."""

KEY_LIMIT = 100
"""Bytes of a key: 0-db takes 255, and a file name as many characters, two a byte."""
VALUE_LIMIT = 8 << 20
"""Bytes of a value: 0-db takes 8,388,608 and resets the connection, with all that is under way on it, over more."""

CONNECT_TIMEOUT = 3.0
"""Seconds until a connection must be there and the shard have said that it may be used."""
TIMEOUT = 10.0
"""Seconds that one call may take once it is its turn."""


class Refused(Unavailable):
    """The shard is there, but set up so that it must not or cannot be used; ``str(error)`` says how."""


class Health(Enum):
    """What a shard has of a key."""

    OK = "ok"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Room of a shard, in bytes, as it says itself."""

    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Held:
    """One key of a shard."""

    key: bytes
    mtime: float
    """When it was written, or later, in seconds since 1970 on the shard's clock."""


Cursor = bytes | None
"""Where a scan goes on: whatever the shard said.  None is the begin and the end."""


class Offload(Protocol):
    """Runs a function in a thread, as ``partial(deferToThreadPool, reactor, pool)`` does."""

    def __call__(self, function: Callable[..., Any], /, *args: Any) -> Deferred[Any]: ...


class IShard(Interface):
    """
    One place for fragments.  Every call ends in time, and raises only what is named here.

    All may raise `Unavailable` (down, hanging, unreadable answer; nothing is known of what was asked for) and its
    `Refused`.  A call that failed may have taken effect.  None of them needs the shard to be up before.
    """

    name: str = Attribute("""For the log: kind and place, no password.""")

    async def put(key: bytes, value: Value) -> None:
        """
        Keep *value* under *key*; when this returns it is there, as durable as the shard is set up to be.

        Again with the same bytes is success, and replaces what was damaged meanwhile.

        :raises QuotaExceeded: there is no room.
        :raises TooLarge: more than `VALUE_LIMIT` bytes.
        """

    async def get(key: bytes) -> bytes:
        """
        The value.  Only some shards see that it was damaged: whoever has a digest must compare it.

        :raises NotFound: there is no such key.
        :raises Corrupt: the shard knows that it has lost the bytes.
        """

    async def delete(key: bytes) -> bool:
        """Forget *key*; False: there was none."""

    async def check(key: bytes, digest: bytes | None = None) -> Health:
        """
        Whether `get` would give the bytes that were put.

        :param digest: xxh3_128 of the value: needed where the shard keeps no checksum of its own (redis), which
            without it knows only whether the key is there.
        """

    async def capacity() -> Capacity:
        """How much room there is."""

    async def scan(cursor: Cursor) -> tuple[tuple[Held, ...], Cursor]:
        """
        Some keys, and where to go on.  What is there from begin to end of a scan is seen at least once; a page may
        be empty.

        :param cursor: of the page before; None: the first.
        :raises InvalidRequest: this shard never gave it.
        """

    async def ping() -> None:
        """Returns when the shard can be used."""

    async def close() -> None:
        """Let go of it; calls under way may fail, and later ones do."""


def length(value: Value) -> int:
    """Bytes of *value*."""
    return len(value) if isinstance(value, bytes | memoryview) else sum(map(len, value))


def parts_of(value: Value) -> Sequence[Block]:
    """*value* as parts."""
    return (value,) if isinstance(value, bytes | memoryview) else value


def check_key(key: bytes) -> None:
    """
    :raises InvalidRequest: no shard takes *key*.
    """
    if not 0 < len(key) <= KEY_LIMIT:
        raise InvalidRequest(f"a key of {len(key)} bytes")


def check_value(value: Value) -> None:
    """
    :raises TooLarge: no shard takes *value*.
    """
    if length(value) > VALUE_LIMIT:
        raise TooLarge
