"""Checking, mending and removing chunks, and how much room there is."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import Corrupt, Unavailable
from swftp.storage.zerostor.chunks import Layout, Mended, State, moved
from swftp.storage.zerostor.chunks.chunks import usable
from swftp.storage.zerostor.shards import Health
from swftp.storage.zerostor.values import MISSING, Chunk
from tests.storage.zerostor.chunks.case import ACCOUNT, ChunksCase, noise

DATA = noise(50_000)
GOOD = (Health.OK,) * 3


class MendingCase(ChunksCase):
    """One chunk."""

    def setUp(self) -> None:
        """Of ``ec:2+1``, on five shards."""
        super().setUp()
        self.chunk = self.put(DATA)

    def repair(self, chunk: Chunk | None = None) -> Chunk:
        """Mended, recorded, and old places cleared; what it gives still is what it was."""
        old = chunk or self.chunk
        new = self.now(self.chunks.repair(old)).chunk
        self.assertEqual((new.obj, new.plain_len, new.stored_len), (old.obj, old.plain_len, old.stored_len))
        self.assertTrue(self.now(self.chunks.delete(old.obj, moved(old, new))))
        self.assertEqual(self.get(new), DATA)
        self.chunk = new
        return new

    def exactly(self, chunk: Chunk) -> None:
        """All of its fragments are there, each readable, and nothing else."""
        there = {(n, key) for n, shard in self.shards.items() for key in shard.values}
        self.assertEqual(there, {(n, chunk.obj.key(number)) for number, n in enumerate(chunk.shards)})
        self.assertEqual(self.now(self.chunks.check(chunk)), GOOD)
        for lost in range(3):
            fewer = tuple(MISSING if number == lost else shard for number, shard in enumerate(chunk.shards))
            self.assertEqual(self.get(replace(chunk, shards=fewer)), DATA)


class CheckTests(MendingCase):
    """What is said of fragments."""

    def test_each(self) -> None:
        """Each fragment: well, lost, damaged, not known."""
        self.assertEqual(self.now(self.chunks.check(self.chunk)), GOOD)
        self.lose(self.chunk, 0)
        self.spoil(self.chunk, 1)
        self.shards[self.chunk.shards[2]].down = True
        self.assertEqual(self.now(self.chunks.check(self.chunk)), (Health.MISSING, Health.DAMAGED, None))

    def test_missing_and_gone(self) -> None:
        """What was never stored, and what was on a shard that is gone, is missing."""
        self.set_info(self.chunk.shards[1], state=State.GONE)
        chunk = replace(self.chunk, shards=(MISSING, *self.chunk.shards[1:]))
        self.assertEqual(self.now(self.chunks.check(chunk)), (Health.MISSING, Health.MISSING, Health.OK))


class RepairTests(MendingCase):
    """What is made again."""

    def test_nothing_to_do(self) -> None:
        """A whole chunk stays as it is, and nothing is written."""
        for shard in self.shards.values():
            shard.calls.clear()
        self.assertEqual(self.repair(), self.chunk)
        self.assertEqual([call for shard in self.shards.values() for call in shard.calls if call[0] == "put"], [])

    def test_each_loss(self) -> None:
        """Any m fragments, lost, damaged or never stored, are made again, where they were if that is possible."""
        for layout in ("ec:2+1", "ec:3+2", "copy:3"):
            self.layout = layout
            parsed = Layout.parse(layout)
            for lost in combinations(range(parsed.total), parsed.m):
                for how in (self.lose, self.spoil, self.unplace):
                    self.make(parsed.total + 1)
                    chunk = self.put(DATA)
                    self.chunk = chunk
                    for number in lost:
                        how(self.chunk, number)
                    new = self.repair(self.chunk)
                    self.assertEqual(new.missing, 0)
                    if how != self.unplace:
                        self.assertEqual(new.shards, chunk.shards)
                    self.assertEqual(self.now(self.chunks.check(new)), (Health.OK,) * parsed.total)

    def unplace(self, chunk: Chunk, number: int) -> None:
        """It was never stored."""
        self.lose(chunk, number)
        places = tuple(MISSING if n == number else shard for n, shard in enumerate(chunk.shards))
        self.chunk = replace(chunk, shards=places)

    def test_told(self) -> None:
        """How many fragments were stored is told, also where each is in its old place."""
        self.spoil(self.chunk, 2)
        self.assertEqual(self.now(self.chunks.repair(self.chunk)), Mended(self.chunk, 1))
        self.assertEqual(self.now(self.chunks.repair(self.chunk)), Mended(self.chunk, 0))

    def test_told_by_the_shard(self) -> None:
        """What a shard itself knows to have lost is made again; with too much lost there is nothing to wait for."""
        for count in (1, 2):
            for number in range(count):
                shard = self.shards[self.chunk.shards[number]]
                shard.broken.add(self.chunk.obj.key(number))
                self.assertEqual(self.now(self.chunks.check(self.chunk))[number], Health.DAMAGED)
            if count == 1:
                self.exactly(self.repair())
        self.fails(Corrupt, self.chunks.repair(self.chunk))

    def test_wiped_shard(self) -> None:
        """A shard that came back empty is filled again."""
        self.shards[self.chunk.shards[1]].values.clear()
        self.exactly(self.repair())

    def test_gone_and_drained(self) -> None:
        """What was on a shard that is gone, or that is to be emptied, comes elsewhere."""
        for state, number in product((State.GONE, State.DRAIN), range(3)):
            self.make(5)
            self.chunk = self.put(DATA)
            left = self.chunk.shards[number]
            self.set_info(left, state=state)
            new = self.repair()
            self.assertEqual((new.missing, left in new.shards, len(set(new.shards))), (0, False, 3))
            if state is State.DRAIN:
                self.exactly(new)

    def test_drained_and_silent(self) -> None:
        """One that is to be emptied and does not answer is waited for: what is there is not given up."""
        shard = self.chunk.shards[1]
        self.set_info(shard, state=State.DRAIN)
        self.shards[shard].down = True
        self.assertEqual(self.now(self.chunks.repair(self.chunk)), Mended(self.chunk, 0))

    def test_other_groups_first(self) -> None:
        """A fragment comes where it fails with none of those that stay."""
        for number in self.infos:
            self.set_info(number, group="other" if number == 5 else "same")
        self.again()
        self.chunk = self.put(DATA)
        while 5 in self.chunk.shards:
            self.set_info(5, state=State.RO)
            self.chunk = self.put(DATA)
        self.set_info(5, state=State.RW)
        self.set_info(self.chunk.shards[0], state=State.GONE)
        self.assertEqual(self.repair().shards[0], 5)

    def test_down_is_not_lost(self) -> None:
        """A shard that does not answer keeps what it has."""
        self.shards[self.chunk.shards[0]].down = True
        self.assertEqual(self.now(self.chunks.repair(self.chunk)), Mended(self.chunk, 0))

    def test_nowhere_to_go(self) -> None:
        """What no shard takes stays missing, or where it is; nothing is lost by trying."""
        self.make(3)
        self.chunk = self.put(DATA)
        self.set_info(self.chunk.shards[0], state=State.DRAIN)
        self.assertEqual(self.now(self.chunks.repair(self.chunk)), Mended(self.chunk, 0))
        self.set_info(self.chunk.shards[0], state=State.GONE)
        self.assertEqual(self.repair().shards, (MISSING, *self.chunk.shards[1:]))

    def test_too_little(self) -> None:
        """Too few fragments: lost, or not to be had now; which of the two is said."""
        self.lose(self.chunk, 0)
        self.spoil(self.chunk, 1)
        self.fails(Corrupt, self.chunks.repair(self.chunk))
        self.shards[self.chunk.shards[2]].down = True
        self.fails(Corrupt, self.chunks.repair(self.chunk))
        self.chunk = self.put(DATA)
        self.lose(self.chunk, 0)
        self.shards[self.chunk.shards[1]].down = True
        self.fails(Unavailable, self.chunks.repair(self.chunk))

    def test_hanging(self) -> None:
        """A hanging target is not waited for for ever, nor recorded."""
        self.make(4)
        self.chunk = self.put(DATA)
        spare = next(iter(set(self.shards) - set(self.chunk.shards)))
        self.set_info(self.chunk.shards[0], state=State.GONE)
        self.shards[spare].hangs = True
        repairing = self.start(self.chunks.repair(self.chunk))
        self.advance(11)
        self.assertEqual(self.successResultOf(repairing).chunk.shards, (MISSING, *self.chunk.shards[1:]))

    def test_twice_at_once(self) -> None:
        """Two gateways that mend the same chunk put the same in the same places."""
        self.set_info(self.chunk.shards[0], state=State.GONE)
        one = self.now(self.chunks.repair(self.chunk)).chunk
        self.again()
        two = self.now(self.chunks.repair(self.chunk)).chunk
        self.assertEqual(one, two)
        self.assertEqual(moved(one, two), (MISSING,) * 3)


class RemovalTests(MendingCase):
    """What is removed."""

    def test_delete(self) -> None:
        """Each fragment from its shard; again is success."""
        other = self.put(DATA)
        for _ in range(2):
            self.assertTrue(self.now(self.chunks.delete(self.chunk.obj, self.chunk.shards)))
        self.fails(Corrupt, self.chunks.get(self.chunk, ACCOUNT))
        self.exactly(other)

    def test_shard_down(self) -> None:
        """One that does not answer: not done; what others have is removed all the same."""
        self.shards[self.chunk.shards[0]].down = True
        for _ in range(5):
            self.assertFalse(self.now(self.chunks.delete(self.chunk.obj, self.chunk.shards)))
        self.assertEqual(sum(len(shard.values) for shard in self.shards.values()), 1)
        self.shards[self.chunk.shards[0]].down = False
        self.assertFalse(self.now(self.chunks.delete(self.chunk.obj, self.chunk.shards)))  # nobody waits for it
        self.now(self.chunks.probe())
        self.assertTrue(self.now(self.chunks.delete(self.chunk.obj, self.chunk.shards)))
        self.assertEqual(sum(len(shard.values) for shard in self.shards.values()), 0)

    def test_shards_of_the_past(self) -> None:
        """What is on a shard that is gone is gone; one that is only not configured may come back."""
        self.set_info(self.chunk.shards[0], state=State.GONE)
        self.assertTrue(self.now(self.chunks.delete(self.chunk.obj, self.chunk.shards)))
        del self.infos[self.chunk.shards[1]]
        self.assertFalse(self.now(self.chunks.delete(self.chunk.obj, self.chunk.shards)))

    def test_purge(self) -> None:
        """Whatever is anywhere of an object goes, and of no other."""
        other = self.put(DATA)
        for shard in self.shards.values():
            shard.values[self.chunk.obj.key(2)] = b"stray"
        self.assertTrue(self.now(self.chunks.purge(self.chunk.obj)))
        self.exactly(other)
        self.shards[1].down = True
        self.assertFalse(self.now(self.chunks.purge(self.chunk.obj)))


class RoomTests(ChunksCase):
    """How much fits."""

    def test_capacity(self) -> None:
        """Plain bytes: what the fullest shards leave to chunks that need three each."""
        self.make(3)
        for number, room in ((1, 900), (2, 500), (3, 700)):
            self.shards[number].room = room
        self.assertEqual(self.now(self.chunks.capacity()), 2 * 500)

    def test_not_all_there(self) -> None:
        """Shards that are not written to, or do not answer, have no room; none left is an error."""
        self.set_info(1, state=State.RO)
        self.shards[2].down = True
        for shard in self.shards.values():
            shard.room = 1000
        self.assertEqual(self.now(self.chunks.capacity()), 2000)
        for shard in self.shards.values():
            shard.down = True
        self.again()
        self.fails(Unavailable, self.chunks.capacity())

    def test_hanging(self) -> None:
        """Nobody waits long for one that hangs."""
        self.shards[1].hangs = True
        asking = self.start(self.chunks.capacity())
        self.advance(1.1)
        self.assertGreater(self.successResultOf(asking), 0)

    def test_remembered(self) -> None:
        """Shards are asked once in a while."""
        for _ in range(3):
            self.now(self.chunks.capacity())
        self.assertEqual([shard.calls for shard in self.shards.values()], [[("capacity", b"")]] * 5)

    def test_service(self) -> None:
        """While it runs, a shard that failed is used again once it answers."""
        self.make(3)
        service = self.chunks.service()
        service.startService()
        self.shards[1].down = True
        while self.put(b"x").missing == 0 or self.chunks._fleet.breaker(1).open is False:
            pass
        self.advance(20, 1)
        self.assertEqual(self.put(b"x").missing, 1)
        self.shards[1].down = False
        self.advance(5, 1)
        self.assertEqual(self.put(b"x").missing, 0)
        self.successResultOf(service.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class UsableTests(SynchronousTestCase):
    """The sum behind it."""

    def test_against_trying(self) -> None:
        """As much as one gets by filling those with most room, byte by byte."""
        for rooms in product((0, 1, 2, 5, 9), repeat=4):
            for width in (1, 2, 3, 4):
                left, count = sorted(rooms), 0
                while all(left[-width:]):
                    left = sorted(left[:-width] + [room - 1 for room in left[-width:]])
                    count += 1
                self.assertEqual(usable(rooms, width), count, (rooms, width))
        self.assertEqual(usable((5, 5), 3), 0)
