"""A shard in memory that fails as it is told to, and a store of wrapped keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import xxhash
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from swftp.errors import Corrupt, InvalidRequest, NotFound, QuotaExceeded, Unavailable
from swftp.storage.zerostor.shards import Capacity, Health, Held, IShard, Value
from swftp.storage.zerostor.shards.interfaces import TIMEOUT, check_key, check_value, parts_of


@implementer(IShard)
class MemoryShard:
    """
    Keeps values in a dictionary.

    :ivar values: what it has.
    :ivar latency: seconds that each call takes.
    :ivar down: every call fails at once.
    :ivar hangs: every call fails after `TIMEOUT` seconds.
    :ivar room: bytes that fit.
    :ivar broken: keys whose bytes it knows to have lost, as disks tell their shards.
    :ivar calls: verbs and keys, in order.
    """

    name = "memory"

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.values: dict[bytes, bytes] = {}
        self.broken: set[bytes] = set()
        self.latency = 0.0
        self.down = False
        self.hangs = False
        self.late: list[tuple[bytes, bytes]] = []
        self.room = 1 << 40
        self.calls: list[tuple[str, bytes]] = []

    async def _reached(self, verb: str, key: bytes = b"") -> None:
        self.calls.append((verb, key))
        if self.hangs:
            await self._wait(TIMEOUT)
            raise Unavailable
        if self.latency:
            await self._wait(self.latency)
        if self.down:
            raise Unavailable

    async def _wait(self, seconds: float) -> None:
        waiting: Deferred[None] = Deferred(lambda _: timer.cancel())
        timer = self._clock.callLater(seconds, waiting.callback, None)
        await waiting

    async def put(self, key: bytes, value: Value) -> None:
        """See `IShard`; what came while it hung is `late`: see `wake`."""
        check_key(key)
        check_value(value)
        whole = b"".join(parts_of(value))
        if self.hangs:
            self.late.append((key, whole))
        await self._reached("put", key)
        if sum(map(len, self.values.values())) + len(whole) > self.room:
            raise QuotaExceeded
        self.values[key] = whole
        self.broken.discard(key)

    def wake(self) -> None:
        """Go on where it hung: what was sent to it comes to be."""
        self.hangs = False
        self.values.update(self.late)
        self.late.clear()

    async def get(self, key: bytes) -> bytes:
        """See `IShard`."""
        check_key(key)
        await self._reached("get", key)
        if key not in self.values:
            raise NotFound
        if key in self.broken:
            raise Corrupt
        return self.values[key]

    async def delete(self, key: bytes) -> bool:
        """See `IShard`."""
        check_key(key)
        await self._reached("delete", key)
        return self.values.pop(key, None) is not None

    async def check(self, key: bytes, digest: bytes | None = None) -> Health:
        """See `IShard`; without a digest it sees no damage, as redis does not."""
        check_key(key)
        await self._reached("check", key)
        if key not in self.values:
            return Health.MISSING
        if key in self.broken:
            return Health.DAMAGED
        if digest is None or xxhash.xxh3_128_digest(self.values[key]) == digest:
            return Health.OK
        return Health.DAMAGED

    async def capacity(self) -> Capacity:
        """See `IShard`."""
        await self._reached("capacity")
        return Capacity(self.room - sum(map(len, self.values.values())), self.room)

    async def scan(self, cursor: bytes | None) -> tuple[tuple[Held, ...], bytes | None]:
        """See `IShard`; all there is in one page, and as young as can be."""
        await self._reached("scan")
        if cursor is not None:
            raise InvalidRequest
        now = self._clock.seconds()
        return tuple(Held(key, now) for key in self.values), None

    async def ping(self) -> None:
        """See `IShard`."""
        await self._reached("ping")

    async def close(self) -> None:
        """See `IShard`."""
        self.down = True


@dataclass(frozen=True, slots=True)
class Row:
    """See `WrappedKey`."""

    id: int
    account: UUID
    wrapped: bytes


class MemoryKeys:
    """
    See `KeyStore`.

    :ivar asked: how often it was.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.asked = 0

    async def account_key(self, account: UUID) -> Row | None:
        """See `KeyStore`."""
        self.asked += 1
        return next((row for row in self.rows if row.account == account), None)

    async def add_key(self, account: UUID, wrapped: bytes) -> Row:
        """See `KeyStore`."""
        known = await self.account_key(account)
        if known is None:
            known = Row(len(self.rows) + 1, account, wrapped)
            self.rows.append(known)
        return known

    async def wrapped_key(self, number: int) -> Row | None:
        """See `KeyStore`."""
        self.asked += 1
        return next((row for row in self.rows if row.id == number), None)

    async def wrapped_keys(self, after: int | None, limit: int) -> Sequence[Row]:
        """See `KeyStore`."""
        return [row for row in self.rows if row.id > (after or 0)][:limit]

    async def replace_key(self, number: int, old: bytes, new: bytes) -> bool:
        """See `KeyStore`."""
        for at, row in enumerate(self.rows):
            if row.id == number and row.wrapped == old:
                self.rows[at] = replace(row, wrapped=new)
                return True
        return False
