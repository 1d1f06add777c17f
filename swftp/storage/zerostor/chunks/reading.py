"""
Enough fragments of one chunk from its shards: as many as are needed, more where one fails or is slow.

Nothing is made of a fragment before its digest was compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime

from swftp.errors import Corrupt, NotFound, StorageError, Unavailable
from swftp.storage.zerostor.chunks.fleet import Fleet
from swftp.storage.zerostor.chunks.flight import Flight
from swftp.storage.zerostor.chunks.fragments import DamagedFragments
from swftp.storage.zerostor.chunks.layout import Layout
from swftp.storage.zerostor.shards import Health
from swftp.storage.zerostor.values import MISSING, Chunk

HEDGE = 0.3
"""Seconds without an answer, and others are asked as well."""

T = TypeVar("T")
Use = Callable[[dict[int, bytes]], Awaitable[T]]
"""Makes something of the values of k fragments, or raises `DamagedFragments`."""


class Reading:
    """
    Of one chunk.

    :ivar lost: what is known of fragments that are not there as they should be.
    """

    def __init__(self, fleet: Fleet, clock: IReactorTime, chunk: Chunk) -> None:
        self._fleet = fleet
        self._chunk = chunk
        self._need = Layout.parse(chunk.layout).k
        self._flight: Flight[int, bytes] = Flight(clock)
        self._got: dict[int, bytes] = {}
        self._unanswered = 0
        self.lost: dict[int, Health] = {
            number: Health.MISSING for number, shard in enumerate(chunk.shards) if shard == MISSING
        }
        self._untried = deque(sorted(self._there(), key=self._preference))

    def _there(self) -> list[int]:
        return [number for number in range(len(self._chunk.shards)) if number not in self.lost]

    def _preference(self, number: int) -> tuple[bool, bool, int]:
        """Shards that answer, those that answer soon, fragments that need no decoding."""
        breaker = self._fleet.breaker(self._chunk.shards[number])
        return breaker.open, breaker.lagging, number

    async def run(self, use: Use[T]) -> T:
        """
        What *use* makes of k fragments.

        :raises Corrupt: too few are left, or what they give is not what was stored.
        :raises Unavailable: too few shards answer.
        """
        slow: set[int] = set()
        try:
            while True:
                self._ask(self._need - len(self._got) - len(self._flight) + len(slow & set(self._flight.names())))
                if len(self._got) >= self._need:
                    try:
                        return await use({number: self._got[number] for number in sorted(self._got)[: self._need]})
                    except DamagedFragments as error:
                        self._damaged(error.numbers)
                        continue
                if not self._flight:
                    raise self._verdict()
                landed = await self._flight.landed(HEDGE if self._untried else None)
                if landed is None:
                    slow.update(self._flight.names())
                else:
                    self._take(*landed)
        finally:
            for number in slow & set(self._flight.names()):
                self._fleet.breaker(self._chunk.shards[number]).lagged()
            self._flight.end()

    def _ask(self, count: int) -> None:
        for _ in range(min(count, len(self._untried))):
            number = self._untried.popleft()
            self._flight.start(number, self._get(number))

    async def _get(self, number: int) -> bytes:
        key = self._chunk.obj.key(number)
        return await self._fleet.call(self._chunk.shards[number], "GET", lambda shard: shard.get(key))

    def _take(self, number: int, answer: bytes | StorageError) -> None:
        if not isinstance(answer, StorageError):
            self._got[number] = answer
        elif isinstance(answer, NotFound):
            self.lost[number] = Health.MISSING
        elif isinstance(answer, Corrupt):
            self.lost[number] = Health.DAMAGED
        else:
            self._unanswered += 1

    def _damaged(self, numbers: set[int]) -> None:
        for number in numbers:
            del self._got[number]
            self.lost[number] = Health.DAMAGED

    def _verdict(self) -> StorageError:
        if len(self._got) + self._unanswered >= self._need:
            return Unavailable("too few shards answer, try again")
        return Corrupt("too little is left of what was stored")
