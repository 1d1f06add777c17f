"""What every database does with names."""

from __future__ import annotations

from swftp import errors
from swftp.entries import Kind
from tests.storage.zerostor.meta.case import EPOCH, MetaCase

AWKWARD = (
    *("a", "A", "a b", "a%b", "\u00e4", "Z", "\u65e5\u672c\u8a9e", "\U0001f600", "~", "\\", "'", '"', "..."),
    *("\t", "_", "\u00e9", "e\u0301"),
)


class NamesSuite(MetaCase):
    """Looking, making, removing."""

    def test_root(self) -> None:
        """The root is a directory without a name, and empty at first."""
        root = self.look("")
        self.assertEqual((root.name, root.kind, root.mtime_ns), ("", Kind.DIRECTORY, int(EPOCH * 1e9)))
        self.assertEqual(self.listed(), [])

    def test_missing(self) -> None:
        """What is not there is NotFound, what is in a file NotDirectory."""
        self.put("f")
        self.mkdir("d")
        for path in ("x", "x/y", "d/x", "d/x/y/z", "d/a\0b", "d/\ud800"):
            self.refused(errors.NotFound, self.names.lookup(path.split("/")))
            self.refused(errors.NotFound, self.names.children(path.split("/")))
            self.refused(errors.NotFound, self.names.remove(path.split("/")))
        for path in ("f/x", "f/x/y"):
            self.refused(errors.NotDirectory, self.names.lookup(path.split("/")))
            self.refused(errors.NotDirectory, self.names.make_directory(path.split("/")))
        self.refused(errors.NotDirectory, self.names.children(["f"]))

    def test_make_directory(self) -> None:
        """A directory is made where its parent is and nothing of its name."""
        made = self.mkdir("d")
        self.assertEqual((made.name, made.kind, made.mtime_ns), ("d", Kind.DIRECTORY, int(self.wall() * 1e9)))
        self.assertEqual(self.look("d"), made)
        self.put("f")
        for path in ("", "d", "f"):
            self.refused(errors.AlreadyExists, self.names.make_directory(path.split("/") if path else []))
        self.refused(errors.NotFound, self.names.make_directory(["x", "y"]))

    def test_bad_names(self) -> None:
        """A name that no file can have is refused by whatever would make it."""
        self.put("f")
        for name in ("", ".", "..", "a/b", "a\0", "a\n", "ä" * 128, "\ud800"):
            self.refused(errors.InvalidName, self.names.make_directory([name]))
            self.refused(errors.InvalidName, self.names.rename(["f"], [name]))
            self.refused(errors.InvalidName, self.names.make_link([name], "f"))
            self.refused(errors.InvalidName, self.names.commit([name], [], md5=None, mtime_ns=0))
            self.refused(errors.InvalidName, self.names.commit([name, "x"], [], md5=None, mtime_ns=0, parents=True))
        self.mkdir("ä" * 127)

    def test_order(self) -> None:
        """Names come in the order of their bytes, each once, over however many pages."""
        for name in AWKWARD:
            self.put(name)
        order = sorted(AWKWARD, key=str.encode)
        for limit in (1, 2, 3, len(AWKWARD), 1000):
            self.assertEqual(self.listed(limit=limit), order)

    def test_deep(self) -> None:
        """Paths of any depth are followed, whatever number of names a statement follows."""
        names: list[str] = []
        for i in range(20):
            names.append(f"d{i}")
            made = self.run_(self.names.make_directory(names))
            self.assertEqual(self.run_(self.names.lookup(names)), made)
            self.clock.advance(2)
            self.assertEqual(self.run_(self.names.lookup(names)), made)
            self.clock.advance(2)
            self.assertEqual(len(self.run_(self.names.trail([*names, "x", "y"]))), i + 1)

    def test_remove_directory(self) -> None:
        """Only an empty directory is removed."""
        self.mkdir("d")
        self.mkdir("d/e")
        self.refused(errors.NotEmpty, self.names.remove_directory(["d"]))
        self.refused(errors.IsDirectory, self.names.remove(["d"]))
        self.refused(errors.IsDirectory, self.names.remove([]))
        self.refused(errors.InvalidRequest, self.names.remove_directory([]))
        self.run_(self.names.remove_directory(["d", "e"]))
        self.run_(self.names.remove_directory(["d"]))
        self.assertEqual(self.listed(), [])
        self.put("f")
        self.refused(errors.NotDirectory, self.names.remove_directory(["f"]))

    def test_remove(self) -> None:
        """A removed file is gone and counts no more."""
        self.put("f", 300)
        self.assertEqual(self.used(), (300, 1))
        removed = self.run_(self.names.remove(["f"]))
        self.assertEqual((removed.name, removed.size), ("f", 300))
        self.refused(errors.NotFound, self.names.lookup(["f"]))
        self.assertEqual(self.used(), (0, 0))

    def test_links(self) -> None:
        """A link keeps its target as it is, counts nothing, and is no directory."""
        link = self.run_(self.names.make_link(["l"], "../any where"))
        self.assertEqual((link.kind, link.target, link.size, link.content), (Kind.SYMLINK, "../any where", 0, None))
        self.assertEqual(self.look("l"), link)
        self.assertEqual(self.used(), (0, 0))
        self.refused(errors.AlreadyExists, self.names.make_link(["l"], "x"))
        self.refused(errors.NotDirectory, self.names.lookup(["l", "x"]))
        self.assertEqual(self.run_(self.names.trail(["l", "x"])), [link])
        self.refused(errors.Unsupported, self.names.copy(["l"], ["m"]))
        self.run_(self.names.rename(["l"], ["m"]))
        self.run_(self.names.remove(["m"]))
        self.assertEqual(self.listed(), [])

    def test_update(self) -> None:
        """Times and modes change by themselves and leave content and version alone."""
        made = self.put("f", mtime_ns=5, mode=0o640)
        self.run_(self.names.update(["f"], mtime_ns=-86_400_000_000_001))
        self.run_(self.names.update(["f"], mode=0o4755))
        self.run_(self.names.update(["f"]))
        found = self.look("f")
        self.assertEqual((found.mtime_ns, found.mode), (-86_400_000_000_001, 0o4755))
        self.assertEqual((found.content, found.size), (made.content, made.size))
        self.run_(self.names.update([], mode=0o700))
        self.assertEqual(self.look("").mode, 0o700)
        self.refused(errors.NotFound, self.names.update(["x"], mode=0))

    def test_accounts_are_apart(self) -> None:
        """One account sees nothing of another."""
        other = self.run_(self.metadata.users.add_account("bob"))
        made = self.put("f")
        namespace = self.metadata.namespace(other)
        self.refused(errors.NotFound, namespace.lookup(["f"]))
        self.refused(errors.NotFound, namespace.extents(made.content))
        self.assertEqual(self.run_(namespace.usage()).used_files, 0)


class RenameSuite(MetaCase):
    """Renaming is one step, whatever is renamed."""

    def rename(self, source: str, target: str, exclusive: bool = False) -> None:
        """Give something another name."""
        self.run_(self.names.rename(source.split("/"), target.split("/"), exclusive))

    def test_file(self) -> None:
        """The same file under another name, in another directory."""
        self.mkdir("d")
        made = self.put("f")
        self.rename("f", "d/g")
        self.assertEqual((self.listed(), self.listed("d")), (["d"], ["g"]))
        found = self.look("d/g")
        self.assertEqual((found.id, found.content, found.mtime_ns), (made.id, made.content, made.mtime_ns))

    def test_tree(self) -> None:
        """A directory goes with all that is in it."""
        for path in ("a", "a/b", "x"):
            self.mkdir(path)
        made = self.put("a/b/f")
        self.look("a/b/f")
        self.rename("a", "x/y")
        self.assertEqual(self.look("x/y/b/f"), made)
        self.refused(errors.NotFound, self.names.lookup(["a", "b", "f"]))
        self.assertEqual(self.listed(), ["x"])

    def test_itself(self) -> None:
        """Renaming to itself changes nothing, exclusive or not."""
        self.mkdir("d")
        made = self.put("f")
        for path in ("f", "d"):
            self.rename(path, path)
            self.rename(path, path, exclusive=True)
        self.assertEqual((self.look("f"), self.listed()), (made, ["d", "f"]))

    def test_replaces(self) -> None:
        """A file or link replaces one, and what it replaced counts no more."""
        self.put("a", 10)
        self.put("b", 200)
        self.refused(errors.AlreadyExists, self.names.rename(["a"], ["b"], exclusive=True))
        self.rename("a", "b")
        self.assertEqual((self.listed(), self.used()), (["b"], (10, 1)))
        self.run_(self.names.make_link(["l"], "x"))
        self.rename("l", "b")
        self.assertEqual((self.look("b").target, self.used()), ("x", (0, 0)))
        self.put("c")
        self.rename("c", "b")
        self.assertEqual(self.look("b").kind, Kind.FILE)

    def test_directories_replace(self) -> None:
        """A directory replaces an empty directory, nothing else; a file no directory."""
        for path in ("a", "b", "full", "full/x"):
            self.mkdir(path)
        self.put("f")
        self.refused(errors.NotDirectory, self.names.rename(["a"], ["f"]))
        self.refused(errors.IsDirectory, self.names.rename(["f"], ["a"]))
        self.refused(errors.NotEmpty, self.names.rename(["a"], ["full"]))
        self.refused(errors.NotEmpty, self.names.rename(["full", "x"], ["full"]))
        self.refused(errors.AlreadyExists, self.names.rename(["a"], ["b"], exclusive=True))
        self.rename("full", "b")
        self.assertEqual((self.listed(), self.listed("b")), (["a", "b", "f"], ["x"]))

    def test_into_itself(self) -> None:
        """A directory does not become its own ancestor."""
        for path in ("a", "a/b", "a/b/c"):
            self.mkdir(path)
        for target in ("a/x", "a/b/x", "a/b/c/x"):
            self.refused(errors.InvalidRequest, self.names.rename(["a"], target.split("/")))
        self.refused(errors.InvalidRequest, self.names.rename(["a", "b"], ["a", "b", "c"]))
        self.refused(errors.InvalidRequest, self.names.rename([], ["x"]))
        self.refused(errors.AlreadyExists, self.names.rename(["a"], []))
        self.assertEqual(self.listed("a/b"), ["c"])

    def test_nowhere(self) -> None:
        """There must be something to rename, and somewhere to put it."""
        self.put("f")
        self.refused(errors.NotFound, self.names.rename(["x"], ["y"]))
        self.refused(errors.NotFound, self.names.rename(["f"], ["x", "y"]))
        self.refused(errors.NotDirectory, self.names.rename(["f"], ["f", "y"]))
        self.assertEqual(self.listed(), ["f"])
