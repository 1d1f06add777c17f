"""Large objects in a real Swift: what is stored beside them, and what is left of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from swftp import errors
from swftp.entries import Attributes, Entry, Kind
from swftp.interfaces import IComposes, ILinks
from swftp.paths import Path
from swftp.storage.swift import Limits, Options
from swftp.storage.swift.features import KINDS
from tests.storage.bytes import Sink, Source, fetched, md5, raises
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


class StrangerTests(LargeCase):
    """Large objects that other tools made."""

    def put_slo(self, name: str, *contents: bytes) -> None:
        self.account.put_large(self.box, name, contents)

    def put_dlo(self, name: str, *contents: bytes) -> None:
        self.account.connection.put_container(f"{self.box}_parts")
        for number, data in enumerate(contents):
            self.account.put(f"{self.box}_parts", f"{name}/{number:08d}", data)
        manifest = quote(f"{self.box}_parts/{name}/")
        self.account.put(self.box, name, b"", X_Object_Manifest=manifest)

    async def test_sizes(self) -> None:
        """Stat and list say how large they are; an empty file is empty."""
        self.put_slo("slo", b"one", b"two")
        self.put_dlo("dlo", b"one", b"two!")
        self.account.put(self.box, "empty")
        shown = {entry.name: entry for entry in (await self.storage.list(self.at())).entries}
        self.assertEqual({name: entry.size for name, entry in shown.items()}, {"slo": 6, "dlo": 7, "empty": 0})
        for name, entry in shown.items():
            seen = await self.storage.stat(self.at(name))
            self.assertEqual((seen.size, seen.version, seen.mtime), (entry.size, entry.version, entry.mtime))
            self.assertEqual(seen.digest, md5(b"") if name == "empty" else None)

    async def test_read(self) -> None:
        """They are read as any other file."""
        self.put_slo("slo", b"one", b"two")
        self.put_dlo("dlo", b"one", b"two")
        for name in ("slo", "dlo"):
            self.assertEqual(await self.content(self.at(name)), b"onetwo")
            entry = await self.storage.stat(self.at(name))
            self.assertEqual(await fetched(self.storage, self.at(name), 2, 3, entry.version), b"etw")

    async def test_removed(self) -> None:
        """Their segments are theirs: only the name is removed."""
        self.put_slo("slo", b"one", b"two")
        self.put_dlo("dlo", b"one", b"two")
        before = self.account.segments(self.box)
        for name in ("slo", "dlo"):
            await self.storage.remove(self.at(name))
        await self.storage.settle()
        self.assertEqual((self.account.names(self.box), self.account.segments(self.box)), ([], before))

    async def test_renamed_and_copied(self) -> None:
        """A rename keeps what they are, a copy is independent of their segments."""
        self.put_slo("slo", b"one", b"two")
        self.put_dlo("dlo", b"one", b"two")
        for name in ("slo", "dlo"):
            await self.storage.rename(self.at(name), self.at("moved", name))
            await self.storage.copy(self.at("moved", name), self.at("copied", name))
        self.assertIn("x-object-manifest", self.account.head(self.box, "moved/dlo") or {})
        self.assertIn("x-static-large-object", self.account.head(self.box, "moved/slo") or {})
        for container, name in self.account.segments(self.box):
            self.account.connection.delete_object(container, name)
        for name in ("slo", "dlo"):
            self.assertEqual(await self.content(self.at("copied", name)), b"onetwo")

    async def test_adopted(self) -> None:
        """Their content is a part of a new version, which does not need their segments."""
        self.put_slo("slo", b"one", b"two")
        self.put_dlo("dlo", b"one", b"two")
        theirs = self.account.segments(self.box)
        for name in ("slo", "dlo"):
            old = await self.storage.adopt(self.at(name), await self.storage.stat(self.at(name)))
            tail = await self.storage.stage(self.at(name), Source(b"!"))
            await self.storage.publish(self.at(name), [*old, tail], NOTHING)
        await self.storage.settle()
        for container, name in theirs:
            self.account.connection.delete_object(container, name)
        for name in ("slo", "dlo"):
            self.assertEqual(await self.content(self.at(name)), b"onetwo!")

    async def test_copied_from_large(self) -> None:
        """A plain object that a store copied from a large one is read, copied, moved and adopted like any other."""
        await self.make(self.at("f"), b"one", b"two")
        entry = await self.storage.copy(self.at("f"), self.at("g"))
        self.assertEqual(await fetched(self.storage, self.at("g"), 1, 4, entry.version), b"netw")
        await self.storage.copy(self.at("g"), self.at("h"))
        await self.storage.rename(self.at("h"), self.at("i"))
        [part] = await self.storage.adopt(self.at("i"), await self.storage.stat(self.at("i")))
        sink = Sink()
        await self.storage.read_part(part.slice(2, 3), sink)
        self.assertEqual(sink.data, b"etw")

    async def test_segment_gone(self) -> None:
        """A large object that lost a segment is an error to read, not a short file."""
        await self.make(self.at("f"), b"one" * 100_000, b"two" * 100_000)
        name = self.segments()[1]
        self.account.connection.delete_object(f"{self.box}_segments", name)
        sink = Sink()
        await raises((errors.Corrupt,), self.storage.fetch(self.at("f"), sink))
        self.assertLess(len(sink.data), 600_000)
        self.assertTrue(sink.finished)

    async def test_publish_without_segment(self) -> None:
        """A part that is gone makes no file, and leaves the old one."""
        await self.storage.store(self.at("f"), Source(b"old"), NOTHING)
        part = await self.storage.stage(self.at("f"), Source(b"new"))
        await self.storage.discard([part])
        await raises(errors.Changed, self.storage.publish(self.at("f"), [part], NOTHING))
        self.assertEqual(await self.content(self.at("f")), b"old")


class MetadataTests(LargeCase):
    """What other tools keep with an object."""

    async def test_kept(self) -> None:
        """Setting a time keeps what a POST would drop, on plain and large objects."""
        kept = {
            "X_Object_Meta_Colour": "gr\u00fcn",
            "X_Delete_At": "4000000000",
            "Content_Encoding": "gzip",
            "Content_Disposition": "attachment",
            "Content_Language": "de",
            "X_Robots_Tag": "noindex",
        }
        self.account.put(self.box, "plain.txt", b"data", **kept)
        await self.make(self.at("slo"), b"one", b"two")
        self.account.connection.post_object(self.box, "slo", {k.replace("_", "-"): v for k, v in kept.items()})
        for name in ("plain.txt", "slo"):
            await self.storage.update(self.at(name), Attributes(mtime=1234567890.0, mode=0o600))
            headers = self.account.head(self.box, name) or {}
            for key, value in kept.items():
                self.assertEqual(headers[key.replace("_", "-").lower()], value)
            seen = await self.storage.stat(self.at(name))
            self.assertEqual((seen.mtime, seen.mode), (1234567890.0, 0o600))
        self.assertEqual(await self.content(self.at("plain.txt")), b"data")
        self.assertEqual(await self.content(self.at("slo")), b"onetwo")

    async def test_encoded_content(self) -> None:
        """Content-Encoding is the object's business: its bytes come as they are."""
        self.account.put(self.box, "f.gz", b"not really gzip", Content_Encoding="gzip")
        self.assertEqual(await self.content(self.at("f.gz")), b"not really gzip")

    async def test_dlo_updated(self) -> None:
        """A dynamic large object stays one."""
        self.account.connection.put_container(f"{self.box}_parts")
        self.account.put(f"{self.box}_parts", "d/1", b"one")
        self.account.put(self.box, "dlo", b"", X_Object_Manifest=f"{self.box}_parts/d/")
        await self.storage.update(self.at("dlo"), Attributes(mtime=1234567890.0))
        self.assertEqual(await self.content(self.at("dlo")), b"one")
        [shown] = (await self.storage.list(self.at())).entries
        self.assertEqual((shown.size, shown.mtime, shown.digest), (3, 1234567890.0, None))

    async def test_their_times(self) -> None:
        """Times kept by rclone and swiftclient are read; ours are readable to them."""
        self.account.put(self.box, "f", b"data", X_Object_Meta_Mtime="1234567890.123456789")
        seen = await self.storage.stat(self.at("f"))
        self.assertAlmostEqual(seen.mtime or 0.0, 1234567890.123456, places=5)
        await self.storage.store(self.at("g"), Source(b"data"), NOTHING)
        self.assertEqual((self.account.head(self.box, "g") or {})["x-object-meta-mtime"], "1500000000")

    async def test_times_out_of_listings(self) -> None:
        """With the option off, the Content-Type is left alone."""
        storage = await self.open(Options(times_in_listings=False))
        await storage.store(self.at("f.txt"), Source(b"data"), NOTHING)
        headers = self.account.head(self.box, "f.txt") or {}
        self.assertEqual((headers["content-type"], headers["x-object-meta-mtime"]), ("text/plain", "1500000000"))
        self.assertEqual((await storage.stat(self.at("f.txt"))).mtime, 1500000000.0)

    async def test_directories_of_others(self) -> None:
        """Markers that end with a slash are directories, shown once and not inside themselves; files are files."""
        self.account.put(self.box, "slashed/")
        self.account.put(self.box, "both/")
        self.account.put_directory(self.box, "both")
        self.account.put(self.box, "both/f")
        self.account.put(self.box, "vcard", b"BEGIN", Content_Type="text/directory")
        self.account.put(self.box, "double//slash")
        shown = {entry.name: entry.kind for entry in (await self.storage.list(self.at())).entries}
        directory = Kind.DIRECTORY
        self.assertEqual(shown, {"slashed": directory, "both": directory, "vcard": Kind.FILE, "double": directory})
        self.assertEqual((await self.storage.list(self.at("slashed"))).entries, ())
        self.assertEqual([e.name for e in (await self.storage.list(self.at("both"))).entries], ["f"])
        self.assertEqual((await self.storage.list(self.at("double"))).entries, ())
        await self.storage.remove_directory(self.at("slashed"))
        await self.storage.remove(self.at("both", "f"))
        await self.storage.remove_directory(self.at("both"))
        await raises(errors.NotEmpty, self.storage.remove_directory(self.at("double")))
        self.assertEqual(self.account.names(self.box), ["double//slash", "vcard"])

    async def test_tree_of_others(self) -> None:
        """A directory moves whole, whatever is in it."""
        self.account.put(self.box, "d/")
        self.account.put(self.box, "d/double//slash", b"1")
        self.account.put(self.box, "d/sub/")
        self.account.put(self.box, "d/per%cent ?#", b"2")
        await self.storage.make_link(self.at("d", "link"), self.at("elsewhere"))
        await self.storage.rename(self.at("d"), self.at("e"))
        names = ["e/", "e/double//slash", "e/link", "e/per%cent ?#", "e/sub/"]
        self.assertEqual(self.account.names(self.box), names)
        self.assertEqual(self.account.get(self.box, "e/per%cent ?#"), b"2")
        self.assertEqual((await self.storage.stat(self.at("e", "link"), follow=False)).kind, Kind.SYMLINK)


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
