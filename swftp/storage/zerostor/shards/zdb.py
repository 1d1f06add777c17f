"""
A namespace of a 0-db as a shard, in user mode (keys are ours), as version 2.0.7 answers.

Where 0-db is not what it looks like:

- It takes verbs by their beginnings and a third argument of SET for a timestamp: we send whole verbs, and no options.
- SET answers nil where it has the same bytes already.  It compares checksums in memory, so it says that, too, where
  the bytes on its disk were damaged since, and then keeps those.
- GET gives damaged bytes without a word; only CHECK looks.
- A value above 8 MiB costs the connection, a missing key of DEL is an error, and so is the end of a scan.
- Deleting frees the quota, but no disk.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from zope.interface import implementer

from swftp.errors import Corrupt, InvalidRequest, NotFound, QuotaExceeded, Unavailable
from swftp.storage.zerostor.shards.interfaces import (
    CONNECT_TIMEOUT,
    TIMEOUT,
    Capacity,
    Cursor,
    Health,
    Held,
    IShard,
    Value,
    check_key,
    check_value,
)
from swftp.storage.zerostor.shards.link import Link
from swftp.storage.zerostor.shards.replies import as_bytes, as_int, error_of, expect, facts, refusal, unfit
from swftp.storage.zerostor.shards.wire import Reply, Wire

DEFAULT = "default"
"""The namespace that is always there."""
FULL = "No space left on this namespace"
NO_KEY = "Key not found"
UNREADABLE = "Internal Error"
NO_MORE = "No more data"
BAD_CURSOR = "Invalid key format"
LASTING = (
    "Access denied",
    "Namespace not found",
    "Namespace protected and private",
    "Namespace is in read-only mode",
    "Namespace is protected by worm mode",
    "Invalid key, only update authorized",
    "Permission denied",
)
"""Begins of errors that a person has to see to."""
CHECKED = {None: Health.MISSING, 1: Health.OK, 0: Health.DAMAGED, -1: Health.DAMAGED}


@implementer(IShard)
class ZdbShard:
    """One namespace of one server."""

    def __init__(
        self,
        name: str,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        namespace: str = DEFAULT,
        password: str | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        timeout: float = TIMEOUT,
    ) -> None:
        self.name = name
        self._namespace = (namespace or DEFAULT).encode()
        self._password = password
        self._link = Link(endpoint, clock, self._greet, connect_timeout, timeout)

    async def _greet(self, wire: Wire) -> None:
        password = () if self._password is None else (self._password.encode(),)
        expect(b"OK", sound(await wire.ask(b"SELECT", self._namespace, *password)))

    async def put(self, key: bytes, value: Value) -> None:
        """See `IShard`."""
        check_key(key)
        check_value(value)
        if await self._set(key, value):
            return
        health = await self.check(key)  # it has the same bytes, or had
        if health is Health.DAMAGED:
            await self.delete(key)
            if await self._set(key, value):
                return
        if health is not Health.OK:
            raise Unavailable("it says that it has what it has not")

    async def _set(self, key: bytes, value: Value) -> bool:
        """Whether *value* was written: False where it is there already."""
        stored = sound(await self._link.ask(b"SET", key, value))
        if stored is not None:
            expect(key, stored)
        return stored is not None

    async def get(self, key: bytes) -> bytes:
        """See `IShard`."""
        check_key(key)
        reply = await self._link.ask(b"GET", key)
        if error_of(reply) == UNREADABLE:
            raise Corrupt
        value = sound(reply)
        if value is None:
            raise NotFound
        return as_bytes(value)

    async def delete(self, key: bytes) -> bool:
        """See `IShard`."""
        check_key(key)
        reply = await self._link.ask(b"DEL", key)
        if error_of(reply) == NO_KEY:
            return False
        expect(b"OK", sound(reply))
        return True

    async def check(self, key: bytes, digest: bytes | None = None) -> Health:
        """See `IShard`: *digest* is not needed, 0-db has a checksum."""
        check_key(key)
        try:
            return CHECKED[sound(await self._link.ask(b"CHECK", key))]
        except (KeyError, TypeError) as error:
            raise unfit() from error

    async def capacity(self) -> Capacity:
        """See `IShard`.  With a quota, that is it, as far as the disk has room."""
        about = facts(sound(await self._link.ask(b"NSINFO", self._namespace)))
        try:
            used, limit = int(about["data_size_bytes"]), int(about["data_limits_bytes"])
            disk = int(about["data_disk_freespace_bytes"])
        except (KeyError, ValueError) as error:
            raise unfit() from error
        total = limit or used + disk
        return Capacity(max(0, min(total - used, disk)), total)

    async def scan(self, cursor: Cursor) -> tuple[tuple[Held, ...], Cursor]:
        """See `IShard`."""
        reply = await self._link.ask(b"SCANX", *(() if cursor is None else (cursor,)))
        if error_of(reply) == NO_MORE:
            return (), None
        if error_of(reply) == BAD_CURSOR:
            raise InvalidRequest("no cursor of this shard")
        try:
            after, found = sound(reply)
            return tuple(Held(as_bytes(key), float(as_int(at))) for key, _, at in found), as_bytes(after)
        except (TypeError, ValueError) as error:
            raise unfit() from error

    async def ping(self) -> None:
        """See `IShard`."""
        expect(b"PONG", sound(await self._link.ask(b"PING")))

    async def close(self) -> None:
        """See `IShard`."""
        self._link.close()


def sound(reply: Reply) -> Reply:
    """
    *reply*, unless it is an error.

    :raises QuotaExceeded: the quota of the namespace is used up.
    :raises Unavailable: any other.
    """
    text = error_of(reply)
    if text is None:
        return reply
    if text.startswith(FULL):
        raise QuotaExceeded
    raise refusal(text, LASTING)
