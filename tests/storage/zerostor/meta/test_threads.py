"""Real threads: the reactor goes on while they wait, and they end."""

from __future__ import annotations

import threading
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from swftp.errors import StateUnknown, Unavailable
from swftp.storage.zerostor.meta import Metadata, MetadataOptions, open_metadata
from swftp.storage.zerostor.meta.threads import Threads
from swftp.storage.zerostor.values import Chunk, New
from tests.storage.bytes import raises
from tests.storage.zerostor.meta.case import sqlite_url

MANY = 40


class ThreadsTests(TestCase):
    """`open_metadata` as a gateway uses it."""

    timeout = 20.0

    def setUp(self) -> Deferred[Any]:
        """A database of SQLite."""
        url = sqlite_url(self)
        self.threads = threading.active_count()
        self.metadata: Metadata = open_metadata(url, reactor, reactor, MetadataOptions())
        return Deferred.fromCoroutine(self.prepare())

    async def prepare(self) -> None:
        """An account."""
        await self.metadata.start()
        self.account = await self.metadata.users.add_account("alice")
        self.key = (await self.metadata.keys.add_key(self.account, b"wrapped")).id

    async def store(self, name: str) -> None:
        """A small file."""
        [obj] = await self.metadata.journal.allocate(1)
        chunk = Chunk(obj, 10, 38, "copy:2", self.key, (1, 2), bytes(32))
        names = self.metadata.namespace(self.account)
        await names.commit([name], [New(chunk, 0, 10)], md5=None, mtime_ns=1)

    async def at_once(self) -> None:
        """Many files at the same time, and listings meanwhile."""
        names = self.metadata.namespace(self.account)
        here = threading.current_thread()
        stored = [Deferred.fromCoroutine(self.store(f"f{i:03}")) for i in range(MANY)]
        looked = [Deferred.fromCoroutine(names.children([], None, 10 + i)) for i in range(MANY)]
        await gatherResults([*stored, *looked], consumeErrors=True)
        self.assertIs(threading.current_thread(), here)
        self.assertEqual((await names.usage()).used_files, MANY)
        self.assertEqual(await self.metadata.check(), [])
        await self.metadata.stop()
        self.assertEqual(threading.active_count(), self.threads)

    async def after(self) -> None:
        """Calls that come too late, and a second end."""
        await self.metadata.stop()
        names = self.metadata.namespace(self.account)
        for late in (names.children([]), names.make_directory(["d"]), self.metadata.journal.renew()):
            await raises(Unavailable, late)
        await self.metadata.stop()

    def test_stopped(self) -> Deferred[None]:
        """Whoever comes when it has ended is told so, and need not wait for good; to end it again does nothing."""
        return Deferred.fromCoroutine(self.after())

    async def at_the_same_time(self) -> None:
        """Two ends."""
        await gatherResults([Deferred.fromCoroutine(self.metadata.stop()) for _ in range(2)], consumeErrors=True)

    def test_stopped_twice(self) -> Deferred[None]:
        """Two who end it at the same time both see it ended."""
        return Deferred.fromCoroutine(self.at_the_same_time())

    async def hanging(self) -> list[Any]:
        """What three are told whose database stops on the way: two before COMMIT, one in it."""
        engine, go_on, committing = self.metadata._database.engine, threading.Event(), Deferred[None]()
        really = engine.dialect.do_commit

        def commit(connection: Any) -> None:
            reactor.callFromThread(committing.callback, None)  # type: ignore[attr-defined]
            go_on.wait(60)
            engine.dialect.do_commit = really  # type: ignore[method-assign]
            really(connection)

        engine.dialect.do_commit = commit  # type: ignore[method-assign]
        told: list[Any] = []
        asked = [self.names.make_directory([name]) for name in ("first", "second")]
        changes = [Deferred.fromCoroutine(one).addBoth(told.append) for one in asked]
        try:
            await committing
            await gatherResults(
                [*changes, Deferred.fromCoroutine(self.metadata.journal.renew()).addBoth(told.append)]
            )
        finally:
            go_on.set()
        return told

    async def late(self) -> None:
        """Three are told in time."""
        await self.metadata._database.workers.stop()
        self.metadata._database.workers = quick = Threads(reactor, 1, 1, wait=0.2, answer=0.3)
        late: Deferred[None] = Deferred()
        quick.when_late(lambda: late.callback(None))
        self.names = self.metadata.namespace(self.account)
        kinds = {type(one.value) for one in await self.hanging()}
        self.assertEqual(kinds, {Unavailable, StateUnknown})
        await late
        page = await self.names.children([])
        self.assertEqual([node.name for node in page.nodes], ["first"])
        await self.metadata.stop()

    def test_hanging(self) -> Deferred[None]:
        """Nobody waits for good: who was not begun is told that nothing happened, and it never does."""
        return Deferred.fromCoroutine(self.late())

    def test_together(self) -> Deferred[None]:
        """Files that are committed and listed at the same time are all there; afterwards no thread is left."""
        return Deferred.fromCoroutine(self.at_once())
