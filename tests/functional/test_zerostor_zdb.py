"""
What a 0-db answers, byte for byte, and shards in it: asked of the fake, and of a real one when ``ZDB_ADDR`` is set.

The expectations were measured on version 2.0.7.
"""

from __future__ import annotations

import uuid
from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import QuotaExceeded
from swftp.storage.zerostor.shards import open_shard
from tests.functional.zdbserver import REAL, Raw, fake, real
from tests.storage.zerostor.shards.case import ShardCase, soon
from tests.storage.zerostor.shards.contract import DamageContract, ShardContract
from tests.zdbfake.server import Server
from tests.zdbfake.store import Namespace

NIL, OK = b"$-1\r\n", b"+OK\r\n"
LARGEST = 8_388_608
FOREIGN = ("HELLO", "CLIENT", "MULTI", "EVAL", "INCR", "EXPIRE", "APPEND", "GETRANGE", "KEYS", "FLUSHALL")
"""Verbs of Redis."""
PASSWORD = "secret"


def bulk(value: bytes) -> bytes:
    """A string as it is sent."""
    return b"$%d\r\n%s\r\n" % (len(value), value)


class Conformance:
    """The answers, in a namespace of the test's own."""

    def address(self) -> tuple[str, int]:
        """Of the 0-db."""
        return fake()

    def setUp(self) -> None:
        """A connection to a new namespace."""
        self.raw = Raw(self.address())
        self.addCleanup(self.raw.close)
        self.name = f"test{uuid.uuid4().hex[:12]}"
        self.assertEqual(self.raw.ask("NSNEW", self.name), OK)
        self.addCleanup(self.remove)
        self.assertEqual(self.raw.ask("SELECT", self.name), OK)

    def remove(self) -> None:
        """Leave nothing behind."""
        raw = Raw(self.address())
        raw.ask("NSDEL", self.name)
        raw.close()

    def answers(self, *rows: tuple[Any, ...]) -> None:
        """Each row: words and, last, the answer to them."""
        for *words, answer in rows:
            self.assertEqual(self.raw.ask(*words), answer, words)

    def test_set(self) -> None:
        """The key, or nil where the same bytes are there already."""
        self.answers(
            ("SET", "k", "v", bulk(b"k")),
            ("SET", "k", "v", NIL),
            ("SETX", "k", "w", bulk(b"k")),
            ("SETX", "k", "w", NIL),
            ("GET", "k", bulk(b"w")),
            ("SET", "e", "", bulk(b"e")),
            ("GET", "e", bulk(b"")),
            ("SET", "", "v", b"-Invalid argument, key needed\r\n"),
        )

    def test_third_value(self) -> None:
        """It is a timestamp: nothing of NX, and of a second key, is heeded."""
        self.answers(("SET", "a", "1", bulk(b"a")), ("SET", "b", "1", bulk(b"b")))
        self.raw.ask("SET", "a", "2", "NX")
        self.answers(
            ("GET", "a", bulk(b"2")), ("DEL", "a", "b", OK), ("EXISTS", "a", b":0\r\n"), ("EXISTS", "b", b":1\r\n")
        )

    def test_del(self) -> None:
        """A missing key is an error."""
        self.answers(("SET", "k", "v", bulk(b"k")), ("DEL", "k", OK), ("DEL", "k", b"-Key not found\r\n"))

    def test_set_after_del(self) -> None:
        """The same bytes are stored again."""
        self.answers(
            ("SET", "k", "v", bulk(b"k")), ("DEL", "k", OK), ("SET", "k", "v", bulk(b"k")), ("GET", "k", bulk(b"v"))
        )

    def test_looking(self) -> None:
        """GET, MGET, EXISTS and CHECK, of what is there and what is not."""
        self.answers(
            ("SET", "k", "v", bulk(b"k")),
            ("GET", "k", bulk(b"v")),
            ("GET", "x", NIL),
            ("MGET", "k", "x", b"*2\r\n" + bulk(b"v") + NIL),
            ("EXISTS", "k", b":1\r\n"),
            ("EXISTS", "x", b":0\r\n"),
            ("CHECK", "k", b":1\r\n"),
            ("CHECK", "x", NIL),
        )

    def test_beginnings(self) -> None:
        """Verbs match by their beginnings, in any case."""
        self.answers(
            ("SET", "k", "v", bulk(b"k")), ("GE", "k", bulk(b"v")), ("PIN", b"+PONG\r\n"), ("get", "k", bulk(b"v"))
        )

    def test_foreign(self) -> None:
        """Most of Redis is not there."""
        self.answers(*((verb, "x", b"-Command not supported\r\n") for verb in FOREIGN))

    def test_keys(self) -> None:
        """255 bytes, of any kind."""
        awkward = bytes(range(255))
        self.answers(
            ("SET", awkward, "v", bulk(awkward)),
            ("GET", awkward, bulk(b"v")),
            ("SET", "x" * 256, "v", b"-Key too large\r\n"),
        )

    def test_largest_value(self) -> None:
        """8 MiB are taken."""
        value = bytes(LARGEST)
        self.assertEqual(self.raw.ask("SET", "k", value), bulk(b"k"))
        self.assertEqual(self.raw.ask("GET", "k"), bulk(value))

    def test_too_large(self) -> None:
        """One byte more costs the connection, without an answer that could be read."""
        with self.assertRaises(OSError):
            if self.raw.ask("SET", "k", bytes(LARGEST + 1)) == b"":
                raise ConnectionError
        other = Raw(self.address())
        self.addCleanup(other.close)
        other.ask("SELECT", self.name)
        self.assertEqual(other.ask("EXISTS", "k"), b":0\r\n")

    def test_quota(self) -> None:
        """What is over it is refused; deleting makes room."""
        self.answers(
            ("NSSET", self.name, "maxsize", "1000", OK),
            ("SET", "a", bytes(900), bulk(b"a")),
            ("SET", "b", bytes(200), b"-No space left on this namespace\r\n"),
            ("GET", "b", NIL),
            ("DEL", "a", OK),
            ("SET", "b", bytes(200), bulk(b"b")),
        )

    def test_passwords(self) -> None:
        """A private namespace wants one, the right one."""
        self.answers(("NSSET", self.name, "password", PASSWORD, OK), ("NSSET", self.name, "public", "0", OK))
        other = Raw(self.address())
        self.addCleanup(other.close)
        self.assertEqual(other.ask("SELECT", self.name), b"-Namespace protected and private\r\n")
        self.assertEqual(other.ask("SELECT", self.name, "wrong"), b"-Access denied\r\n")
        self.assertEqual(other.ask("SELECT", self.name, PASSWORD), OK)
        self.assertEqual(other.ask("SET", "k", "v"), bulk(b"k"))

    def test_locked(self) -> None:
        """A locked namespace can be read."""
        self.answers(
            ("SET", "k", "v", bulk(b"k")),
            ("NSSET", self.name, "lock", "1", OK),
            ("SET", "k", "w", b"-Namespace is temporarily locked (read-only)\r\n"),
            ("GET", "k", bulk(b"v")),
            ("NSSET", self.name, "lock", "0", OK),
        )

    def test_worm(self) -> None:
        """In worm mode nothing is replaced."""
        self.answers(
            ("SET", "k", "v", bulk(b"k")),
            ("NSSET", self.name, "worm", "1", OK),
            ("SET", "k", "w", b"-Namespace is protected by worm mode\r\n"),
            ("SET", "l", "v", bulk(b"l")),
            ("NSSET", self.name, "worm", "0", OK),
        )

    def test_scanx(self) -> None:
        """Rows of key, size and time, page by page; the end is an error, as is a scan of nothing."""
        self.answers(("SCANX", b"-No more data\r\n"))
        keys = [b"key%02d" % index for index in range(20)]
        for key in keys:
            self.answers(("SET", key, key * 2, bulk(key)))
        found: list[bytes] = []
        reply = self.raw.ask("SCANX")
        while reply != b"-No more data\r\n":
            self.assertTrue(reply.startswith(b"*2\r\n$"), reply)
            size, rest = reply[5:].split(b"\r\n", 1)
            cursor, rows = rest[: int(size)], rest[int(size) + 2 :]
            found += [key for key in keys if b"*3\r\n$5\r\n" + key + b"\r\n:10\r\n:" in rows]
            reply = self.raw.ask("SCANX", cursor)
        self.assertEqual(found, keys)

    def test_nsinfo(self) -> None:
        """Sizes and limits are lines of their own."""
        self.answers(("NSSET", self.name, "maxsize", "5000", OK), ("SET", "k", "12345", bulk(b"k")))
        lines = self.raw.ask("NSINFO", self.name).decode().splitlines()
        for line in (
            f"name: {self.name}",
            "data_size_bytes: 5",
            "data_limits_bytes: 5000",
            "public: yes",
            "worm: no",
        ):
            self.assertIn(line, lines)
        self.assertTrue(any(line.startswith("data_disk_freespace_bytes: ") for line in lines))

    def test_no_such_namespace(self) -> None:
        """It is not made on the way."""
        self.answers(("SELECT", "nowhere", b"-Namespace not found\r\n"))

    def test_half_sent(self) -> None:
        """A request that is not whole yet holds up nobody else."""
        self.raw.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\nxxx")
        other = Raw(self.address())
        self.addCleanup(other.close)
        self.assertEqual(other.ask("PING"), b"+PONG\r\n")

    def test_inline(self) -> None:
        """Requests are arrays."""
        self.raw.send(b"PING\r\n")
        self.assertNotEqual(self.raw.line(), b"+PONG\r\n")


class Shards(ShardContract):
    """A namespace with a password is a shard."""

    def limit(self, size: int) -> None:
        """Give the namespace a quota."""
        raise LookupError

    async def test_quota(self) -> None:
        """A used-up quota is said as such, and seen before."""
        self.limit(100_000)
        key, other = self.key(), self.key()
        await self.shard.put(key, bytes(60_000))
        self.assertEqual((await self.shard.capacity()).free_bytes, 40_000)
        with self.assertRaises(QuotaExceeded):
            await self.shard.put(other, bytes(60_000))
        await soon(self.shard.delete(key))
        await self.shard.put(other, bytes(60_000))


class FakeConformanceTests(Conformance, SynchronousTestCase):
    """The fake answers as measured."""


class FakeShardTests(DamageContract, Shards, ShardCase):
    """A shard in the fake, which is in this process so that its disk can be damaged."""

    get_sees_damage = False

    def make_shard(self) -> Any:
        """In a server of the test's own."""
        server = Server()
        self.namespace = server.namespaces["box"] = Namespace("box", password=PASSWORD, public=False)
        port = reactor.listenTCP(0, server.factory(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return open_shard(f"zdb://:{PASSWORD}@127.0.0.1:{port.getHost().port}/box", reactor, deferToThread)

    def damage(self, key: bytes) -> None:
        """In its memory."""
        self.namespace.flip(key)

    def limit(self, size: int) -> None:
        """See `Shards`."""
        self.namespace.maxsize = size


if REAL:

    class RealConformanceTests(Conformance, SynchronousTestCase):
        """The real one still answers as measured."""

        def address(self) -> tuple[str, int]:
            """As the environment says."""
            return real()

    class RealShardTests(Shards, ShardCase):
        """A shard in the real one."""

        name = ""

        def make_shard(self) -> Any:
            """In a new namespace."""
            if not self.name:
                self.name = f"test{uuid.uuid4().hex[:12]}"
                self.administer("NSNEW", self.name)
                self.administer("NSSET", self.name, "password", PASSWORD)
                self.administer("NSSET", self.name, "public", "0")
                self.addCleanup(self.administer, "NSDEL", self.name)
            host, port = real()
            return open_shard(f"zdb://:{PASSWORD}@{host}:{port}/{self.name}", reactor, deferToThread)

        def administer(self, *words: str) -> None:
            """Ask for a change."""
            raw = Raw(real())
            self.assertEqual(raw.ask(*words), OK)
            raw.close()

        def limit(self, size: int) -> None:
            """See `Shards`."""
            self.administer("NSSET", self.name, "maxsize", str(size))
