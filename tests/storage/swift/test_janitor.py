"""What a killed gateway leaves in a real Swift is found and removed, and nothing else."""

from __future__ import annotations

import gc
from typing import Any

from swftp.paths import Path
from swftp.storage.swift import Options
from swftp.storage.swift.features import KINDS
from swftp.storage.swift.underway import Underway
from tests.storage.bytes import Source
from tests.storage.swift.test_large import NOTHING, LargeCase


class JanitorTests(LargeCase):
    """Sweeping a container, by another gateway than the one that wrote."""

    def setUp(self) -> None:
        super().setUp()
        self.sweeper: Any = self.login(Underway())

    def login(self, underway: Underway) -> Any:
        """Another one to the same account."""
        return KINDS[True, True](self.client(), Options(), self.limits, underway)

    async def left(self, path: Path, count: int) -> None:
        """An upload that ended with its gateway."""
        for i in range(count):
            await self.storage.stage(path, Source(b"left %d" % i))

    async def test_abandoned(self) -> None:
        """Abandoned uploads go: of new names, of existing ones, of the longest; published files stay."""
        await self.make(self.at("kept"), b"one", b"two")
        await self.make(self.at("moved"), *[b"x%d" % i for i in range(9)])
        await self.storage.rename(self.at("moved"), self.at("to"))
        await self.storage.settle()
        long = self.at(*["x" * 100] * 10, "y" * 14)
        await self.make(self.at("kept", "below"), b"three")
        before = self.segments()
        await self.left(self.at("new"), 3)
        await self.left(self.at("kept"), 2)
        await self.left(self.at("moved"), 1)
        await self.left(long, 2)
        self.assertEqual(await self.sweeper.sweep(self.box, age=-10.0), 8)
        self.assertEqual(self.segments(), before)
        self.assertEqual(await self.content(self.at("kept")), b"onetwo")
        self.assertEqual(await self.content(self.at("to")), b"".join(b"x%d" % i for i in range(9)))
        self.assertEqual(await self.content(self.at("kept", "below")), b"three")

    async def test_list_without_segments(self) -> None:
        """What a given-up upload to the longest name leaves goes, too."""
        long = self.at(*["x" * 100] * 10, "y" * 14)
        await self.storage.discard([await self.storage.stage(long, Source(b"x"))])
        self.assertEqual(len(self.segments()), 2)
        await self.sweeper.sweep(self.box, age=-10.0)
        self.assertEqual(self.segments(), [])

    async def test_long_name_without_list(self) -> None:
        """Segments of which nothing tells what they belong to stay: it may be a file that is whole."""
        long = self.at(*["x" * 100] * 10, "y" * 14)
        await self.make(long, b"one", b"two")
        (record,) = [name for name in self.segments() if name.endswith("/names")]
        self.account.connection.delete_object(f"{self.box}_segments", record)
        self.assertEqual(await self.sweeper.sweep(self.box, age=-10.0), 0)
        self.assertEqual(await self.content(long), b"onetwo")

    async def test_young(self) -> None:
        """An upload that goes on is left alone."""
        await self.left(self.at("new"), 3)
        self.assertEqual(await self.sweeper.sweep(self.box), 0)
        self.assertEqual(len(self.segments()), 3)

    async def test_old_and_open(self) -> None:
        """An upload of the same process that was idle for long goes on, until it is given up or its login ends."""
        process = Underway()
        writer, sweeper = self.login(process), self.login(process)
        parts = [await writer.stage(self.at("a"), Source(data)) for data in (b"one", b"two")]
        given_up = await writer.stage(self.at("b"), Source(b"x"))
        await writer.stage(self.at("c"), Source(b"left"))
        self.assertEqual(await sweeper.sweep(self.box, age=-10.0), 0)
        await writer.publish(self.at("a"), parts, NOTHING)
        await writer.discard([given_up])
        self.assertEqual(await self.content(self.at("a")), b"onetwo")
        self.assertEqual(await sweeper.sweep(self.box, age=-10.0), 0)
        del writer
        gc.collect()
        self.assertEqual(await sweeper.sweep(self.box, age=-10.0), 1)
        self.assertEqual(await self.content(self.at("a")), b"onetwo")

    async def test_renamed_and_open(self) -> None:
        """A name's old upload has ended with the file that took it elsewhere; one beside it goes on."""
        writer = self.login(process := Underway())
        first, second = [await writer.stage(self.at("a"), Source(data)) for data in (b"one", b"two")]
        await writer.publish(self.at("b"), [first], NOTHING)
        self.assertEqual(await self.login(process).sweep(self.box, age=-10.0), 0)
        await writer.discard([second])
        self.assertEqual(writer._segments.unpublished(), set())
        self.assertEqual(await self.content(self.at("b")), b"one")

    async def test_strangers(self) -> None:
        """Other tools' segments are not ours to remove."""
        self.account.put_large(self.box, "theirs", [b"one", b"two"])
        self.account.put(f"{self.box}_segments", "orphan/slo/1500000000.0/10/00000001", b"x")
        self.account.put(f"{self.box}_segments", "some/names", b"x")
        before = self.segments()
        self.assertEqual(await self.sweeper.sweep(self.box, age=-10.0), 0)
        self.assertEqual(self.segments(), before)

    async def test_crash_in_rename(self) -> None:
        """Two names on one upload, after a crash in the middle of a rename: both stay whole."""
        entry = await self.make(self.at("a"), b"one", b"two")
        names = (self.box, "a"), (self.box, "b")
        await self.storage._trees.copy_name(*names, size=entry.size, slo=True)
        self.assertEqual(await self.sweeper.sweep(self.box, age=-10.0), 0)
        await self.storage.store(self.at("a"), Source(b"small"), NOTHING)
        await self.storage.settle()
        self.assertEqual(await self.sweeper.sweep(self.box, age=-10.0), 0)
        self.assertEqual(await self.content(self.at("b")), b"onetwo")

    async def test_renamed_before_it_was_published(self) -> None:
        """The segments of a file that got another name while it was written belong to that name."""
        for old, new in (("a", "b"), ("c", "below/d")):
            parts = [await self.storage.stage(self.at(old), Source(data)) for data in (b"one", b"two")]
            await self.storage.publish(self.at(*new.split("/")), parts, NOTHING)
        await self.storage.settle()
        self.assertEqual(await self.sweeper.sweep(self.box, age=-10.0), 0)
        self.assertEqual(await self.content(self.at("b")), b"onetwo")
        self.assertEqual(await self.content(self.at("below", "d")), b"onetwo")

    async def test_no_segments(self) -> None:
        """Where nothing large ever was, there is nothing to do."""
        self.assertEqual(await self.sweeper.sweep(self.box, age=-10.0), 0)

    async def test_bit_by_bit(self) -> None:
        """What was looked at before is passed over, and before each upload somebody may say when."""
        for name in ("a", "b", "b/c", "d"):
            await self.left(self.at(*name.split("/")), 2)
        rested: list[str] = []

        async def rest(upload: str) -> None:
            rested.append(upload)

        await self.sweeper.sweep(self.box, 3600.0, "", rest)
        self.assertEqual(rested, [])  # who is young costs nothing
        uploads = sorted({name.rpartition("/")[0] for name in self.segments()})
        self.assertEqual(await self.sweeper.sweep(self.box, -10.0, uploads[1], rest), 4)
        self.assertEqual(rested, uploads[2:])
        self.assertEqual(sorted({name.rpartition("/")[0] for name in self.segments()}), uploads[:2])

    async def test_containers(self) -> None:
        """Those whose large objects had segments are known, whether they are hidden or not."""
        await self.left(self.at("new"), 1)
        self.assertIn(self.box, await self.storage.swept_containers())
        self.assertNotIn(f"{self.box}_segments", await self.storage.swept_containers())
