"""One memory for all transfers: nobody is refused, nobody waits for ever, and it is never much exceeded."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from swftp import errors
from swftp.paths import resolve
from swftp.transfer.budget import FIRST_GRANT, MANY, STUCK, Budget, Group, Share
from swftp.transfer.upload import Upload
from tests.transfer.case import KIB, MIB, TransferCase, pattern


class Holder:
    """A transfer that holds memory and logs what it is told."""

    def __init__(self, budget: Budget, gives: int = 0, group: Group | None = None) -> None:
        self.gives = gives
        self.log: list[str] = []
        self.share: Share = budget.join(self, group)

    def granted(self) -> None:
        """See `Member`."""
        self.log.append("granted")

    def shrink(self, least: int) -> int:
        """See `Member`: what it gives is on its way out at once."""
        self.log.append("shrink")
        given, self.gives = self.gives, 0
        self.share.depart(given)
        return given

    def tick(self, now: float) -> None:
        """See `Member`."""

    def starve(self) -> None:
        """See `Member`."""
        self.log.append("starve")


class Slow(Holder):
    """Writes a little whenever it may; what it is asked for is with the store a moment later."""

    amount = 50 * KIB

    def __init__(self, budget: Budget, clock: Clock) -> None:
        super().__init__(budget)
        self._clock = clock
        self.written = 0

    def write(self) -> None:
        """Go on, unless it is to wait."""
        if not self.share.waiting:
            self.written += self.amount
            if not self.share.take(self.amount):
                self.share.wait()

    def shrink(self, least: int) -> int:
        """See `Member`."""
        given = self.share.held - self.share.leaving
        if given < least:
            return 0
        self.share.depart(given)
        self._clock.callLater(0.3, self.share.give, given, departed=True)
        return given


class Parked(Holder):
    """Sends what it holds when it is asked to, and the store does not confirm it."""

    def shrink(self, least: int) -> int:
        """See `Member`."""
        given = self.share.held - self.share.leaving
        if given >= least:
            self.share.depart(given)
        return given


class BudgetTests(TransferCase):
    """`Budget`, with transfers that do what they are told."""

    def tearDown(self) -> None:
        """Shares are left as they are."""

    def test_room(self) -> None:
        """Below three quarters of the memory nobody waits."""
        holder = Holder(self.budget)
        self.assertTrue(holder.share.take(48 * MIB))
        self.assertFalse(holder.share.take(1))

    def test_promises_count(self) -> None:
        """What was promised to one is not there for another; who takes more than that has no promise left."""
        full, other, waiting = Holder(self.budget), Holder(self.budget), Holder(self.budget)
        full.share.take(60 * MIB)
        waiting.share.wait()
        self.assertEqual((self.budget.reserved, self.budget.turns), (FIRST_GRANT, 1))
        full.share.give(12 * MIB + FIRST_GRANT // 2)
        self.assertEqual((self.budget.room, self.budget.pressed), (-FIRST_GRANT // 2, True))
        self.assertFalse(other.share.take(1))
        waiting.share.take(FIRST_GRANT + 10)
        self.assertEqual((self.budget.reserved, self.budget.turns, waiting.share.allowance), (0, 0, 0))
        self.assertEqual(self.budget.used, 48 * MIB + FIRST_GRANT // 2 + 11)

    def test_fair(self) -> None:
        """A quarter of the memory is for speed, for all together; who has left already may ask, too."""
        budget = Budget(4 * MIB, self.clock)
        self.assertEqual(budget.fair, MIB)
        for count in (1, 2):
            Holder(budget)
            self.assertEqual(budget.fair, MIB // count)

    def test_newcomers_hold_nobody_up(self) -> None:
        """Who waits for half a minute has waited that long, whoever begins to wait meanwhile; in a session, too."""
        for group in (None, Group(MIB)):
            budget = Budget(self.memory, self.clock)
            large = Holder(budget, group=group)
            large.share.take(MIB + 1 if group else self.memory)
            for _ in range(5):
                newcomer = Holder(budget, group=group)
                newcomer.share.take(1)
                newcomer.share.wait()
                self.clock.pump([1.0] * 7)
            self.assertEqual(large.log.count("starve"), 1)

    def test_first_come_first_served(self) -> None:
        """Who waits longest goes on first, and only as many as there is room for."""
        full = Holder(self.budget)
        full.share.take(64 * MIB)
        waiting = [Holder(self.budget) for _ in range(3)]
        for holder in waiting:
            holder.share.take(1000)
            holder.share.wait()
        full.share.give(FIRST_GRANT * 2 + 3000)
        self.assertEqual([holder.log for holder in waiting], [["granted"], ["granted"], []])

    def test_one_file_after_the_other(self) -> None:
        """Who began first has one turn after the other until what he brought leaves, and is the last one then."""
        full, first, second = Holder(self.budget), Holder(self.budget), Holder(self.budget)
        full.share.take(64 * MIB)
        for holder in (second, first):
            holder.share.take(1000)
            holder.share.wait()
        for turn in range(3):
            full.share.give(FIRST_GRANT)
            self.assertEqual((first.log.count("granted"), second.log.count("granted")), (turn + 1, 0))
            first.share.take(first.share.allowance)
            first.share.wait()
        first.share.depart(first.share.held)
        full.share.give(FIRST_GRANT + 2000)
        self.assertEqual((first.log.count("granted"), second.log.count("granted")), (3, 1))

    def test_few_at_a_time(self) -> None:
        """However much room there is, few have a turn at once, so that files are completed; more if it is too few."""
        full, waiting = Holder(self.budget), [Holder(self.budget) for _ in range(40)]
        full.share.take(64 * MIB)
        for holder in waiting:
            holder.share.wait()
        full.share.give(15 * MIB)
        counts = []
        for _ in range(5):
            counts.append(sum(holder.share.allowance > 0 for holder in waiting))
            self.clock.advance(1.0)
            for holder in waiting:
                if not holder.share.allowance:
                    holder.share.wait()
        self.assertEqual(counts, [2, 4, 8, 16, 32])

    def test_nothing_is_cut_while_somebody_has_a_turn(self) -> None:
        """Files are not staged in parts because others wait, as long as whoever has his turn uses it."""
        large, first, second = Holder(self.budget, gives=20 * MIB), Holder(self.budget), Holder(self.budget)
        large.share.take(64 * MIB - FIRST_GRANT)
        first.share.wait()
        second.share.wait()
        self.assertEqual((first.log, second.log, large.log), (["granted"], [], []))
        first.share.take(FIRST_GRANT)
        first.share.wait()
        self.clock.advance(1.0)
        self.assertEqual(large.log, ["shrink"])

    def test_where_there_is_room_nobody_waits_for_a_look(self) -> None:
        """Who has used his turn up and goes on without another one leaves it to the next at once."""
        full, first, second, third = (Holder(self.budget) for _ in range(4))
        full.share.take(64 * MIB)
        for holder in (first, second, third):
            holder.share.wait()
        full.share.give(40 * MIB)
        self.assertEqual((first.log, second.log, third.log), (["granted"], ["granted"], []))
        self.assertTrue(first.share.take(first.share.allowance))
        self.assertEqual(third.log, ["granted"])

    def test_a_full_session_does_not_give_turns_to_all_others(self) -> None:
        """However long a session waits for itself while there is room, few have turns at once when there is none."""
        group, full = Group(MIB), Holder(self.budget)
        own, waiting = Holder(self.budget, group=group), Holder(self.budget, group=group)
        own.share.take(2 * MIB)
        own.share.depart(2 * MIB)
        waiting.share.wait()
        self.clock.pump([1.0] * 60)
        full.share.take(62 * MIB)
        holders = [Holder(self.budget) for _ in range(40)]
        for holder in holders:
            holder.share.wait()
        self.clock.pump([1.0] * 10)
        full.share.give(20 * MIB)
        self.assertLessEqual(self.budget.turns, 8)

    def test_slow_clients_are_not_few_at_a_time(self) -> None:
        """Where turns are longer than what clients use, memory is no queue: all together are as fast as they are."""
        clients = [Slow(self.budget, self.clock) for _ in range(100)]
        for client in clients:
            client.share.take(600 * KIB)
            client.write()
        for _ in range(60):
            self.clock.advance(0.5)
            for client in clients:
                client.write()
        self.assertGreater(sum(client.written for client in clients), 100 * 60 * Slow.amount // 3)

    def _crowd(self, budget: Budget, parked: int, sent: int) -> tuple[Share, list[Parked]]:
        """Ten that wait with *parked* bytes each, and one that has sent *sent* bytes, which fill the memory."""
        sender = Holder(budget).share
        sender.take(sent)
        sender.depart(sent)
        waiting = [Parked(budget) for _ in range(10)]
        for holder in waiting:
            holder.share.take(parked)
            holder.share.wait()
        return sender, waiting

    def test_nothing_is_kept_from_a_slow_store(self) -> None:
        """What sets out does not get there for seconds: who waits for his turn sends what makes a part meanwhile."""
        _, waiting = self._crowd(self.budget, 2 * MIB, self.memory)
        self.clock.pump([1.0] * 3)
        self.assertEqual([holder.share.leaving for holder in waiting], [0] * 10)
        self.clock.pump([1.0])
        self.assertEqual([holder.share.leaving for holder in waiting], [2 * MIB] * 10)
        late = Parked(self.budget)
        late.share.take(2 * MIB)
        late.share.wait()
        self.assertEqual(late.share.leaving, 2 * MIB)

    def test_a_slow_store_gets_no_small_parts(self) -> None:
        """As long as anything is on its way nothing smaller than a part is sent because the store is slow."""
        _, waiting = self._crowd(self.budget, 900 * KIB, self.memory)
        self.clock.pump([1.0] * 60)
        self.assertEqual([holder.share.leaving for holder in waiting], [0] * 10)

    def test_parts_for_a_slow_store_grow_with_memory(self) -> None:
        """Where there is much memory, parts are not as small as they might be: half of it is many of them."""
        budget = Budget(512 * MIB, self.clock)
        for parked, expected in ((3 * MIB, 0), (5 * MIB, 5 * MIB)):
            sender, waiting = self._crowd(budget, parked, 512 * MIB)
            self.clock.pump([1.0] * 5)
            self.assertEqual([holder.share.leaving for holder in waiting], [expected] * 10)
            for share in (sender, *(holder.share for holder in waiting)):
                share.close()

    def test_a_store_that_keeps_up_gets_whole_files(self) -> None:
        """However full memory is: while what set out arrives within seconds, nobody sends a part early."""
        sender, waiting = self._crowd(self.budget, 2 * MIB, self.memory)
        for _ in range(60):
            self.clock.advance(1.0)
            sender.give(30 * MIB, departed=True)
            sender.take(30 * MIB)
            sender.depart(30 * MIB)
        self.assertEqual([holder.share.leaving for holder in waiting], [0] * 10)

    def test_many_requests_are_enough(self) -> None:
        """Where the store has many requests to do already, more of them would not make it faster."""
        _, waiting = self._crowd(self.budget, 2 * MIB, self.memory)
        for _ in range(MANY):
            other = Holder(self.budget).share
            other.take(1)
            other.depart(1)
        self.clock.pump([1.0] * 60)
        self.assertEqual([holder.share.leaving for holder in waiting], [0] * 10)

    def test_a_slow_store_is_not_held_against_those_who_come_later(self) -> None:
        """What was slow is forgotten when nobody is left of those for whom it was."""
        sender, waiting = self._crowd(self.budget, 2 * MIB, self.memory)
        self.clock.pump([1.0] * 5)
        for share in (sender, *(holder.share for holder in waiting)):
            share.close()
        _, waiting = self._crowd(self.budget, 2 * MIB, self.memory)
        self.assertEqual([holder.share.leaving for holder in waiting], [0] * 10)

    def test_a_turn_is_not_given_twice(self) -> None:
        """A WRITE that sets free room itself, behind one that waits, uses the turn that its file got by that."""
        full, upload = Holder(self.budget), self.upload(self.engine(segment_size=MIB))
        full.share.take(self.memory)
        first = upload.write(0, [bytes(900 * KIB)], 900 * KIB)
        assert first is not None
        self.assertNoResult(first)
        full.share.give(900 * KIB)
        second = upload.write(900 * KIB, [bytes(400 * KIB)], 400 * KIB)
        self.successResultOf(first)
        self.assertIsNone(second)
        self.assertEqual((self.budget.turns, self.budget.reserved), (1, upload.share.allowance))
        upload.lost()
        self.assertEqual((self.budget.turns, self.budget.reserved), (0, 0))

    def test_who_leaves_has_no_turn(self) -> None:
        """What a transfer gives back as it ends is not promised to itself."""
        ending, waiting = Holder(self.budget), Holder(self.budget)
        ending.share.take(64 * MIB)
        ending.share.wait()
        waiting.share.wait()
        ending.share.close()
        self.assertEqual((ending.log.count("granted"), waiting.log), (0, ["granted"]))

    def test_who_ended_needs_no_turn(self) -> None:
        """What was promised to a file is there for others as soon as it is being stored."""
        full, ending, waiting = Holder(self.budget), Holder(self.budget), Holder(self.budget)
        full.share.take(64 * MIB - FIRST_GRANT)
        ending.share.wait()
        waiting.share.wait()
        self.assertEqual((ending.log, waiting.log), (["granted"], []))
        ending.share.conclude()
        self.assertEqual(waiting.log, ["granted"])

    def test_a_grant_is_used_without_asking_again(self) -> None:
        """Within what was granted every write is answered at once; beyond it the next turn is waited for."""
        full, holder = Holder(self.budget), Holder(self.budget)
        full.share.take(62 * MIB)
        self.assertFalse(holder.share.take(1000))
        holder.share.wait()
        self.assertEqual(holder.log, ["granted"])
        grant = holder.share.allowance
        self.assertTrue(holder.share.take(grant // 2))
        self.assertFalse(holder.share.take(grant // 2))
        self.assertEqual(self.budget.reserved, 0)

    def test_an_unused_grant_lapses(self) -> None:
        """A client that does not use its turn does not keep others waiting; its next one is smaller."""
        full, idle, eager = Holder(self.budget), Holder(self.budget), Holder(self.budget)
        full.share.take(64 * MIB - FIRST_GRANT)
        idle.share.wait()
        self.assertEqual(idle.log, ["granted"])
        first = idle.share.allowance
        eager.share.wait()
        self.assertEqual(eager.log, [])
        self.clock.pump([1.0] * 2)
        self.assertEqual(eager.log, ["granted"])
        full.share.give(MIB)
        idle.share.wait()
        self.assertLess(idle.share.allowance, first)

    def test_the_largest_is_asked_to_shrink(self) -> None:
        """When somebody waits and nothing is on its way out, the largest holder is asked to send something."""
        small, large = Holder(self.budget, gives=2 * MIB), Holder(self.budget, gives=20 * MIB)
        small.share.take(20 * MIB)
        large.share.take(44 * MIB)
        waiting = Holder(self.budget)
        waiting.share.wait()
        self.clock.pump([1.0])
        self.assertEqual((small.log, large.log), ([], ["shrink"]))

    def test_only_the_session_that_is_full(self) -> None:
        """Who waits because of his own session does not make others shrink."""
        group = Group(MIB)
        other, own, waiting = (
            Holder(self.budget, gives=2 * MIB),
            Holder(self.budget, gives=2 * MIB, group=group),
            Holder(self.budget, group=group),
        )
        other.share.take(20 * MIB)
        own.share.take(2 * MIB)
        self.assertFalse(waiting.share.take(1000))
        waiting.share.wait()
        self.clock.pump([1.0])
        self.assertEqual((other.log, own.log, waiting.log), ([], ["shrink"], []))
        own.share.give(2 * MIB, departed=True)
        self.assertEqual(waiting.log, ["granted"])

    def test_a_session_is_full_while_all_together_nearly_are(self) -> None:
        """What is kept for turns of others is no help for who waits for his own session."""
        group = Group(MIB)
        other = Holder(self.budget, gives=2 * MIB)
        own, waiting = Holder(self.budget, gives=2 * MIB, group=group), Holder(self.budget, group=group)
        other.share.take(self.budget.mark)
        own.share.take(2 * MIB)
        self.assertFalse(waiting.share.take(1000))
        waiting.share.wait()
        self.clock.pump([1.0])
        self.assertEqual((other.log, own.log, waiting.log), ([], ["shrink"], []))
        own.share.give(2 * MIB, departed=True)
        self.assertEqual(waiting.log, ["granted"])

    def test_somebody_is_given_up(self) -> None:
        """If nobody can shrink and nothing moves for half a minute, the largest fails rather than all."""
        large, waiting = Holder(self.budget), Holder(self.budget)
        large.share.take(64 * MIB)
        waiting.share.wait()
        self.clock.pump([1.0] * int(STUCK - 1))
        self.assertNotIn("starve", large.log)
        self.clock.pump([1.0] * 3)
        self.assertIn("starve", large.log)

    def test_who_cannot_be_given_up(self) -> None:
        """A transfer that frees nothing, as one that reads, does not keep the next one from it."""
        for group in (None, Group(MIB)):
            reader, writer, waiting = (Holder(self.budget, group=group) for _ in range(3))
            reader.share.take(40 * MIB)
            writer.share.take(24 * MIB)
            writer.starve = writer.share.close  # type: ignore[method-assign]
            waiting.share.wait()
            self.clock.pump([1.0] * int(STUCK + 2))
            self.assertEqual((writer.share.held, waiting.log), (0, ["granted"] if group is None else []))
            reader.share.close()

    def test_a_session_is_stuck_while_others_move_on(self) -> None:
        """Who waits for his own session only is not left to wait for good because others are busy."""
        group, busy = Group(MIB), Holder(self.budget, group=Group(MIB))
        large, waiting = Holder(self.budget, group=group), Holder(self.budget, group=group)
        large.share.take(2 * MIB)
        waiting.share.wait()
        for second in range(int(STUCK) + 5):
            if second < STUCK - 1:
                self.assertNotIn("starve", large.log)
            busy.share.take(100)
            busy.share.depart(100)
            busy.share.wait()
            self.clock.advance(1.0)
        self.assertEqual((large.log.count("starve"), "starve" in busy.log), (1, False))

    def test_nobody_is_given_up_while_something_leaves(self) -> None:
        """However slow the store is: as long as it takes something, there will be room."""
        large, waiting = Holder(self.budget), Holder(self.budget)
        large.share.take(64 * MIB)
        large.share.depart(1000)
        waiting.share.wait()
        self.clock.pump([1.0] * int(3 * STUCK))
        self.assertNotIn("starve", large.log)

    def test_no_timer_when_idle(self) -> None:
        """Without transfers nothing ticks; as long as there is one, something does."""
        holder, other = Holder(self.budget), Holder(self.budget)
        other.share.close()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        holder.share.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Client:
    """Uploads *size* bytes, *depth* writes outstanding, as pipelining clients do."""

    def __init__(self, upload: Upload, size: int, chunk: int = 32 * KIB, depth: int = 2) -> None:
        self.upload = upload
        self.size = size
        self.position = 0
        self.chunk = chunk
        self.depth = depth
        self.outstanding = 0
        self.closing: Deferred[object] | None = None

    def step(self) -> None:
        """Send what may be sent."""
        while self.outstanding < self.depth and self.position < self.size:
            length = min(self.chunk, self.size - self.position)
            wait = self.upload.write(self.position, [pattern(length, self.position)], length)
            self.position += length
            if wait is not None:
                self.outstanding += 1
                wait.addCallback(self._answered)
            else:
                return
        if self.position == self.size and self.closing is None:
            self.closing = Deferred.fromCoroutine(self.upload.close())

    def _answered(self, _: object) -> None:
        self.outstanding -= 1

    @property
    def content(self) -> bytes:
        """What was sent."""
        starts = range(0, self.size, self.chunk)
        return b"".join(pattern(min(self.chunk, self.size - at), at) for at in starts)


class ManyUploadsTests(TransferCase):
    """Many uploads at once, in memory for a few."""

    memory = 16 * MIB
    latency = 0.3

    def _go(self, clients: list[Client], pace: float = 0.1) -> int:
        """Let all go on, one packet each in *pace* seconds, until they are done; the most memory that was used."""
        most = 0
        for _ in range(3000):
            for client in clients:
                client.step()
                most = max(most, self.budget.used)
            self.clock.advance(pace)
            if all(client.closing is not None and client.closing.called for client in clients):
                return most
        done = sum(client.closing is not None for client in clients)
        self.fail(f"only {done} of {len(clients)} went on to the end")
        return 0

    def _clients(self, sizes: Iterator[int]) -> list[Client]:
        engine = self.engine(segment_size=8 * MIB)
        return [Client(self.upload(engine, resolve(f"/box/{n}")), size) for n, size in enumerate(sizes)]

    def test_all_move_on(self) -> None:
        """A hundred uploads of more than a mebibyte in sixteen: each gets through, whole, within the budget."""
        clients = self._clients(iter([MIB + 500 * KIB] * 100))
        most = self._go(clients)
        self.assertLess(most, self.memory + 100 * 2 * 32 * KIB)
        for n, client in enumerate(clients):
            self.assertEqual(self.storage[f"/box/{n}"], client.content)
        self.assertEqual(self.storage.staged, 0)

    def test_what_waits_fails_with_its_file(self) -> None:
        """Room that a failing file makes is not used to tell its client that its WRITE was taken."""
        full, upload = Holder(self.budget), self.upload()
        full.share.take(self.memory - 128 * KIB)
        wait = upload.write(0, [bytes(512 * KIB)], 512 * KIB)
        assert wait is not None
        upload.lost()
        self.failureResultOf(wait, errors.Interrupted)
        full.share.close()

    def test_files_that_fit_stay_whole(self) -> None:
        """Of many files that fit in memory one by one, though not together, each is one request."""
        clients = self._clients(iter([MIB + 512 * KIB] * 20))
        self._go(clients, pace=0.002)
        self.assertEqual((self.requests.count("store"), self.requests.count("stage")), (20, 0))

    def test_small_files_stay_cheap(self) -> None:
        """Small files beside many large ones are one request each."""
        clients = self._clients(iter([3 * MIB] * 10 + [8 * KIB] * 50))
        self._go(clients)
        self.assertGreaterEqual(self.requests.count("store"), 50)

    def test_a_few_large_ones_use_large_parts(self) -> None:
        """Where memory is enough nobody cuts small parts."""
        clients = self._clients(iter([5 * MIB] * 2))
        self._go(clients)
        self.assertLessEqual(self.requests.count("stage"), 2 * 4)

    def test_stuck_scattered_writers(self) -> None:
        """Overlays that cannot be staged end with a clear error, not with silence."""
        old = self.stands(pattern(6 * MIB))
        engine = self.engine(segment_size=8 * MIB)
        uploads = [self.upload(engine, base=old) for _ in range(6)]
        for upload in uploads:
            for at in range(0, 6 * MIB, 3 * KIB):
                try:
                    wait = upload.write(at, [bytes(2 * KIB)], 2 * KIB)
                except errors.StorageError:
                    break
                if wait is not None:
                    wait.addErrback(lambda failure: failure.trap(errors.StorageError))
        self.clock.pump([1.0] * 300)
        failed = [upload for upload in uploads if isinstance(upload.error, errors.Busy | errors.TooLarge)]
        self.assertGreater(len(failed), 0)
        self.assertLess(self.budget.used, self.memory)
        for upload in uploads:
            upload.lost()
