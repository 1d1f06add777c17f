"""Rules of sweeping, mending and scrubbing, on a real database and real shards."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

from twisted.internet import reactor as the_reactor

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from swftp.storage.zerostor import setting_up
from swftp.storage.zerostor.chunks import State
from swftp.storage.zerostor.values import ObjectId
from tests.storage.bytes import Source, fetched, raises
from tests.storage.zerostor.places import ZeroCase

NOTHING = Attributes()
HOUR = 3600.0


class LookingCase(ZeroCase):
    """Files of a few chunks, and what becomes of them."""

    shard_count = 4

    async def put(self, name: str, size: int = 250_000) -> bytes:
        """Store a file."""
        data = bytes(range(256)) * (size // 256 + 1)
        await self.storage().store(resolve(name), Source(data[:size]), NOTHING)
        return data[:size]

    async def assertExact(self) -> None:
        """The shards have what the database names."""
        self.assertEqual(self.on_shards() ^ await self.in_database(), set())

    async def pass_time(self, seconds: float) -> None:
        """The lease is renewed as time goes by."""
        self.ahead += seconds
        await self.opened.metadata.journal.renew()


class SweepTests(LookingCase):
    """What is not used any more."""

    async def test_removed(self) -> None:
        """The fragments of a removed file stay for the grace period, and then go."""
        await self.put("/f")
        await self.put("/g")
        before = self.on_shards()
        await self.storage().remove(resolve("/f"))
        await self.opened.sweeper.sweep()
        self.assertEqual(self.on_shards(), before)
        await self.pass_time(self.grace + 1)
        await self.opened.sweeper.sweep()
        self.assertEqual(len(self.on_shards()), len(before) // 2)
        await self.assertExact()

    async def test_shared(self) -> None:
        """Chunks that another file shares stay."""
        data = await self.put("/f")
        await self.storage().copy(resolve("/f"), resolve("/g"))
        await self.storage().remove(resolve("/f"))
        await self.pass_time(self.grace + 1)
        await self.opened.sweeper.sweep()
        self.assertEqual(await fetched(self.storage(), resolve("/g")), data)
        await self.assertExact()

    async def test_aborted(self) -> None:
        """What an upload that failed had stored goes, once nothing of it can be on its way any more."""
        source = Source(bytes(250_000), known=False, error=errors.Interrupted())
        storage = self.storage()
        await raises(errors.Interrupted, storage.store(resolve("/f"), source, NOTHING))
        await storage.settle()
        await self.pass_time(HOUR)
        await self.opened.sweeper.sweep()
        self.assertEqual(self.on_shards(), set())

    async def test_cut_off(self) -> None:
        """What was staged and then not used by the content goes; what is used stays."""
        storage = self.storage()
        part = await storage.stage(resolve("/f"), Source(bytes(range(250)) * 1000))
        await storage.publish(resolve("/f"), [part.slice(0, 150_000)], NOTHING)
        await storage.settle()
        await self.pass_time(HOUR)
        await self.opened.sweeper.sweep()
        self.assertEqual(len(await self.in_database()), 2 * 3)
        await self.assertExact()

    async def test_dead_gateway(self) -> None:
        """Another gateway finds what a dead one had stored and not published."""
        other = await self.another()
        await self.storage(other).stage(resolve("/f"), Source(bytes(250_000)))
        self.assertTrue(self.on_shards())
        await self.pass_time(HOUR)
        await self.opened.sweeper.sweep()
        await self.pass_time(HOUR)
        await self.opened.sweeper.sweep()
        self.assertEqual(self.on_shards(), set())


class MendTests(LookingCase):
    """Fragments that are lost, damaged, or to be moved."""

    def paths(self, shard: int) -> list[Any]:
        """Files of fragments on *shard*."""
        return [path for path in (self.folder / f"shard-{shard}" / "files").rglob("*") if path.is_file()]

    async def test_noticed(self) -> None:
        """A reader that finds a fragment gone gets its bytes, and the next sweep makes it again."""
        data = await self.put("/f")
        firsts = [path for shard in range(1, 5) for path in self.paths(shard) if path.name.endswith("00")]
        self.assertEqual(len(firsts), 3)
        for path in firsts:
            path.unlink()
        self.assertEqual(await fetched(self.storage(), resolve("/f")), data)
        await self.opened.sweeper.sweep()
        await self.assertExact()

    async def test_scrub_mends(self) -> None:
        """A scrub finds damage that nobody has read, and mends it; one that only looks changes nothing."""
        await self.put("/f")
        victim, *_ = [*self.paths(1), *self.paths(2)]
        victim.write_bytes(victim.read_bytes()[:-1] + b"?")
        looked = await self.opened.scrubber.scrub(mend=False)
        self.assertEqual((looked.chunks, looked.damaged, looked.mended, looked.clean), (3, 1, 0, False))
        again = await self.opened.scrubber.scrub(mend=True)
        self.assertEqual((again.damaged, again.mended), (1, 1))
        self.assertTrue((await self.opened.scrubber.scrub(mend=False)).clean)

    async def test_strangers(self) -> None:
        """A scrub removes what nobody names if it is old, and spares what may be of an upload."""
        await self.put("/f")
        stranger = ObjectId(bytes(16), 0).key(0)
        await self.opened.shards[1].shard.put(stranger, b"?")
        young = await self.opened.scrubber.scrub(mend=True)
        self.assertEqual((young.strangers, young.removed), (1, 0))
        await self.pass_time(49 * HOUR)
        old = await self.opened.scrubber.scrub(mend=True)
        self.assertEqual((old.strangers, old.removed), (1, 1))
        await self.assertExact()

    async def test_foreign_database(self) -> None:
        """With a database that knows nothing of it, only a scrub that somebody asked for removes anything."""
        await self.put("/f", 600_000)
        before = self.on_shards()
        self.settings = replace(self.settings, database=f"sqlite:///{self.folder / 'empty'}")
        list(setting_up.make_places(self.settings))
        await setting_up.register(self.settings, the_reactor)
        other = await self.another(self.settings.database)
        self.ahead += 49 * HOUR
        report = await other.scrubber.scrub(mend=True, cautious=True)
        self.assertEqual((report.strangers, report.removed), (len(before), 0))
        self.assertEqual(self.on_shards(), before)
        report = await other.scrubber.scrub(mend=True)
        self.assertEqual((report.removed, self.on_shards()), (len(before), set()))

    async def test_cautious(self) -> None:
        """Few things that nobody names are removed by any scrub."""
        await self.put("/f", 600_000)
        await self.opened.shards[1].shard.put(ObjectId(bytes(16), 0).key(0), b"?")
        await self.pass_time(49 * HOUR)
        report = await self.opened.scrubber.scrub(mend=True, cautious=True)
        self.assertEqual((report.strangers, report.removed), (1, 1))
        await self.assertExact()

    async def test_drain(self) -> None:
        """Everything moves away from a shard that is to be emptied."""
        data = await self.put("/f", 1_000_000)
        rows = await self.opened.metadata.shards()
        await self.opened.metadata.set_shards([replace(rows[0], state=State.DRAIN.value)])
        await self.opened.refresh()
        await self.opened.sweeper.move({1})
        self.assertEqual(self.paths(1), [])
        await self.assertExact()
        self.assertEqual(await fetched(self.storage(), resolve("/f")), data)

    async def test_gone(self) -> None:
        """A shard that was lost for good is made up for by the others."""
        data = await self.put("/f", 1_000_000)
        rows = await self.opened.metadata.shards()
        shutil.rmtree(self.folder / "shard-3")
        await self.opened.metadata.set_shards([replace(rows[2], state=State.GONE.value)])
        await self.opened.refresh()
        await self.opened.sweeper.move({3})
        await self.assertExact()
        shutil.rmtree(self.folder / "shard-1")
        self.assertEqual(await fetched(self.storage(), resolve("/f")), data)
