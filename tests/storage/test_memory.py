"""The store in memory keeps the contract, at once and with latency."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import Path, resolve
from swftp.storage.memory import MemoryStorage
from tests.storage.bytes import Source, raises
from tests.storage.contract import ObjectStoreContract
from tests.storage.contract_parts import ExactContract


class MemoryContract(ExactContract, ObjectStoreContract, SynchronousTestCase):
    """With time standing still."""

    def setUp(self) -> None:
        self.clock = Clock()

    async def make_storage(self) -> MemoryStorage:
        return MemoryStorage(self.clock, page_size=3)


class SlowMemoryContract(MemoryContract):
    """With operations that take time."""

    async def make_storage(self) -> MemoryStorage:
        return MemoryStorage(self.clock, latency=0.5, page_size=3)


class MemoryTests(SynchronousTestCase):
    """What tests of other layers lean on."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.storage = MemoryStorage(self.clock, latency=5.0)
        self.storage["/box/a"] = b"old"

    def test_latency(self) -> None:
        """Nothing takes effect before its time."""
        stored = Deferred.fromCoroutine(self.storage.store(resolve("/box/a"), Source(b"new"), Attributes()))
        self.clock.advance(4.9)
        self.assertEqual((self.storage["/box/a"], stored.called), (b"old", False))
        self.clock.advance(0.1)
        self.assertEqual(self.storage["/box/a"], b"new")
        self.successResultOf(stored)

    def test_contains(self) -> None:
        """``in`` and indexing look at objects by their path."""
        self.assertIn("/box/a", self.storage)
        self.assertNotIn("/box/b", self.storage)
        self.assertRaises(KeyError, lambda: self.storage["/box/b"])

    def test_staged(self) -> None:
        """``staged`` counts the bytes that a crash would leave behind."""
        storage = MemoryStorage(self.clock)
        storage["/box/a"] = b"old"

        async def work() -> None:
            path = resolve("/box/f")
            one = await storage.stage(path, Source(b"12345"))
            two = await storage.stage(path, Source(b"678"))
            self.assertEqual(storage.staged, 8)
            await storage.publish(path, [one], Attributes())
            self.assertEqual(storage.staged, 3)
            await storage.discard([two])
            self.assertEqual(storage.staged, 0)
            await storage.store(path, Source(b"plain"), Attributes())
            self.assertEqual(storage.staged, 0)

        self.successResultOf(Deferred.fromCoroutine(work()))

    def test_hook(self) -> None:
        """The hook sees every operation, and can make it fail or wait."""
        storage = MemoryStorage(self.clock)
        seen: list[tuple[str, Path]] = []
        gate: Deferred[None] = Deferred()

        def hook(verb: str, path: Path) -> Deferred[None] | None:
            seen.append((verb, path))
            if verb == "remove":
                raise errors.Unavailable()
            return gate if verb == "list" else None

        storage.hook = hook
        self.successResultOf(Deferred.fromCoroutine(raises(errors.Unavailable, storage.remove(resolve("/a")))))
        listing = Deferred.fromCoroutine(storage.list(resolve("/")))
        self.assertNoResult(listing)
        gate.callback(None)
        self.assertEqual(self.successResultOf(listing).entries, ())
        self.assertEqual(seen, [("remove", resolve("/a")), ("list", resolve("/"))])

    def test_quota(self) -> None:
        """With a quota, what does not fit is not stored."""
        storage = MemoryStorage(self.clock, quota_bytes=5)
        storage["/box/a"] = b"123"
        full = storage.store(resolve("/box/b"), Source(b"456"), Attributes())
        self.successResultOf(Deferred.fromCoroutine(raises(errors.QuotaExceeded, full)))
        self.assertNotIn("/box/b", storage)
