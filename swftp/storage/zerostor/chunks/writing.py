"""
Fragments of one object onto shards, each on another.

A shard that fails is replaced by the next one that the object would have.  One that hangs is not waited for once
others answer: the fragment goes elsewhere, or, where enough are stored, nowhere, and is made again later.

A shard that gave no answer may have stored the fragment all the same.  It is left there: by the time it could be
deleted, another gateway may have mended the object with it.  A scrub, which sees what is recorded, removes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from twisted.internet.interfaces import IReactorTime

from swftp.errors import QuotaExceeded, StorageError, Unavailable
from swftp.storage.zerostor.chunks.fleet import Fleet
from swftp.storage.zerostor.chunks.flight import Flight
from swftp.storage.zerostor.chunks.fragments import Fragment

PATIENCE = 3.0
"""Seconds without an answer, after others gave theirs, and a shard is held to hang."""


class Writing:
    """
    Of one object.

    :param least: so many must be stored, of *fragments*.
    :ivar placed: fragment number -> shard, of those that are stored.
    """

    def __init__(self, fleet: Fleet, clock: IReactorTime, fragments: Mapping[int, Fragment], least: int) -> None:
        self._fleet = fleet
        self._fragments = dict(fragments)
        self._least = least
        self._waiting = deque(fragments)
        self._flight: Flight[tuple[int, int], None] = Flight(clock)
        self._faults: list[StorageError] = []
        self.placed: dict[int, int] = {}

    async def run(self, spots: Iterable[int], last: Iterable[int] = ()) -> None:
        """
        Store them on *spots*, which are taken in order, each once; on *last* only where it would fail without.

        :raises QuotaExceeded: too few could be stored: there is no room.
        :raises Unavailable: too few could be stored.
        """
        free, last = deque(spots), deque(last)
        try:
            while True:
                self._send(free)
                if len(self.placed) + len(self._flight) < self._least:
                    self._send(last)
                if not self._flight:
                    break
                await self._take(bool(free))
        finally:
            self._flight.end()
        if len(self.placed) < self._least:
            raise QuotaExceeded("no room left") if self._full() else Unavailable("too few shards answer, try again")

    def _full(self) -> bool:
        """Whether it is room that lacks: so said all who were asked, or they were not asked for they had said so."""
        if not all(isinstance(fault, QuotaExceeded) for fault in self._faults):
            return False
        return bool(self._faults) or self._fleet.full(max(fragment.size for fragment in self._fragments.values()))

    def _send(self, spots: deque[int]) -> None:
        while self._waiting and spots:
            number, spot = self._waiting.popleft(), spots.popleft()
            self._flight.start((number, spot), self._put(self._fragments[number], spot))

    async def _put(self, fragment: Fragment, spot: int) -> None:
        await self._fleet.call(spot, "PUT", lambda shard: shard.put(fragment.key, fragment.value))

    async def _take(self, spares: bool) -> None:
        """Wait for an answer, or until it makes no sense to wait."""
        landed = await self._flight.landed(PATIENCE if self.placed else None)
        if landed is None:
            if spares or len(self.placed) >= self._least:
                self._give_up()
            return
        (number, spot), fault = landed
        if fault is None:
            self.placed[number] = spot
            del self._fragments[number]  # let go of its bytes
            return
        self._faults.append(fault)
        self._waiting.append(number)

    def _give_up(self) -> None:
        """None of those under way is waited for: others have answered."""
        for number, spot in self._flight.names():
            self._flight.drop((number, spot))
            self._fleet.failed(spot, "no answer")
            self._faults.append(Unavailable())
            self._waiting.append(number)
