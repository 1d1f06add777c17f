"""
All shards, and what is known of them: which of them answer, and how much room they have.

What is known here is never more than a reason to ask one shard before another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp.errors import Corrupt, NotFound, QuotaExceeded, StorageError, TooLarge, Unavailable
from swftp.interfaces import ABANDONED, UNWATCHED, StoreWatch
from swftp.storage.zerostor.chunks.breaker import Breaker
from swftp.storage.zerostor.chunks.flight import Flight
from swftp.storage.zerostor.chunks.placement import ShardInfo, State, ranked
from swftp.storage.zerostor.shards import Capacity, IShard
from swftp.storage.zerostor.values import ObjectId

log = Logger()
T = TypeVar("T")

STATUS: Mapping[type[StorageError], int] = {NotFound: 404, TooLarge: 413, Corrupt: 500, QuotaExceeded: 507}
"""What an error of a shard would be in HTTP; others: there was no answer."""

ASK = 30.0
"""Seconds for which what a shard said of its room holds."""
SOON = 1.0
"""Seconds that are waited for an answer about room."""
RESERVE = 64 << 20
"""Bytes of room a shard keeps, for what is under way."""


@dataclass(slots=True)
class ShardLevel:
    """How a shard does."""

    up: bool = True
    """It answers, as far as we know."""
    room: Capacity | None = None
    """As it said last."""
    calls: int = 0
    """Since the start, answered or not."""
    seconds: float = 0.0
    """That those took."""


class Fleet:
    """
    The shards of a store.

    :param shards: by id; looked at each time, so it may change.
    :param watch: is told of each call.
    """

    def __init__(self, shards: Mapping[int, ShardInfo], clock: IReactorTime, watch: StoreWatch = UNWATCHED) -> None:
        self._shards = shards
        self._clock = clock
        self._watch = watch
        self._levels: defaultdict[int, ShardLevel] = defaultdict(ShardLevel)
        self._breakers: dict[int, Breaker] = {}
        self._room: dict[int, tuple[float, Capacity]] = {}

    def breaker(self, number: int) -> Breaker:
        """That of shard *number*."""
        if number not in self._breakers:
            self._breakers[number] = Breaker(self._clock)
        return self._breakers[number]

    def state(self, number: int) -> State | None:
        """What shard *number* is used for; None: it is not among those we know."""
        info = self._shards.get(number)
        return None if info is None else info.state

    def infos(self, numbers: Iterable[int]) -> list[ShardInfo]:
        """Of those *numbers* that we know."""
        return [self._shards[number] for number in numbers if number in self._shards]

    def all(self) -> list[ShardInfo]:
        """All of them that may hold something."""
        return [info for info in self._shards.values() if info.state is not State.GONE]

    def spots(self, obj: ObjectId, size: int, beside: Collection[int] = ()) -> tuple[list[int], list[int]]:
        """
        Where a fragment of *size* bytes of *obj* may go, best first: shards that answer, and those that did not.

        :param beside: have one of it already.
        """
        fit = [info for info in self._shards.values() if info.state is State.RW and info.id not in beside]
        order = ranked(obj, [info for info in fit if self._has_room(info.id, size)], self.infos(beside))
        answering = [info.id for info in order if not self.breaker(info.id).open]
        return answering, [info.id for info in order if info.id not in answering]

    def _has_room(self, number: int, size: int) -> bool:
        at, capacity = self._room.get(number, (0.0, None))
        if capacity is None or self._clock.seconds() >= at + ASK:
            return True  # it says so itself, if not
        return capacity.free_bytes >= size + (RESERVE if capacity.total_bytes > 4 * RESERVE else 0)

    def full(self, size: int) -> bool:
        """Whether some shard would take a fragment of *size* bytes if it had room."""
        return any(info.state is State.RW and not self._has_room(info.id, size) for info in self._shards.values())

    def levels(self) -> dict[int, ShardLevel]:
        """How each shard does that may hold something."""
        for info in self.all():
            level, (_, room) = self._levels[info.id], self._room.get(info.id, (0.0, None))
            level.up = not self.breaker(info.id).open
            if room is not None and room.total_bytes:
                level.room = room
        return {info.id: self._levels[info.id] for info in self.all()}

    async def call(self, number: int, method: str, verb: Callable[[IShard], Awaitable[T]]) -> T:
        """
        What *verb* gives for shard *number*.

        :param method: see `StoreWatch`.

        :raises NotFound: it has no such key, or is gone.
        :raises Unavailable: it did not answer, or we do not know it.
        """
        info = self._shards.get(number)
        if info is None:
            raise Unavailable("a shard is not configured")
        if info.state is State.GONE:
            raise NotFound("a shard is gone")
        try:
            result = await self._watched(self._levels[number], method, verb(info.shard))
        except (NotFound, Corrupt, TooLarge):
            self._answered(number)
            raise
        except QuotaExceeded:
            self._answered(number)
            self._room[number] = (self._clock.seconds(), Capacity(0, 0))
            raise
        except StorageError as error:
            self.failed(number, error)
            raise
        self._answered(number)
        return result

    async def _watched(self, level: ShardLevel, method: str, work: Awaitable[T]) -> T:
        begun, status = self._clock.seconds(), ABANDONED
        self._watch.asked()
        try:
            result = await work
            status = 200
            return result
        except StorageError as error:
            status = STATUS.get(type(error), 0)
            raise
        finally:
            seconds = self._clock.seconds() - begun
            level.calls += 1
            level.seconds += seconds
            self._watch.answered(method, status, seconds)

    def _answered(self, number: int) -> None:
        breaker = self.breaker(number)
        if breaker.open:
            log.info("shard {shard} answers again", event="shard_up", shard=number)
        breaker.answered()

    def failed(self, number: int, reason: object) -> None:
        """Shard *number* gave no answer."""
        breaker = self.breaker(number)
        before = breaker.open
        breaker.failed()
        if breaker.open and not before:
            log.warn("shard {shard} fails: {reason}", event="shard_down", shard=number, reason=str(reason))

    async def remove(self, number: int, key: bytes) -> bool:
        """Remove *key* from shard *number*, if it is there."""
        try:
            return await self.call(number, "DELETE", lambda shard: shard.delete(key))
        except NotFound:
            return False

    async def probe(self) -> None:
        """Ask shards that did not answer whether they do, and those that do for their room, once in a while."""
        flight: Flight[int, None] = Flight(self._clock)
        for info in self.all():
            if self.breaker(info.id).open:
                flight.start(info.id, self.call(info.id, "OPTIONS", lambda shard: shard.ping()))
            elif info.state is State.RW:
                flight.start(info.id, self._ask_room(info.id))
        while flight:
            await flight.landed()

    async def _ask_room(self, number: int) -> None:
        at, _ = self._room.get(number, (-ASK, None))
        if self._clock.seconds() >= at + ASK:
            capacity = await self.call(number, "OPTIONS", lambda shard: shard.capacity())
            self._room[number] = (self._clock.seconds(), capacity)

    async def rooms(self) -> list[int]:
        """
        Free bytes of those shards that take something.

        :raises Unavailable: none of them answers.
        """
        writable = [info.id for info in self.all() if info.state is State.RW and not self.breaker(info.id).open]
        flight: Flight[int, None] = Flight(self._clock)
        for number in writable:
            flight.start(number, self._ask_room(number))
        try:
            while flight and await flight.landed(SOON):
                pass  # what one of them said before is good enough
        finally:
            flight.end()
        rooms = [self._room[number][1].free_bytes for number in writable if number in self._room]
        if not rooms:
            raise Unavailable
        return rooms
