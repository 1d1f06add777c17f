"""
Whole gateways on one database and the same shards, in one thread, on a clock that the test holds: each may die at
any step, and nothing that it still does has an effect then.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import event
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from swftp.storage.zerostor.chunks import ChunkOptions, Chunks, Keyring, Layout, MasterKeys, ShardInfo
from swftp.storage.zerostor.driver import ZeroStorage
from swftp.storage.zerostor.mender import Mender
from swftp.storage.zerostor.meta import Metadata, MetadataOptions
from swftp.storage.zerostor.meta.engine import make_engine
from swftp.storage.zerostor.meta.journal import JournalOptions
from swftp.storage.zerostor.scrubber import Scrubber
from swftp.storage.zerostor.shards import Capacity, Health, Held, IShard, Value
from swftp.storage.zerostor.shared import Options, Zerostor
from swftp.storage.zerostor.sweeper import Sweeper
from tests.storage.zerostor.chunks.fakes import MemoryShard
from tests.storage.zerostor.meta.case import CHEAP, EPOCH

T = TypeVar("T")
CHUNK = 16
"""Bytes of a chunk here."""
GRACE = 3600.0
LEASE = 60.0
CONNECTIONS = 4
JOURNAL = JournalOptions(lease=LEASE, batch=2, row=4)
"""So that numbers are reserved, and rows begun, often."""
Step = str
"""What a gateway is about to do, or has just done, to the database or a shard."""


class Dead(BaseException):
    """The process is gone: whatever it still tries, to clean up for example, has no effect either."""


class Life:
    """
    Of one gateway.

    :ivar steps: that it took.
    :ivar dies_at: the number of the step before which it dies.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.dies_at: int | None = None
        self.over = False

    def step(self, what: Step) -> None:
        """
        Take a step.

        :raises Dead: not any more.
        """
        if len(self.steps) == self.dies_at:
            self.over = True
        self.check()
        self.steps.append(what)

    def check(self) -> None:
        """
        :raises Dead: it is over.
        """
        if self.over:
            raise Dead


class Slow:
    """How long things take: nothing, unless somebody is in a race."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.random: Random | None = None

    def then(self, work: Callable[[], T], life: Life, most: float) -> Deferred[T]:
        """What *work* gives in less than *most* seconds; the answer takes its time, too."""
        if self.random is None:
            return maybeDeferred(lambda: self._carry_out(work, life))
        done = deferLater(self._clock, self.random.uniform(0, most), self._carry_out, work, life)
        return done.addCallback(lambda result: deferLater(self._clock, self._answer(most), lambda: result))

    def _answer(self, most: float) -> float:
        return 0.0 if self.random is None else self.random.uniform(0, most)

    def _carry_out(self, work: Callable[[], T], life: Life) -> T:
        life.check()
        return work()


class Workers:
    """See `swftp.storage.zerostor.meta.threads.Workers`."""

    def __init__(self, slow: Slow, life: Life) -> None:
        self._slow, self._life = slow, life

    def read(self, work: Callable[[], T]) -> Deferred[T]:
        """See there."""
        return self._slow.then(work, self._life, 0.5)

    write = read

    async def stop(self) -> None:
        """Nothing is under way."""


@implementer(IShard)
class Reached:
    """A shard as one gateway reaches it."""

    name = "memory"

    def __init__(self, number: int, world: World, life: Life) -> None:
        self._shard, self._slow, self._life = world.shards[number], world.slow, life
        self._number, self._world = number, world

    async def _call(self, verb: Callable[[], Coroutine[Any, Any, T]]) -> T:
        found: Any = await self._slow.then(lambda: Deferred.fromCoroutine(verb()), self._life, 0.2)
        return found  # type: ignore[no-any-return]

    async def _change(self, what: str, verb: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async def change() -> T:
            self._life.step(f"before {what}")
            result = await verb()
            self._life.step(f"after {what}")
            return result

        return await self._call(change)

    async def put(self, key: bytes, value: Value) -> None:
        """See `IShard`."""

        async def put() -> None:
            self._world.written[self._number, key] = self._world.wall()
            await self._shard.put(key, value)

        await self._change("put", put)

    async def get(self, key: bytes) -> bytes:
        """See `IShard`."""
        return await self._call(lambda: self._shard.get(key))

    async def delete(self, key: bytes) -> bool:
        """See `IShard`."""
        return await self._change("delete", lambda: self._shard.delete(key))

    async def check(self, key: bytes, digest: bytes | None = None) -> Health:
        """See `IShard`."""
        return await self._call(lambda: self._shard.check(key, digest))

    async def capacity(self) -> Capacity:
        """See `IShard`."""
        return await self._call(self._shard.capacity)

    async def scan(self, cursor: bytes | None) -> tuple[tuple[Held, ...], bytes | None]:
        """See `IShard`."""
        held, after = await self._call(lambda: self._shard.scan(cursor))
        when = self._world.written
        return tuple(replace(one, mtime=when[self._number, one.key]) for one in held), after

    async def ping(self) -> None:
        """See `IShard`."""
        await self._call(self._shard.ping)

    async def close(self) -> None:
        """See `IShard`."""


class World:
    """
    A database, shards, and gateways.

    :param url: of a database with the schema and nothing in it.
    :ivar shards: by number.
    """

    def __init__(self, url: str, count: int = 4, layout: str = "ec:2+1") -> None:
        self.url = url
        self.clock = Clock()
        self.slow = Slow(self.clock)
        self.layout = Layout.parse(layout)
        self.shards = {number: MemoryShard(self.clock) for number in range(1, count + 1)}
        self.written: dict[tuple[int, bytes], float] = {}
        self.account: UUID | None = None
        self.gateways: list[Gateway] = []

    def wall(self) -> float:
        """Seconds since the epoch."""
        return EPOCH + self.clock.seconds()

    def begin(self) -> None:
        """Make an account."""
        first = self.gateway()
        self.account = self.run(first.metadata.users.add_account("somebody"))

    def gateway(self) -> Gateway:
        """One more."""
        gateway = Gateway(self)
        self.gateways.append(gateway)
        self.run(gateway.metadata.start())
        return gateway

    def run(self, *work: Coroutine[Any, Any, Any]) -> Any:
        """
        What *work* gives; several run at once, and what they give is a list then, with failures for what they raise.
        """
        results: dict[int, Any] = {}

        def keep(result: Any, number: int) -> None:
            results[number] = result

        for number, one in enumerate(work):
            Deferred.fromCoroutine(one).addBoth(keep, number)
        for _ in range(20_000):
            if len(results) == len(work):
                break
            self.clock.advance(0.05)
        else:
            raise AssertionError("it never ends")
        ordered = [results[number] for number in range(len(work))]
        if len(work) > 1:
            return ordered
        [result] = ordered
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def stored(self) -> set[tuple[int, bytes]]:
        """Shard and key of every fragment there is."""
        return {(number, key) for number, shard in self.shards.items() for key in shard.values}

    def close(self) -> None:
        """Let go of the database."""
        for gateway in self.gateways:
            gateway.life.over = True
            gateway.engine.dispose()


class Gateway:
    """One process."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.life = Life()
        self.engine = make_engine(world.url, CONNECTIONS)
        self._watch()
        clock, wall = world.clock, world.wall
        workers = Workers(world.slow, self.life)
        options = MetadataOptions(grace=GRACE, connections=CONNECTIONS, journal=JOURNAL)
        self.metadata = Metadata(
            self.engine, workers, clock, options, wall=wall, random=Random(0), hasher=CHEAP, name="test"
        )
        shards = {n: ShardInfo(n, Reached(n, world, self.life)) for n in world.shards}
        keyring = Keyring(MasterKeys((b"m" * 32,)), self.metadata.keys)
        self.mender = Mender(self.metadata.sweep)
        self.chunks = Chunks(
            shards, ChunkOptions(layout=world.layout), keyring, clock, maybeDeferred, self.mender.noticed
        )
        self.mender.chunks = self.chunks
        self.sweeper = Sweeper(self.metadata.sweep, self.chunks, self.mender)
        self.scrubber = Scrubber(self.metadata.sweep, self.chunks, self.mender, shards, wall)
        sizes = Options(chunk_size=CHUNK, page_size=3, read_cache=1 << 10)
        self.store = Zerostor(self.metadata, self.chunks, sizes, clock, wall, maybeDeferred)

    def _watch(self) -> None:
        """Have statements and COMMITs be steps."""
        life, really = self.life, self.engine.dialect.do_commit

        def statement(cursor: Any, text: str, *_: Any) -> None:
            life.step(f"before {text.split(None, 1)[0]}")

        def commit(connection: Any) -> None:
            life.step("before COMMIT")
            really(connection)
            life.step("after COMMIT")

        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            event.listen(self.engine, name, statement)
        self.engine.dialect.do_commit = commit  # type: ignore[method-assign]

    def storage(self) -> ZeroStorage:
        """What a login gets."""
        assert self.world.account is not None
        return ZeroStorage(self.store, self.world.account)

    async def settled(self, work: Callable[[ZeroStorage], Coroutine[Any, Any, T]]) -> T:
        """What *work* with a storage gives, and nothing is left to be done behind it."""
        storage = self.storage()
        try:
            return await work(storage)
        finally:
            await storage.settle()
