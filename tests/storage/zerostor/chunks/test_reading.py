"""Reads: how long they take where shards are slow, hang or fail, and whom they ask."""

from __future__ import annotations

from swftp.errors import Unavailable
from swftp.storage.zerostor.chunks.breaker import LAG
from swftp.storage.zerostor.chunks.placement import State
from swftp.storage.zerostor.chunks.reading import HEDGE
from swftp.storage.zerostor.shards.interfaces import TIMEOUT
from swftp.storage.zerostor.values import Chunk
from tests.storage.zerostor.chunks.case import ACCOUNT, ChunksCase, noise

DATA = noise(50_000)


class ReadingTests(ChunksCase):
    """Of ``ec:2+1``."""

    def setUp(self) -> None:
        """One chunk."""
        super().setUp()
        self.chunk = self.put(DATA)
        self.at = [self.shards[number] for number in self.chunk.shards]
        for shard in self.shards.values():
            shard.calls.clear()

    def gets(self) -> list[int]:
        """How often each fragment was asked for, since last time."""
        counts = [sum(verb == "get" for verb, _ in shard.calls) for shard in self.at]
        for shard in self.at:
            shard.calls.clear()
        return counts

    def takes(self, chunk: Chunk | None = None) -> float:
        """Seconds until it is read."""
        begin = self.clock.seconds()
        reading = self.start(self.chunks.get(chunk or self.chunk, ACCOUNT))
        while not reading.called and self.clock.seconds() < begin + 60:
            self.clock.advance(0.05)
        self.assertEqual(self.successResultOf(reading), DATA)
        return self.clock.seconds() - begin

    def test_no_more_than_needed(self) -> None:
        """Where all is well, k fragments are asked for, and those that need no decoding."""
        self.get(self.chunk)
        self.assertEqual(self.gets(), [1, 1, 0])

    def test_one_hangs(self) -> None:
        """A shard that hangs costs `HEDGE` once; then it is asked last, for a while."""
        for number in range(2):
            self.at[number].hangs = True
            self.assertAbout(self.takes(), HEDGE)
            self.gets()
            self.assertEqual(self.takes(), 0)
            self.assertEqual(self.gets()[number], 0)
            self.at[number].hangs = False
            self.advance(LAG + 0.1)
            self.get(self.chunk)
            self.assertEqual(self.gets(), [1, 1, 0])

    def test_nothing_left_behind(self) -> None:
        """Who has what he needs asks nobody any longer, and no timer runs."""
        self.at[0].hangs = True
        self.takes()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_little_slow(self) -> None:
        """A shard that answers before `HEDGE` is over is waited for; no other is asked."""
        self.at[0].latency = HEDGE - 0.1
        self.assertAbout(self.takes(), HEDGE - 0.1)
        self.assertEqual(self.gets(), [1, 1, 0])

    def test_all_slow(self) -> None:
        """Where all of them are slow, reads are slow, and work."""
        for shard in self.at:
            shard.latency = 2.0
        self.assertAbout(self.takes(), 2.0)

    def test_fails_at_once(self) -> None:
        """A shard that says no costs no time."""
        self.at[1].down = True
        self.assertEqual(self.takes(), 0)
        self.assertEqual(self.gets(), [1, 1, 1])

    def test_breaker(self) -> None:
        """After three faults in a row a shard is asked no more, until a probe finds it up."""
        self.at[0].down = True
        for _ in range(3):
            self.get(self.chunk)
        self.gets()
        self.get(self.chunk)
        self.assertEqual(self.gets(), [0, 1, 1])
        self.now(self.chunks.probe())
        self.get(self.chunk)
        self.assertEqual(self.gets(), [0, 1, 1])
        self.at[0].down = False
        self.now(self.chunks.probe())
        self.gets()
        self.get(self.chunk)
        self.assertEqual(self.gets(), [1, 1, 0])

    def test_last_resort(self) -> None:
        """A shard whose breaker is open is asked where nobody else has what is needed."""
        self.at[0].down = True
        for _ in range(3):
            self.get(self.chunk)
        self.at[0].down = False
        self.at[1].down = True
        self.get(self.chunk)

    def test_hang_and_loss(self) -> None:
        """With too little left, a hanging shard is waited for as long as shards are, and then it is an error."""
        self.at[0].hangs = True
        self.lose(self.chunk, 1)
        reading = self.start(self.chunks.get(self.chunk, ACCOUNT))
        self.advance(TIMEOUT + 0.2)
        self.failureResultOf(reading, Unavailable)

    def test_hedge_loses(self) -> None:
        """A slow answer counts if it is there first."""
        self.at[0].latency = 1.0
        self.at[2].latency = 5.0
        self.assertAbout(self.takes(), 1.0)

    def test_gone_and_unknown(self) -> None:
        """A shard that is gone, or not in the configuration any more, is like one that is lost."""
        self.set_info(self.chunk.shards[0], state=State.GONE)
        self.get(self.chunk)
        self.assertEqual(self.gets(), [0, 1, 1])
        del self.infos[self.chunk.shards[1]]
        self.fails(Unavailable, self.chunks.get(self.chunk, ACCOUNT))

    def test_given_up(self) -> None:
        """A reader that goes away leaves nothing running, and the room it had."""
        for shard in self.at:
            shard.hangs = True
        reading = self.start(self.chunks.get(self.chunk, ACCOUNT))
        self.advance(1)
        reading.addErrback(lambda _: None)
        reading.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.chunks._gate.inside, 0)


class CopyReadingTests(ChunksCase):
    """Of ``copy:3``."""

    layout = "copy:3"

    def test_another_copy(self) -> None:
        """One copy is read; the next one where that hangs, and at once where it is lost or says no."""
        chunk = self.put(DATA)
        at = [self.shards[number] for number in chunk.shards]
        for shard in at:
            shard.calls.clear()
        self.assertEqual(self.get(chunk), DATA)
        self.assertEqual([len(shard.calls) for shard in at], [1, 0, 0])
        self.spoil(chunk, 0)
        at[1].down = True
        self.assertEqual(self.get(chunk), DATA)
        at[0].hangs = True
        reading = self.start(self.chunks.get(chunk, ACCOUNT))
        self.advance(HEDGE + 0.1)
        self.assertEqual(self.successResultOf(reading), DATA)
