"""What every shard must do; each kind runs it with its own `ShardContract.make_shard`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import xxhash
from twisted.internet.defer import gatherResults
from zope.interface.verify import verifyObject

from swftp.errors import Corrupt, InvalidRequest, NotFound, TooLarge, Unavailable
from swftp.storage.zerostor.shards import KEY_LIMIT, VALUE_LIMIT, Capacity, Health, Held, IShard
from tests.storage.zerostor.shards.case import soon

AWKWARD = (b"\x00" * 21, b"\r\n$-1\r\n", b"../../etc/passwd", b"a b*c?", bytes(range(128, 149)), b"x" * KEY_LIMIT)
"""Keys that a line protocol, a file system or a pattern could take amiss."""


class ShardContract:
    """Rules of `IShard`; a class beside `ShardCase`."""

    make_shard: Callable[[], Any]
    """The shard of this test; what is in it already is not looked at."""

    def setUp(self) -> None:
        """A shard that is closed with the test."""
        self.shard = self.make_shard()
        self.addCleanup(lambda: soon(self.shard.close()))

    def key(self) -> bytes:
        """One that was never used, as long as those of fragments."""
        key = os.urandom(21)
        self.addCleanup(self.forget, key)
        return key

    async def forget(self, key: bytes) -> None:
        """Leave nothing behind where the shard outlives the test."""
        await self.make_or(self.shard).delete(key)

    def make_or(self, shard: Any) -> Any:
        """*shard*, or another one where the test has closed it."""
        return shard

    async def scanned(self) -> dict[bytes, Held]:
        """All keys, page by page."""
        held, cursor = {}, None
        while True:
            page, cursor = await self.shard.scan(cursor)
            held.update((one.key, one) for one in page)
            if cursor is None:
                return held

    def test_interface(self) -> None:
        """It is a shard, and says its name without a password."""
        verifyObject(IShard, self.shard)
        self.assertNotIn("secret", self.shard.name)

    async def test_comes_back(self) -> None:
        """What was put is what one gets, whatever it is made of."""
        whole = os.urandom(70_001)
        values = {
            "bytes": whole,
            "view": memoryview(whole)[1:],
            "parts": (whole[:1], memoryview(whole)[1:40_000], b"", whole[40_000:]),
            "nothing": b"",
            "many parts": [whole[index : index + 7] for index in range(0, 7_000, 7)],
        }
        for what, value in values.items():
            key = self.key()
            await self.shard.put(key, value)
            sent = b"".join((value,) if isinstance(value, bytes | memoryview) else value)
            self.assertEqual(await self.shard.get(key), sent, what)

    async def test_again_is_success(self) -> None:
        """The same value a second time changes nothing, and is no error."""
        key = self.key()
        await self.shard.put(key, b"same")
        await self.shard.put(key, b"same")
        self.assertEqual(await self.shard.get(key), b"same")

    async def test_missing(self) -> None:
        """A key that is not there is an answer, not a fault."""
        key = self.key()
        with self.assertRaises(NotFound):
            await self.shard.get(key)
        self.assertIs(await self.shard.check(key), Health.MISSING)
        self.assertIs(await self.shard.check(key, b"\0" * 16), Health.MISSING)

    async def test_delete(self) -> None:
        """Deleting says whether something was there, and leaves nothing."""
        key = self.key()
        await self.shard.put(key, b"value")
        self.assertIs(await self.shard.delete(key), True)
        self.assertIs(await self.shard.delete(key), False)
        self.assertIs(await self.shard.check(key), Health.MISSING)
        with self.assertRaises(NotFound):
            await self.shard.get(key)

    async def test_put_after_delete(self) -> None:
        """The same bytes can be put again after they were deleted."""
        key = self.key()
        await self.shard.put(key, b"value")
        await self.shard.delete(key)
        await self.shard.put(key, b"value")
        self.assertEqual(await self.shard.get(key), b"value")

    async def test_delete_one(self) -> None:
        """Deleting touches no other key."""
        first, second = self.key(), self.key()
        await gatherResults([soon(self.shard.put(key, b"value")) for key in (first, second)])
        await self.shard.delete(first)
        self.assertEqual(await self.shard.get(second), b"value")

    async def test_check(self) -> None:
        """What is whole is called whole, with a digest or without."""
        key = self.key()
        await self.shard.put(key, b"value")
        self.assertIs(await self.shard.check(key), Health.OK)
        self.assertIs(await self.shard.check(key, xxhash.xxh3_128_digest(b"value")), Health.OK)

    async def test_awkward_keys(self) -> None:
        """Keys are bytes: none means anything."""
        for key in AWKWARD:
            self.addCleanup(self.forget, key)
            await self.shard.put(key, b"of " + key)
        for key in AWKWARD:
            self.assertEqual(await self.shard.get(key), b"of " + key)
        self.assertLessEqual(set(AWKWARD), set(await self.scanned()))

    async def test_largest(self) -> None:
        """A value of `VALUE_LIMIT` bytes is taken."""
        key, value = self.key(), os.urandom(1 << 20) * (VALUE_LIMIT >> 20)
        await self.shard.put(key, value)
        self.assertEqual(xxhash.xxh3_128_digest(await self.shard.get(key)), xxhash.xxh3_128_digest(value))

    async def test_too_large(self) -> None:
        """One byte more is refused before anything is sent, and disturbs nobody."""
        key, other = self.key(), self.key()
        beside = soon(self.shard.put(other, b"other"))
        with self.assertRaises(TooLarge):
            await self.shard.put(key, [bytes(VALUE_LIMIT), b"1"])
        await beside
        self.assertEqual(await self.shard.get(other), b"other")

    async def test_keys_have_limits(self) -> None:
        """No key, and one that not every shard can take, are the caller's mistake."""
        for key in (b"", b"x" * (KEY_LIMIT + 1)):
            for call in (
                self.shard.put(key, b""),
                self.shard.get(key),
                self.shard.delete(key),
                self.shard.check(key),
            ):
                with self.assertRaises(InvalidRequest):
                    await call

    async def test_each_its_own(self) -> None:
        """Many calls at once: everyone gets the answer to what it asked."""
        values = {self.key(): os.urandom(1 + 997 * index) for index in range(60)}
        await gatherResults([soon(self.shard.put(key, value)) for key, value in values.items()])
        mixed = [soon(self.shard.get(key)) for key in values] + [soon(self.shard.check(key)) for key in values]
        found = await gatherResults(mixed)
        self.assertEqual(found[: len(values)], list(values.values()))
        self.assertEqual(set(found[len(values) :]), {Health.OK})

    async def test_scan(self) -> None:
        """A scan from end to end shows every key, and no key that was deleted before."""
        values = {self.key(): bytes(index) for index in range(50)}
        gone = self.key()
        await self.shard.put(gone, b"gone")
        for key, value in values.items():
            await self.shard.put(key, value)
        await self.shard.delete(gone)
        held = await self.scanned()
        self.assertEqual(set(values) - set(held), set())
        self.assertNotIn(gone, held)

    async def test_scan_with_a_foreign_cursor(self) -> None:
        """A cursor that the shard never gave is an error, never an end."""
        with self.assertRaises(InvalidRequest):
            await self.shard.scan(b"nonsense")

    async def test_scan_says_when(self) -> None:
        """A key is not older than it is; it may seem younger."""
        key = self.key()
        before = self.wall()
        await self.shard.put(key, b"value")
        mtime = (await self.scanned())[key].mtime
        self.assertTrue(before - 2 <= mtime <= self.wall() + 2, mtime - before)

    async def test_capacity(self) -> None:
        """There is some room, and not more than there is in all."""
        capacity = await self.shard.capacity()
        self.assertIsInstance(capacity, Capacity)
        self.assertTrue(0 < capacity.free_bytes <= capacity.total_bytes, capacity)

    async def test_ping(self) -> None:
        """A shard that works answers."""
        self.assertIsNone(await self.shard.ping())

    async def test_closed(self) -> None:
        """A closed shard says so, at once, and closing twice is nothing."""
        closed = self.make_shard()
        await closed.ping()
        await closed.close()
        await closed.close()
        with self.assertRaises(Unavailable):
            await closed.get(self.key())

    async def test_given_up(self) -> None:
        """Who gives up waiting disturbs no other call."""
        key, other = self.key(), self.key()
        await self.shard.put(other, b"other")
        call = soon(self.shard.put(key, bytes(100_000)))
        call.addErrback(lambda _: None)
        call.cancel()
        self.assertEqual(await self.shard.get(other), b"other")


class DamageContract:
    """Rules of shards whose bytes change on the disk; a class beside `ShardContract`."""

    keeps_checksums = True
    """Whether damage is seen without a digest."""
    get_sees_damage = True
    """Whether `get` itself compares."""
    damage: Callable[[bytes], None]
    """Flip a bit of the value of a key, behind the shard's back."""

    async def test_damage_is_seen(self) -> None:
        """A flipped bit is found by who knows the digest, and by shards that keep one."""
        key, value = self.key(), os.urandom(5_000)
        await self.shard.put(key, value)
        self.damage(key)
        self.assertIs(await self.shard.check(key, xxhash.xxh3_128_digest(value)), Health.DAMAGED)
        if self.keeps_checksums:
            self.assertIs(await self.shard.check(key), Health.DAMAGED)
        if self.get_sees_damage:
            with self.assertRaises(Corrupt):
                await self.shard.get(key)

    async def test_damage_is_mended(self) -> None:
        """Putting the same bytes again over damaged ones stores them."""
        key, value = self.key(), os.urandom(5_000)
        await self.shard.put(key, value)
        self.damage(key)
        await self.shard.put(key, value)
        self.assertEqual(await self.shard.get(key), value)
        self.assertIs(await self.shard.check(key, xxhash.xxh3_128_digest(value)), Health.OK)
