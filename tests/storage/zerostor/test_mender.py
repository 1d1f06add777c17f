"""Chunks are made whole, and nothing that a row names is ever removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import LogLevel, capturedLogs

from swftp.errors import Unavailable
from swftp.storage.zerostor.chunks import State
from swftp.storage.zerostor.chunks.mending import Mended
from swftp.storage.zerostor.scrubber import Report, at_once
from swftp.storage.zerostor.values import Chunk, New, ObjectId
from tests.storage.zerostor.places import ZeroCase

DATA = bytes(range(256)) * 200


class MenderTests(ZeroCase):
    """One file of one chunk, on three of four shards."""

    shard_count = 4

    async def stored(self, name: str = "a") -> Chunk:
        """It."""
        obj = await self.opened.store.take()
        chunk = await self.opened.chunks.put(obj, self.account, DATA)
        namespace = self.opened.metadata.namespace(self.account)
        await namespace.commit((name,), [New(chunk, 0, len(DATA))], md5=None, mtime_ns=0)
        return chunk

    async def only(self) -> Chunk:
        """As its row says."""
        [chunk] = await self.opened.metadata.sweep.chunks(None)
        return chunk

    def file_of(self, chunk: Chunk, number: int) -> Path:
        """Of a fragment."""
        name = chunk.obj.key(number).hex()
        return next((self.folder / f"shard-{chunk.shards[number]}").rglob(name))

    async def drain(self, number: int) -> None:
        """That shard is to be emptied."""
        [row] = [row for row in await self.opened.metadata.shards() if row.id == number]
        await self.opened.metadata.set_shards([replace(row, state=State.DRAIN.value)])
        await self.opened.refresh()

    async def is_whole(self) -> None:
        """Every fragment is where the row says, and no other is anywhere."""
        self.assertEqual(self.on_shards(), await self.in_database())
        self.assertEqual(len(self.on_shards()), 3)
        self.assertEqual(await self.opened.chunks.get(await self.only(), self.account), DATA)

    async def test_scrubbed_meanwhile(self) -> None:
        """A fragment that a scrub took for astray right before the row named it is made again."""
        chunk = await self.stored()
        self.file_of(chunk, 1).unlink()
        await self.drain(chunk.shards[1])
        sweep, mender = self.opened.metadata.sweep, self.opened.mender
        really = sweep.set_placement

        async def late(old: Chunk, new: Chunk) -> bool:
            self.file_of(new, 1).unlink()
            return await really(old, new)

        sweep.set_placement = late  # type: ignore[method-assign]
        await mender.mend(chunk)
        sweep.set_placement = really  # type: ignore[method-assign]
        self.assertEqual(await mender.mend_noticed(), 1)
        await self.is_whole()

    async def test_lost_or_removed(self) -> None:
        """What cannot be mended any more is lost, and told as an error, only where a file still needs it."""
        chunk = await self.stored()
        for number in range(3):
            self.file_of(chunk, number).unlink()
        self.assertEqual(await self.told_of(chunk), ["lost"])
        await self.opened.metadata.namespace(self.account).remove(("a",))
        self.ahead = 100 * 3600.0
        await self.opened.sweeper.bury()
        self.assertEqual(await self.told_of(chunk), [])

    async def test_database_away(self) -> None:
        """Where the database cannot say whether one is lost, what was noticed of others is not forgotten."""
        lost, hurt = await self.stored(), await self.stored("b")
        for number in range(3):
            self.file_of(lost, number).unlink()
        self.file_of(hurt, 1).unlink()
        sweep, mender = self.opened.metadata.sweep, self.opened.mender

        async def away(objs: Sequence[ObjectId]) -> dict[ObjectId, Chunk]:
            raise Unavailable()

        really, sweep.named = sweep.named, away  # type: ignore[method-assign]
        for chunk in (lost, hurt):
            mender.noticed(chunk, {})
        with self.assertRaises(Unavailable):
            await mender.mend_noticed()
        sweep.named = really  # type: ignore[method-assign]
        self.assertEqual(await mender.mend_noticed(), 1)
        self.assertEqual(mender.waiting, 0)

    async def told_of(self, chunk: Chunk) -> list[str]:
        """The errors of an attempt to mend it, which fails."""
        with capturedLogs() as logs:
            self.assertFalse(await self.opened.mender.mend(chunk))
        return [event["event"] for event in logs if event["log_level"] is LogLevel.error]

    async def test_scrub_looks_again(self) -> None:
        """What a scrub removed although the row named it by then is made again."""
        chunk = await self.stored()
        info = self.opened.shards[chunk.shards[2]]
        elsewhere = next(n for n in range(1, 5) if n not in chunk.shards)
        outdated = replace(chunk, shards=(*chunk.shards[:2], elsewhere))
        self.ahead = 100 * 3600.0
        sweep = self.opened.metadata.sweep
        really, answers = sweep.named, [{chunk.obj: outdated}]

        async def before(objs: Sequence[ObjectId]) -> dict[ObjectId, Chunk]:
            return answers.pop() if answers else await really(objs)

        sweep.named = before  # type: ignore[method-assign]
        report = Report()
        await self.opened.scrubber._look_at_shard(report, info.id, info, 0.0, at_once)
        self.assertEqual(report.removed, 1)
        self.assertEqual(await self.opened.mender.mend_noticed(), 1)
        await self.is_whole()

    async def test_lost(self) -> None:
        """A fragment that is lost is made again, and the mender says so."""
        chunk = await self.stored()
        self.file_of(chunk, 1).unlink()
        self.assertTrue(await self.opened.mender.mend(chunk))
        self.assertFalse(await self.opened.mender.mend(await self.only()))
        await self.is_whole()

    async def test_report(self) -> None:
        """What was mended where it stood counts as mended: after the scrub all is clean."""
        chunk = await self.stored()
        path = self.file_of(chunk, 0)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        report = await self.opened.scrubber.scrub(mend=True)
        self.assertEqual((report.damaged, report.mended, report.clean), (1, 1, True))
        self.assertTrue((await self.opened.scrubber.scrub(mend=False)).clean)
        await self.is_whole()

    async def test_moved(self) -> None:
        """What leaves a shard is copied, recorded, and then removed there."""
        chunk = await self.stored()
        await self.drain(chunk.shards[0])
        self.assertTrue(await self.opened.mender.mend(chunk))
        self.assertNotIn(chunk.shards[0], (await self.only()).shards)
        await self.is_whole()

    async def test_two_gateways(self) -> None:
        """Two that mend one chunk at once: whoever records it second removes nothing of what the first recorded."""
        chunk = await self.stored()
        await self.drain(chunk.shards[0])
        gateways = [self.opened, await self.another()]
        await gatherResults([Deferred.fromCoroutine(opened.mender.mend(chunk)) for opened in gateways])
        await self.is_whole()

    async def test_nowhere(self) -> None:
        """What is missing is not made while there is no shard for it, sweep after sweep, and then is."""
        chunk = await self.stored()
        home = chunk.shards[0]
        beside = next(number for number in range(1, 5) if number not in chunk.shards)
        hurt = replace(chunk, shards=(-1, *chunk.shards[1:]))
        self.file_of(chunk, 0).unlink()
        self.assertTrue(await self.opened.metadata.sweep.set_placement(chunk, hurt))
        for number in (home, beside):
            self.opened.shards[number] = replace(self.opened.shards[number], state=State.RO)
        kept = self.opened.chunks.repair
        asked: list[Chunk] = []

        async def counted(chunk: Chunk) -> Mended:
            asked.append(chunk)
            return await kept(chunk)

        self.opened.chunks.repair = counted  # type: ignore[method-assign]
        self.assertEqual(await self.opened.sweeper.mend_degraded(), 0)
        self.assertEqual(asked, [])
        self.opened.shards[beside] = replace(self.opened.shards[beside], state=State.RW)
        self.assertEqual(await self.opened.sweeper.mend_degraded(), 1)
        await self.is_whole()
