"""The part of the contract that every store keeps: whole files and directories."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from swftp import errors
from swftp.entries import Attributes, Entry, Kind
from swftp.interfaces import IStorage
from swftp.paths import Path
from tests.storage.bytes import Sink, Source, fetched, md5, raises
from tests.storage.contract_base import NOTHING, ContractBase, rule

AWKWARD = (
    "with space",
    "per%cent",
    "per%2Fcent",
    "quest?ion",
    "ha#sh",
    "semi;colon",
    "pl+us",
    "am&p=ersand",
    "quote\"'s",
    "back\\slash",
    "tab\there",
    "umlaut-\u00e4\u00f6\u00fc",
    "\u65e5\u672c\u8a9e",
    "\U0001f600",
    "...",
    "~tilde",
    "co:lon",
    "b[rack]et",
)


class StatContract(ContractBase):
    """Looking."""

    @rule
    async def test_stat_interface(self) -> None:
        """A store provides what it says it does."""
        for interface in [IStorage, *self.storage.__provides__]:
            verifyObject(interface, self.storage)

    @rule
    async def test_stat_root(self) -> None:
        """The account is a directory."""
        entry = await self.storage.stat(Path())
        self.assertEqual((entry.name, entry.kind), ("", Kind.DIRECTORY))

    @rule
    async def test_stat_container(self) -> None:
        """A container is a directory, in the account's listing once."""
        entry = await self.storage.stat(self.box)
        self.assertEqual((entry.name, entry.kind), (self.box.name, Kind.DIRECTORY))
        self.assertEqual((await self.names(Path())).count(self.box.name), 1)

    @rule
    async def test_stat_nothing(self) -> None:
        """What is not there is NotFound: file, directory, container."""
        for path in (self.at("a"), self.at("a", "b"), Path(("no-such-box",)), Path(("no-such-box", "a"))):
            await raises(errors.NotFound, self.storage.stat(path))
            await raises(errors.NotFound, self.storage.list(path))
            await raises(errors.NotFound, fetched(self.storage, self.at("a")))

    @rule
    async def test_stat_file(self) -> None:
        """An entry says what was stored; store, stat and list say the same."""
        attributes = Attributes(mtime=1500000000.25, mode=0o600)
        made = await self.storage.store(await self.place(self.at("d", "f.txt")), Source(b"content"), attributes)
        seen = await self.storage.stat(self.at("d", "f.txt"))
        [shown] = await self.listed(self.at("d"))
        for entry in (made, seen, shown):
            self.assertEqual((entry.name, entry.kind, entry.size), ("f.txt", Kind.FILE, 7))
            self.assertEqual((entry.mtime, entry.mode), (1500000000.25, 0o600))
            self.assertEqual(entry.digest, md5(b"content"))
            self.assertEqual(entry.content_type, "text/plain")
        self.assertEqual({made.version, seen.version, shown.version}, {seen.version})

    @rule
    async def test_stat_time_kept(self) -> None:
        """A file stored without a time has one, and the same in store, stat and list."""
        made = await self.put(self.at("f"))
        seen = await self.storage.stat(self.at("f"))
        [shown] = await self.listed(self.box)
        self.assertIsNotNone(made.mtime)
        self.assertEqual((made.mtime, seen.mtime), (seen.mtime, shown.mtime))

    @rule
    async def test_stat_epoch(self) -> None:
        """Times at and before the epoch are times."""
        for mtime in (0.0, -86400.0):
            await self.storage.store(self.at("f"), Source(b"x"), Attributes(mtime=mtime))
            [shown] = await self.listed(self.box)
            self.assertEqual((shown.mtime, (await self.storage.stat(self.at("f"))).mtime), (mtime, mtime))

    @rule
    async def test_stat_prefix_is_no_directory(self) -> None:
        """The beginning of a name is no directory."""
        await self.put(self.at("abc", "f"))
        await self.missing(self.at("ab"))
        await raises(errors.NotFound, self.storage.list(self.at("ab")))


class ListContract(ContractBase):
    """Listing."""

    @rule
    async def test_list_pages(self) -> None:
        """All names come, each once, over however many pages."""
        names = [f"f{i:02d}" for i in range(10)]
        for name in names:
            await self.put(self.at("d", name))
        self.assertEqual([entry.name for entry in await self.listed(self.at("d"))], names)
        self.assertEqual([entry.name for entry in await self.listed(self.box)], ["d"])

    @rule
    async def test_list_directory_once(self) -> None:
        """A directory with a marker and children is listed once, whatever names lie between ``x`` and ``x/``."""
        await self.storage.make_directory(self.at("x"))
        between = ["x" + chr(c) + "y" for c in range(0x20, 0x2F)]
        for name in between:
            await self.put(self.at(name))
        await self.put(self.at("x", "child"))
        await self.storage.make_directory(self.at("x.d"))
        await self.put(self.at("x.d", "child"))
        self.assertEqual(await self.names(self.box), ["x", *sorted([*between, "x.d"], key=str.encode)])

    @rule
    async def test_list_empty(self) -> None:
        """A container or directory without entries lists nothing, not even itself."""
        self.assertEqual(await self.listed(self.box), [])
        await self.storage.make_directory(self.at("d"))
        self.assertEqual(await self.listed(self.at("d")), [])

    @rule
    async def test_list_file(self) -> None:
        """A file cannot be listed."""
        await self.put(self.at("f"))
        await raises(errors.NotDirectory, self.storage.list(self.at("f")))

    @rule
    async def test_list_awkward_names(self) -> None:
        """Every name that a client can send comes back as it was, as a file and as a directory."""
        for name in AWKWARD:
            await self.put(self.at(name), name.encode())
            await self.put(self.at("d", name, name))
        order = sorted(AWKWARD, key=str.encode)
        self.assertEqual(await self.names(self.box), sorted([*AWKWARD, "d"], key=str.encode))
        self.assertEqual(await self.names(self.at("d")), order)
        for name in AWKWARD:
            self.assertEqual(await self.content(self.at(name)), name.encode())
            self.assertEqual(await self.names(self.at("d", name)), [name])
            await self.storage.remove(self.at(name))
            await self.missing(self.at(name))


class FetchContract(ContractBase):
    """Bytes out."""

    @rule
    async def test_fetch_sizes(self) -> None:
        """What was stored comes back, of any size; the sink is told of the file before its bytes."""
        for size in (0, 1, 32769, 1_000_001):
            data = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
            await self.put(self.at("f"), data)
            sink = Sink()
            entry = await self.storage.fetch(self.at("f"), sink)
            self.assertEqual((sink.data == data, entry.size, sink.finished), (True, size, True))
            self.assertEqual(sink.entry, entry)

    @rule
    async def test_fetch_ranges(self) -> None:
        """Any range comes as asked, cut at the end of the file."""
        await self.put(self.at("f"), b"0123456789")
        for offset, length in ((0, 3), (3, None), (3, 3), (9, 1), (9, 100), (0, 10), (0, 11), (4, 0), (0, 0)):
            expected = b"0123456789"[offset : None if length is None else offset + length]
            self.assertEqual(await fetched(self.storage, self.at("f"), offset, length), expected)

    @rule
    async def test_fetch_end(self) -> None:
        """At the end there is nothing to read; beyond it is an error."""
        await self.put(self.at("f"), b"0123456789")
        await self.put(self.at("empty"), b"")
        self.assertEqual(await fetched(self.storage, self.at("f"), 10), b"")
        self.assertEqual(await fetched(self.storage, self.at("f"), 10, 5), b"")
        self.assertEqual(await fetched(self.storage, self.at("empty"), 0, 5), b"")
        await raises(errors.InvalidRequest, fetched(self.storage, self.at("f"), 11))
        await raises(errors.InvalidRequest, fetched(self.storage, self.at("empty"), 1, 5))

    @rule
    async def test_fetch_version(self) -> None:
        """A version that is no longer there is not served, not even an empty range of it."""
        old = await self.put(self.at("f"), b"old content")
        self.assertEqual(await fetched(self.storage, self.at("f"), version=old.version), b"old content")
        await self.put(self.at("f"), b"new content")
        for args in ((), (3, 4), (11,), (4, 0)):
            await raises(errors.Changed, fetched(self.storage, self.at("f"), *args, version=old.version))

    @rule
    async def test_fetch_directories(self) -> None:
        """A directory of any kind has no bytes."""
        await self.storage.make_directory(self.at("marker"))
        await self.put(self.at("implied", "f"))
        for path in (Path(), self.box, self.at("marker"), self.at("implied")):
            await raises(errors.IsDirectory, fetched(self.storage, path))
        await raises(errors.IsDirectory, fetched(self.storage, self.at("marker"), 0, 10))

    @rule
    async def test_fetch_pause(self) -> None:
        """A paused sink gets nothing until it resumes, then all."""
        data = b"0123456789abcdef" * 200_000
        await self.put(self.at("f"), data)
        sink = Sink(lambda sink: sink.producer.pauseProducing())
        fetch: Deferred[Entry] = Deferred.fromCoroutine(self.storage.fetch(self.at("f"), sink))
        while not fetch.called:
            count = len(sink.chunks)
            await self.a_moment()
            if sink.chunks:
                self.assertLessEqual(len(sink.chunks), count + 1)
                sink.producer.resumeProducing()
                if fetch.called:
                    break
        await fetch
        self.assertTrue(sink.data == data)

    @rule
    async def test_fetch_stop(self) -> None:
        """A sink that wants no more ends the transfer, and gets no more."""
        await self.put(self.at("f"), b"0123456789abcdef" * 200_000)
        sink = Sink(lambda sink: sink.producer.stopProducing())
        await raises(errors.Interrupted, self.storage.fetch(self.at("f"), sink))
        self.assertEqual((len(sink.chunks), sink.finished), (1, True))


class StoreContract(ContractBase):
    """Bytes in."""

    @rule
    async def test_store_replace(self) -> None:
        """The newest content stands, longer or shorter, and has a version of its own."""
        versions = set()
        for data in (b"first", b"second, longer", b"", b"3"):
            versions.add((await self.put(self.at("f"), data)).version)
            self.assertEqual(await self.content(self.at("f")), data)
        self.assertEqual(len(versions), 4)

    @rule
    async def test_store_unknown_length(self) -> None:
        """A source need not know its length; the entry does."""
        data = b"0123456789" * 50_000
        entry = await self.storage.store(self.at("f"), Source(data, known=False, replayable=False), NOTHING)
        self.assertEqual((entry.size, entry.digest), (len(data), md5(data)))
        self.assertTrue(await self.content(self.at("f")) == data)
        empty = await self.storage.store(self.at("e"), Source(b"", known=False), NOTHING)
        self.assertEqual(empty.size, 0)

    @rule
    async def test_store_failed_source(self) -> None:
        """A source that fails changes nothing, wherever it fails, and its own error is told."""
        await self.put(self.at("old"), b"old")
        for known in (True, False):
            for data in (b"", b"half", b"half" * 100_000):
                source = Source(data, known=known, error=errors.Interrupted(), length=len(data) + 10)
                await raises(errors.Interrupted, self.storage.store(self.at("old"), source, NOTHING))
                source = Source(data, known=known, error=errors.Interrupted(), length=len(data) + 10)
                await raises(errors.Interrupted, self.storage.store(self.at("new"), source, NOTHING))
        self.assertEqual(await self.content(self.at("old")), b"old")
        await self.missing(self.at("new"))

    @rule
    async def test_store_wrong_digest(self) -> None:
        """Bytes that are not those of the source's checksum are not stored."""
        await self.put(self.at("f"), b"old")
        source = Source(b"new", digest=md5(b"other"))
        await raises(errors.Damaged, self.storage.store(self.at("f"), source, NOTHING))
        self.assertEqual(await self.content(self.at("f")), b"old")

    @rule
    async def test_store_wrong_length(self) -> None:
        """A source that gives fewer bytes than it said changes nothing."""
        await self.put(self.at("f"), b"old")
        await raises(errors.Corrupt, self.storage.store(self.at("f"), Source(b"new", length=5), NOTHING))
        self.assertEqual(await self.content(self.at("f")), b"old")

    @rule
    async def test_store_exclusive(self) -> None:
        """Exclusive makes a new file, and replaces neither file nor directory."""
        await self.put(self.at("f"), b"first", exclusive=True)
        await raises(errors.AlreadyExists, self.put(self.at("f"), b"second", exclusive=True))
        self.assertEqual(await self.content(self.at("f")), b"first")
        await self.storage.make_directory(self.at("d"))
        await raises(errors.AlreadyExists, self.put(self.at("d"), exclusive=True))

    @rule
    async def test_store_directory(self) -> None:
        """A file does not replace a directory, whether the caller looked before or not."""
        await self.storage.make_directory(self.at("d"))
        await raises(errors.IsDirectory, self.put(self.at("d")))
        seen = await self.storage.stat(self.at("d"), follow=False)
        await raises(errors.IsDirectory, self.put(self.at("d"), replaces=seen))
        self.assertEqual((await self.storage.stat(self.at("d"))).kind, Kind.DIRECTORY)

    @rule
    async def test_store_no_container(self) -> None:
        """Files live in containers that exist, and take the place of none."""
        await raises(errors.NotFound, self.put(Path(("no-such-box", "f"))))
        await raises((errors.PermissionDenied, errors.IsDirectory), self.put(self.box))

    @rule
    async def test_store_replaces(self) -> None:
        """Who says what it replaces stores the same."""
        new = await self.put(self.at("f"), b"1", replaces=None)
        self.assertEqual((await self.put(self.at("f"), b"22", replaces=new)).size, 2)
        self.assertEqual(await self.content(self.at("f")), b"22")


class RemoveContract(ContractBase):
    """Removing files and directories."""

    @rule
    async def test_remove_file(self) -> None:
        """A removed file is gone; one that never was is NotFound."""
        await self.put(self.at("f"))
        await self.storage.remove(self.at("f"))
        await self.missing(self.at("f"))
        await raises(errors.NotFound, self.storage.remove(self.at("f")))
        await raises(errors.NotFound, self.storage.remove(Path(("no-such-box", "f"))))

    @rule
    async def test_remove_not_a_file(self) -> None:
        """A directory is not removed as a file."""
        await self.storage.make_directory(self.at("marker"))
        await self.put(self.at("implied", "f"))
        for path in (Path(), self.box, self.at("marker"), self.at("implied")):
            await raises(errors.IsDirectory, self.storage.remove(path))

    @rule
    async def test_remove_make(self) -> None:
        """A directory is made where nothing stands and its parent is one."""
        await self.storage.make_directory(self.at("d"))
        await self.storage.make_directory(self.at("d", "e"))
        self.assertEqual((await self.storage.stat(self.at("d", "e"))).kind, Kind.DIRECTORY)
        await self.put(self.at("implied", "f"))
        await self.storage.make_directory(self.at("implied", "e"))
        for path in (Path(), self.box, self.at("d"), self.at("implied"), self.at("implied", "f")):
            await raises(errors.AlreadyExists, self.storage.make_directory(path))
        await raises(errors.NotFound, self.storage.make_directory(self.at("no", "e")))
        await raises(errors.NotFound, self.storage.make_directory(Path(("no-such-box", "e"))))
        await raises(errors.NotDirectory, self.storage.make_directory(self.at("implied", "f", "e")))
        self.assertEqual(await self.content(self.at("implied", "f")), b"x")

    @rule
    async def test_remove_directory(self) -> None:
        """Only an empty directory is removed; one that never was is NotFound."""
        await self.storage.make_directory(self.at("d"))
        await self.put(self.at("d", "f"))
        await self.put(self.at("implied", "f"))
        for path in (self.box, self.at("d"), self.at("implied")):
            await raises(errors.NotEmpty, self.storage.remove_directory(path))
        await raises(errors.NotDirectory, self.storage.remove_directory(self.at("d", "f")))
        await raises(errors.NotFound, self.storage.remove_directory(self.at("no")))
        await raises(errors.NotFound, self.storage.remove_directory(Path(("no-such-box",))))
        await raises(errors.PermissionDenied, self.storage.remove_directory(Path()))
        await self.storage.remove(self.at("d", "f"))
        await self.storage.remove_directory(self.at("d"))
        await self.missing(self.at("d"))
        await raises(errors.NotFound, self.storage.remove_directory(self.at("d")))

    @rule
    async def test_remove_container(self) -> None:
        """A container is a directory like others."""
        path = Path((f"{self.box.name}-2",))
        await self.storage.make_directory(path)
        await raises(errors.AlreadyExists, self.storage.make_directory(path))
        await self.storage.remove_directory(path)
        await self.missing(path)

    @rule
    async def test_remove_clients_tree(self) -> None:
        """A client removes a tree of implied directories as any other: files, then directories from below."""
        await self.put(self.at("a", "b", "f"))
        await self.put(self.at("a", "b", "c", "g"))
        for path in (self.at("a", "b", "f"), self.at("a", "b", "c", "g")):
            await self.storage.remove(path)
        for path in (self.at("a", "b", "c"), self.at("a", "b"), self.at("a")):
            self.assertEqual((await self.storage.stat(path)).kind, Kind.DIRECTORY)
            self.assertEqual(await self.listed(path), [])
            await raises(errors.IsDirectory, self.storage.remove(path))
            await self.storage.remove_directory(path)
            await self.missing(path)
        await self.storage.remove_directory(self.box)


class RenameContract(ContractBase):
    """Moving and copying."""

    @rule
    async def test_rename_file(self) -> None:
        """A file moves with content and attributes, within and between containers."""
        other = Path((f"{self.box.name}-2",))
        await self.storage.make_directory(other)
        attributes = Attributes(mtime=1500000000.0, mode=0o755)
        await self.storage.store(self.at("a"), Source(b"content"), attributes)
        await self.place(self.at("d", "b"))
        for source, target in ((self.at("a"), self.at("d", "b")), (self.at("d", "b"), other.child("c"))):
            entry = await self.storage.rename(source, target, exclusive=True)
            self.assertEqual((entry.name, entry.size, entry.mtime), (target.name, 7, 1500000000.0))
            seen = await self.storage.stat(target)
            self.assertEqual((seen.size, seen.mtime, seen.mode), (7, 1500000000.0, 0o755))
            self.assertEqual(await self.content(target), b"content")
            await self.missing(source)

    @rule
    async def test_rename_itself(self) -> None:
        """A file or directory renamed to itself is as it was."""
        await self.put(self.at("f"), b"content")
        await self.storage.make_directory(self.at("d"))
        await self.put(self.at("d", "g"), b"g")
        for path in (self.at("f"), self.at("d"), self.box):
            await self.storage.rename(path, path)
        self.assertEqual(await self.content(self.at("f")), b"content")
        self.assertEqual(await self.content(self.at("d", "g")), b"g")

    @rule
    async def test_rename_missing(self) -> None:
        """What is not there cannot be moved, nor can anything go to a container that is not there."""
        await raises(errors.NotFound, self.storage.rename(self.at("no"), self.at("b")))
        await raises(errors.NotFound, self.storage.rename(self.at("no"), self.at("no")))
        await self.put(self.at("f"))
        await raises(errors.NotFound, self.storage.rename(self.at("f"), Path(("no-such-box", "f"))))
        self.assertEqual(await self.content(self.at("f")), b"x")

    @rule
    async def test_rename_existing(self) -> None:
        """A file replaces a file unless told not to, and never a directory."""
        await self.put(self.at("a"), b"a")
        await self.put(self.at("b"), b"b")
        await self.storage.make_directory(self.at("d"))
        await self.put(self.at("implied", "f"))
        await raises(errors.AlreadyExists, self.storage.rename(self.at("a"), self.at("b"), exclusive=True))
        for path in (self.at("d"), self.at("implied")):
            await raises(errors.AlreadyExists, self.storage.rename(self.at("a"), path, exclusive=True))
            await raises(errors.IsDirectory, self.storage.rename(self.at("a"), path))
        self.assertEqual(await self.content(self.at("b")), b"b")
        await self.storage.rename(self.at("a"), self.at("b"))
        self.assertEqual(await self.content(self.at("b")), b"a")
        await self.missing(self.at("a"))

    @rule
    async def test_rename_root(self) -> None:
        """The account stays where it is, and nothing takes its place."""
        await self.put(self.at("f"))
        await raises(errors.PermissionDenied, self.storage.rename(Path(), self.at("d")))
        await raises(errors.PermissionDenied, self.storage.rename(self.at("f"), Path()))
        self.assertEqual(await self.content(self.at("f")), b"x")

    @rule
    async def test_rename_directory(self) -> None:
        """A directory moves with all below it, marker or implied."""
        await self.storage.make_directory(self.at("marker"))
        await self.storage.make_directory(self.at("marker", "empty"))
        await self.put(self.at("marker", "f"), b"f")
        await self.put(self.at("implied", "e", "g"), b"g")
        await self.storage.rename(self.at("marker"), await self.place(self.at("to", "m")))
        await self.storage.rename(self.at("implied"), self.at("to", "i"))
        self.assertEqual(await self.content(self.at("to", "m", "f")), b"f")
        self.assertEqual(await self.content(self.at("to", "i", "e", "g")), b"g")
        self.assertEqual(await self.names(self.at("to", "m")), ["empty", "f"])
        self.assertEqual(await self.names(self.box), ["to"])
        await self.missing(self.at("marker"))
        await self.missing(self.at("implied"))

    @rule
    async def test_rename_directory_refusals(self) -> None:
        """A directory goes neither below itself, nor over a file, nor over one with entries."""
        await self.put(self.at("d", "f"), b"f")
        await self.put(self.at("e", "g"))
        await self.put(self.at("file"))
        await raises(errors.InvalidRequest, self.storage.rename(self.at("d"), self.at("d", "x")))
        await raises(errors.InvalidRequest, self.storage.rename(self.box, self.at("x")))
        await raises(errors.NotDirectory, self.storage.rename(self.at("d"), self.at("file")))
        await raises(errors.NotEmpty, self.storage.rename(self.at("d"), self.at("e")))
        await raises(errors.AlreadyExists, self.storage.rename(self.at("d"), self.at("e"), exclusive=True))
        self.assertEqual(await self.content(self.at("d", "f")), b"f")
        self.assertEqual(await self.names(self.box), ["d", "e", "file"])

    @rule
    async def test_rename_onto_empty_directory(self) -> None:
        """A directory replaces an empty one."""
        await self.put(self.at("d", "f"), b"f")
        await self.storage.make_directory(self.at("e"))
        await self.storage.rename(self.at("d"), self.at("e"))
        self.assertEqual(await self.content(self.at("e", "f")), b"f")
        await self.missing(self.at("d"))

    @rule
    async def test_rename_container(self) -> None:
        """A container moves: to a new name, or into another one."""
        one, two = (Path((f"{self.box.name}-{i}",)) for i in (1, 2))
        await self.storage.make_directory(one)
        await self.storage.rename(one, two)
        await self.missing(one)
        await self.put(two.child("f"), b"f")
        await self.storage.rename(two, self.at("d"))
        self.assertEqual(await self.content(self.at("d", "f")), b"f")
        await self.missing(two)

    @rule
    async def test_rename_copy(self) -> None:
        """A copy is independent, and takes attributes along."""
        await self.storage.store(self.at("a"), Source(b"content"), Attributes(mtime=1500000000.0))
        entry = await self.storage.copy(self.at("a"), self.at("b"), exclusive=True)
        self.assertEqual((entry.name, entry.size, entry.mtime), ("b", 7, 1500000000.0))
        await self.storage.remove(self.at("a"))
        self.assertEqual(await self.content(self.at("b")), b"content")

    @rule
    async def test_rename_copy_refusals(self) -> None:
        """A copy needs a file, and a place where one may stand."""
        await self.put(self.at("a"), b"a")
        await self.put(self.at("b"), b"b")
        await self.storage.make_directory(self.at("d"))
        await raises(errors.NotFound, self.storage.copy(self.at("no"), self.at("c")))
        await raises(errors.IsDirectory, self.storage.copy(self.at("d"), self.at("c")))
        await raises(errors.IsDirectory, self.storage.copy(self.at("a"), self.at("d")))
        await raises(errors.AlreadyExists, self.storage.copy(self.at("a"), self.at("b"), exclusive=True))
        self.assertEqual(await self.content(self.at("b")), b"b")
        await self.storage.copy(self.at("a"), self.at("a"))
        await self.storage.copy(self.at("a"), self.at("b"))
        self.assertEqual([await self.content(self.at(name)) for name in "ab"], [b"a", b"a"])


class UpdateContract(ContractBase):
    """Attributes."""

    @rule
    async def test_update_file(self) -> None:
        """What is set is set, what is not stays; the content is not touched; stat and list agree."""
        made = await self.storage.store(self.at("f.txt"), Source(b"content"), Attributes(mtime=1.5e9, mode=0o600))
        await self.storage.update(self.at("f.txt"), Attributes(mtime=1400000000.5))
        await self.storage.update(self.at("f.txt"), NOTHING)
        [shown] = await self.listed(self.box)
        for entry in (shown, await self.storage.stat(self.at("f.txt"))):
            self.assertEqual((entry.mtime, entry.mode), (1400000000.5, 0o600))
            self.assertEqual((entry.version, entry.content_type), (made.version, "text/plain"))
        told = await self.storage.update(self.at("f.txt"), Attributes(mode=0o750))
        self.assertEqual(told, await self.storage.stat(self.at("f.txt")))
        [shown] = await self.listed(self.box)
        for entry in (shown, await self.storage.stat(self.at("f.txt"))):
            self.assertEqual((entry.mtime, entry.mode), (1400000000.5, 0o750))
        self.assertEqual(await self.content(self.at("f.txt")), b"content")

    @rule
    async def test_update_directories(self) -> None:
        """A directory stays one; where there is nothing to set it on, nothing happens."""
        await self.storage.make_directory(self.at("marker"))
        await self.put(self.at("implied", "f"))
        for path in (self.at("marker"), self.at("implied"), self.box):
            told = await self.storage.update(path, Attributes(mtime=1400000000.0, mode=0o700))
            self.assertIn(told, (None, await self.storage.stat(path)))
            self.assertEqual((await self.storage.stat(path)).kind, Kind.DIRECTORY)
        self.assertEqual((await self.storage.stat(self.at("marker"))).mtime, 1400000000.0)

    @rule
    async def test_update_missing(self) -> None:
        """What is not there cannot be changed."""
        await raises(errors.NotFound, self.storage.update(self.at("no"), Attributes(mtime=1.0)))
