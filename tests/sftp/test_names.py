"""Requests about names."""

from __future__ import annotations

from swftp.outcomes import Status
from swftp.session.shown import UNDATED
from swftp.sftp import wire
from swftp.sftp.wire import Attrs, Packet, string
from tests.sftp.case import CONTENT, A, SFTPTestCase
from tests.sftp.client import FakeChannel, Heard

B = string(b"/box/b")


class StatTests(SFTPTestCase):
    """STAT, LSTAT, SETSTAT."""

    def stat(self, path: bytes, kind: int = Packet.STAT) -> Attrs:
        """STAT."""
        return self.client.call(kind, string(path)).attrs

    def test_file(self) -> None:
        """All attributes are given."""
        found = self.stat(b"/box/a")
        self.assertEqual((found.size, found.permissions), (len(CONTENT), 0o100644))
        self.assertNotIn(None, (found.uid, found.gid, found.atime, found.mtime))

    def test_directories(self) -> None:
        """Root, container and implied directory are directories, dated alike where the store has no time."""
        self.storage["/box/d/e"] = b""
        for path in (b"/", b"", b"/box", b"/box/", b"/box/d", b"box//d/."):
            found = self.stat(path)
            self.assertEqual((found.permissions, found.mtime), (0o040755, UNDATED))

    def test_missing(self) -> None:
        """NO_SUCH_FILE, and the message says so."""
        for path in (b"/box/x", b"/no", b"/no/x"):
            heard = self.client.call(Packet.STAT, string(path))
            self.assertEqual((heard.code, heard.message), (Status.NO_SUCH_FILE, "No such file or directory"))

    def test_setstat(self) -> None:
        """Time and mode are kept; each alone leaves the other."""
        self.client.call(Packet.SETSTAT, A, wire.attrs(Attrs(permissions=0o104755)))
        self.client.call(Packet.SETSTAT, A, wire.attrs(Attrs(atime=1, mtime=1_600_000_000)))
        found = self.stat(b"/box/a")
        self.assertEqual((found.permissions, found.mtime, found.atime), (0o104755, 1_600_000_000, 1))
        self.assertEqual(self.storage["/box/a"], CONTENT)

    def test_setstat_size(self) -> None:
        """A size truncates the file, and the rest is set in the same step."""
        asked = self.client.ask(Packet.SETSTAT, A, wire.attrs(Attrs(size=5, permissions=0o600)))
        self.settle()
        self.assertEqual(self.client.reply(asked).code, Status.OK)
        self.assertEqual((self.storage["/box/a"], self.stat(b"/box/a").permissions), (b"hello", 0o100600))

    def test_setstat_owner(self) -> None:
        """Owner and group are accepted, of what exists."""
        owner = wire.attrs(Attrs(uid=0, gid=0))
        self.assertEqual(self.client.call(Packet.SETSTAT, A, owner).code, Status.OK)
        self.assertEqual(self.client.call(Packet.SETSTAT, B, owner).code, Status.NO_SUCH_FILE)

    def test_setstat_missing(self) -> None:
        """Nothing is made by setting its attributes."""
        for attrs in (Attrs(permissions=0), Attrs(size=0), Attrs(atime=1, mtime=1)):
            self.assertEqual(self.client.call(Packet.SETSTAT, B, wire.attrs(attrs)).code, Status.NO_SUCH_FILE)
        self.assertNotIn("/box/b", self.storage)


class RenameTests(SFTPTestCase):
    """RENAME and posix-rename."""

    def test_rename(self) -> None:
        """The content goes along."""
        self.assertEqual(self.client.call(Packet.RENAME, A, B).code, Status.OK)
        self.assertEqual(self.storage["/box/b"], CONTENT)
        self.assertNotIn("/box/a", self.storage)

    def test_rename_refuses_an_existing_target(self) -> None:
        """Version 3 says so."""
        self.storage["/box/b"] = b"b"
        self.assertEqual(self.client.call(Packet.RENAME, A, B).code, Status.FAILURE)
        self.assertEqual((self.storage["/box/a"], self.storage["/box/b"]), (CONTENT, b"b"))

    def test_posix_rename_replaces(self) -> None:
        """As rename(2)."""
        self.storage["/box/b"] = b"b"
        self.assertEqual(self.client.call_extended(b"posix-rename@openssh.com", A, B).code, Status.OK)
        self.assertEqual(self.storage["/box/b"], CONTENT)
        self.assertNotIn("/box/a", self.storage)

    def test_onto_itself(self) -> None:
        """Nothing is lost."""
        self.assertEqual(self.client.call_extended(b"posix-rename@openssh.com", A, A).code, Status.OK)
        self.assertEqual(self.storage["/box/a"], CONTENT)

    def test_missing(self) -> None:
        """NO_SUCH_FILE."""
        for name in (b"/box/x", b"/no/x"):
            self.assertEqual(self.client.call(Packet.RENAME, string(name), B).code, Status.NO_SUCH_FILE)

    def test_remove(self) -> None:
        """A file goes; what is missing or a directory is refused."""
        self.assertEqual(self.client.call(Packet.REMOVE, A).code, Status.OK)
        self.assertNotIn("/box/a", self.storage)
        self.assertEqual(self.client.call(Packet.REMOVE, A).code, Status.NO_SUCH_FILE)
        self.assertEqual(self.client.call(Packet.REMOVE, string(b"/box")).code, Status.FAILURE)

    def test_copy_file(self) -> None:
        """The store copies; an existing target only if the client says so."""
        self.assertEqual(self.client.call_extended(b"copy-file", A, B, b"\0").code, Status.OK)
        self.assertEqual(self.storage["/box/b"], CONTENT)
        self.storage["/box/b"] = b"b"
        self.assertEqual(self.client.call_extended(b"copy-file", A, B, b"\0").code, Status.FAILURE)
        self.assertEqual(self.storage["/box/b"], b"b")
        self.assertEqual(self.client.call_extended(b"copy-file", A, B, b"\1").code, Status.OK)
        self.assertEqual(self.storage["/box/b"], CONTENT)


class RealpathTests(SFTPTestCase):
    """REALPATH and what expands names."""

    def test_by_text(self) -> None:
        """Of anything, existing or not; never above the root."""
        for raw, path in (
            (b"", b"/"),
            (b".", b"/"),
            (b"/", b"/"),
            (b"box", b"/box"),
            (b"/box/../../..", b"/"),
            (b"a/./b//c/..", b"/a/b"),
            ("ünï?#%".encode(), "/ünï?#%".encode()),
        ):
            ((name, longname, _),) = self.client.call(Packet.REALPATH, string(raw)).names
            self.assertEqual((name, longname), (path, path))

    def test_bad_name(self) -> None:
        """What no object can be called has no path."""
        self.assertEqual(self.client.call(Packet.REALPATH, string(b"\xff")).code, Status.FAILURE)

    def test_expand_path(self) -> None:
        """``~`` is the one home there is, whoever's."""
        for raw, path in ((b"~", b"/"), (b"~/a", b"/a"), (b"~bob/a/..", b"/"), (b"a~", b"/a~"), (b"b/~", b"/b/~")):
            heard = self.client.call_extended(b"expand-path@openssh.com", string(raw))
            self.assertEqual(heard.names[0][0], path)

    def test_home_directory(self) -> None:
        """The root."""
        self.assertEqual(self.client.call_extended(b"home-directory", string(b"bob")).names[0][0], b"/")


class LinkTests(SFTPTestCase):
    """SYMLINK and READLINK."""

    def link(self, target: bytes, path: bytes) -> Heard:
        """SYMLINK."""
        return self.client.call(Packet.SYMLINK, string(target), string(path))

    def readlink(self, path: bytes) -> bytes:
        """READLINK."""
        return self.client.call(Packet.READLINK, string(path)).names[0][0]

    def test_order_of_arguments(self) -> None:
        """Target first, link second: OpenSSH's order, not the draft's."""
        self.assertEqual(self.link(b"/box/a", b"/box/l").code, Status.OK)
        self.assertEqual(self.client.call(Packet.STAT, string(b"/box/l")).attrs.size, len(CONTENT))
        self.assertEqual(self.readlink(b"/box/l"), b"/box/a")
        found = self.client.call(Packet.LSTAT, string(b"/box/l")).attrs
        self.assertEqual((found.permissions, found.size), (0o120777, len(b"/box/a")))
        self.client = self.connect()
        found = self.client.call(Packet.LSTAT, string(b"/box/l")).attrs
        self.assertEqual((found.permissions, found.size), (0o120777, len(b"a")))

    def test_clients_that_follow_the_draft(self) -> None:
        """Some send the link first to a server that does not call itself OpenSSH; we know their names."""
        for name in (b"AsyncSSH_2.24.1", b"WinSCP_release_6.5", b"libssh_0.11.1", b"ssh2js1.16.0"):
            channel = FakeChannel()
            channel.client = b"SSH-2.0-" + name
            self.client = self.connect(channel=channel)
            self.assertEqual(self.link(b"/box/l", b"a").code, Status.OK)
            self.assertEqual(self.readlink(b"/box/l"), b"a")
            self.client.call(Packet.REMOVE, string(b"/box/l"))
        for name in (b"libssh2_1.11.0", b"paramiko_3.4", b"Go", b"PuTTY_Release_0.78"):
            channel = FakeChannel()
            channel.client = b"SSH-2.0-" + name
            self.client = self.connect(channel=channel)
            self.assertEqual(self.link(b"a", b"/box/l").code, Status.OK)
            self.client.call(Packet.REMOVE, string(b"/box/l"))

    def test_relative_target(self) -> None:
        """It is taken from the directory of the link."""
        self.storage["/box/d/e"] = b"e"
        self.link(b"e", b"/box/d/l")
        self.link(b"../a", b"/box/d/m")
        self.assertEqual((self.readlink(b"/box/d/l"), self.readlink(b"/box/d/m")), (b"e", b"../a"))
        self.client = self.connect()
        self.assertEqual((self.readlink(b"/box/d/l"), self.readlink(b"/box/d/m")), (b"e", b"../a"))
        self.assertEqual(self.client.call(Packet.STAT, string(b"/box/d/m")).attrs.size, len(CONTENT))

    def test_other_container(self) -> None:
        """A link out of its container has its whole path as text."""
        self.storage["/other/x"] = b""
        self.link(b"/other/x", b"/box/l")
        self.assertEqual(self.readlink(b"/box/l"), b"/other/x")

    def test_no_link(self) -> None:
        """READLINK of a file is refused."""
        self.assertEqual(self.client.call(Packet.READLINK, A).code, Status.FAILURE)
        self.assertEqual(self.client.call(Packet.READLINK, B).code, Status.NO_SUCH_FILE)

    def test_existing_name(self) -> None:
        """A link replaces nothing."""
        self.assertEqual(self.link(b"/box/x", b"/box/a").code, Status.FAILURE)
        self.assertEqual(self.storage["/box/a"], CONTENT)

    def test_lsetstat(self) -> None:
        """What is set of a link is accepted and goes nowhere, least of all to its target."""
        self.link(b"a", b"/box/l")
        before = self.client.call(Packet.STAT, A).attrs
        attrs = wire.attrs(Attrs(permissions=0o600, atime=1, mtime=1))
        asked: list[str] = []
        self.storage.hook = lambda verb, path: asked.append(verb)  # type: ignore[func-returns-value]
        self.assertEqual(self.client.call_extended(b"lsetstat@openssh.com", string(b"/box/l"), attrs).code, Status.OK)
        nothing = wire.attrs(Attrs(uid=0, gid=0))
        self.assertEqual(self.client.call_extended(b"lsetstat@openssh.com", A, nothing).code, Status.OK)
        self.assertNotIn("update", asked)
        self.assertEqual(self.client.call(Packet.STAT, A).attrs, before)
        self.assertEqual(self.client.call_extended(b"lsetstat@openssh.com", A, attrs).code, Status.OK)
        self.assertEqual(self.client.call(Packet.STAT, A).attrs.permissions, 0o100600)
        size = wire.attrs(Attrs(size=0))
        self.assertEqual(self.client.call_extended(b"lsetstat@openssh.com", A, size).code, Status.FAILURE)
        self.assertEqual(self.client.call_extended(b"lsetstat@openssh.com", B, attrs).code, Status.NO_SUCH_FILE)
        self.assertEqual(self.storage["/box/a"], CONTENT)
