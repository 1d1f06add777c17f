"""
What a gateway does for all now and then: bury the dead, empty the garbage, make whole what lacks a fragment.

All of it may be done by several at once, and be broken off anywhere; that one does it at a time saves work.
"""

from __future__ import annotations

from twisted.logger import Logger

from swftp.storage.zerostor.chunks import Chunks
from swftp.storage.zerostor.mender import Mender
from swftp.storage.zerostor.meta.sweeping import Sweep
from swftp.storage.zerostor.meta.values import Garbage
from swftp.storage.zerostor.values import Chunk, ObjectId, Told, untold

LATER = 300.0
"""Seconds until garbage on a shard that does not answer is looked at again."""
PAGE = 200
"""Chunks or garbage in one go."""

log = Logger()


class Sweeper:
    """
    Of one process.  What it calls raises `Unavailable` where the database is not there: then there is no sweep.

    :ivar told: of what it has done, now and then.
    """

    told: Told = staticmethod(untold)

    def __init__(self, sweep: Sweep, chunks: Chunks, mender: Mender) -> None:
        self._sweep = sweep
        self._chunks = chunks
        self._mender = mender

    async def sweep(self) -> None:
        """All that there is to do now."""
        dead = await self._sweep.reap()
        buried = await self.bury()
        deleted = await self.empty()
        mended = await self._mender.mend_noticed() + await self.mend_degraded()
        await self._sweep.prune()
        if dead or buried or deleted or mended:
            log.info(
                "swept: {dead} journals of the dead, {buried} rows, {deleted} objects; {mended} chunks mended",
                event="swept",
                dead=dead,
                buried=buried,
                deleted=deleted,
                mended=mended,
            )

    async def bury(self) -> int:
        """Let go of contents that nobody reads any more; rows that went."""
        count = 0
        while gone := await self._sweep.bury():
            count += gone
            self.told("rows", count)
        return count

    async def empty(self) -> int:
        """Delete garbage from the shards; objects that are gone."""
        count = 0
        while found := await self._sweep.garbage(PAGE):
            done: list[Garbage] = []
            later: list[Garbage] = []
            for garbage in found:
                (done if await self._delete(garbage) else later).append(garbage)
            await self._sweep.emptied(done)
            await self._sweep.postpone(later, LATER)
            count += sum(garbage.count for garbage in done)
            self.told("garbage", count)
        return count

    async def _delete(self, garbage: Garbage) -> bool:
        done = True
        for seq in range(garbage.first, garbage.first + garbage.count):
            obj = ObjectId(garbage.upload, seq)
            if garbage.shards is None:
                done = await self._chunks.purge(obj) and done
            else:
                done = await self._chunks.delete(obj, garbage.shards) and done
        return done

    async def mend_degraded(self) -> int:
        """
        Make whole what was stored with fragments missing; chunks that are better than before.

        While a shard is down, and there is no other, nothing is read that could not be put anywhere.
        """
        count, seen, after = 0, 0, None
        while found := await self._sweep.degraded(after, PAGE):
            count += sum([await self._mender.mend(chunk) for chunk in found if self._chunks.spare(chunk)])
            after = found[-1].obj
            seen += len(found)
            self.told("degraded chunks", seen)
        return count

    async def move(self, leaving: set[int]) -> int:
        """Move fragments away from the shards *leaving*; chunks that were."""
        count, seen, after = 0, 0, None
        while found := await self._sweep.chunks(after, PAGE):
            there: list[Chunk] = [chunk for chunk in found if leaving.intersection(chunk.shards)]
            count += sum([await self._mender.mend(chunk) for chunk in there])
            after = found[-1].obj
            seen += len(found)
            self.told("chunks", seen)
        return count
