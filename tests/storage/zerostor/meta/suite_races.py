"""Two gateways at once, on real threads: whichever wins, nothing is lost, doubled or in a circle."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.trial.unittest import TestCase

from swftp import errors
from swftp.storage.zerostor.meta import Metadata, MetadataOptions, Namespace, Node
from swftp.storage.zerostor.meta.engine import make_engine
from swftp.storage.zerostor.meta.threads import Threads
from swftp.storage.zerostor.meta.tree import follow
from swftp.storage.zerostor.values import Chunk, New, ObjectId, Old
from tests.storage.zerostor.meta.case import CHEAP, sqlite_url

ROUNDS = 8
LONG = 30 * 24 * 3600.0
"""Seconds after which every lease and grace period is over."""


class RacesSuite(TestCase):
    """Two gateways of one database."""

    timeout = 120.0

    def url(self) -> str:
        """Of an empty database with the schema."""
        return sqlite_url(self)

    def open(self, ahead: float = 0.0) -> Metadata:
        """A gateway whose clock is *ahead* seconds."""
        engine = make_engine(self.database_url, 8)
        workers = Threads(reactor, 4, 1 if engine.dialect.name == "sqlite" else 4, wait=30.0, answer=30.0)
        metadata = Metadata(
            engine, workers, reactor, MetadataOptions(), wall=lambda: time.time() + ahead, hasher=CHEAP
        )
        self.addCleanup(engine.dispose)
        self.addCleanup(lambda: Deferred.fromCoroutine(workers.stop()))
        return metadata

    def setUp(self) -> Deferred[Any]:
        """One account, two gateways."""
        self.database_url = self.url()
        self.first, self.second = self.open(), self.open()
        return Deferred.fromCoroutine(self.prepare())

    async def prepare(self) -> None:
        """Make the account."""
        for metadata in (self.first, self.second):
            await metadata.start()
        self.account = await self.first.users.add_account("alice")
        self.key = (await self.first.keys.add_key(self.account, b"wrapped")).id

    @property
    def one(self) -> Namespace:
        """The first gateway's view."""
        return self.first.namespace(self.account)

    @property
    def other(self) -> Namespace:
        """The second's."""
        return self.second.namespace(self.account)

    async def chunk(self, metadata: Metadata, size: int = 100) -> Chunk:
        """A chunk of a gateway."""
        [obj] = await metadata.journal.allocate(1)
        return Chunk(obj, size, size + 28, "copy:2", self.key, (1, 2), bytes(32))

    async def put(self, metadata: Metadata, *names: str, **options: Any) -> Node:
        """Commit a file of one chunk."""
        chunk = await self.chunk(metadata)
        namespace = metadata.namespace(self.account)
        return await namespace.commit(names, [New(chunk, 0, 100)], md5=None, mtime_ns=1, **options)

    async def race(self, *runners: Coroutine[Any, Any, Any]) -> list[type[Exception] | None]:
        """What each came to: None, or the error."""
        ended = await DeferredList([Deferred.fromCoroutine(r) for r in runners], consumeErrors=True)
        return [None if good else result.type for good, result in ended]

    async def judge(self) -> None:
        """Nothing that should never be is, and no chunk is garbage."""
        self.assertEqual(await self.first.check(), [])
        late = self.open(2 * LONG)
        chunks = {chunk.obj for chunk in await late.sweep.chunks(limit=10_000)}
        for garbage in await late.sweep.garbage(10_000):
            gone = {ObjectId(garbage.upload, garbage.first + i) for i in range(garbage.count)}
            self.assertEqual(gone & chunks, set())

    async def there(self, *names: str) -> Node | None:
        """What the database says now."""
        try:
            [node] = (await self.first._database.read(lambda c: follow(c, self.account, names)))[len(names) - 1 :]
        except ValueError:
            return None
        return node

    async def test_crossed_renames(self) -> None:
        """Of a -> b/x and b -> a/x one happens: never a circle, never both gone."""
        for i in range(ROUNDS):
            a, b = f"a{i}", f"b{i}"
            for name in (a, b):
                await self.one.make_directory([name])
            ended = await self.race(self.one.rename([a], [b, "x"]), self.other.rename([b], [a, "x"]))
            self.assertEqual(ended.count(None), 1, ended)
            self.assertNotEqual(await self.there(a) is None, await self.there(b) is None)
        await self.judge()

    async def test_create_and_remove_directory(self) -> None:
        """A file is made in a directory, or the directory is removed: never an orphan."""
        for i in range(ROUNDS):
            name = f"d{i}"
            await self.one.make_directory([name])
            created, removed = await self.race(self.put(self.first, name, "f"), self.other.remove_directory([name]))
            if created is None:
                self.assertIs(removed, errors.NotEmpty)
                self.assertIsNotNone(await self.there(name, "f"))
            else:
                self.assertEqual((created, removed), (errors.NotFound, None))
                self.assertIsNone(await self.there(name))
        await self.judge()

    async def test_move_in_and_remove_directory(self) -> None:
        """The same with a file that is renamed into it: it is never lost."""
        for i in range(ROUNDS):
            name = f"d{i}"
            await self.one.make_directory([name])
            await self.put(self.first, f"f{i}")
            await self.race(self.one.rename([f"f{i}"], [name, "f"]), self.other.remove_directory([name]))
            self.assertNotEqual(await self.there(f"f{i}") is None, await self.there(name, "f") is None)
        await self.judge()

    async def test_overwrite_and_append(self) -> None:
        """An append continues what was there, or says that something else is there now."""
        for i in range(ROUNDS):
            old = await self.put(self.first, "f")
            tail = await self.chunk(self.second)
            pieces = [Old(old.content, 0, 100), New(tail, 0, 50)]
            append = self.other.commit(["f"], pieces, md5=None, mtime_ns=1, replaces=old.content)
            overwritten, appended = await self.race(self.put(self.first, "f"), append)
            found = await self.there("f")
            self.assertIsNone(overwritten)
            self.assertIn(appended, (None, errors.Changed), i)
            self.assertEqual(found and found.size, 100)
        await self.judge()

    async def test_two_appends(self) -> None:
        """Of two that continue one content one succeeds."""
        for i in range(ROUNDS):
            old = await self.put(self.first, f"f{i}")
            runners = []
            for metadata in (self.first, self.second):
                tail = await self.chunk(metadata)
                pieces = [Old(old.content, 0, 100), New(tail, 0, 50)]
                names = metadata.namespace(self.account)
                runners.append(names.commit([f"f{i}"], pieces, md5=None, mtime_ns=1, replaces=old.content))
            ended = await self.race(*runners)
            self.assertEqual(sorted(map(str, ended)), sorted(["None", str(errors.Changed)]))
        await self.judge()

    async def test_same_name(self) -> None:
        """Of many that make a name one succeeds; of many that replace it all do."""
        both = (self.first, self.second)
        ended = await self.race(*(self.put(both[i % 2], "f", exclusive=True) for i in range(8)))
        self.assertEqual(ended.count(None), 1)
        self.assertEqual(set(ended), {None, errors.AlreadyExists})
        ended = await self.race(*(self.put(both[i % 2], "f") for i in range(8)))
        self.assertEqual(set(ended), {None})
        ended = await self.race(*(both[i % 2].namespace(self.account).make_directory(["d"]) for i in range(8)))
        self.assertEqual(ended.count(None), 1)
        await self.judge()

    async def test_quota(self) -> None:
        """No race fills an account beyond its quota, and none leaves room that is there."""
        await self.first.users.set_quota("alice", 500)
        both = (self.first, self.second)
        ended = await self.race(*(self.put(both[i % 2], f"f{i}") for i in range(10)))
        self.assertEqual((ended.count(None), ended.count(errors.QuotaExceeded)), (5, 5))
        self.assertEqual((await self.one.usage()).used_bytes, 500)
        await self.judge()

    async def test_publish_and_reap(self) -> None:
        """What a gateway publishes that is being taken for dead is published, or garbage: never both."""
        late = self.open(LONG)
        await late.journal.start()
        for i in range(ROUNDS):
            await self.second.journal.renew()
            chunk = await self.chunk(self.second)
            wanted = self.other.commit([f"f{i}"], [New(chunk, 0, 100)], md5=None, mtime_ns=1)
            published, reaped = await self.race(wanted, late.sweep.reap())
            self.assertIsNone(reaped)
            self.assertEqual(published is None, await self.there(f"f{i}") is not None)
        await self.judge()

    async def test_publish_and_abandon(self) -> None:
        """A chunk that is published while it is abandoned is one of the two."""
        for i in range(ROUNDS):
            chunk = await self.chunk(self.first)
            wanted = self.one.commit([f"f{i}"], [New(chunk, 0, 100)], md5=None, mtime_ns=1)
            await self.race(wanted, self.first.journal.abandon([chunk]))
        await self.judge()

    async def test_adopt_and_bury(self) -> None:
        """A content that is buried while another takes chunks from it: the other is whole, or was refused."""
        late = self.open(LONG)
        for i in range(ROUNDS):
            chunks = [await self.chunk(self.first) for _ in range(3)]
            pieces = [New(chunk, 0, 100) for chunk in chunks]
            old = await self.one.commit([f"f{i}"], pieces, md5=None, mtime_ns=1)
            await self.one.remove([f"f{i}"])
            copied, buried = await self.race(
                self.other.commit([f"g{i}"], [Old(old.content, 50, 200)], md5=None, mtime_ns=1), late.sweep.bury()
            )
            self.assertIn(copied, (None, errors.Changed))
            self.assertIsNone(buried)
        await self.judge()

    async def test_many_together(self) -> None:
        """Whatever files many clients make, replace, rename and remove: what an account holds is what is there."""

        async def client(metadata: Metadata, number: int) -> None:
            names = metadata.namespace(self.account)
            for i in range(4):
                await self.put(metadata, f"f{(number + i) % 3}")
                await self.race(names.rename([f"f{i % 3}"], [f"f{number % 3}"]), names.remove([f"f{(i + 1) % 3}"]))

        clients = [client((self.first, self.second)[i % 2], i) for i in range(4)]
        await gatherResults([Deferred.fromCoroutine(c) for c in clients], consumeErrors=True)
        await self.judge()
