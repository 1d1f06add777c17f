"""
A redis-server (or Valkey) as a shard: values are plain strings.

It must not evict: one whose ``maxmemory-policy`` is anything but ``noeviction`` is refused, since it would throw away
what we said is stored.  One that writes no append-only file forgets everything with its process: the log says so.
It keeps no checksum.  When a key was written it does not know, but when it was last used, which is later: what nobody
has used for days is old.
"""

from __future__ import annotations

from collections.abc import Sequence

import xxhash
from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger
from zope.interface import implementer

from swftp.errors import InvalidRequest, NotFound, QuotaExceeded, Unavailable
from swftp.storage.zerostor.shards.interfaces import (
    CONNECT_TIMEOUT,
    TIMEOUT,
    Capacity,
    Cursor,
    Health,
    Held,
    IShard,
    Refused,
    Value,
    check_key,
    check_value,
)
from swftp.storage.zerostor.shards.link import Link
from swftp.storage.zerostor.shards.replies import as_bytes, as_int, error_of, expect, facts, refusal, unfit
from swftp.storage.zerostor.shards.wire import Reply, Wire

PAGE = b"1000"
"""Keys that one step of a scan looks at."""
POLICY = "noeviction"
DENIED = ("NOAUTH", "WRONGPASS", "NOPERM", "ERR AUTH", "ERR invalid password", "ERR Client sent AUTH", "ERR DB index")
"""Begins of errors that a person has to see to."""


@implementer(IShard)
class RedisShard:
    """One database of one server."""

    _log = Logger()

    def __init__(
        self,
        name: str,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        database: int = 0,
        password: str | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        timeout: float = TIMEOUT,
    ) -> None:
        self.name = name
        self._database, self._password = database, password
        self._warned = False
        self._link = Link(endpoint, clock, self._greet, connect_timeout, timeout)

    async def _greet(self, wire: Wire) -> None:
        if self._password is not None:
            expect(b"OK", sound(await wire.ask(b"AUTH", self._password.encode())))
        if self._database:
            expect(b"OK", sound(await wire.ask(b"SELECT", b"%d" % self._database)))
        about = facts(sound(await wire.ask(b"INFO")))
        fit(about)
        if about.get("aof_enabled") != "1" and not self._warned:
            self._warned = True
            self._log.warn(
                "shard {name} keeps no append-only file (appendonly no): it forgets all when it ends", name=self.name
            )

    async def put(self, key: bytes, value: Value) -> None:
        """See `IShard`."""
        check_key(key)
        check_value(value)
        expect(b"OK", sound(await self._link.ask(b"SET", key, value)))

    async def get(self, key: bytes) -> bytes:
        """See `IShard`."""
        check_key(key)
        value = sound(await self._link.ask(b"GET", key))
        if value is None:
            raise NotFound
        return as_bytes(value)

    async def delete(self, key: bytes) -> bool:
        """See `IShard`."""
        check_key(key)
        return as_int(sound(await self._link.ask(b"DEL", key))) > 0

    async def check(self, key: bytes, digest: bytes | None = None) -> Health:
        """See `IShard`."""
        check_key(key)
        if digest is None:
            found = as_int(sound(await self._link.ask(b"EXISTS", key))) > 0
            return Health.OK if found else Health.MISSING
        try:
            value = await self.get(key)
        except NotFound:
            return Health.MISSING
        return Health.OK if xxhash.xxh3_128_digest(value) == digest else Health.DAMAGED

    async def capacity(self) -> Capacity:
        """See `IShard`.  Without ``maxmemory``, that is the machine's memory."""
        about = facts(sound(await self._link.ask(b"INFO", b"memory")))
        try:
            fit(about)
            total = int(about["maxmemory"]) or int(about["total_system_memory"])
            return Capacity(max(0, total - int(about["used_memory"])), total)
        except Refused as error:  # somebody has changed it since
            self._link.drop(str(error))
            raise
        except (KeyError, ValueError) as error:
            raise Unavailable("its INFO makes no sense") from error

    async def scan(self, cursor: Cursor) -> tuple[tuple[Held, ...], Cursor]:
        """See `IShard`."""
        if cursor is not None and not cursor.isdigit():
            raise InvalidRequest("no cursor of this shard")
        answer = sound(await self._link.ask(b"SCAN", cursor or b"0", b"COUNT", PAGE))
        if not (isinstance(answer, list) and len(answer) == 2 and isinstance(answer[1], list)):
            raise Unavailable("its SCAN makes no sense")
        after, keys = answer
        return tuple(await self._held(keys)), None if after == b"0" else as_bytes(after)

    async def _held(self, keys: Sequence[bytes]) -> list[Held]:
        """Those of *keys* that are still there, and strings: others are not ours."""
        idle = [self._link.asked(b"OBJECT", b"IDLETIME", key) for key in keys]
        types = [self._link.asked(b"TYPE", key) for key in keys]  # STRLEN would be a use, and keep it young for ever
        replies = list(await gatherResults([*idle, *types], consumeErrors=True))
        now = seconds(sound(await self._link.ask(b"TIME")))
        found = zip(keys, replies, replies[len(keys) :], strict=False)
        return [Held(key, now - unused) for key, unused, kind in found if kind == b"string" and is_int(unused)]

    async def ping(self) -> None:
        """See `IShard`."""
        expect(b"PONG", sound(await self._link.ask(b"PING")))

    async def close(self) -> None:
        """See `IShard`."""
        self._link.close()


def sound(reply: Reply) -> Reply:
    """
    *reply*, unless it is an error.

    :raises QuotaExceeded: the memory is used up.
    :raises Unavailable: any other.
    """
    text = error_of(reply)
    if text is None:
        return reply
    if text.startswith("OOM"):
        raise QuotaExceeded
    raise refusal(text, DENIED)


def is_int(reply: Reply) -> bool:
    """Whether *reply* is a number: not an error, and not nil."""
    return isinstance(reply, int)


def seconds(reply: Reply) -> int:
    """
    What TIME says, in seconds since 1970.

    :raises Unavailable: it makes no sense.
    """
    try:
        return int(reply[0])
    except (TypeError, ValueError, IndexError) as error:
        raise unfit() from error


def fit(about: dict[str, str]) -> None:
    """
    :raises Refused: the server throws keys away when its memory is full, or does not say that it does not.
    """
    policy = about.get("maxmemory_policy")
    if policy != POLICY:
        raise Refused(f"it evicts keys: maxmemory-policy is {policy}, not {POLICY}")
