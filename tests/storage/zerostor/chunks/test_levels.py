"""What is told of shards: how they do, and how long each call to them took."""

from __future__ import annotations

from swftp.errors import Unavailable
from swftp.storage.zerostor.shards import Capacity
from tests.storage.zerostor.chunks.case import ACCOUNT, ChunksCase
from tests.storage.zerostor.watching import Watch


class LevelTests(ChunksCase):
    """Of a store on five shards."""

    layout = "ec:2+1"

    def setUp(self) -> None:
        self.watch = Watch()
        super().setUp()

    def test_calls(self) -> None:
        """Each call to a shard is one request, with what its end would be in HTTP."""
        chunk = self.put(b"x" * 1000)
        self.assertEqual(self.watch.told(), {("PUT", 200): 3})
        self.lose(chunk, 0)
        self.shards[chunk.shards[1]].down = True
        self.fails(Unavailable, self.chunks.get(chunk, ACCOUNT))
        self.assertEqual(self.watch.told(), {("GET", 404): 1, ("GET", 0): 1, ("GET", 200): 1})
        self.assertEqual(self.watch.waiting, 0)

    def test_nobody_waits(self) -> None:
        """A call whose answer is not waited for any more is none that failed; it took as long as it was."""
        chunk = self.put(b"x" * 1000)
        self.watch.told()
        slow = chunk.shards[0]
        self.shards[slow].latency = 5.0
        reading = self.start(self.chunks.get(chunk, ACCOUNT))
        self.advance(1.0)
        self.successResultOf(reading)
        self.assertEqual(self.watch.told(), {("GET", 499): 1, ("GET", 200): 2})
        level = self.chunks.levels()[slow]
        self.assertEqual((level.calls, level.up), (2, True))
        self.assertAbout(level.seconds, 0.3)

    def test_down(self) -> None:
        """A shard that does not answer is down until it does, whoever asked it."""
        number = next(iter(self.shards))
        self.assertEqual([level.up for level in self.chunks.levels().values()], [True] * len(self.shards))
        self.shards[number].down = True
        for _ in range(3):
            self.now(self.chunks.probe())
            self.advance(30.0, 10.0)
        self.assertEqual([n for n, level in self.chunks.levels().items() if not level.up], [number])
        self.shards[number].down = False
        self.now(self.chunks.probe())
        self.assertTrue(self.chunks.levels()[number].up)

    def test_room(self) -> None:
        """Room is what the shard said last; before it said anything there is none to tell."""
        self.assertEqual({level.room for level in self.chunks.levels().values()}, {None})
        self.now(self.chunks.probe())
        self.assertEqual({level.room for level in self.chunks.levels().values()}, {Capacity(1 << 40, 1 << 40)})
