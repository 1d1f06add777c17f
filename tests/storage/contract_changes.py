"""What every store does alike: removing, renaming and changing files."""

from __future__ import annotations

from swftp import errors
from swftp.entries import Attributes, Kind
from swftp.paths import Path
from tests.storage.bytes import Source, raises
from tests.storage.contract_base import NOTHING, ContractBase, rule


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
