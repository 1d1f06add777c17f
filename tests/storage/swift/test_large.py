"""Large objects in a real Swift: what is stored beside them, and what is left of it."""

from __future__ import annotations

from typing import Any

from swftp import errors
from swftp.entries import Attributes, Entry, Kind
from swftp.interfaces import IComposes, ILinks
from swftp.paths import Path
from swftp.storage.swift import Limits, Options
from swftp.storage.swift.features import KINDS
from tests.storage.bytes import Source, fetched, md5, raises
from tests.storage.realswift import RealSwiftCase

NOTHING = Attributes(mtime=1500000000.0)


class LargeCase(RealSwiftCase):
    """A store whose manifests take few segments, and an empty container."""

    limits = Limits(bulk_delete=True, symlink=True, max_segments=4)

    def setUp(self) -> None:
        super().setUp()
        self.box = self.account.new_container()
        self.storage: Any = KINDS[True, True](self.client(), Options(), self.limits)

    def at(self, *names: str) -> Path:
        return Path((self.box, *names))

    def segments(self) -> list[str]:
        """Names in the segments container."""
        return self.account.names(f"{self.box}_segments")

    async def make(self, path: Path, *contents: bytes) -> Entry:
        """A large object of *contents*."""
        parts = [await self.storage.stage(path, Source(data, digest=md5(data))) for data in contents]
        entry: Entry = await self.storage.publish(path, parts, NOTHING)
        await self.storage.settle()
        return entry

    async def content(self, path: Path) -> bytes:
        return await fetched(self.storage, path)


class SegmentTests(LargeCase):
    """Segments come and go with their object."""

    async def test_names(self) -> None:
        """Segments are named for their object, in a container of their own with its policy and readers."""
        self.account.connection.post_container(self.box, {"X-Container-Read": ".r:*"})
        await self.make(self.at("d", "f"), b"one", b"two")
        names = self.segments()
        self.assertEqual(len(names), 2)
        for name in names:
            self.assertRegex(name, r"\Ad/f/swftp-[0-9a-f]+-[0-9a-f]{16}/0000000[01]\Z")
        headers = self.account.connection.head_container(f"{self.box}_segments")
        self.assertEqual(headers["x-container-read"], ".r:*")

    async def test_long_name(self) -> None:
        """The longest name there is can be a large object's, too: kept, renamed, removed."""
        path = self.at(*["x" * 100] * 10, "y" * 14)
        self.assertEqual(len(path.object), 1024)
        await self.make(path, b"one", b"two")
        self.assertEqual(await self.content(path), b"onetwo")
        await self.storage.rename(path, self.at("short"))
        await self.storage.settle()
        self.assertEqual(await self.content(self.at("short")), b"onetwo")
        await self.storage.rename(self.at("short"), path)
        await self.storage.settle()
        await self.storage.remove(path)
        await self.storage.settle()
        self.assertEqual(self.segments(), [])

    async def test_removed(self) -> None:
        """Nothing is left of a removed object."""
        await self.make(self.at("f"), *[b"x%d" % i for i in range(30)])
        self.assertTrue(any(name.endswith("m") for name in self.segments()))  # manifests below the manifest
        await self.storage.remove(self.at("f"))
        await self.storage.settle()
        self.assertEqual((self.segments(), self.account.names(self.box)), ([], []))

    async def test_removed_after_being_seen(self) -> None:
        """Nor of one that the caller had seen."""
        entry = await self.make(self.at("f"), b"one", b"two")
        await self.storage.remove(self.at("f"), seen=entry)
        await self.storage.settle()
        self.assertEqual(self.segments(), [])

    async def test_replaced(self) -> None:
        """Nothing is left of a replaced object: by a small file, by a large one, by an empty one, by a rename."""
        await self.make(self.at("f"), b"one", b"two")
        await self.make(self.at("f"), b"three", b"four")
        self.assertEqual(len(self.segments()), 2)
        self.assertEqual(await self.content(self.at("f")), b"threefour")
        await self.storage.store(self.at("f"), Source(b"small"), NOTHING)
        await self.storage.settle()
        self.assertEqual(self.segments(), [])
        await self.make(self.at("f"), b"one", b"two")
        await self.storage.publish(self.at("f"), [], NOTHING)
        await self.storage.settle()
        self.assertEqual(self.segments(), [])
        await self.make(self.at("f"), b"one", b"two")
        await self.storage.store(self.at("g"), Source(b"g"), NOTHING)
        await self.storage.rename(self.at("g"), self.at("f"))
        await self.storage.settle()
        self.assertEqual((self.segments(), await self.content(self.at("f"))), ([], b"g"))
        await self.make(self.at("f"), b"one", b"two")
        await self.storage.copy(self.at("f"), self.at("h"))
        await self.storage.copy(self.at("h"), self.at("f"))
        await self.storage.settle()
        self.assertEqual((self.segments(), await self.content(self.at("f"))), ([], b"onetwo"))

    async def test_partly_replaced(self) -> None:
        """What a new version still uses of the old one stays, and goes with the last version."""
        entry = await self.make(self.at("f"), b"one", b"two", b"three")
        old = await self.storage.adopt(self.at("f"), entry)
        new = await self.storage.stage(self.at("f"), Source(b"TWO"))
        await self.storage.publish(self.at("f"), [old[0], new, old[2].slice(1, 4)], NOTHING)
        await self.storage.settle()
        self.assertEqual(await self.content(self.at("f")), b"oneTWOhree")
        self.assertEqual(len(self.segments()), 3)
        await self.storage.remove(self.at("f"))
        await self.storage.settle()
        self.assertEqual(self.segments(), [])

    async def test_discarded(self) -> None:
        """Nothing is left of an upload that was given up."""
        parts = [await self.storage.stage(self.at("f"), Source(b"x")) for _ in range(5)]
        self.assertEqual(len(self.segments()), 5)
        await self.storage.discard(parts)
        self.assertEqual(self.segments(), [])

    async def test_container_removed(self) -> None:
        """A removed container takes its empty segments container along."""
        await self.make(self.at("f"), b"one")
        await self.storage.remove(self.at("f"))
        await self.storage.settle()
        await self.storage.remove_directory(self.at())
        await self.storage.settle()
        self.assertFalse([name for name in self.account.containers() if name.startswith(self.box)])

    async def test_hidden(self) -> None:
        """Segments containers are not listed, unless asked for; they are there all the same."""
        await self.make(self.at("f"), b"one")
        hidden = f"{self.box}_segments"
        names = [entry.name for entry in (await self.storage.list(Path())).entries]
        self.assertIn(self.box, names)
        self.assertNotIn(hidden, names)
        self.assertEqual((await self.storage.stat(Path((hidden,)))).kind, Kind.DIRECTORY)
        frank = await self.open(Options(hide_segments=False))
        self.assertIn(hidden, [entry.name for entry in (await frank.list(Path())).entries])

    async def test_nested(self) -> None:
        """More segments than a manifest takes make manifests of manifests, readable anywhere, extensible."""
        contents = [b"%03d|" % i for i in range(70)]
        entry = await self.make(self.at("f"), *contents)
        whole = b"".join(contents)
        self.assertEqual(entry.size, len(whole))
        self.assertEqual(await self.content(self.at("f")), whole)
        self.assertEqual(await fetched(self.storage, self.at("f"), 101, 33), whole[101:134])
        old = await self.storage.adopt(self.at("f"), entry)
        self.assertEqual(sum(part.size for part in old), len(whole))
        tail = await self.storage.stage(self.at("f"), Source(b"tail"))
        await self.storage.publish(self.at("f"), [*old, tail], NOTHING)
        await self.storage.settle()
        self.assertEqual(await self.content(self.at("f")), whole + b"tail")
        await self.storage.remove(self.at("f"))
        await self.storage.settle()
        self.assertEqual(self.segments(), [])

    async def test_few_small_ones(self) -> None:
        """Of many small segments few remain: with more, Swift slows a download down to one a second."""
        await self.make(self.at("f"), *[b"%02d" % i for i in range(45)])
        self.assertLessEqual(len(await self.storage.adopt(self.at("f"), await self.storage.stat(self.at("f")))), 10)
        self.assertEqual(await self.content(self.at("f")), b"".join(b"%02d" % i for i in range(45)))

    async def test_copy_beyond_the_limit(self) -> None:
        """An object larger than the store copies at once is copied in pieces, attributes and all."""
        await self.make(self.at("f"), b"0123456789", b"abcdefghij")
        small = Limits(bulk_delete=True, symlink=True, max_file_size=12)
        storage: Any = KINDS[True, True](self.client(), Options(), small)
        entry = await storage.copy(self.at("f"), self.at("g"))
        self.assertEqual((entry.size, entry.mtime), (20, 1500000000.0))
        await self.storage.remove(self.at("f"))
        await self.storage.settle()
        self.assertEqual(await self.content(self.at("g")), b"0123456789abcdefghij")


class SharedTests(LargeCase):
    """Two names for one set of segments, as a crash in the middle of a rename leaves them."""

    async def crash(self, source: Path, target: Path, entry: Entry) -> None:
        """The first half of a rename."""
        names = (source.container, source.object), (target.container, target.object)
        await self.storage._trees.copy_name(*names, size=entry.size, slo=True)

    async def test_either_removed(self) -> None:
        """Whichever of the two is removed first, the other stays whole; with it, all goes."""
        for first, second in (("a", "b"), ("b", "a")):
            entry = await self.make(self.at("a"), b"one", b"two")
            await self.crash(self.at("a"), self.at("b"), entry)
            await self.storage.remove(self.at(first))
            await self.storage.settle()
            self.assertEqual(await self.content(self.at(second)), b"onetwo")
            await self.storage.remove(self.at(second))
            await self.storage.settle()
            self.assertEqual(self.segments(), [])

    async def test_either_replaced(self) -> None:
        """Whichever of the two is replaced first, the other stays whole."""
        for first, second in (("a", "b"), ("b", "a")):
            entry = await self.make(self.at("a"), b"one", b"two")
            await self.crash(self.at("a"), self.at("b"), entry)
            await self.make(self.at(first), b"new")
            self.assertEqual(await self.content(self.at(second)), b"onetwo")
            await self.storage.remove(self.at(second))
            await self.storage.remove(self.at(first))
            await self.storage.settle()
            self.assertEqual(self.segments(), [])

    async def test_renamed_on(self) -> None:
        """A name that was renamed several times, with a crash on the way, takes nothing from the one left behind."""
        entry = await self.make(self.at("a"), b"one", b"two")
        await self.crash(self.at("a"), self.at("b"), entry)
        await self.storage.rename(self.at("b"), self.at("c"))
        await self.storage.settle()
        await self.storage.rename(self.at("c"), self.at("d"))
        await self.storage.settle()
        await self.storage.remove(self.at("d"))
        await self.storage.settle()
        self.assertEqual(await self.content(self.at("a")), b"onetwo")
        await self.storage.remove(self.at("a"))
        await self.storage.settle()
        self.assertEqual(self.segments(), [])

    async def test_renamed(self) -> None:
        """A large object moves without its bytes, to another container, too; nothing is left of it in the end."""
        other = Path((self.account.new_container(),))
        entry = await self.make(self.at("a"), b"one", b"two")
        before = self.segments()
        moved = await self.storage.rename(self.at("a"), other.child("b"))
        await self.storage.settle()
        self.assertEqual((moved.version, moved.size), (entry.version, 6))
        self.assertEqual([name for name in self.segments() if "/names" not in name], before)
        self.assertEqual(await self.content(other.child("b")), b"onetwo")
        await self.make(self.at("a"), b"another")
        await self.storage.remove(self.at("a"))
        await self.storage.settle()
        self.assertEqual(await self.content(other.child("b")), b"onetwo")
        await self.storage.remove(other.child("b"))
        await self.storage.settle()
        self.assertEqual(self.segments(), [])

    async def test_moved_in_a_directory(self) -> None:
        """A large object moves with its directory, and back."""
        await self.make(self.at("d", "f"), b"one", b"two")
        await self.storage.rename(self.at("d"), self.at("e"))
        self.assertEqual(await self.content(self.at("e", "f")), b"onetwo")
        await self.storage.rename(self.at("e"), self.at("d"))
        self.assertEqual(await self.content(self.at("d", "f")), b"onetwo")
        await self.storage.remove(self.at("d", "f"))
        await self.storage.settle()
        self.assertEqual(self.segments(), [])


class LayoutTests(LargeCase):
    """Stores that cannot, or shall not, compose."""

    async def test_plain(self) -> None:
        """With layout plain, or without SLO, the store does not provide IComposes; too large is refused."""
        plain = await self.open(Options(layout="plain"))
        self.assertFalse(IComposes.providedBy(plain))
        self.assertTrue(ILinks.providedBy(plain))
        none: Any = await self.open(limits=Limits(slo=False, max_file_size=3))
        self.assertFalse(IComposes.providedBy(none) or ILinks.providedBy(none))
        await raises(errors.TooLarge, none.store(self.at("f"), Source(b"four"), NOTHING))
        self.assertTrue(IComposes.providedBy(await self.open()))

    async def test_discovered(self) -> None:
        """A real Swift tells its limits."""
        limits = (await self.open()).limits
        self.assertEqual((limits.slo, limits.symlink, limits.bulk_delete), (True, True, True))
        self.assertEqual((limits.max_segments, limits.listing), (1000, 10_000))
        self.assertGreater(limits.max_file_size, 5 * 1024**3)
