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
