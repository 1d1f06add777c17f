"""
Fragments that may have come to a shard after nobody waited for them there any more, and which stand elsewhere now.

They are removed when the shard answers again.  What a crash makes us forget is found by a scrub: no chunk names that
place for that fragment.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.interfaces import IReactorTime

from swftp.errors import StorageError
from swftp.storage.zerostor.chunks.fleet import Fleet

SETTLE = 30.0
"""Seconds after which what was under way to a shard is either there or never will be."""
MOST = 10_000
"""Remembered; beyond it, those are left to a scrub that have waited longest."""
AT_A_TIME = 100


class Strays:
    """Of one process."""

    def __init__(self, fleet: Fleet, clock: IReactorTime) -> None:
        self._fleet = fleet
        self._clock = clock
        self._known: deque[tuple[float, int, bytes]] = deque(maxlen=MOST)

    def __len__(self) -> int:
        return len(self._known)

    def add(self, shard: int, key: bytes) -> None:
        """*key* may come to be on *shard*, where it does not belong."""
        self._known.append((self._clock.seconds() + SETTLE, shard, key))

    async def remove(self) -> None:
        """Remove those that have settled, on shards that answer."""
        for _ in range(min(AT_A_TIME, len(self._known))):
            due, shard, key = self._known.popleft()
            if self._clock.seconds() < due or self._fleet.breaker(shard).open:
                self._known.append((due, shard, key))
                continue
            try:
                await self._fleet.remove(shard, key)
            except StorageError:
                self.add(shard, key)
