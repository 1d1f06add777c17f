"""A fleet of shards in memory on a clock the test holds, and chunks on it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.interfaces import UNWATCHED, StoreWatch
from swftp.storage.zerostor.chunks import ChunkOptions, Chunks, Keyring, Layout, MasterKeys, ShardInfo
from swftp.storage.zerostor.shards import Health
from swftp.storage.zerostor.values import Chunk, ObjectId
from tests.storage.zerostor.chunks.fakes import MemoryKeys, MemoryShard

ACCOUNT = UUID(int=1)
OTHER = UUID(int=2)
UPLOAD = bytes(range(16))
TEXT = b"All that is gold does not glitter. " * 3_000
T = TypeVar("T")


def noise(size: int, seed: int = 1) -> bytes:
    """The same *size* bytes each time, which do not shrink."""
    return random.Random(seed).randbytes(size)


class ChunksCase(SynchronousTestCase):
    """
    :ivar noticed: chunks of which a read found fragments lost.
    :ivar watch: is told of calls.
    """

    layout = "ec:2+1"
    watch: StoreWatch = UNWATCHED

    def setUp(self) -> None:
        """Shards for two more fragments than objects have."""
        self.clock = Clock()
        self.entropy = random.Random(7).randbytes
        self.keys = MemoryKeys()
        self.noticed: list[tuple[Chunk, dict[int, Health]]] = []
        self.seq = itertools.count()
        self.make(Layout.parse(self.layout).total + 2)

    def make(self, count: int, **options: Any) -> None:
        """*count* empty shards, and chunks on them."""
        self.shards = {number: MemoryShard(self.clock) for number in range(1, count + 1)}
        self.infos = {number: ShardInfo(number, shard) for number, shard in self.shards.items()}
        self.again(**options)

    def again(self, **options: Any) -> None:
        """Another process, which knows what shards and database have."""
        options.setdefault("layout", Layout.parse(self.layout))
        keyring = Keyring(MasterKeys((b"m" * 32,)), self.keys, self.entropy)
        self.chunks = Chunks(
            self.infos,
            ChunkOptions(**options),
            keyring,
            self.clock,
            maybeDeferred,
            lambda chunk, lost: self.noticed.append((chunk, dict(lost))),
            self.entropy,
            self.watch,
        )

    def obj(self) -> ObjectId:
        """One that was not used."""
        return ObjectId(UPLOAD, next(self.seq))

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Let it run."""
        return Deferred.fromCoroutine(coroutine)

    def now(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What it gives, without any time passing."""
        return self.successResultOf(self.start(coroutine))

    def fails(self, error: type[Exception], coroutine: Coroutine[Any, Any, Any]) -> Exception:
        """It fails so, without any time passing."""
        value = self.failureResultOf(self.start(coroutine), error).value
        assert isinstance(value, error)
        return value

    def advance(self, seconds: float, step: float = 0.1) -> None:
        """Let time pass."""
        self.clock.pump([step] * round(seconds / step))

    def assertAbout(self, seconds: float, expected: float) -> None:
        """To a tenth of a second or so."""
        self.assertLess(abs(seconds - expected), 0.11, f"{seconds}, not {expected}")

    def put(self, data: bytes) -> Chunk:
        """Stored."""
        return self.now(self.chunks.put(self.obj(), ACCOUNT, data))

    def get(self, chunk: Chunk) -> bytes:
        """Read back."""
        return self.now(self.chunks.get(chunk, ACCOUNT))

    def lose(self, chunk: Chunk, number: int) -> None:
        """Its shard has lost that fragment."""
        del self.shards[chunk.shards[number]].values[chunk.obj.key(number)]

    def spoil(self, chunk: Chunk, number: int, at: int = -1, bit: int = 1) -> None:
        """Flip a bit of that fragment."""
        values, key = self.shards[chunk.shards[number]].values, chunk.obj.key(number)
        value = bytearray(values[key])
        value[at] ^= bit
        values[key] = bytes(value)

    def set_info(self, number: int, **what: Any) -> None:
        """Change what is configured for shard *number*."""
        self.infos[number] = replace(self.infos[number], **what)
