"""Directories: containers, markers and implied prefixes; and what stat says of everything."""

from __future__ import annotations

import stat
import time

from tests.functional.case import GatewayCase


class DirectoryCase(GatewayCase):
    """A session and what it asks most."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.login()

    def kind(self, path: str) -> str:
        """``d``, ``-`` or ``l``."""
        return stat.filemode(self.client.lstat(path).st_mode or 0)[0]


class StatTests(DirectoryCase):
    """STAT and LSTAT."""

    def test_kinds(self) -> None:
        """Account, container, marker, implied directory and file; the missing are NO_SUCH_FILE."""
        wide = "ッ" * 50
        self.store.put_directory(self.container, "marker")
        self.store.put(self.container, f"{wide}/child", b"x")
        self.store.put(self.container, "file", b"12345")
        for path in ("/", self.path(), self.path("marker"), self.path(wide)):
            self.assertEqual(self.kind(path), "d", path)
        found = self.client.stat(self.path("file"))
        self.assertTrue(stat.S_ISREG(found.st_mode or 0))
        self.assertEqual(found.st_size, 5)
        for path in (
            self.path("no"),
            self.path("marker", "no"),
            "/no-such-container-at-all",
            self.path("file", "below"),
        ):
            self.assertFails(self.client.stat, path, code=2)

    def test_foreign_markers(self) -> None:
        """Other tools' markers are directories too, and not listed in themselves."""
        self.store.connection.put_object(self.container, "slash/", b"")
        self.store.connection.put_object(self.container, "typed/", b"", content_type="application/directory")
        self.store.connection.put_object(self.container, "text", b"", content_type="text/directory")
        self.store.put(self.container, "slash/child", b"x")
        for name in ("slash", "typed", "text"):
            self.assertEqual(self.kind(self.path(name)), "d", name)
        self.assertEqual(self.client.listdir(self.path("slash")), ["child"])
        self.assertEqual(self.client.listdir(self.path("typed")), [])
        self.assertEqual(sorted(self.client.listdir(self.path())), ["slash", "text", "typed"])

    def test_file_and_directory_of_one_name(self) -> None:
        """Both stay reachable, and the name is listed once."""
        self.store.put(self.container, "n", b"file")
        self.store.put(self.container, "n/child", b"child")
        self.assertEqual(self.client.listdir(self.path()), ["n"])
        self.assertEqual(self.client.get_bytes(self.path("n")), b"file")
        self.assertEqual(self.client.get_bytes(self.path("n", "child")), b"child")

    def test_canonical(self) -> None:
        """``.``, ``..`` and doubled slashes never leave the root and never reach the store."""
        self.store.put(self.container, "d/f", b"data")
        for path in (f"//{self.container}//d/./f", f"/{self.container}/x/../d/f", f"/../../{self.container}/d/f"):
            self.assertEqual(self.client.normalize(path), self.path("d", "f"))
            self.assertEqual(self.client.get_bytes(path), b"data")

    def test_bad_names(self) -> None:
        """NUL, line ends, bad UTF-8 and names too long are refused, and the session lives on."""
        for name in (b"a\0b", b"a\nb", b"a\rb", b"\xff\xfe", b"n" * 300, b"/".join([b"n" * 200] * 6)):
            self.assertFails(self.client.put_bytes, self.path().encode() + b"/" + name, b"x")
        self.assertFails(self.client.mkdir, "/" + "c" * 257)
        self.assertEqual(self.client.listdir(self.path()), [])
        self.assertEqual(self.store.names(self.container), [])


class MakeTests(DirectoryCase):
    """MKDIR."""

    def test_container(self) -> None:
        """A directory of the root is a container."""
        name = self.container + "-made"
        self.client.mkdir("/" + name)
        self.assertIn(name, self.store.containers())
        self.assertEqual(self.client.listdir("/" + name), [])

    def test_directory(self) -> None:
        """Elsewhere it is there at once, empty, and stays without children."""
        self.client.mkdir(self.path("d"))
        self.client.mkdir(self.path("d", "ünï"))
        self.assertEqual(self.client.listdir(self.path("d")), ["ünï"])
        self.assertEqual(self.kind(self.path("d", "ünï")), "d")

    def test_existing(self) -> None:
        """What is there is not made again: container, marker, implied directory and, above all, a file."""
        self.store.put_directory(self.container, "marker")
        self.store.put(self.container, "implied/child", b"x")
        self.store.put(self.container, "file", b"data")
        for path in (self.path(), self.path("marker"), self.path("implied"), self.path("file"), "/"):
            self.assertFails(self.client.mkdir, path)
        self.assertStored("file", b"data")

    def test_without_parent(self) -> None:
        """The parent must exist."""
        self.assertFails(self.client.mkdir, "/no-such-container-at-all/d", code=2)
        self.assertFails(self.client.mkdir, self.path("no", "d"), code=2)


class RemoveTests(DirectoryCase):
    """RMDIR and REMOVE."""

    def test_rmdir(self) -> None:
        """Empty directories and containers go."""
        self.client.mkdir(self.path("d"))
        self.client.rmdir(self.path("d"))
        self.assertFails(self.client.stat, self.path("d"), code=2)
        name = self.new_container()
        self.client.rmdir("/" + name)
        self.assertNotIn(name, self.store.containers())

    def test_rmdir_of_full(self) -> None:
        """Containers, markers and implied directories with children stay, and so do the children."""
        self.store.put_directory(self.container, "marker")
        for name in ("marker/child", "implied/child", "trailing/", "trailing/child"):
            self.store.put(self.container, name, b"x")
        before = self.store.names(self.container)
        for path in (self.path(), self.path("marker"), self.path("implied"), self.path("trailing")):
            self.assertFails(self.client.rmdir, path)
        self.assertEqual(self.store.names(self.container), before)

    def test_rmdir_of_file(self) -> None:
        """A file is no directory."""
        self.store.put(self.container, "f", b"data")
        self.assertFails(self.client.rmdir, self.path("f"))
        self.assertStored("f", b"data")

    def test_missing(self) -> None:
        """What is not there is NO_SUCH_FILE."""
        self.assertFails(self.client.rmdir, self.path("no"), code=2)
        self.assertFails(self.client.remove, self.path("no"), code=2)
        self.assertFails(self.client.rmdir, "/no-such-container-at-all", code=2)
        self.assertFails(self.client.remove, "/no-such-container-at-all/f", code=2)

    def test_remove(self) -> None:
        """Files go, by any name."""
        for name in ("f", "ünï ッ", "a%2Fb", "d/q?x#y"):
            self.store.put(self.container, name, b"x")
            self.client.remove(self.path(name))
            self.assertStored(name, None)

    def test_remove_directory(self) -> None:
        """REMOVE does not take directories or containers."""
        self.store.put_directory(self.container, "marker")
        self.store.put(self.container, "implied/child", b"x")
        for path in ("/", self.path(), self.path("marker"), self.path("implied")):
            self.assertFails(self.client.remove, path)
        self.assertEqual(sorted(self.store.names(self.container)), ["implied/child", "marker"])

    def test_recursive_delete(self) -> None:
        """What clients do: children first, then the parents, implied ones too, and no lag fails them."""
        for name in ("a/b/c/1", "a/b/2", "a/3", "4"):
            self.store.put(self.container, name, b"x")
        self.remove_tree(self.path())
        self.assertNotIn(self.container, self.store.containers())

    def remove_tree(self, path: str) -> None:
        """As `sftp`'s, lftp's and FileZilla's recursive removal."""
        for entry in self.client.listdir_attr(path):
            child = f"{path}/{entry.filename}"
            if stat.S_ISDIR(entry.st_mode or 0):
                self.remove_tree(child)
            else:
                self.client.remove(child)
        try:
            self.client.rmdir(path)
        except FileNotFoundError:
            self.assertFails(self.client.stat, path, code=2)  # an implied directory went with its last file

    def test_rmdir_right_after(self) -> None:
        """A container emptied a moment ago goes, although Swift's counts may lag."""
        name = self.new_container()
        for number in range(20):
            self.client.put_bytes(f"/{name}/f{number}", b"x")
        for number in range(20):
            self.client.remove(f"/{name}/f{number}")
        self.client.rmdir("/" + name)
        self.assertNotIn(name, self.store.containers())


class ListingTests(DirectoryCase):
    """READDIR."""

    def test_mixed(self) -> None:
        """Marker, implied directory and file: each once, with kind, size and time."""
        self.store.put_directory(self.container, "marker")
        self.store.put(self.container, "marker/child", b"x")
        self.store.put(self.container, "implied/child", b"x")
        self.store.put(self.container, "file", b"12345")
        entries = {entry.filename: entry for entry in self.client.listdir_attr(self.path())}
        self.assertEqual(sorted(entries), ["file", "implied", "marker"])
        kinds = {name: stat.filemode(entry.st_mode or 0)[0] for name, entry in entries.items()}
        self.assertEqual(kinds, {"file": "-", "implied": "d", "marker": "d"})
        self.assertEqual(entries["file"].st_size, 5)
        self.assertLess(abs((entries["file"].st_mtime or 0) - time.time()), 60)

    def test_long_names(self) -> None:
        """The long name has the columns of ``ls -l`` that clients parse."""
        self.store.put(self.container, "sp ace", b"12345")
        (entry,) = self.client.listdir_attr(self.path())
        columns = entry.longname.split(None, 8)
        self.assertEqual(len(columns), 9)
        self.assertEqual((columns[0][0], columns[4], columns[8]), ("-", "5", "sp ace"))

    def test_missing(self) -> None:
        """What is not there, and what is a file, cannot be listed."""
        self.store.put(self.container, "file", b"x")
        self.assertFails(self.client.listdir, self.path("no"), code=2)
        self.assertFails(self.client.listdir, "/no-such-container-at-all", code=2)
        self.assertFails(self.client.listdir, self.path("file"))

    def test_empty(self) -> None:
        """An empty container and an empty directory have no entries."""
        self.store.put_directory(self.container, "d")
        self.assertEqual(self.client.listdir(self.path("d")), [])
        self.assertEqual(self.client.listdir("/" + self.new_container()), [])

    def test_segments_are_hidden(self) -> None:
        """Containers of segments are not in the listing of the account."""
        self.store.put_large(self.container, "f", [b"x" * 10, b"y"])
        names = self.client.listdir("/")
        self.assertIn(self.container, names)
        self.assertNotIn(f"{self.container}_segments", names)

    def test_long(self) -> None:
        """10,100 names, flat and in a directory: all, once, in order (issue 21 of 2014)."""
        flat = [f"file-{number:05d}" for number in range(10100)]
        self.store.fill(self.container, [*flat, *(f"sub/{name}" for name in flat)])
        for path in (self.path("sub"), self.path()):
            names = self.client.listdir(path)
            expected = flat if path != self.path() else [*flat, "sub"]
            self.assertEqual((len(names), names), (len(expected), expected))


class PagingTests(DirectoryCase):
    """Listings in many pages: a Swift that gives ten names at a time."""

    swift_options = ("--listing-limit", "10")

    def test_counts(self) -> None:
        """Around the ends of pages nothing is lost or doubled."""
        counts = (0, 1, 9, 10, 11, 19, 20, 21, 105)
        listings = {self.new_container(): [f"n{number:04d}" for number in range(count)] for count in counts}
        self.store.fill_all(listings)
        for container, expected in listings.items():
            self.assertEqual(self.client.listdir("/" + container), expected, f"{len(expected)} names")

    def test_directories_at_the_end_of_a_page(self) -> None:
        """A page that ends with a subdirectory is not begun with it again."""
        names = [f"d{number:02d}/child{child}" for number in range(25) for child in range(3)]
        self.store.fill(self.container, [*names, "d09", "d09!", "d09-x/y", "d19/"])
        expected = sorted({*(f"d{number:02d}" for number in range(25)), "d09!", "d09-x"})
        self.assertEqual(sorted(self.client.listdir(self.path())), expected)
        self.assertEqual(self.client.listdir(self.path("d19")), ["child0", "child1", "child2"])

    def test_containers(self) -> None:
        """The account is listed in pages too."""
        names = [self.new_container() for _ in range(25)]
        found = self.client.listdir("/")
        self.assertEqual([name for name in found if name in names], sorted(names))
        self.assertEqual(len(found), len(set(found)))

    def test_rmdir_and_rename(self) -> None:
        """Trees larger than a page are moved and found not empty."""
        for number in range(35):
            self.store.put(self.container, f"d/{number:02d}", b"x")
        self.assertFails(self.client.rmdir, self.path("d"))
        self.client.rename(self.path("d"), self.path("e"))
        names = [name for name in self.store.names(self.container) if name != "e"]  # a marker, if one was made
        self.assertEqual(names, [f"e/{number:02d}" for number in range(35)])
