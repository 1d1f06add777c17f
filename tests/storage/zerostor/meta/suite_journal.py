"""Numbers, leases, garbage: what becomes of objects that no name has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from twisted.internet.defer import Deferred, execute

from swftp import errors
from swftp.storage.zerostor.meta import UNSEEN, JournalOptions
from swftp.storage.zerostor.meta.collecting import BATCH, START
from swftp.storage.zerostor.meta.discarding import gaps
from swftp.storage.zerostor.meta.sweeping import STEP
from swftp.storage.zerostor.meta.values import Garbage
from swftp.storage.zerostor.values import MISSING, Chunk, New, ObjectId, Old
from tests.storage.zerostor.meta.case import AtOnce, MetaCase

SMALL = JournalOptions(batch=4, row=8)
LINGER, LEASE, GRACE = 61, 61, 24 * 3600 + 1
"""Seconds after which they are over."""


class InReverse(AtOnce):
    """Workers who, for a while, do nothing, and then what came last first."""

    held: list[tuple[Deferred[Any], Callable[[], Any]]] | None = None

    def write(self, work: Callable[[], Any]) -> Deferred[Any]:
        """See `Workers`."""
        if self.held is None:
            return execute(work)
        self.held.append((Deferred(), work))
        return self.held[-1][0]

    def release(self) -> None:
        """Do it."""
        held, self.held = self.held or [], None
        for d, work in reversed(held):
            execute(work).chainDeferred(d)


class GarbageCase(MetaCase):
    """Short ways to ask for garbage."""

    def garbage(self) -> list[Garbage]:
        """What is due."""
        return self.run_(self.metadata.sweep.garbage())

    def bury(self) -> None:
        """Until nothing is left to bury."""
        while self.run_(self.metadata.sweep.bury()):
            pass

    def everything(self) -> list[tuple[int, int, tuple[int, ...] | None]]:
        """All garbage there will be, in order."""
        self.clock.advance(GRACE)
        self.bury()
        return sorted((g.first, g.count, g.shards) for g in self.garbage())


class JournalSuite(GarbageCase):
    """Numbers of objects."""

    def test_never_twice(self) -> None:
        """No number is given out twice, by one gateway or several, however they are asked for."""
        first, second = self.open(journal=SMALL), self.open(journal=SMALL)
        found: list[ObjectId] = []
        for count in (1, 3, 5, 8, 20, 1):
            for metadata in (first, second):
                found += self.run_(metadata.journal.allocate(count))
        self.assertEqual(len(set(found)), len(found))
        self.assertLess(max(obj.seq for obj in found), SMALL.row)

    def test_abandoned(self) -> None:
        """What is abandoned becomes garbage, once nothing of it can be on its way any more."""
        chunk, (obj, kept) = self.chunk(), self.run_(self.metadata.journal.allocate(2))
        self.run_(self.metadata.journal.abandon([chunk, obj]))
        self.assertEqual(self.garbage(), [])
        self.clock.advance(LINGER)
        upload = obj.upload
        self.assertEqual(sorted(self.garbage(), key=lambda g: g.first), [
            Garbage(upload, chunk.obj.seq, 1, (1, 2)),
            Garbage(upload, obj.seq, 1, None),
        ])  # fmt: skip
        self.assertTrue(self.metadata.journal.is_open(kept))

    def test_abandoned_is_forgotten(self) -> None:
        """Of objects that are garbage nothing is kept in memory, whatever the journal row they were of."""
        journal = self.metadata.journal
        for _ in range(20):
            self.run_(journal.abandon(self.run_(journal.allocate(5))))
        self.run_(journal.renew())
        self.assertEqual((len(journal._leaving), journal._unwanted, len(journal._open)), (0, [], 1))

    def test_published_is_no_garbage(self) -> None:
        """A chunk that a commit uses is not abandoned, whatever anybody says afterwards."""
        chunk = self.chunk()
        self.commit("f", [New(chunk, 0, 100)])
        self.run_(self.metadata.journal.abandon([chunk]))
        self.clock.advance(GRACE)
        self.assertEqual(self.garbage(), [])
        self.assertEqual(self.layout(self.look("f").content), [(0, chunk.obj.seq, 0, 100)])

    def test_abandoned_is_not_published(self) -> None:
        """A chunk that was abandoned is no part of any content."""
        chunk = self.chunk()
        self.run_(self.metadata.journal.abandon([chunk]))
        self.refused(errors.StorageError, self.names.commit(["f"], [New(chunk, 0, 100)], md5=None, mtime_ns=1))
        self.assertEqual(self.listed(), [])

    def test_abandoned_while_published(self) -> None:
        """A chunk that is abandoned while a commit may publish it waits for the commit, whatever comes first."""
        workers = self.metadata._database.workers = InReverse()
        chunk = self.chunk()
        ended: list[object] = []
        workers.held = []
        commit = self.names.commit(["f"], [New(chunk, 0, 100)], md5=None, mtime_ns=1)
        for wanted in (commit, self.metadata.journal.abandon([chunk])):
            Deferred.fromCoroutine(wanted).addBoth(ended.append)
        workers.release()
        self.assertEqual(len(ended), 2)
        self.run_(self.metadata.journal.renew())
        self.clock.advance(GRACE)
        self.assertEqual((self.listed(), self.garbage()), (["f"], []))

    def test_published_twice(self) -> None:
        """A chunk may be part of a second content as long as the first has it."""
        chunk = self.chunk()
        self.commit("f", [New(chunk, 0, 100)])
        self.commit("g", [New(chunk, 0, 50)])
        self.assertEqual(self.used(), (150, 2))

    def test_reaped(self) -> None:
        """All that a dead gateway numbered and is no chunk becomes garbage, and it can publish nothing any more."""
        other = self.open()
        names = other.namespace(self.account)
        chunks = [self.chunk(metadata=other) for _ in range(3)]
        self.run_(names.commit(["f"], [New(chunks[1], 0, 100)], md5=None, mtime_ns=1))
        self.assertEqual(self.run_(self.metadata.sweep.reap()), 0)
        self.clock.advance(LEASE)
        self.run_(self.metadata.journal.renew())
        self.assertEqual(self.run_(self.metadata.sweep.reap()), 1)
        self.refused(errors.Unavailable, names.commit(["g"], [New(chunks[2], 0, 1)], md5=None, mtime_ns=1))
        upload, batch = chunks[0].obj.upload, 256
        self.clock.advance(LINGER)
        found = [(g.upload, g.first, g.count, g.shards) for g in self.garbage()]
        self.assertEqual(sorted(found), [(upload, 0, 1, None), (upload, 2, batch - 2, None)])
        self.assertEqual(self.listed(), ["f"])

    def test_back_from_the_dead(self) -> None:
        """A gateway that was taken for dead goes on with new numbers."""
        other = self.open(journal=SMALL)
        names = other.namespace(self.account)
        [old] = self.run_(other.journal.allocate(1))
        for way in (other.journal.renew, lambda: other.journal.allocate(9)):
            self.clock.advance(LEASE)
            self.run_(self.metadata.journal.renew())
            self.run_(self.metadata.sweep.reap())
            self.run_(way())
            self.assertFalse(other.journal.is_open(old))
            fresh = self.chunk(metadata=other)
            self.run_(names.commit(["f"], [New(fresh, 0, 100)], md5=None, mtime_ns=1))
        self.flushLoggedErrors()

    def test_half_dead(self) -> None:
        """A gateway that comes back while it is being buried gives out no number of a row that is gone."""
        other = self.open(journal=SMALL)
        names = other.namespace(self.account)
        [old] = self.run_(other.journal.allocate(1))
        self.clock.advance(LEASE)
        self.assertTrue(self.run_(self.metadata.sweep._reap(other.journal.gateway, old.upload)))
        self.run_(other.journal.renew())
        self.assertFalse(other.journal.is_open(old))
        fresh = self.chunk(metadata=other)
        self.run_(names.commit(["f"], [New(fresh, 0, 100)], md5=None, mtime_ns=1))
        self.flushLoggedErrors()

    def test_back_while_reserving(self) -> None:
        """Numbers can be had, whether a gateway learns by them or by its renewal that it was taken for dead."""
        for in_reverse in (False, True):
            other = self.open(journal=SMALL)
            self.run_(other.journal.allocate(SMALL.row))
            self.clock.advance(LEASE)
            self.run_(self.metadata.journal.renew())
            self.run_(self.metadata.sweep.reap())
            workers = other._database.workers = InReverse()
            workers.held = []
            ways = [other.journal.renew(), other.journal.allocate(1)]
            ended: list[Any] = []
            for way in reversed(ways) if in_reverse else ways:
                Deferred.fromCoroutine(way).addBoth(ended.append)
            workers.release()
            self.clock.pump([0.1] * 50)
            self.assertEqual(sorted(type(end).__name__ for end in ended), ["NoneType", "list"])
            chunk = self.chunk(metadata=other)
            names = other.namespace(self.account)
            self.run_(names.commit([f"f{in_reverse}"], [New(chunk, 0, 100)], md5=None, mtime_ns=1))
        self.flushLoggedErrors()

    def test_renewed(self) -> None:
        """A gateway that renews its lease in time is nobody's prey."""
        other = self.open()
        chunk = self.chunk(metadata=other)
        for _ in range(10):
            self.clock.advance(LEASE / 2)
            for metadata in (self.metadata, other):
                self.run_(metadata.journal.renew())
                self.assertEqual(self.run_(metadata.sweep.reap()), 0)
        self.run_(other.namespace(self.account).commit(["f"], [New(chunk, 0, 1)], md5=None, mtime_ns=1))

    def test_alone(self) -> None:
        """A gateway knows, as of its last renewal, whether it is the only one."""
        self.run_(self.metadata.journal.renew())
        self.assertTrue(self.metadata.journal.alone)
        other = self.open()
        self.assertFalse(other.journal.alone)
        self.run_(self.metadata.journal.renew())
        self.assertFalse(self.metadata.journal.alone)
        self.run_(other.journal.stop())
        self.run_(self.metadata.journal.renew())
        self.assertTrue(self.metadata.journal.alone)

    def test_stopped(self) -> None:
        """A gateway that stops leaves nothing for others to find but what it was just storing."""
        other = self.open(journal=SMALL)
        chunks = [self.chunk(metadata=other) for _ in range(10)]
        names = other.namespace(self.account)
        self.run_(names.commit(["f"], [New(chunk, 0, 1) for chunk in chunks[:9]], md5=None, mtime_ns=1))
        self.run_(other.journal.stop())
        self.assertEqual(self.everything(), [(chunks[9].obj.seq, 1, None)])
        self.assertEqual(self.run_(self.metadata.sweep.reap()), 0)

    def test_rows_go(self) -> None:
        """Journal rows of which every number is settled are gone after the next renewal."""
        other = self.open(journal=SMALL)
        names = other.namespace(self.account)
        for _ in range(20):
            chunk = self.chunk(metadata=other)
            self.run_(names.commit(["f"], [New(chunk, 0, 1)], md5=None, mtime_ns=1))
        self.run_(other.journal.renew())
        self.clock.advance(LEASE)
        self.run_(self.metadata.journal.renew())
        self.assertEqual(self.run_(self.metadata.sweep.reap()), 1)


class SweepSuite(GarbageCase):
    """What nobody needs any more."""

    def test_grace(self) -> None:
        """The bytes of a removed file stay for the grace period; then its chunks are garbage."""
        made = self.put("f")
        self.run_(self.names.remove(["f"]))
        self.clock.advance(GRACE - 10)
        self.bury()
        self.assertEqual((self.garbage(), len(self.layout(made.content))), ([], 1))
        self.clock.advance(10)
        self.bury()
        self.assertEqual([(g.first, g.count, g.shards) for g in self.garbage()], [(0, 1, (1, 2))])
        self.refused(errors.NotFound, self.names.extents(made.content))
        self.assertEqual(self.run_(self.metadata.sweep.chunks()), [])

    def test_shared_chunks(self) -> None:
        """A chunk that another content has part of is no garbage."""
        old = self.commit("f", [New(self.chunk(), 0, 100), New(self.chunk(), 0, 100)])
        self.commit("f", [Old(old.content, 50, 20)])
        self.assertEqual(self.everything(), [(1, 1, (1, 2))])
        self.assertEqual(self.layout(self.look("f").content), [(0, 0, 50, 20)])
        self.run_(self.names.remove(["f"]))
        self.assertEqual(self.everything(), [(0, 1, (1, 2)), (1, 1, (1, 2))])

    def test_many(self) -> None:
        """Contents of any number of extents go, step by step, and many small ones, and empty ones."""
        chunk = self.chunk(10)
        self.commit("big", [New(chunk, 0, 1)] * 1200)
        for i in range(3):
            self.commit(f"e{i}", [])
        for name in self.listed():
            self.run_(self.names.remove([name]))
        self.assertEqual(self.everything(), [(0, 1, (1, 2))])

    def test_half_buried(self) -> None:
        """A content that is half buried lends its chunks to nobody: neither what is gone, nor what is left of it."""
        old = self.commit("f", [New(self.chunk(1), 0, 1)] * (STEP + 100))
        self.run_(self.names.remove(["f"]))
        self.clock.advance(GRACE)
        self.run_(self.metadata.sweep.bury())
        piece = Old(old.content, 0, STEP + 100)
        self.refused(errors.Changed, self.names.commit(["g"], [piece], md5=None, mtime_ns=1))

    def test_half_buried_before_it_was_whole(self) -> None:
        """A content that took longer to put together than the grace period is not published with what is left."""
        pieces = [New(self.chunk(1), 0, 1)] * (BATCH + 1)
        objs = {piece.chunk.obj for piece in pieces}
        settings = {"mode": None, "exclusive": False, "parents": False, "replaces": UNSEEN}
        proposal = self.names._proposal(["f"], pieces, objs, md5=None, mtime_ns=1, **settings)
        cursor = self.run_(self.names._step(proposal, START))
        self.clock.advance(GRACE)
        self.run_(self.metadata.sweep.bury())
        self.refused(errors.Interrupted, self.names._step(proposal, cursor))
        self.assertEqual(self.listed(), [])

    def test_all_references_go(self) -> None:
        """What nobody has is nowhere in the database, but for what the shards still have to delete."""
        self.put("f")
        self.run_(self.names.remove(["f"]))
        self.clock.advance(GRACE)
        self.bury()
        due = self.garbage()
        self.run_(self.metadata.sweep.emptied(due))
        self.assertEqual(self.garbage(), [])
        self.run_(self.metadata.users.remove_account("alice"))

    def test_postponed(self) -> None:
        """Garbage on a shard that does not answer is looked at again later."""
        self.run_(self.metadata.journal.abandon([self.chunk()]))
        self.clock.advance(LINGER)
        [due] = self.garbage()
        self.run_(self.metadata.sweep.postpone([due], 100))
        self.assertEqual(self.garbage(), [])
        self.clock.advance(100)
        self.assertEqual(self.garbage(), [due])

    def test_garbage_in_turn(self) -> None:
        """As much garbage is given as was asked for, what is due longest first."""
        for _ in range(3):
            self.run_(self.metadata.journal.abandon([self.chunk()]))
            self.clock.advance(1)
        self.clock.advance(LINGER)
        self.assertEqual([g.first for g in self.run_(self.metadata.sweep.garbage(2))], [0, 1])

    def test_written_off_whole(self) -> None:
        """What was garbage before its gateway died is garbage afterwards, with all around it."""
        other = self.open(journal=SMALL)
        chunks = [self.chunk(metadata=other) for _ in range(3)]
        self.run_(other.journal.abandon(chunks[:1]))
        self.clock.advance(LEASE)
        self.run_(self.metadata.journal.renew())
        self.run_(self.metadata.sweep.reap())
        self.assertEqual(self.everything(), [(0, 4, None)])

    def test_strangers(self) -> None:
        """What is on a shard is a stranger only if no chunk, no garbage and no journal row knows it."""
        other = self.open(journal=SMALL)
        published, thrown, waiting = (self.chunk(metadata=other) for _ in range(3))
        names = other.namespace(self.account)
        self.run_(names.commit(["f"], [New(published, 0, 1)], md5=None, mtime_ns=1))
        self.run_(other.journal.abandon([thrown]))
        unknown = ObjectId(uuid4().bytes, 0)
        objs = [published.obj, thrown.obj, waiting.obj, unknown]
        self.assertEqual(self.run_(self.metadata.sweep.strangers(objs)), [unknown])
        self.clock.advance(LEASE)
        self.run_(self.metadata.journal.renew())
        self.run_(self.metadata.sweep.reap())
        self.assertEqual(self.run_(self.metadata.sweep.strangers(objs)), [unknown])
        self.clock.advance(LINGER)
        self.run_(self.metadata.sweep.emptied(self.garbage()))
        self.assertEqual(self.run_(self.metadata.sweep.strangers(objs)), [thrown.obj, waiting.obj, unknown])

    def test_placement(self) -> None:
        """Where a chunk is changes only from what the mover saw, and degraded chunks are found."""
        whole = self.chunk()
        hurt = Chunk(self.chunk().obj, 100, 128, "copy:2", self.key, (1, MISSING), bytes(32))
        self.commit("f", [New(whole, 0, 1), New(hurt, 0, 1)])
        self.assertEqual(self.run_(self.metadata.sweep.degraded()), [hurt])
        self.assertEqual(self.run_(self.metadata.sweep.degraded(hurt.obj)), [])
        mended = Chunk(hurt.obj, 100, 128, "copy:2", self.key, (1, 3), bytes(31) + b"!")
        self.assertTrue(self.run_(self.metadata.sweep.set_placement(hurt, mended)))
        self.assertFalse(self.run_(self.metadata.sweep.set_placement(hurt, whole)))
        self.assertEqual(self.run_(self.metadata.sweep.degraded()), [])
        self.assertEqual(self.run_(self.metadata.sweep.chunks()), [whole, mended])
        self.assertEqual(self.run_(self.metadata.sweep.chunks(whole.obj, 1)), [mended])

    def test_prune(self) -> None:
        """Tickets of long ago are forgotten, and nothing else."""
        self.mkdir("d")
        self.clock.advance(GRACE)
        self.mkdir("e")
        self.run_(self.metadata.sweep.prune())
        self.assertEqual(self.listed(), ["d", "e"])

    def test_gaps(self) -> None:
        """The runs that are left out, whatever is at the ends."""
        for used, end, expected in (
            ([], 0, []),
            ([], 3, [(0, 3)]),
            ([0, 1, 2], 3, []),
            ([1], 3, [(0, 1), (2, 1)]),
            ([0, 5], 10, [(1, 4), (6, 4)]),
        ):
            self.assertEqual(gaps(used, end), expected)
