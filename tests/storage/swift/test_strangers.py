"""Large objects that other tools made, and what these keep with an object."""

from __future__ import annotations

from urllib.parse import quote

from swftp import errors
from swftp.entries import Attributes, Kind
from swftp.storage.swift import Options
from tests.storage.bytes import Sink, Source, fetched, md5, raises
from tests.storage.swift.test_large import NOTHING, LargeCase


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
