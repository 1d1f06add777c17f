"""
Chunks made whole again: fragments that are lost are made from the others, those on shards that leave are moved.

The law: the row says where fragments are.  A new place is recorded by compare and set; the loser removes nothing
that the winner may have recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from twisted.logger import Logger

from swftp.errors import Corrupt, StorageError
from swftp.storage.zerostor.chunks import moved
from swftp.storage.zerostor.meta.sweeping import Sweep
from swftp.storage.zerostor.shards import Health
from swftp.storage.zerostor.values import MISSING, Chunk, ObjectId

if TYPE_CHECKING:
    from swftp.storage.zerostor.chunks import Chunks

MOST = 10_000
"""Chunks remembered that a reader found damaged; a scrub finds the others."""

log = Logger()


class Mender:
    """
    Of one process.

    :ivar chunks: set by whoever puts the two together, before anything is called.
    :ivar mended: chunks so far.
    """

    chunks: Chunks

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._noticed: dict[ObjectId, Chunk] = {}
        self.mended = 0

    @property
    def waiting(self) -> int:
        """Chunks that readers found damaged and that nobody has looked at since."""
        return len(self._noticed)

    def noticed(self, chunk: Chunk, lost: Mapping[int, Health]) -> None:
        """A reader found the fragments *lost* of *chunk* missing or damaged."""
        if len(self._noticed) < MOST:
            self._noticed[chunk.obj] = chunk

    async def mend_noticed(self) -> int:
        """
        Mend what readers noticed; how many chunks are better than before.

        :raises Unavailable: the database is not there; what was not looked at yet is remembered.
        """
        better = 0
        for obj in list(self._noticed):
            better += await self.mend(self._noticed.pop(obj))
        return better

    async def mend(self, chunk: Chunk) -> bool:
        """
        Make *chunk* as whole as it can be; whether anything changed.  What cannot be done now is logged.

        :raises Unavailable: the database is not there.
        """
        try:
            mended = await self.chunks.repair(chunk)
            if mended.chunk != chunk:
                await self._record(chunk, mended.chunk)
                await self._look_again(mended.chunk)
        except Corrupt as error:
            if not await self._sweep.named([chunk.obj]):
                return False  # of a file that is removed, and swept meanwhile
            log.error("{chunk} is lost: {reason}", event="lost", chunk=chunk.obj.packed().hex(), reason=str(error))
            return False
        except StorageError as error:
            log.info("{chunk} is not whole yet: {reason}", chunk=chunk.obj.packed().hex(), reason=str(error))
            return False
        self.mended += mended.made > 0
        return mended.made > 0

    async def _look_again(self, chunk: Chunk) -> None:
        """
        What lay astray where a fragment belongs now may have been taken for it, and been removed by a scrub before
        the row said so.  One that comes later sees the row.
        """
        healths = await self.chunks.check(chunk)
        if any(health is Health.MISSING and chunk.shards[n] != MISSING for n, health in enumerate(healths)):
            self.noticed(chunk, {})

    async def _record(self, old: Chunk, new: Chunk) -> None:
        """
        The row says *new*, and what only *old* names is removed; or something else happened to the row.

        Another gateway has mended the chunk too then, most likely with the same fragments in the same places: what
        it does not name is found by a scrub.
        """
        if await self._sweep.set_placement(old, new):
            await self.chunks.delete(old.obj, moved(old, new))
        elif not await self._sweep.named([old.obj]):
            await self.chunks.delete(old.obj, moved(new, old))
