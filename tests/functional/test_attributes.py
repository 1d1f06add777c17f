"""Times, modes, links, quota, copies: what SETSTAT and the extensions do."""

from __future__ import annotations

import stat
import struct

from tests.functional.case import MIB, GatewayCase, content, md5
from tests.functional.clients import Flag, Packet, Refused, Speaker, string

WHEN = 1_000_000_123


class TimeTests(GatewayCase):
    """Modification times."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.login()

    def test_before_close(self) -> None:
        """FSETSTAT on the open file, as ``put -p`` does: kept, and listed as well."""
        with self.client.open(self.path("f"), "wb") as file:
            file.write(b"data")
            file.utime((WHEN, WHEN))
        self.assertEqual(self.client.stat(self.path("f")).st_mtime, WHEN)
        (entry,) = self.client.listdir_attr(self.path())
        self.assertEqual(entry.st_mtime, WHEN)
        head = self.store.head(self.container, "f") or {}
        self.assertEqual(float(head["x-object-meta-mtime"]), WHEN)

    def test_after_close(self) -> None:
        """SETSTAT keeps content, type and other metadata."""
        self.store.put(self.container, "f.txt", b"data", X_Object_Meta_Color="blue")
        self.client.utime(self.path("f.txt"), (WHEN, WHEN))
        self.assertEqual(self.client.stat(self.path("f.txt")).st_mtime, WHEN)
        head = self.store.head(self.container, "f.txt") or {}
        self.assertEqual((head["x-object-meta-color"], head["content-type"].split(";")[0]), ("blue", "text/plain"))
        self.assertStored("f.txt", b"data")

    def test_other_tools_times(self) -> None:
        """What rclone and python-swiftclient keep is what we show."""
        self.store.put(self.container, "f", b"x", X_Object_Meta_Mtime="1000000123.25")
        self.assertEqual(self.client.stat(self.path("f")).st_mtime, WHEN)

    def test_content_type_is_clean(self) -> None:
        """The type of an upload is still guessed from its name for those who fetch it elsewhere."""
        self.client.put_bytes(self.path("f.html"), b"<p>")
        head = self.store.head(self.container, "f.html") or {}
        self.assertEqual(head["content-type"].split(";")[0], "text/html")

    def test_rename_keeps(self) -> None:
        """A renamed file keeps its time."""
        self.client.put_bytes(self.path("f"), b"x")
        self.client.utime(self.path("f"), (WHEN, WHEN))
        self.client.rename(self.path("f"), self.path("g"))
        self.assertEqual(self.client.stat(self.path("g")).st_mtime, WHEN)

    def test_directories(self) -> None:
        """Setting times and modes of directories is no error that stops a recursive copy."""
        self.client.mkdir(self.path("d"))
        self.store.put(self.container, "implied/child", b"x")
        for path in (self.path("d"), self.path("implied"), self.path()):
            self.client.utime(path, (WHEN, WHEN))
            self.client.chmod(path, 0o755)
        self.assertEqual(self.store.get(self.container, "implied/child"), b"x")

    def test_missing(self) -> None:
        """SETSTAT of what is not there is NO_SUCH_FILE."""
        self.assertFails(self.client.utime, self.path("no"), (1, 1), code=2)


class ModeTests(GatewayCase):
    """Permissions and owners."""

    def test_mode(self) -> None:
        """chmod is kept."""
        client = self.login()
        client.put_bytes(self.path("f"), b"x")
        client.chmod(self.path("f"), 0o640)
        self.assertEqual(stat.S_IMODE(client.stat(self.path("f")).st_mode or 0), 0o640)

    def test_owner(self) -> None:
        """chown is no error that breaks an upload."""
        client = self.login()
        client.put_bytes(self.path("f"), b"x")
        client.chown(self.path("f"), 1000, 1000)
        self.assertStored("f", b"x")


class LinkTests(GatewayCase):
    """Symbolic links are Swift's."""

    def test_link(self) -> None:
        """SYMLINK, READLINK, LSTAT, STAT and reading through it."""
        client = self.login()
        self.store.put(self.container, "f", b"data")
        client.symlink(self.path("f"), self.path("l"))
        self.assertEqual(client.get_bytes(self.path("l")), b"data")
        self.assertTrue(stat.S_ISLNK(client.lstat(self.path("l")).st_mode or 0))
        self.assertEqual(client.stat(self.path("l")).st_size, 4)
        self.assertEqual(client.readlink(self.path("l")), self.path("f"))
        client.remove(self.path("l"))
        self.assertStored("f", b"data")

    def test_dangling(self) -> None:
        """A link to nothing can be made, listed, read as a link and removed."""
        client = self.login()
        client.symlink(self.path("nothing"), self.path("l"))
        self.assertEqual(client.listdir(self.path()), ["l"])
        self.assertFails(client.stat, self.path("l"), code=2)
        self.assertEqual(client.readlink(self.path("l")), self.path("nothing"))
        client.remove(self.path("l"))
        self.assertEqual(client.listdir(self.path()), [])

    def test_written_through(self) -> None:
        """Who writes to a link makes what it leads to, also right after a STAT that found nothing there."""
        client = self.login()
        client.symlink(self.path("f"), self.path("l"))
        self.assertFails(client.stat, self.path("l"), code=2)
        client.put_bytes(self.path("l"), b"made")
        self.assertStored("f", b"made")
        self.assertEqual(client.readlink(self.path("l")), self.path("f"))
        client.put_bytes(self.path("f"), b"made anew")
        self.assertEqual(client.stat(self.path("l")).st_size, 9)

    def test_relative(self) -> None:
        """A relative target is meant from the link's directory."""
        client = self.login()
        self.store.put(self.container, "d/f", b"data")
        client.symlink("f", self.path("d", "l"))
        self.assertEqual(client.get_bytes(self.path("d", "l")), b"data")

    def test_onto_existing(self) -> None:
        """A link does not replace what is there."""
        client = self.login()
        self.store.put(self.container, "f", b"data")
        self.assertFails(client.symlink, self.path("x"), self.path("f"))
        self.assertStored("f", b"data")

    def test_readlink_of_file(self) -> None:
        """A file is no link."""
        self.store.put(self.container, "f", b"data")
        self.assertFails(self.login().readlink, self.path("f"))


class ExtensionTests(GatewayCase):
    """EXTENDED requests."""

    def setUp(self) -> None:
        super().setUp()
        self.speaker = Speaker(self.gateway.port)
        self.addCleanup(self.speaker.close)

    def extended(self, name: str, *parts: bytes) -> bytes:
        """The body of the reply."""
        return self.speaker.ask(Packet.EXTENDED, string(name), *parts)

    def test_advertised(self) -> None:
        """VERSION says what there is."""
        self.assertEqual(self.speaker.version[:5], struct.pack(">BI", Packet.VERSION, 3))
        for name in (
            "posix-rename@openssh.com", "fsync@openssh.com", "limits@openssh.com", "statvfs@openssh.com",
            "fstatvfs@openssh.com", "lsetstat@openssh.com", "copy-data", "expand-path@openssh.com",
            "home-directory", "users-groups-by-id@openssh.com",
        ):  # fmt: skip
            self.assertIn(string(name), self.speaker.version, name)

    def test_unknown(self) -> None:
        """What we do not know is OP_UNSUPPORTED."""
        with self.assertRaises(Refused) as caught:
            self.extended("nobody@knows.this", b"\0\1\2")
        self.assertEqual(caught.exception.errno, 8)

    def test_copy_data(self) -> None:
        """copy-data of a whole file, and of a part."""
        data = content(3 * MIB)
        self.store.put(self.container, "f", data)
        for start, length, expected in ((0, 0, data), (MIB, 12345, data[MIB : MIB + 12345])):
            source = self.speaker.open(self.path("f"), Flag.READ)
            target = self.speaker.open(self.path("g"), Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
            self.extended("copy-data", source, struct.pack(">QQ", start, length), target, struct.pack(">Q", 0))
            for handle in (source, target):
                self.speaker.ask(Packet.CLOSE, handle)
            self.assertEqual(md5(self.store.get(self.container, "g") or b""), md5(expected))

    def test_statvfs(self) -> None:
        """df works, of the account and of a container with a quota."""
        self.assertEqual(len(self.extended("statvfs@openssh.com", string("/"))), 88)
        self.store.connection.post_container(self.container, {"X-Container-Meta-Quota-Bytes": str(100 * MIB)})
        fields = struct.unpack(">11Q", self.extended("statvfs@openssh.com", string(self.path())))
        self.assertEqual(fields[1] * fields[2], 100 * MIB)

    def test_fsync(self) -> None:
        """fsync on a file being written is no error."""
        handle = self.speaker.open(self.path("f"), Flag.WRITE | Flag.CREATE)
        self.speaker.write(handle, 0, b"data")
        self.speaker.expect_ok()
        self.extended("fsync@openssh.com", handle)
        self.speaker.ask(Packet.CLOSE, handle)
        self.assertStored("f", b"data")

    def test_lsetstat(self) -> None:
        """lsetstat sets the link's own attributes, not its target's content."""
        self.store.put(self.container, "f", b"data")
        self.extended("lsetstat@openssh.com", string(self.path("f")), struct.pack(">III", 8, WHEN, WHEN))
        self.assertStored("f", b"data")


class QuotaTests(GatewayCase):
    """Containers with a quota."""

    def test_exceeded(self) -> None:
        """An upload beyond the quota fails, says why, and leaves the old content."""
        self.store.put(self.container, "f", b"old")
        self.store.connection.post_container(self.container, {"X-Container-Meta-Quota-Bytes": "1000"})
        error = self.assertFails(self.login().put_bytes, self.path("f"), b"x" * 5000)
        self.assertIn("quota", str(error).lower())
        self.assertStored("f", b"old")
