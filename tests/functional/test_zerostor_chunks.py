"""Chunks on three real redis-servers, one of which hangs, dies or is damaged in the middle of things."""

from __future__ import annotations

import os
import signal
import time
from typing import Any
from uuid import UUID

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from swftp.errors import Unavailable
from swftp.storage.zerostor.chunks import ChunkOptions, Chunks, Keyring, MasterKeys, ShardInfo
from swftp.storage.zerostor.chunks.reading import HEDGE
from swftp.storage.zerostor.chunks.writing import PATIENCE
from swftp.storage.zerostor.shards import open_shard
from swftp.storage.zerostor.values import Chunk, ObjectId
from tests.functional.redisserver import Redis
from tests.storage.zerostor.chunks.fakes import MemoryKeys
from tests.storage.zerostor.shards.case import ShardCase, soon

MIB = 1 << 20
ACCOUNT = UUID(int=1)
SLACK = 3.0
"""Seconds that a busy machine may take for what is at once."""


class ChunksTests(ShardCase):
    """``ec:2+1``, and one shard that does not do what it should."""

    timeout = 60.0

    def setUp(self) -> None:
        """Servers of its own, and chunks of 4 MiB."""
        self.servers = [Redis() for _ in range(3)]
        self.shards: dict[int, ShardInfo] = {}
        for number, server in enumerate(self.servers, 1):
            self.addCleanup(server.child.kill)
            self.shards[number] = ShardInfo(number, open_shard(server.url(), reactor, deferToThread))
            self.addCleanup(lambda number=number: soon(self.shards[number].shard.close()))
        keyring = Keyring(MasterKeys((bytes(32),)), MemoryKeys())
        self.chunks = Chunks(self.shards, ChunkOptions(), keyring, reactor, deferToThread)
        self.data = {ObjectId(b"0123456789abcdef", seq): os.urandom(4 * MIB) for seq in range(8)}

    def puts(self) -> Any:
        """All of them, at once."""
        return gatherResults([soon(self.chunks.put(obj, ACCOUNT, data)) for obj, data in self.data.items()])

    async def all_right(self, chunks: list[Chunk]) -> None:
        """Every chunk is what it was."""
        for chunk in chunks:
            self.assertTrue(await self.chunks.get(chunk, ACCOUNT) == self.data[chunk.obj], chunk.obj)

    async def test_hangs(self) -> None:
        """
        A server that stops costs writers `PATIENCE` and readers `HEDGE`, once; it goes on, and what was left out is
        made good.
        """
        under_way = self.puts()
        self.servers[0].child.popen.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        chunks = await under_way
        self.assertLess(time.monotonic() - begin, PATIENCE + SLACK)
        self.assertTrue(any(chunk.missing for chunk in chunks))
        begin = time.monotonic()
        await self.all_right(chunks)
        self.assertLess(time.monotonic() - begin, HEDGE + SLACK)
        self.servers[0].child.popen.send_signal(signal.SIGCONT)
        await self.chunks.probe()
        mended = [(await self.chunks.repair(chunk)).chunk for chunk in chunks]
        self.assertEqual({chunk.missing for chunk in mended}, {0})
        self.servers[1].child.kill()
        await self.all_right(mended)

    async def test_killed_while_read(self) -> None:
        """A server that dies is replaced by the parities at once; one more is an error, at once as well."""
        chunks = await self.puts()
        reads = gatherResults([soon(self.chunks.get(chunk, ACCOUNT)) for chunk in chunks])
        self.servers[2].child.kill()
        self.assertTrue(await reads == [self.data[chunk.obj] for chunk in chunks])
        await self.all_right(chunks)
        self.servers[0].child.kill()
        with self.assertRaises(Unavailable):
            await self.chunks.get(chunks[0], ACCOUNT)

    async def test_lies(self) -> None:
        """A server that gives other bytes, all of them, is found out, and what it has is replaced."""
        chunks = await self.puts()
        client = self.servers[1].client()
        for key in client.keys("*"):
            client.setbit(key, 8 * 100_000, 1 - client.getbit(key, 8 * 100_000))
        await self.all_right(chunks)
        for chunk in chunks:
            self.assertEqual((await self.chunks.repair(chunk)).made, 1)
        self.servers[0].child.kill()
        await self.all_right(chunks)
