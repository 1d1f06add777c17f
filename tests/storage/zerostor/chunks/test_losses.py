"""What comes out is what went in, however m fragments were lost; or there is an error."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from swftp.errors import Corrupt, StorageError, Unavailable
from swftp.storage.zerostor.chunks import Layout
from swftp.storage.zerostor.shards import Health
from swftp.storage.zerostor.values import Chunk
from tests.storage.zerostor.chunks.case import ACCOUNT, OTHER, TEXT, ChunksCase, noise

LAYOUTS = ("ec:2+1", "ec:3+2", "ec:4+2", "ec:10+4", "ec:16+1", "copy:1", "copy:2", "copy:3")
SIZES = (0, 1, 15, 16, 17, 1000, 33_000, 100_001)


class LossTests(ChunksCase):
    """Of any kind, at any place."""

    def use(self, layout: str) -> Layout:
        """Store with *layout* from now on."""
        self.layout = layout
        parsed = Layout.parse(layout)
        self.make(parsed.total)
        return parsed

    def test_round_trip(self) -> None:
        """Any size, with any layout, whether it shrinks or not."""
        for text in LAYOUTS:
            self.use(text)
            for size in SIZES:
                for data in (noise(size), TEXT[:size]):
                    chunk = self.put(data)
                    self.assertEqual((self.get(chunk), chunk.plain_len, chunk.missing), (data, size, 0))

    def test_any_m_lost(self) -> None:
        """Every choice of m fragments may be lost, damaged, cut short or unreachable."""
        for text in LAYOUTS[:4]:
            layout = self.use(text)
            for data in (noise(40_000), TEXT[:50_000]):
                chunk = self.put(data)
                kept = {number: dict(shard.values) for number, shard in self.shards.items()}
                losses = list(combinations(range(layout.total), layout.m))
                for lost in losses if len(losses) < 100 else losses[::17]:
                    for how in (self.lose, self.spoil, self.shorten, self.take_down):
                        for number in lost:
                            how(chunk, number)
                        self.assertEqual(self.get(chunk), data, (text, lost, how))
                        self.restore(kept)

    def test_more_than_m(self) -> None:
        """One loss too many is an error that says what it is."""
        for text in LAYOUTS[:3]:
            layout = self.use(text)
            chunk = self.put(noise(40_000))
            kept = {number: dict(shard.values) for number, shard in self.shards.items()}
            for lost in combinations(range(layout.total), layout.m + 1):
                for how, error in ((self.lose, Corrupt), (self.spoil, Corrupt), (self.take_down, Unavailable)):
                    for number in lost:
                        how(chunk, number)
                    self.fails(error, self.chunks.get(chunk, ACCOUNT))
                    self.restore(kept)

    def test_down_and_lost(self) -> None:
        """Where what does not answer might be enough, it may work later."""
        chunk = self.put(noise(40_000))
        self.lose(chunk, 0)
        self.take_down(chunk, 1)
        self.fails(Unavailable, self.chunks.get(chunk, ACCOUNT))
        self.lose(chunk, 2)
        self.fails(Corrupt, self.chunks.get(chunk, ACCOUNT))

    def test_missing_from_the_start(self) -> None:
        """What was stored without some fragments is read without them."""
        for lost in range(3):
            data = noise(50_000, lost)
            chunk = self.put(data)
            shards = tuple(-1 if number == lost else shard for number, shard in enumerate(chunk.shards))
            self.assertEqual(self.get(replace(chunk, shards=shards)), data)

    def test_noticed(self) -> None:
        """Whoever mends is told what a read found, and nothing where all is well."""
        chunk = self.put(noise(50_000))
        self.get(chunk)
        self.assertEqual(self.noticed, [])
        self.spoil(chunk, 0)
        self.get(chunk)
        self.assertEqual(self.noticed, [(chunk, {0: Health.DAMAGED})])
        self.lose(chunk, 0)
        self.get(chunk)
        self.assertEqual(self.noticed[1:], [(chunk, {0: Health.MISSING})])

    def test_told_by_the_shard(self) -> None:
        """What a shard itself knows to have lost is damaged, as what we find: it is mended, and never waited for."""
        data = noise(50_000)
        chunk = self.put(data)
        for lost in range(2):
            self.shards[chunk.shards[lost]].broken.add(chunk.obj.key(lost))
            if not lost:
                self.assertEqual(self.get(chunk), data)
                self.assertEqual(self.noticed, [(chunk, {0: Health.DAMAGED})])
        self.fails(Corrupt, self.chunks.get(chunk, ACCOUNT))

    def test_wrong_key(self) -> None:
        """Another account's chunk is no chunk."""
        chunk = self.put(noise(100))
        self.now(self.chunks.put(self.obj(), OTHER, b"theirs"))
        self.fails(StorageError, self.chunks.get(chunk, OTHER))

    def shorten(self, chunk: Chunk, number: int) -> None:
        """Its shard has only the beginning of that fragment."""
        shard = self.shards[chunk.shards[number]]
        key = chunk.obj.key(number)
        shard.values[key] = shard.values[key][:-3]

    def take_down(self, chunk: Chunk, number: int) -> None:
        """Its shard does not answer."""
        self.shards[chunk.shards[number]].down = True

    def restore(self, kept: dict[int, dict[bytes, bytes]]) -> None:
        """All is well again."""
        for number, shard in self.shards.items():
            shard.values = dict(kept[number])
            shard.down = False
        self.again()
