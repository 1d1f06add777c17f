"""The part of the contract for what only some stores can: parts, links, quota."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swftp import errors
from swftp.entries import Attributes, Entry, Kind
from swftp.interfaces import IComposes, ILinks, IPart, IQuota
from swftp.paths import Path
from tests.storage.bytes import Sink, Source, md5, raises
from tests.storage.contract_base import NOTHING, ContractBase, rule


class PartsBase(ContractBase):
    """Short ways to say things about parts."""

    async def stage(self, path: Path, *contents: bytes) -> list[Any]:
        """A part of each of *contents*."""
        self.need(IComposes)
        return [await self.storage.stage(path, Source(data, digest=md5(data))) for data in contents]

    async def part(self, part: IPart) -> bytes:
        """The bytes of *part*."""
        sink = Sink()
        await self.storage.read_part(part, sink)
        return sink.data

    async def publish(self, path: Path, parts: Sequence[Any], **kwargs: Any) -> Entry:
        """Make *parts* the file *path*."""
        entry: Entry = await self.storage.publish(path, parts, NOTHING, **kwargs)
        return entry


class ComposeContract(PartsBase):
    """Objects put together from parts."""

    @rule
    async def test_compose_publish(self) -> None:
        """Parts are seen by nobody until published, then are one file; store, stat and list agree on it."""
        parts = await self.stage(self.at("f.txt"), b"one ", b"two ", b"three")
        self.assertEqual([part.size for part in parts], [4, 4, 5])
        await self.missing(self.at("f.txt"))
        self.assertEqual(await self.names(self.box), [])
        attributes = Attributes(mtime=1500000000.25, mode=0o600)
        made = await self.storage.publish(self.at("f.txt"), parts, attributes)
        seen = await self.storage.stat(self.at("f.txt"))
        [shown] = await self.listed(self.box)
        for entry in (made, seen, shown):
            self.assertEqual((entry.name, entry.kind, entry.size), ("f.txt", Kind.FILE, 13))
            self.assertEqual((entry.mtime, entry.mode, entry.content_type), (1500000000.25, 0o600, "text/plain"))
            self.assertIn(entry.digest, (None, md5(b"one two three")))
        self.assertEqual({made.version, shown.version}, {seen.version})
        self.assertEqual(await self.content(self.at("f.txt")), b"one two three")

    @rule
    async def test_compose_ranges(self) -> None:
        """Parts are used whole, in pieces, twice, in any order; the file is readable at any offset."""
        one, two = await self.stage(self.at("f"), b"0123456789", b"abcdefghij")
        parts = [two.slice(3, 4), one, one.slice(0, 1), two.slice(2, 8).slice(1, 2), one.slice(9, 1)]
        entry = await self.publish(self.at("f"), parts)
        whole = b"defg01234567890de9"
        self.assertEqual(entry.size, len(whole))
        self.assertEqual(await self.content(self.at("f")), whole)
        for offset, length in ((0, 5), (3, 3), (4, 10), (13, 5), (17, 1)):
            sink = Sink()
            await self.storage.fetch(self.at("f"), sink, offset, length, entry.version)
            self.assertEqual(sink.data, whole[offset : offset + length])

    @rule
    async def test_compose_slices(self) -> None:
        """A slice lies inside of its part."""
        [part] = await self.stage(self.at("f"), b"0123456789")
        for offset, length in ((-1, 2), (0, 11), (10, 1), (0, 0), (5, 6)):
            self.assertRaises(errors.InvalidRequest, part.slice, offset, length)
        await self.storage.discard([part])

    @rule
    async def test_compose_read_part(self) -> None:
        """A staged part, or a slice of it, can be read."""
        [part] = await self.stage(self.at("f"), b"0123456789")
        self.assertEqual(await self.part(part), b"0123456789")
        self.assertEqual(await self.part(part.slice(3, 4)), b"3456")
        self.assertEqual(await self.part(part.slice(2, 6).slice(1, 2)), b"34")

    @rule
    async def test_compose_failed_stage(self) -> None:
        """A part whose source fails, or whose bytes are not those promised, is none."""
        self.need(IComposes)
        broken = Source(b"half", length=10, error=errors.Interrupted())
        await raises(errors.Interrupted, self.storage.stage(self.at("f"), broken))
        await raises(errors.Damaged, self.storage.stage(self.at("f"), Source(b"new", digest=md5(b"other"))))
        await raises(errors.NotFound, self.storage.stage(Path(("no-such-box", "f")), Source(b"x")))

    @rule
    async def test_compose_replace(self) -> None:
        """Publishing replaces plain by parts, parts by parts, and storing parts by plain; old content till then."""
        await self.put(self.at("f"), b"plain")
        parts = await self.stage(self.at("f"), b"first")
        self.assertEqual(await self.content(self.at("f")), b"plain")
        await self.publish(self.at("f"), parts)
        parts = await self.stage(self.at("f"), b"second ", b"version")
        self.assertEqual(await self.content(self.at("f")), b"first")
        seen = await self.storage.stat(self.at("f"), follow=False)
        await self.publish(self.at("f"), parts, replaces=seen)
        self.assertEqual(await self.content(self.at("f")), b"second version")
        await self.put(self.at("f"), b"plain again")
        self.assertEqual(await self.content(self.at("f")), b"plain again")
        self.assertEqual(await self.names(self.box), ["f"])

    @rule
    async def test_compose_exclusive(self) -> None:
        """Exclusive publishing replaces nothing."""
        await self.put(self.at("f"), b"old")
        parts = await self.stage(self.at("f"), b"new")
        await raises(errors.AlreadyExists, self.publish(self.at("f"), parts, exclusive=True))
        self.assertEqual(await self.content(self.at("f")), b"old")
        await self.storage.discard(parts)
        parts = await self.stage(self.at("g"), b"new")
        await self.publish(self.at("g"), parts, exclusive=True)
        self.assertEqual(await self.content(self.at("g")), b"new")

    @rule
    async def test_compose_directory(self) -> None:
        """A file from parts does not replace a directory either."""
        await self.storage.make_directory(self.at("d"))
        parts = await self.stage(self.at("d"), b"new")
        await raises(errors.IsDirectory, self.publish(self.at("d"), parts))
        await self.storage.discard(parts)

    @rule
    async def test_compose_discard(self) -> None:
        """What is discarded cannot be published; discarding it again, or what was published, harms nothing."""
        one, two = await self.stage(self.at("f"), b"one", b"two")
        await self.storage.discard([one])
        await self.storage.discard([one])
        self.assertIsInstance(
            await raises((errors.NotFound, errors.Changed), self.publish(self.at("f"), [one, two])),
            errors.StorageError,
        )
        await self.missing(self.at("f"))
        await self.publish(self.at("f"), [two.slice(0, 2)])
        await self.storage.discard([two.slice(2, 1)])
        self.assertEqual(await self.content(self.at("f")), b"tw")

    @rule
    async def test_compose_nothing(self) -> None:
        """Of no parts an empty file is made."""
        self.need(IComposes)
        await self.put(self.at("f"), b"old")
        self.assertEqual((await self.publish(self.at("f"), [])).size, 0)
        self.assertEqual(await self.content(self.at("f")), b"")

    @rule
    async def test_compose_remove(self) -> None:
        """A file made of parts is removed, renamed, copied and updated like any other."""
        await self.publish(self.at("a"), await self.stage(self.at("a"), b"one ", b"two"))
        await self.storage.update(self.at("a"), Attributes(mtime=1400000000.0))
        await self.storage.rename(self.at("a"), await self.place(self.at("d", "b")))
        await self.missing(self.at("a"))
        await self.storage.copy(self.at("d", "b"), self.at("c"))
        for path in (self.at("d", "b"), self.at("c")):
            self.assertEqual(await self.content(path), b"one two")
            self.assertEqual((await self.storage.stat(path)).mtime, 1400000000.0)
        await self.storage.remove(self.at("d", "b"))
        self.assertEqual(await self.content(self.at("c")), b"one two")
        await self.storage.rename(self.at("c"), self.at("e"))
        await self.storage.rename(self.at("e"), self.at("c"))
        self.assertEqual(await self.content(self.at("c")), b"one two")
        await self.storage.remove(self.at("c"))
        await self.missing(self.at("c"))


class AdoptContract(PartsBase):
    """Old content in new files."""

    @rule
    async def test_adopt_append(self) -> None:
        """An object's present content is a part of its next one: plain, then made of parts, again and again."""
        self.need(IComposes)
        content = b"begin "
        entry = await self.put(self.at("f"), content)
        for i in range(4):
            old = await self.storage.adopt(self.at("f"), entry)
            self.assertEqual(sum(part.size for part in old), len(content))
            tail = b"line %d " % i
            entry = await self.publish(self.at("f"), [*old, *await self.stage(self.at("f"), tail)])
            content += tail
            self.assertEqual((entry.size, await self.content(self.at("f"))), (len(content), content))

    @rule
    async def test_adopt_patch(self) -> None:
        """Ranges of the old content around new bytes make an update in place; the old content stays till then."""
        self.need(IComposes)
        entry = await self.put(self.at("f"), b"0123456789")
        [old] = await self.storage.adopt(self.at("f"), entry)
        [new] = await self.stage(self.at("f"), b"XY")
        self.assertEqual(await self.part(old.slice(2, 3)), b"234")
        self.assertEqual(await self.content(self.at("f")), b"0123456789")
        entry = await self.publish(self.at("f"), [old.slice(0, 4), new, old.slice(6, 4)])
        self.assertEqual(await self.content(self.at("f")), b"0123XY6789")
        old = await self.storage.adopt(self.at("f"), entry)
        self.assertEqual(b"".join([await self.part(part) for part in old]), b"0123XY6789")
        await self.publish(self.at("f"), [old[0].slice(1, 2)])
        self.assertEqual(await self.content(self.at("f")), b"12")

    @rule
    async def test_adopt_discard(self) -> None:
        """Discarding what was adopted leaves the object as it is."""
        self.need(IComposes)
        entry = await self.put(self.at("f"), b"plain")
        await self.storage.discard(await self.storage.adopt(self.at("f"), entry))
        self.assertEqual(await self.content(self.at("f")), b"plain")
        entry = await self.publish(self.at("f"), await self.stage(self.at("f"), b"parts"))
        await self.storage.discard(await self.storage.adopt(self.at("f"), entry))
        self.assertEqual(await self.content(self.at("f")), b"parts")

    @rule
    async def test_copies(self) -> None:
        """The content of another file becomes parts; the other file may go, and what was made of it stays."""
        self.need(IComposes)
        await self.put(self.at("a"), b"one ")
        await self.publish(self.at("b"), await self.stage(self.at("b"), b"two ", b"three"))
        parts: list[Any] = []
        for name in ("a", "b", "a"):
            entry = await self.storage.stat(self.at(name))
            parts += await self.storage.copies(self.at(name), entry, self.at("f"))
        await self.missing(self.at("f"))
        await self.publish(self.at("f"), parts)
        await self.storage.remove(self.at("a"))
        await self.storage.remove(self.at("b"))
        self.assertEqual(await self.content(self.at("f")), b"one two threeone ")

    @rule
    async def test_copies_changed(self) -> None:
        """What was replaced meanwhile, or is gone, is not copied; of an empty file there are no parts."""
        self.need(IComposes)
        await self.put(self.at("a"), b"")
        entry = await self.storage.stat(self.at("a"))
        self.assertEqual(list(await self.storage.copies(self.at("a"), entry, self.at("f"))), [])
        await self.put(self.at("a"), b"new")
        await raises(errors.Changed, self.storage.copies(self.at("a"), entry, self.at("f")))

    @rule
    async def test_adopt_changed(self) -> None:
        """What was replaced meanwhile, or is gone, is not adopted."""
        self.need(IComposes)
        entry = await self.put(self.at("f"), b"old")
        await self.put(self.at("f"), b"new")
        await raises(errors.Changed, self.storage.adopt(self.at("f"), entry))

    @rule
    async def test_adopt_empty(self) -> None:
        """An empty file has no parts."""
        self.need(IComposes)
        entry = await self.put(self.at("f"), b"")
        self.assertEqual(list(await self.storage.adopt(self.at("f"), entry)), [])

    @rule
    async def test_adopt_many_small_patches(self) -> None:
        """A file patched in very many places is what it should be."""
        self.need(IComposes)
        content = bytearray(b"." * 1000)
        entry = await self.put(self.at("f"), bytes(content))
        [old] = await self.storage.adopt(self.at("f"), entry)
        [new] = await self.stage(self.at("f"), b"#" * 30)
        parts: list[Any] = []
        for i in range(30):
            parts += [old.slice(i * 33, 32), new.slice(i, 1)]
            content[i * 33 + 32 : i * 33 + 33] = b"#"
        entry = await self.publish(self.at("f"), parts)
        self.assertEqual(entry.size, 990)
        self.assertEqual(await self.content(self.at("f")), bytes(content[:990]))


class ExactContract(PartsBase):
    """What a store with transactions promises: what was made of a file replaces that file, and nothing else."""

    @rule
    async def test_onto_changed(self) -> None:
        """Where it was replaced meanwhile, or is gone, nothing is: neither a file with bytes nor an empty one."""
        for old in (b"old", b""):
            seen = await self.put(self.at("f"), old)
            await self.put(self.at("f"), b"another")
            await raises(errors.Changed, self.put(self.at("f"), b"new", onto=seen))
            parts = await self.stage(self.at("f"), b"new")
            await raises(errors.Changed, self.publish(self.at("f"), parts, onto=seen))
            self.assertEqual(await self.content(self.at("f")), b"another")
            await self.storage.remove(self.at("f"))
            await raises(errors.Changed, self.put(self.at("f"), b"new", onto=seen))
            await raises(errors.Changed, self.publish(self.at("f"), parts, onto=seen))
            await self.missing(self.at("f"))
            await self.storage.discard(parts)

    @rule
    async def test_onto_itself(self) -> None:
        """Where it still is, it is replaced, whatever else of it changed."""
        seen = await self.put(self.at("f"), b"")
        await self.storage.update(self.at("f"), Attributes(mtime=1400000000.0))
        seen = await self.put(self.at("f"), b"one", onto=seen)
        await self.publish(self.at("f"), await self.stage(self.at("f"), b"two"), onto=seen)
        self.assertEqual(await self.content(self.at("f")), b"two")


class LinkContract(ContractBase):
    """Symbolic links."""

    @rule
    async def test_link_link(self) -> None:
        """A link is a link where asked for, and its file otherwise."""
        self.need(ILinks)
        await self.put(self.at("d", "f"), b"content")
        await self.storage.make_link(self.at("l"), self.at("d", "f"))
        link = await self.storage.stat(self.at("l"), follow=False)
        self.assertEqual((link.kind, link.target), (Kind.SYMLINK, str(self.at("d", "f"))))
        [shown] = [entry for entry in await self.listed(self.box) if entry.name == "l"]
        self.assertEqual((shown.kind, shown.target), (link.kind, link.target))
        seen = await self.storage.stat(self.at("l"))
        self.assertEqual((seen.name, seen.kind, seen.size), ("l", Kind.FILE, 7))
        self.assertEqual(await self.content(self.at("l")), b"content")

    @rule
    async def test_link_awkward_target(self) -> None:
        """A link leads to any name there is."""
        self.need(ILinks)
        for number, name in enumerate(("per%cent", "quest?ion", "umlaut-\u00e4", "with space", "%2F")):
            await self.put(self.at("d", name), name.encode())
            await self.storage.make_link(self.at(f"l{number}"), self.at("d", name))
            link = await self.storage.stat(self.at(f"l{number}"), follow=False)
            self.assertEqual(link.target, str(self.at("d", name)))
            self.assertEqual(await self.content(self.at(f"l{number}")), name.encode())

    @rule
    async def test_link_dangling(self) -> None:
        """A link to nothing is a link, and nothing."""
        self.need(ILinks)
        await self.storage.make_link(self.at("l"), self.at("no"))
        self.assertEqual((await self.storage.stat(self.at("l"), follow=False)).kind, Kind.SYMLINK)
        await self.missing(self.at("l"))
        await raises(errors.NotFound, self.storage.fetch(self.at("l"), Sink()))

    @rule
    async def test_link_loop(self) -> None:
        """Links in a circle are an error, not a wait."""
        self.need(ILinks)
        await self.storage.make_link(self.at("a"), self.at("b"))
        await self.storage.make_link(self.at("b"), self.at("a"))
        await raises(errors.InvalidRequest, self.storage.stat(self.at("a")))
        self.assertEqual((await self.storage.stat(self.at("a"), follow=False)).kind, Kind.SYMLINK)

    @rule
    async def test_link_existing(self) -> None:
        """A link replaces nothing."""
        self.need(ILinks)
        await self.put(self.at("f"), b"content")
        await self.put(self.at("implied", "f"))
        await self.storage.make_directory(self.at("d"))
        for path in (self.at("f"), self.at("implied"), self.at("d")):
            await raises(errors.AlreadyExists, self.storage.make_link(path, self.at("other")))
        self.assertEqual(await self.content(self.at("f")), b"content")

    @rule
    async def test_link_remove_and_rename(self) -> None:
        """A link is removed, moved and replaced itself; its file stays."""
        self.need(ILinks)
        await self.put(self.at("f"), b"content")
        await self.storage.make_link(self.at("l"), self.at("f"))
        await self.storage.rename(self.at("l"), self.at("m"))
        self.assertEqual((await self.storage.stat(self.at("m"), follow=False)).kind, Kind.SYMLINK)
        await self.missing(self.at("l"))
        await self.storage.update(self.at("m"), Attributes(mtime=1400000000.0))
        self.assertEqual((await self.storage.stat(self.at("f"))).mtime, 1400000000.0)
        await self.storage.remove(self.at("m"))
        self.assertEqual(await self.content(self.at("f")), b"content")

    @rule
    async def test_link_copy(self) -> None:
        """A copy of a link is a copy of its file."""
        self.need(ILinks)
        await self.put(self.at("f"), b"content")
        await self.storage.make_link(self.at("l"), self.at("f"))
        await self.storage.copy(self.at("l"), self.at("c"))
        self.assertEqual((await self.storage.stat(self.at("c"), follow=False)).kind, Kind.FILE)


class QuotaContract(ContractBase):
    """How full it is."""

    @rule
    async def test_quota_usage(self) -> None:
        """Usage is told of any path, in numbers that make sense."""
        self.need(IQuota)
        for path in (Path(), self.box, self.at("f")):
            usage = await self.storage.usage(path)
            self.assertGreaterEqual(usage.used_bytes, 0)
            self.assertGreaterEqual(usage.used_files, 0)
