"""Writes: where fragments go, what is enough, and how long it takes where shards are slow, hang or fail."""

from __future__ import annotations

import itertools
from typing import Any

from twisted.internet.defer import Deferred

from swftp.errors import InvalidRequest, QuotaExceeded, TooLarge, Unavailable
from swftp.storage.zerostor.chunks import OVERHEAD, CodecOptions, State
from swftp.storage.zerostor.chunks.writing import PATIENCE
from swftp.storage.zerostor.shards.interfaces import TIMEOUT, VALUE_LIMIT
from swftp.storage.zerostor.values import MISSING, Chunk
from tests.storage.zerostor.chunks.case import ACCOUNT, ChunksCase, noise

DATA = noise(50_000)


class WritingCase(ChunksCase):
    """Writes that may take time."""

    def putting(self) -> Deferred[Chunk]:
        """Under way."""
        return self.start(self.chunks.put(self.obj(), ACCOUNT, DATA))

    def takes(self) -> tuple[float, Chunk]:
        """Seconds until it is stored, and what is."""
        begin = self.clock.seconds()
        putting = self.putting()
        while not putting.called and self.clock.seconds() < begin + 60:
            self.clock.advance(0.05)
        seconds = self.clock.seconds() - begin
        chunk = self.successResultOf(putting)
        reading = self.start(self.chunks.get(chunk, ACCOUNT))
        self.advance(12)
        self.assertEqual(self.successResultOf(reading), DATA)
        self.is_where_it_says(chunk)
        return seconds, chunk

    def is_where_it_says(self, chunk: Chunk) -> None:
        """Each fragment that is not missing is on its shard, each on another."""
        there = [shard for shard in chunk.shards if shard != MISSING]
        self.assertEqual(len(there), len(set(there)))
        for number, shard in enumerate(chunk.shards):
            if shard != MISSING:
                self.assertIn(chunk.obj.key(number), self.shards[shard].values)

    def spread(self, count: int = 40) -> list[Chunk]:
        """So many chunks."""
        return [self.put(b"x") for _ in range(count)]


class WritingTests(WritingCase):
    """Of ``ec:2+1`` on five shards."""

    def test_whole(self) -> None:
        """All fragments are stored, and nothing else."""
        _, chunk = self.takes()
        self.assertEqual(chunk.missing, 0)
        self.assertEqual(sum(len(shard.values) for shard in self.shards.values()), 3)

    def test_one_down(self) -> None:
        """Another shard takes the place of one that says no."""
        for number in self.shards:
            self.shards[number].down = True
            seconds, chunk = self.takes()
            self.assertEqual((seconds, chunk.missing), (0, 0))
            self.shards[number].down = False

    def test_one_hangs(self) -> None:
        """And of one that hangs, once it was silent for `PATIENCE` though others answered."""
        for number, shard in self.shards.items():
            shard.hangs = True
            seconds, chunk = self.takes()
            self.assertLessEqual(seconds, PATIENCE + 0.1)
            self.assertEqual((chunk.missing, number in chunk.shards), (0, False))
            shard.hangs = False

    def test_hang_is_remembered(self) -> None:
        """After three of them nobody waits for that shard any more."""
        self.make(3)
        self.shards[2].hangs = True
        waits = [self.takes()[0] for _ in range(6)]
        self.assertTrue(all(PATIENCE <= wait < PATIENCE + 0.1 for wait in waits[:3]), waits)
        self.assertEqual(waits[3:], [0, 0, 0])

    def test_late_put(self) -> None:
        """What comes to a shard that hung, after its fragment went elsewhere, changes nothing."""
        self.make(4)
        for shard in (1, 2):
            self.shards[shard].hangs = True
        _, chunk = self.takes()
        for shard in (1, 2):
            self.shards[shard].wake()
        self.assertEqual(self.get(chunk), DATA)

    def test_all_slow(self) -> None:
        """Where all are slow nobody is given up: there is no better one."""
        for shard in self.shards.values():
            shard.latency = PATIENCE + 2
        seconds, chunk = self.takes()
        self.assertAbout(seconds, PATIENCE + 2)
        self.assertEqual(chunk.missing, 0)

    def test_slow_but_steady(self) -> None:
        """A shard that answers within `PATIENCE` of the others is waited for."""
        self.make(3)
        self.shards[1].latency = PATIENCE - 0.5
        seconds, chunk = self.takes()
        self.assertEqual(chunk.missing, 0)
        self.assertAbout(seconds, PATIENCE - 0.5)

    def test_degraded(self) -> None:
        """With no other shard left, k are enough for ``ec:k+1``; what is missing is said."""
        self.make(3)
        for number in self.shards:
            self.shards[number].down = True
            _, chunk = self.takes()
            self.assertEqual(chunk.missing, 1)
            self.assertNotIn(number, chunk.shards)
            self.shards[number].down = False

    def test_too_few(self) -> None:
        """Fewer than that are an error."""
        self.make(3)
        self.shards[1].down = self.shards[2].down = True
        self.fails(Unavailable, self.chunks.put(self.obj(), ACCOUNT, DATA))

    def test_least(self) -> None:
        """How many are enough can be configured, up to all of them."""
        self.make(3, least=3)
        self.takes()
        self.shards[1].down = True
        self.fails(Unavailable, self.chunks.put(self.obj(), ACCOUNT, DATA))
        self.again(least=9)
        self.shards[1].down = False
        self.takes()

    def test_too_few_and_hanging(self) -> None:
        """Where the write would fail without it, a hanging shard is waited for, as long as shards are."""
        self.make(3, least=3)
        self.shards[1].hangs = True
        putting = self.putting()
        self.advance(TIMEOUT - 0.2)
        self.assertNoResult(putting)
        self.advance(0.4)
        self.failureResultOf(putting, Unavailable)

    def test_open_breakers_are_the_last_resort(self) -> None:
        """Shards that did not answer are asked where it would fail without them."""
        self.make(3)
        for shard in self.shards.values():
            shard.down = True
        for _ in range(3):
            self.fails(Unavailable, self.chunks.put(self.obj(), ACCOUNT, DATA))
        for shard in self.shards.values():
            shard.down = False
        _, chunk = self.takes()
        self.assertGreaterEqual(len(set(chunk.shards) - {MISSING}), 2)

    def test_full(self) -> None:
        """A full shard is replaced; where all are full there is no room."""
        self.shards[1].room = 1000
        for _ in range(5):
            _, chunk = self.takes()
            self.assertEqual((chunk.missing, 1 in chunk.shards), (0, False))
        self.assertEqual(sum(verb == "put" for verb, _ in self.shards[1].calls), 1)
        for shard in self.shards.values():
            shard.room = 0
        for _ in range(3):  # also while they are known to be, and are not asked
            self.fails(QuotaExceeded, self.chunks.put(self.obj(), ACCOUNT, DATA))

    def test_full_and_down(self) -> None:
        """Where a shard that does not answer may have room, it is not room that lacks: one may try again."""
        self.make(3)
        self.shards[1].room = self.shards[2].room = 0
        self.shards[3].down = True
        for _ in range(2):
            self.fails(Unavailable, self.chunks.put(self.obj(), ACCOUNT, DATA))

    def test_all_of_them_and_one_hangs(self) -> None:
        """Where all are needed, and there is another shard, one that hangs is not waited for either."""
        self.make(4, least=3)
        for number, shard in self.shards.items():
            shard.hangs = True
            seconds, chunk = self.takes()
            self.assertLessEqual(seconds, PATIENCE + 0.1)
            self.assertEqual((chunk.missing, number in chunk.shards), (0, False))
            shard.hangs = False

    def test_room_comes_back(self) -> None:
        """A shard that was full is used again once it says that it has room."""
        self.make(3)
        self.shards[1].room = 0
        self.assertEqual(self.put(DATA).missing, 1)
        self.shards[1].room = 1 << 40
        self.advance(31, 1)
        self.now(self.chunks.probe())
        self.assertEqual(self.put(DATA).missing, 0)

    def test_states(self) -> None:
        """Only shards that are to be written to get anything."""
        for number, state in ((1, State.RO), (2, State.DRAIN)):
            self.set_info(number, state=state)
        self.assertEqual({shard for chunk in self.spread() for shard in chunk.shards}, {3, 4, 5})
        self.set_info(3, state=State.GONE)
        self.assertEqual({chunk.missing for chunk in self.spread(5)}, {1})

    def test_too_large(self) -> None:
        """What no shard takes is refused before anything is done; just below, it is stored."""
        limit = 2 * (VALUE_LIMIT - OVERHEAD)
        self.fails(TooLarge, self.chunks.put(self.obj(), ACCOUNT, bytes(limit + 2)))
        self.again(codec=CodecOptions(compress=False))
        self.put(bytes(limit))

    def test_once(self) -> None:
        """No number is used twice, however the first use went."""
        obj = self.obj()
        self.now(self.chunks.put(obj, ACCOUNT, DATA))
        self.fails(InvalidRequest, self.chunks.put(obj, ACCOUNT, DATA))
        for shard in self.shards.values():
            shard.down = True
        obj = self.obj()
        self.fails(Unavailable, self.chunks.put(obj, ACCOUNT, DATA))
        for shard in self.shards.values():
            shard.down = False
        self.fails(InvalidRequest, self.chunks.put(obj, ACCOUNT, DATA))

    def test_once_at_a_time(self) -> None:
        """Nor while the first use is under way: one of them is refused, the other one is stored."""
        for shard in self.shards.values():
            shard.latency = 1.0
        obj = self.obj()
        first = self.start(self.chunks.put(obj, ACCOUNT, DATA))
        self.fails(InvalidRequest, self.chunks.put(obj, ACCOUNT, noise(50_000, 2)))
        self.advance(1.1)
        for shard in self.shards.values():
            shard.latency = 0
        self.assertEqual(self.get(self.successResultOf(first)), DATA)

    def test_given_up(self) -> None:
        """A writer that goes away leaves nothing running, and the room it had."""
        for shard in self.shards.values():
            shard.hangs = True
        putting = self.putting()
        self.advance(1)
        putting.addErrback(lambda _: None)
        putting.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.chunks._gate.inside, 0)

    def test_our_own_mistake(self) -> None:
        """What a shard may not raise is no fault of the shard, and is not hidden."""

        async def put(key: bytes, value: Any) -> None:
            raise ZeroDivisionError

        self.shards[1].put = self.shards[2].put = self.shards[3].put = put  # type: ignore[method-assign]
        self.fails(ZeroDivisionError, self.chunks.put(self.obj(), ACCOUNT, DATA))
        self.assertEqual(self.chunks._gate.inside, 0)


class CopyTests(WritingCase):
    """Of ``copy:3`` on three shards."""

    layout = "copy:3"

    def test_two_are_enough(self) -> None:
        """Two copies are; one is not."""
        self.make(3)
        self.shards[1].down = True
        self.assertEqual(self.takes()[1].missing, 1)
        self.shards[2].down = True
        self.fails(Unavailable, self.chunks.put(self.obj(), ACCOUNT, DATA))


class WideTests(WritingCase):
    """Of ``ec:4+2`` on six shards."""

    layout = "ec:4+2"

    def test_one_more_may_be_lost(self) -> None:
        """k + 1 are enough, k are not."""
        self.make(6)
        self.shards[1].down = True
        self.assertEqual(self.takes()[1].missing, 1)
        self.shards[2].down = True
        self.fails(Unavailable, self.chunks.put(self.obj(), ACCOUNT, DATA))


class PlacementTests(WritingCase):
    """Which shards."""

    def test_even(self) -> None:
        """Chunks are spread evenly, first fragments too."""
        chunks = self.spread(1000)
        for number in range(3):
            counts = [sum(chunk.shards[number] == shard for chunk in chunks) for shard in self.shards]
            self.assertLess(max(counts) - min(counts), 80, counts)

    def test_groups(self) -> None:
        """No group has two fragments of a chunk where there are enough groups, nor more than needed where not."""
        self.make(6)
        for number in self.infos:
            self.set_info(number, group="abc"[number % 3])
        for chunk in self.spread():
            self.assertEqual(len({shard % 3 for shard in chunk.shards}), 3)
        for number in self.infos:
            self.set_info(number, group="abbbbb"[number % 6])
        for chunk in self.spread():
            self.assertIn(6, chunk.shards)  # the only one of its group

    def test_one_more_shard(self) -> None:
        """A new shard takes its share, and nothing moves between the others."""
        before = [chunk.shards for chunk in self.spread(500)]
        del self.infos[5]
        self.seq = itertools.count()
        self.again()
        after = [chunk.shards for chunk in self.spread(500)]
        for with_it, without in zip(before, after, strict=True):
            if 5 not in with_it:
                self.assertEqual(with_it, without)
            else:
                self.assertLess(set(with_it) - {5}, set(without))


class MemoryTests(WritingCase):
    """What may be under way."""

    def test_bounded(self) -> None:
        """However many want to write, so many bytes are under way; all of them come to be, in order."""
        self.make(5, memory=500_000)
        for shard in self.shards.values():
            shard.latency = 1.0
        done: list[int] = []
        for number in range(12):
            self.putting().addCallback(lambda _, number=number: done.append(number))
        self.assertEqual(sum(len(shard.calls) for shard in self.shards.values()), 12)  # four, of three fragments
        self.assertLessEqual(self.chunks._gate.inside, 500_000)
        self.advance(1.1)
        self.assertEqual(done, [0, 1, 2, 3])
        self.advance(2.2)
        self.assertEqual(done, list(range(12)))
        self.assertEqual(self.chunks._gate.inside, 0)

    def test_larger_than_all(self) -> None:
        """A chunk for which there is never room goes alone."""
        self.make(5, memory=1000)
        self.takes()

    def test_waiting_is_given_up(self) -> None:
        """Who does not want to wait any longer lets those behind him pass."""
        self.make(5, memory=130_000)
        for shard in self.shards.values():
            shard.latency = 1.0
        first, second, third = self.putting(), self.putting(), self.putting()
        second.addErrback(lambda _: None)
        second.cancel()
        self.advance(1.1)
        self.assertEqual(self.successResultOf(first).plain_len, 50_000)
        self.advance(1.1)
        self.assertEqual(self.successResultOf(third).plain_len, 50_000)
        self.assertEqual(self.chunks._gate.inside, 0)
