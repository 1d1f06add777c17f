"""Real threads: the reactor goes on while they wait, and they end."""

from __future__ import annotations

import threading
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from swftp.storage.zerostor.meta import Metadata, MetadataOptions, open_metadata
from swftp.storage.zerostor.values import Chunk, New
from tests.storage.zerostor.meta.case import sqlite_url

MANY = 40


class ThreadsTests(TestCase):
    """`open_metadata` as a gateway uses it."""

    timeout = 60.0

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

    def test_together(self) -> Deferred[None]:
        """Files that are committed and listed at the same time are all there; afterwards no thread is left."""
        return Deferred.fromCoroutine(self.at_once())
