"""Renaming: refused with the reason or done right, and never a file lost."""

from __future__ import annotations

from tests.functional.case import MIB, GatewayCase, content


class RenameTests(GatewayCase):
    """RENAME of SFTP version 3, which refuses a target that exists, and posix-rename, which replaces it."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.login()

    def test_file(self) -> None:
        """Content, type and metadata move to the new name."""
        self.store.put(self.container, "f", b"data", X_Object_Meta_Color="blue", Content_Type="text/x-mine")
        self.client.rename(self.path("f"), self.path("g"))
        self.assertStored("g", b"data")
        self.assertStored("f", None)
        head = self.store.head(self.container, "g") or {}
        self.assertEqual((head["x-object-meta-color"], head["content-type"].split(";")[0]), ("blue", "text/x-mine"))

    def test_odd_names(self) -> None:
        """Names are names, whatever they mean in a URL."""
        names = [
            "a%20b",
            "q?x=1",
            "h#f",
            "p+l",
            "sp ace",
            "ünï-ッ",
            "semi;colon",
            "a:b",
            "&=",
            "%",
            "~",
            "'\"",
            "\\back",
        ]
        self.client.mkdir(self.path("e"))
        for old, new in zip(names, [*names[1:], "last"], strict=True):
            self.store.put(self.container, f"d/{old}", old.encode())
            self.client.rename(self.path("d", old), self.path("e", new))
            self.assertStored(f"e/{new}", old.encode())
            self.assertStored(f"d/{old}", None)

    def test_other_container(self) -> None:
        """Across containers, into a directory that is there."""
        other = self.new_container()
        self.store.put(self.container, "f", b"data")
        self.assertFails(self.client.rename, self.path("f"), f"/{other}/sub/f")
        self.client.mkdir(f"/{other}/sub")
        self.client.rename(self.path("f"), f"/{other}/sub/f")
        self.assertStored("sub/f", b"data", other)
        self.assertStored("f", None)

    def test_itself(self) -> None:
        """To its own name: nothing is lost, either way."""
        self.store.put(self.container, "f", b"data")
        self.client.posix_rename(self.path("f"), self.path("f"))
        self.assertStored("f", b"data")
        self.client.posix_rename(self.path("f"), self.path("x", "..", "f"))
        self.assertStored("f", b"data")

    def test_existing_target(self) -> None:
        """RENAME refuses a taken name, posix-rename replaces it."""
        self.store.put(self.container, "f", b"data")
        self.store.put(self.container, "g", b"other")
        self.assertFails(self.client.rename, self.path("f"), self.path("g"))
        self.assertStored("f", b"data")
        self.assertStored("g", b"other")
        self.client.posix_rename(self.path("f"), self.path("g"))
        self.assertStored("f", None)
        self.assertStored("g", b"data")

    def test_to_root(self) -> None:
        """A file cannot become a container: refused, and kept."""
        self.store.put(self.container, "f", b"data")
        for rename in (self.client.rename, self.client.posix_rename):
            self.assertFails(rename, self.path("f"), f"/{self.container}-new")
            self.assertFails(rename, self.path("f"), "/")
        self.assertStored("f", b"data")
        self.assertNotIn(f"{self.container}-new", self.store.containers())

    def test_onto_directory(self) -> None:
        """A file does not replace a directory, nor a directory a file."""
        self.store.put(self.container, "f", b"data")
        self.store.put(self.container, "d/child", b"x")
        self.assertFails(self.client.posix_rename, self.path("f"), self.path("d"))
        self.assertFails(self.client.posix_rename, self.path("d"), self.path("f"))
        self.assertStored("f", b"data")
        self.assertStored("d/child", b"x")

    def test_missing(self) -> None:
        """What is not there cannot be renamed: NO_SUCH_FILE."""
        self.assertFails(self.client.rename, self.path("no"), self.path("g"), code=2)
        self.assertFails(self.client.posix_rename, "/no-such-container-at-all/f", self.path("g"), code=2)

    def test_missing_target_container(self) -> None:
        """Into a container that is not there: refused, and kept."""
        self.store.put(self.container, "f", b"data")
        self.assertFails(self.client.rename, self.path("f"), "/no-such-container-at-all/f")
        self.assertStored("f", b"data")

    def test_account(self) -> None:
        """The account has no other name."""
        self.assertFails(self.client.rename, "/", "/other")
        self.assertFails(self.client.posix_rename, "/", self.path("x"))

    def test_directory(self) -> None:
        """A directory, marker or implied, moves with all below it."""
        self.store.put_directory(self.container, "d")
        for name in ("d/one", "d/sub/two", "d/sub/deep/three", "other"):
            self.store.put(self.container, name, name.encode())
        self.client.rename(self.path("d"), self.path("moved"))
        names = set(self.store.names(self.container))
        self.assertLessEqual({"moved/one", "moved/sub/two", "moved/sub/deep/three", "other"}, names)
        self.assertEqual([name for name in names if name.startswith("d/") or name == "d"], [])
        self.assertStored("moved/sub/two", b"d/sub/two")
        self.assertEqual(sorted(self.client.listdir(self.path("moved"))), ["one", "sub"])

    def test_directory_into_itself(self) -> None:
        """A directory cannot move below itself: refused, and kept whole."""
        self.store.put(self.container, "d/one", b"1")
        self.assertFails(self.client.rename, self.path("d"), self.path("d", "e"))
        self.assertFails(self.client.posix_rename, self.path("d"), self.path("d", "e", "f"))
        self.assertEqual(self.store.names(self.container), ["d/one"])

    def test_similar_prefix(self) -> None:
        """Only what is in the directory moves, not what begins like it."""
        for name in ("d/one", "dd/two", "d.txt", "d-x/three"):
            self.store.put(self.container, name, b"x")
        self.client.rename(self.path("d"), self.path("z"))
        names = [name for name in self.store.names(self.container) if name != "z"]  # a marker, if one was made
        self.assertEqual(names, ["d-x/three", "d.txt", "dd/two", "z/one"])

    def test_empty_container(self) -> None:
        """An empty container is renamed or refused; one of the two names is there, and nothing else changed."""
        old, new = self.new_container(), f"{self.container}-new"
        try:
            self.client.rename("/" + old, "/" + new)
        except OSError:
            self.assertIn(old, self.store.containers())
        else:
            self.assertIn(new, self.store.containers())
            self.assertNotIn(old, self.store.containers())

    def test_full_container(self) -> None:
        """A container with objects keeps them under the old name, or all of them moved."""
        self.store.put(self.container, "f", b"data")
        new = self.container + "-new"
        try:
            self.client.rename("/" + self.container, "/" + new)
        except OSError:
            self.assertStored("f", b"data")
        else:
            self.assertStored("f", b"data", new)

    def test_big(self) -> None:
        """A file of many segments moves by its manifest, and both names never share what one removal takes."""
        parts = [content(MIB, number) for number in range(3)]
        self.store.put_large(self.container, "f", parts)
        self.client.rename(self.path("f"), self.path("g"))
        self.assertStored("g", b"".join(parts))
        self.assertStored("f", None)
        self.assertEqual(self.client.stat(self.path("g")).st_size, 3 * MIB)
