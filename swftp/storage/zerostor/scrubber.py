"""
The slow look at everything: whether every fragment is what it should be, and whether any is there that should not.

What is where it should not be is removed only when it is old: what is new may be of an upload that still runs. Unless
somebody says so, it is not removed either where it is most of what there is: then the database may be the wrong one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from twisted.logger import Logger

from swftp.errors import StorageError
from swftp.storage.zerostor.chunks import Chunks, ShardInfo, State
from swftp.storage.zerostor.mender import Mender
from swftp.storage.zerostor.meta.sweeping import Sweep
from swftp.storage.zerostor.shards import Health, Held, IShard
from swftp.storage.zerostor.values import MISSING, PACKED_BYTES, Chunk, ObjectId, Told, untold

SAMPLE = 100
"""Fragments by which a shard is recognised: some may be lost."""
PAGE = 200
"""Chunks in one go."""
OLD = 48 * 3600.0
"""Seconds after which a fragment that nobody names is not of an upload any more."""
KEY_BYTES = PACKED_BYTES + 1

log = Logger()
Rest = Callable[[], Awaitable[object]]
"""Awaited between one step and the next."""


@dataclass(slots=True)
class Report:
    """What a scrub found."""

    chunks: int = 0
    """Looked at."""
    damaged: int = 0
    """Chunks of which a fragment is missing or not what it was."""
    unknown: int = 0
    """Chunks of which a shard did not answer."""
    mended: int = 0
    """Chunks that are better than before."""
    fragments: int = 0
    """Looked at, on all shards."""
    strangers: int = 0
    """Fragments that nobody names."""
    removed: int = 0
    """Of those."""
    silent: tuple[int, ...] = ()
    """Shards that did not answer."""

    @property
    def clean(self) -> bool:
        """Whether everything that could be looked at is as it should be."""
        return not self.damaged - self.mended and not self.strangers - self.removed


async def at_once() -> None:
    """No rest."""


class Scrubber:
    """Of one process."""

    def __init__(
        self,
        sweep: Sweep,
        chunks: Chunks,
        mender: Mender,
        shards: Mapping[int, ShardInfo],
        wall: Callable[[], float],
    ) -> None:
        self._sweep = sweep
        self._chunks = chunks
        self._mender = mender
        self._shards = shards
        self._wall = wall

    async def scrub(
        self, *, mend: bool, age: float = OLD, cautious: bool = False, rest: Rest = at_once, told: Told = untold
    ) -> Report:
        """
        Look at everything.

        :param cautious: remove nothing from a shard that has more of what nobody names than of what somebody does:
            the database may be empty, or old, because somebody is about to restore it, or that of another store.
        :param told: of chunks, then of fragments that were looked at.
        :param mend: also make whole what is not, and remove what nobody names and is older than *age* seconds.
        """
        report = Report()
        await self._look_at_chunks(report, mend, rest, told)
        for number, info in list(self._shards.items()):
            if info.state is not State.GONE:
                keep = not mend or (cautious and await self._is_foreign(number, info, rest))
                await self._look_at_shard(report, number, info, None if keep else age, rest)
                told("fragments", report.fragments)
        return report

    async def recognises(self, number: int, shard: IShard) -> bool:
        """Whether *shard* has a fragment that shard *number* should have, or there is none yet."""
        after, seen = None, 0
        while (found := await self._sweep.chunks(after, PAGE)) and seen < SAMPLE:
            for chunk in found:
                for n in [n for n, where in enumerate(chunk.shards) if where == number]:
                    seen += 1
                    if await shard.check(chunk.obj.key(n)) is Health.OK:
                        return True
            after = found[-1].obj
        return not seen

    async def _look_at_chunks(self, report: Report, mend: bool, rest: Rest, told: Told) -> None:
        after = None
        while found := await self._sweep.chunks(after, PAGE):
            for chunk in found:
                healths = await self._chunks.check(chunk)
                report.chunks += 1
                report.unknown += None in healths
                if any(health in (Health.MISSING, Health.DAMAGED) for health in healths):
                    report.damaged += 1
                    report.mended += mend and await self._mender.mend(chunk)
                await rest()
            after = found[-1].obj
            told("chunks", report.chunks)

    async def _is_foreign(self, number: int, info: ShardInfo, rest: Rest) -> bool:
        """Whether the shard has more that nobody names than what somebody does, or does not answer."""
        cursor, balance = None, 0
        try:
            while True:
                held, cursor = await info.shard.scan(cursor)
                ours = [one for one in held if len(one.key) == KEY_BYTES]
                balance += len(ours) - 2 * len(await self._strange(number, ours))
                await rest()
                if cursor is None:
                    break
        except StorageError:
            return True
        if balance < 0:
            words = "shard {shard} has mostly what this database does not know: nothing is removed from it"
            log.error(words, event="foreign", shard=number)
        return balance < 0

    async def _look_at_shard(
        self, report: Report, number: int, info: ShardInfo, age: float | None, rest: Rest
    ) -> None:
        cursor = None
        try:
            while True:
                held, cursor = await info.shard.scan(cursor)
                report.fragments += len(held)
                strange = await self._strange(number, held)
                report.strangers += len(strange)
                old = [one for one in strange if age is not None and one.mtime < self._wall() - age]
                for one in old:
                    report.removed += await info.shard.delete(one.key)
                await self._look_again(number, old)
                await rest()
                if cursor is None:
                    return
        except StorageError as error:
            report.silent += (number,)
            log.warn("shard {shard} is not scrubbed: {reason}", event="scrub", shard=number, reason=str(error))

    async def _look_again(self, shard: int, removed: Sequence[Held]) -> None:
        """Of what was *removed* from *shard*, a mender may just have made what counts: then it is made again."""
        if not removed:
            return
        named = await self._sweep.named(list({ObjectId.from_packed(one.key[:PACKED_BYTES]) for one in removed}))
        for one in removed:
            chunk = named.get(ObjectId.from_packed(one.key[:PACKED_BYTES]))
            if chunk is not None and shard in chunk.shards and not _astray(one, shard, chunk):
                self._mender.noticed(chunk, {one.key[-1]: Health.MISSING})

    async def _strange(self, shard: int, held: Sequence[Held]) -> list[Held]:
        """Those of *held* that no chunk has there, and no journal or garbage answers for."""
        ours = [one for one in held if len(one.key) == KEY_BYTES]
        objs = {one.key: ObjectId.from_packed(one.key[:PACKED_BYTES]) for one in ours}
        named = await self._sweep.named(list(set(objs.values())))
        unnamed = [obj for obj in set(objs.values()) if obj not in named]
        strangers = set(await self._sweep.strangers(unnamed)) if unnamed else set()
        return [one for one in ours if objs[one.key] in strangers or _astray(one, shard, named.get(objs[one.key]))]


def _astray(held: Held, shard: int, chunk: Chunk | None) -> bool:
    """Whether *held* is a fragment of *chunk*, but another shard has the one that counts."""
    if chunk is None:
        return False
    number = held.key[-1]
    return number >= len(chunk.shards) or chunk.shards[number] not in (shard, MISSING)
