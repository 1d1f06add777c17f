"""Shards in real redis-server processes: the contract, and what happens when such a process does not behave."""

from __future__ import annotations

import gc
import os
import signal
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from swftp.errors import QuotaExceeded, StorageError, Unavailable
from swftp.storage.zerostor.shards import Refused, open_shard
from swftp.storage.zerostor.shards.interfaces import VALUE_LIMIT
from tests.functional.ftp import certificate
from tests.functional.processes import free_port
from tests.functional.redisserver import PASSWORD, Redis, redis_server
from tests.storage.zerostor.shards.case import ShardCase, soon
from tests.storage.zerostor.shards.contract import DamageContract, ShardContract

MIB = 1 << 20
DATABASE = 3
MANY = 100
SLACK = 3.0
"""Seconds that a busy machine may take for what is at once; ten calls one after the other would take longer."""


def later(seconds: float) -> Deferred[None]:
    """Fires after *seconds*."""
    done: Deferred[None] = Deferred()
    reactor.callLater(seconds, done.callback, None)
    return done


class RedisContractTests(ShardContract, DamageContract, ShardCase):
    """A database of a redis-server is a shard."""

    keeps_checksums = False
    get_sees_damage = False

    def make_shard(self) -> Any:
        """In a server that wants a password."""
        self.server = redis_server("--requirepass", PASSWORD, "--appendonly", "yes")
        return open_shard(self.server.url(DATABASE), reactor, deferToThread)

    def damage(self, key: bytes) -> None:
        """By another client."""
        self.server.client(DATABASE).setbit(key, 1234, 1 - self.server.client(DATABASE).getbit(key, 1234))

    async def test_only_its_database(self) -> None:
        """Keys are in the database that the address names, and no other is looked at."""
        key, foreign = self.key(), self.key()
        await self.shard.put(key, b"value")
        self.server.client(DATABASE + 1).set(foreign, b"foreign")
        self.assertEqual(self.server.client(DATABASE).get(key), b"value")
        self.assertEqual(self.server.client(0).get(key), None)
        self.assertNotIn(foreign, await self.scanned())

    async def test_old(self) -> None:
        """A key that nobody has used for long is old, until it is used: to see it in a scan is no use."""
        key = self.key()
        await self.shard.put(key, b"value")
        client = self.server.client(DATABASE)
        client.restore(key, 0, client.dump(key), replace=True, idletime=1000)
        for age in (1000, 1000, 0):
            if not age:
                await self.shard.get(key)
            mtime = (await self.scanned())[key].mtime
            self.assertTrue(age - 5 <= self.wall() - mtime <= age + 5, self.wall() - mtime)

    async def test_strangers(self) -> None:
        """A scan does not show what is no string, and it is no value either."""
        key = self.key()
        self.server.client(DATABASE).rpush(key, b"list")
        self.assertNotIn(key, await self.scanned())
        with self.assertRaises(Unavailable):
            await self.shard.get(key)


class RedisTlsTests(ShardCase):
    """A server that speaks TLS only."""

    def setUp(self) -> None:
        """With a certificate for 127.0.0.1, not for its neighbour."""
        pem, port = str(certificate()), free_port()
        tls = ["--tls-port", str(port), "--tls-cert-file", pem, "--tls-key-file", pem, "--tls-auth-clients", "no"]
        server = Redis("--port", "0", "--bind", "127.0.0.1", "127.0.0.2", *tls, "--requirepass", "secret", port=port)
        self.addCleanup(server.child.kill)
        self.port, self.trusting = port, f"?cacert={pem}"

    def opened(self, host: str, more: str) -> Any:
        """The shard there."""
        shard = open_shard(f"rediss://:secret@{host}:{self.port}/0{more}", reactor, deferToThread)
        self.addCleanup(lambda: soon(shard.close()))
        return shard

    async def test_used(self) -> None:
        """Values of any size go there and come back, many at a time, to who trusts its certificate."""
        shard = self.opened("127.0.0.1", self.trusting)
        values = {b"%d" % n: os.urandom(size) for n, size in enumerate((0, 1, MIB, VALUE_LIMIT))}
        await gatherResults([soon(shard.put(key, [value])) for key, value in values.items()])
        found = await gatherResults([soon(shard.get(key)) for key in values])
        self.assertEqual(found, list(values.values()))
        self.assertGreater((await shard.capacity()).free_bytes, 0)

    async def test_refused(self) -> None:
        """A certificate that nobody vouches for, or that is another host's, is not for us; nor is no TLS."""
        for host, more in (("127.0.0.1", ""), ("127.0.0.2", self.trusting)):
            with self.assertRaises(Unavailable) as caught:
                await self.opened(host, more).ping()
            self.assertIn("TLS", str(caught.exception))
        plain = open_shard(f"redis://:secret@127.0.0.1:{self.port}/0", reactor, deferToThread)
        self.addCleanup(lambda: soon(plain.close()))
        with self.assertRaises(Unavailable):
            await plain.ping()


class RedisRefusedTests(ShardCase):
    """Servers that must not be used."""

    def refused(self, shard: Any) -> str:
        """What the error of a ping says."""
        self.addCleanup(lambda: soon(shard.close()))
        return self.assertFailure(soon(shard.ping()), Refused).addCallback(str)

    async def test_evicts(self) -> None:
        """A server that throws keys away is refused, and told why; one that was changed since, too."""
        server = redis_server("--maxmemory", "64mb")
        shard = open_shard(server.url(), reactor, deferToThread)
        await shard.ping()
        server.client().config_set("maxmemory-policy", "allkeys-lru")
        self.addCleanup(server.client().config_set, "maxmemory-policy", "noeviction")
        with self.assertRaises(Refused):
            await shard.capacity()
        self.assertIn("allkeys-lru", await self.refused(shard))
        with self.assertRaises(Refused):
            await shard.put(b"key", b"value")
        self.assertIs(server.client().get(b"key"), None)
        server.client().config_set("maxmemory-policy", "noeviction")

    async def test_password(self) -> None:
        """A wrong password, none, and one where none is wanted are refused; no text holds it."""
        closed, opened = redis_server("--requirepass", PASSWORD, "--appendonly", "yes"), redis_server()
        for url in (
            closed.url(password="wrong"),
            f"redis://127.0.0.1:{closed.port}/0",
            f"redis://:wrong@127.0.0.1:{opened.port}",
        ):
            self.assertNotIn("wrong", await self.refused(open_shard(url, reactor, deferToThread)))

    async def test_full(self) -> None:
        """A server without room says so, keeps what it has, and takes more when there is room again."""
        server = Redis("--maxmemory", "8mb")
        self.addCleanup(server.child.kill)
        shard = open_shard(server.url(), reactor, deferToThread)
        self.addCleanup(lambda: soon(shard.close()))
        await shard.put(b"first", bytes(MIB))
        with self.assertRaises(QuotaExceeded):
            for index in range(20):
                await shard.put(b"%d" % index, bytes(MIB))
        self.assertLess((await shard.capacity()).free_bytes, 2 * MIB)
        self.assertEqual(len(await shard.get(b"first")), MIB)
        for index in range(20):
            await shard.delete(b"%d" % index)
        await shard.put(b"more", bytes(MIB))

    def test_appendonly(self) -> None:
        """A server that forgets all when it ends is used, and complained of once."""
        from twisted.logger import globalLogPublisher

        said: list[Any] = []
        globalLogPublisher.addObserver(said.append)
        self.addCleanup(globalLogPublisher.removeObserver, said.append)

        async def use() -> int:
            shard = open_shard(redis_server().url(), reactor, deferToThread)
            await shard.ping()
            shard._link.drop("test")
            await shard.ping()
            await shard.close()
            return len([event for event in said if "append-only" in (event.get("log_format") or "")])

        return soon(use()).addCallback(self.assertEqual, 1)


class RedisFailsTests(ShardCase):
    """A server that hangs, dies or comes back, in the middle of things."""

    limit = 0.6
    """Seconds for an answer, here."""

    def setUp(self) -> None:
        """A server of its own."""
        self.server = Redis()
        self.addCleanup(self.server.child.kill)
        self.shard = open_shard(self.server.url(), reactor, deferToThread, connect_timeout=0.5, timeout=self.limit)
        self.addCleanup(lambda: soon(self.shard.close()))

    async def settled(self, calls: list[Deferred[Any]]) -> list[Any]:
        """Results and errors of *calls*; only our errors."""
        outcomes = await gatherResults([call.addErrback(lambda failure: failure.value) for call in calls])
        for outcome in outcomes:
            self.assertNotIsInstance(outcome, Exception if not isinstance(outcome, StorageError) else ())
        return outcomes

    def stop(self) -> None:
        """Let it hang."""
        self.server.child.popen.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it work again."""
        self.server.child.popen.send_signal(signal.SIGCONT)

    async def test_hangs_in_put(self) -> None:
        """A server that stops while it is being written to costs each call no more than its time."""
        value = os.urandom(4 * MIB)
        calls = [soon(self.shard.put(b"%d" % index, value)) for index in range(MANY)]
        await calls[0]
        self.stop()
        begin = time.monotonic()
        outcomes = await self.settled(calls)
        self.assertLess(time.monotonic() - begin, self.limit + SLACK)
        self.assertTrue(any(isinstance(outcome, Unavailable) for outcome in outcomes))
        with self.assertRaises(Unavailable):
            await self.shard.ping()  # connects, and is not answered
        self.go_on()
        await self.shard.put(b"after", value)
        self.assertTrue(await self.shard.get(b"after") == value)
        done = [b"%d" % index for index, outcome in enumerate(outcomes) if outcome is None]
        self.assertEqual([key for key in done if self.server.client().get(key) != value], [])

    async def test_hangs_in_get(self) -> None:
        """The same while it is being read from; no value is ever cut."""
        value = os.urandom(4 * MIB)
        await self.shard.put(b"key", value)
        calls = [soon(self.shard.get(b"key")) for _ in range(MANY)]
        await calls[0]
        self.stop()
        begin = time.monotonic()
        outcomes = await self.settled(calls)
        self.assertLess(time.monotonic() - begin, self.limit + SLACK)
        self.go_on()
        self.assertTrue(all(outcome == value for outcome in outcomes if isinstance(outcome, bytes)))
        self.assertTrue(any(isinstance(outcome, Unavailable) for outcome in outcomes))
        self.assertTrue(await self.shard.get(b"key") == value)

    async def test_killed_in_put_and_get(self) -> None:
        """A server that is killed fails what is under way at once; the next one is used without more ado."""
        self.shard = open_shard(self.server.url(), reactor, deferToThread)
        self.addCleanup(lambda: soon(self.shard.close()))
        value = os.urandom(4 * MIB)
        await self.shard.put(b"key", value)
        calls = [soon(self.shard.put(b"%d" % index, value)) for index in range(20)]
        calls += [soon(self.shard.get(b"key")) for _ in range(20)]
        await calls[0]
        self.server.child.kill()
        begin = time.monotonic()
        outcomes = await self.settled(calls)
        self.assertTrue(any(isinstance(outcome, Unavailable) for outcome in outcomes))
        with self.assertRaises(Unavailable):
            await self.shard.ping()
        self.assertLess(time.monotonic() - begin, SLACK)
        self.server.start()
        await self.shard.put(b"again", value)
        self.assertTrue(await self.shard.get(b"again") == value)

    async def test_hanging_holds_little(self) -> None:
        """What is to be put on a server that hangs is let go of as soon as nobody waits for it, but for a little."""
        await self.shard.ping()
        self.stop()
        values = [bytearray(4 * MIB) for _ in range(MANY)]
        calls = [soon(self.shard.put(b"%d" % index, memoryview(value))) for index, value in enumerate(values)]
        await later(0.05)
        for call in calls:
            call.addErrback(lambda _: None)
            call.cancel()
        gc.collect()  # tracebacks of what was cancelled are cycles
        held = 0
        for value in values:
            try:
                value.clear()  # not while anybody has a view of it
            except BufferError:
                held += 1
        self.assertLessEqual(held, 3)

    async def test_no_delay(self) -> None:
        """Small questions leave at once, and a peer that vanished is found out."""
        await self.shard.ping()
        transport = self.shard._link._wire.transport
        self.assertTrue(transport.getTcpNoDelay())
        self.assertTrue(transport.getTcpKeepAlive())

    async def test_not_there_at_first(self) -> None:
        """A shard whose server is not up can be opened; it is used as soon as the server is."""
        self.server.child.kill()
        shard = open_shard(self.server.url(), reactor, deferToThread)
        self.addCleanup(lambda: soon(shard.close()))
        with self.assertRaises(Unavailable):
            await shard.get(b"key")
        self.server.start()
        await shard.put(b"key", b"value")

    async def test_idle_connection_closed(self) -> None:
        """A server that hangs up on the idle is connected to again, and no call fails."""
        await self.shard.put(b"key", b"value")
        self.server.client().client_kill_filter(_type="normal", skipme=True)
        await later(0.05)
        self.assertEqual(await self.shard.get(b"key"), b"value")
