"""OPEN in all its flags, and what is asked of an open file."""

from __future__ import annotations

from swftp.outcomes import Status
from swftp.sftp import wire
from swftp.sftp.server import Limits
from swftp.sftp.wire import Attrs, Packet, string
from tests.sftp.case import (
    APPEND,
    CONTENT,
    CREAT,
    EXCL,
    NEW,
    NOW,
    READ,
    TRUNC,
    WRITE,
    A,
    SFTPTestCase,
)
from tests.sftp.client import NO_ATTRS, u32, u64

N = string(b"/box/n")


class FileTestCase(SFTPTestCase):
    """What a client does with files."""

    def ok(self, kind: int, *fields: bytes) -> None:
        """Ask, and be told OK once whatever waits had its turn."""
        asked = self.client.ask(kind, *fields)
        self.settle()
        heard = self.client.reply(asked)
        self.assertEqual(heard.code, Status.OK, heard)

    def refused(self, kind: int, *fields: bytes) -> Status | None:
        """Ask, and be told an error."""
        asked = self.client.ask(kind, *fields)
        self.settle()
        heard = self.client.reply(asked)
        self.assertIs(heard.kind, Packet.STATUS)
        self.assertNotEqual(heard.code, Status.OK)
        return heard.code

    def write(self, handle: bytes, offset: int, data: bytes) -> None:
        """WRITE."""
        self.ok(Packet.WRITE, handle, u64(offset), string(data))

    def read(self, handle: bytes, offset: int = 0, length: int = 1000) -> bytes:
        """READ."""
        asked = self.client.ask(Packet.READ, handle, u64(offset), u32(length))
        self.settle()
        heard = self.client.reply(asked)
        self.assertIs(heard.kind, Packet.DATA, heard)
        return heard.data

    def close(self, handle: bytes) -> None:
        """CLOSE."""
        self.ok(Packet.CLOSE, handle)

    def fstat(self, handle: bytes) -> Attrs:
        """FSTAT."""
        return self.client.call(Packet.FSTAT, handle).attrs


class OpenTests(FileTestCase):
    """Section 6.3."""

    def test_new_file_is_not_seen_before_close(self) -> None:
        """Nothing stands at a new name until CLOSE."""
        handle = self.client.open(b"/box/n", NEW)
        self.write(handle, 0, b"abc")
        self.assertNotIn("/box/n", self.storage)
        self.close(handle)
        self.assertEqual(self.storage["/box/n"], b"abc")

    def test_empty_file(self) -> None:
        """A file closed without a WRITE is there, and empty."""
        self.close(self.client.open(b"/box/n", NEW))
        self.assertEqual(self.storage["/box/n"], b"")

    def test_trunc(self) -> None:
        """TRUNC, with or without CREAT: nothing of the old content stays; until CLOSE all of it does."""
        for flags in (WRITE | CREAT | TRUNC, WRITE | TRUNC):
            self.storage["/box/a"] = CONTENT
            handle = self.client.open(b"/box/a", flags)
            self.write(handle, 0, b"new")
            self.assertEqual(self.storage["/box/a"], CONTENT)
            self.close(handle)
            self.assertEqual(self.storage["/box/a"], b"new")

    def test_without_creat(self) -> None:
        """A missing file is not made."""
        for flags in (READ, WRITE, READ | WRITE, WRITE | TRUNC, APPEND):
            self.assertEqual(self.refused(Packet.OPEN, N, u32(flags), NO_ATTRS), Status.NO_SUCH_FILE)

    def test_excl(self) -> None:
        """EXCL refuses what exists, and makes what does not; without CREAT it means nothing."""
        for flags in (WRITE, READ, READ | WRITE):
            self.assertEqual(self.refused(Packet.OPEN, A, u32(flags | CREAT | EXCL), NO_ATTRS), Status.FAILURE)
        self.close(self.client.open(b"/box/n", WRITE | CREAT | EXCL))
        self.assertEqual(self.storage["/box/n"], b"")
        self.close(self.client.open(b"/box/a", READ | EXCL))
        self.close(self.client.open(b"/box/a", WRITE | EXCL))

    def test_append(self) -> None:
        """APPEND writes at the end whatever offset is said."""
        handle = self.client.open(b"/box/a", WRITE | APPEND | CREAT)
        self.write(handle, 0, b"!")
        self.write(handle, 1, b"?")
        self.close(handle)
        self.assertEqual(self.storage["/box/a"], CONTENT + b"!?")

    def test_append_alone(self) -> None:
        """APPEND without WRITE writes."""
        handle = self.client.open(b"/box/a", APPEND)
        self.write(handle, 0, b"!")
        self.close(handle)
        self.assertEqual(self.storage["/box/a"], CONTENT + b"!")

    def test_update_in_place(self) -> None:
        """WRITE without TRUNC changes what it writes over, and what was there stays."""
        handle = self.client.open(b"/box/a", READ | WRITE)
        self.assertEqual(self.read(handle, 0, 5), CONTENT[:5])
        self.write(handle, 7, b"W")
        self.assertEqual(self.read(handle), b"hello, World")
        self.close(handle)
        self.assertEqual(self.storage["/box/a"], b"hello, World")

    def test_resume(self) -> None:
        """WRITE at the end of a file opened without APPEND, as WinSCP and reput do."""
        handle = self.client.open(b"/box/a", WRITE | CREAT)
        self.write(handle, len(CONTENT), b"!")
        self.close(handle)
        self.assertEqual(self.storage["/box/a"], CONTENT + b"!")

    def test_read_creat(self) -> None:
        """READ with CREAT (flock(1) over sshfs) reads what is there, and makes what is not."""
        handle = self.client.open(b"/box/a", READ | CREAT)
        self.assertEqual(self.read(handle), CONTENT)
        self.close(handle)
        handle = self.client.open(b"/box/n", READ | CREAT)
        self.assertEqual(self.refused(Packet.WRITE, handle, u64(0), string(b"x")), Status.PERMISSION_DENIED)
        self.close(handle)
        self.assertEqual(self.storage["/box/n"], b"")

    def test_no_flags(self) -> None:
        """Neither READ nor WRITE reads, as for open(2)."""
        self.assertEqual(self.read(self.client.open(b"/box/a", 0)), CONTENT)

    def test_read_trunc(self) -> None:
        """TRUNC of what is only read is refused."""
        self.assertEqual(self.refused(Packet.OPEN, A, u32(READ | TRUNC), NO_ATTRS), Status.FAILURE)
        self.assertEqual(self.storage["/box/a"], CONTENT)

    def test_direction(self) -> None:
        """WRITE to what is only read, READ of what is only written: denied, nothing changed."""
        reading, writing = self.client.open(b"/box/a", READ), self.client.open(b"/box/a", WRITE)
        self.assertEqual(self.refused(Packet.WRITE, reading, u64(0), string(b"x")), Status.PERMISSION_DENIED)
        self.assertEqual(self.refused(Packet.READ, writing, u64(0), u32(9)), Status.PERMISSION_DENIED)
        self.close(reading)
        self.close(writing)
        self.assertEqual(self.storage["/box/a"], CONTENT)

    def test_directory(self) -> None:
        """A directory is no file, to read or to write."""
        for path in (b"/box", b"/"):
            for flags in (READ, NEW, WRITE):
                self.assertEqual(self.refused(Packet.OPEN, string(path), u32(flags), NO_ATTRS), Status.FAILURE)

    def test_missing_container(self) -> None:
        """It is not made on the way."""
        self.assertEqual(self.refused(Packet.OPEN, string(b"/no/n"), u32(NEW), NO_ATTRS), Status.NO_SUCH_FILE)

    def test_attributes_of_a_new_file(self) -> None:
        """Mode and time at OPEN are those of the new file."""
        attrs = wire.attrs(Attrs(permissions=0o100600, atime=5, mtime=1_000_000))
        asked = self.client.call(Packet.OPEN, N, u32(NEW), attrs)
        self.close(string(asked.data))
        found = self.client.call(Packet.STAT, N).attrs
        self.assertEqual((found.permissions, found.mtime), (0o100600, 1_000_000))

    def test_attributes_of_an_existing_file(self) -> None:
        """What OPEN says of a file that it does not make means nothing: sshfs then sends permissions of 0."""
        self.storage["/box/b"] = b"b"
        self.ok(Packet.SETSTAT, A, wire.attrs(Attrs(permissions=0o755)))
        for path, flags in ((b"/box/a", NEW), (b"/box/a", WRITE | TRUNC), (b"/box/b", WRITE | CREAT)):
            attrs = Attrs(permissions=0o100000) if flags & CREAT else Attrs(permissions=0o100000, atime=5, mtime=5)
            handle = self.client.open(path, flags, wire.attrs(attrs))
            self.write(handle, 0, b"x")
            self.close(handle)
            self.assertEqual(self.client.call(Packet.STAT, string(path)).attrs.mtime, NOW)
        self.assertEqual(self.client.call(Packet.STAT, A).attrs.permissions, 0o100755)
        self.assertEqual(self.client.call(Packet.STAT, string(b"/box/b")).attrs.permissions, 0o100644)

    def test_size_at_open(self) -> None:
        """A size makes a new file that long, in zeros; of a file with content it means nothing."""
        for path, flags, content in ((N, NEW, b"ab\0\0\0"), (A, WRITE, b"ab" + CONTENT[2:])):
            asked = self.client.call(Packet.OPEN, path, u32(flags), wire.attrs(Attrs(size=5)))
            self.write(string(asked.data), 0, b"ab")
            self.close(string(asked.data))
            self.assertEqual(self.storage[path[4:].decode()], content)

    def test_bad_names(self) -> None:
        """What no object can be called is refused before the store is asked."""
        asked: list[str] = []
        self.storage.hook = lambda verb, path: asked.append(verb)  # type: ignore[func-returns-value]
        for name in (b"/box/\xff", b"/box/a\0b", b"/box/a\nb", b"/box/" + b"x" * 1025, b"c" * 257 + b"/a"):
            self.assertEqual(self.refused(Packet.OPEN, string(name), u32(NEW), NO_ATTRS), Status.FAILURE)
        self.assertEqual(asked, [])


class TransferTests(FileTestCase):
    """READ and WRITE."""

    def test_offsets_are_honoured(self) -> None:
        """WRITEs in any order end up where they said."""
        handle = self.client.open(b"/box/n", NEW)
        for offset, data in ((6, b"ghi"), (0, b"abc"), (3, b"def"), (1, b"B")):
            self.write(handle, offset, data)
        self.close(handle)
        self.assertEqual(self.storage["/box/n"], b"aBcdefghi")

    def test_hole(self) -> None:
        """What was left out reads as zeros."""
        handle = self.client.open(b"/box/n", NEW)
        self.write(handle, 4, b"x")
        self.close(handle)
        self.assertEqual(self.storage["/box/n"], b"\0\0\0\0x")

    def test_read_anywhere(self) -> None:
        """At any offset what stands there, EOF beyond the end, absurd offsets and lengths included."""
        handle = self.client.open(b"/box/a", READ)
        self.assertEqual(self.read(handle, 7, 3), CONTENT[7:10])
        self.assertEqual(self.read(handle, 0, 2**32 - 1), CONTENT)
        self.assertEqual(self.read(handle, 10), CONTENT[10:])
        for offset in (len(CONTENT), 10**9, 2**63, 2**64 - 1):
            self.assertEqual(self.refused(Packet.READ, handle, u64(offset), u32(10)), Status.EOF)

    def test_write_beyond_what_files_can_be(self) -> None:
        """An absurd offset is an error, and CLOSE then commits nothing."""
        handle = self.client.open(b"/box/a", WRITE)
        self.refused(Packet.WRITE, handle, u64(2**64 - 1), string(b"x"))
        self.refused(Packet.CLOSE, handle)
        self.assertEqual(self.storage["/box/a"], CONTENT)

    def test_refusal_at_close(self) -> None:
        """A store that refuses the content is told of at CLOSE, and the old content stays."""
        self.storage.quota_bytes = 20
        handle = self.client.open(b"/box/a", NEW)
        self.write(handle, 0, bytes(30))
        self.assertEqual(self.refused(Packet.CLOSE, handle), Status.FAILURE)
        self.assertEqual(self.storage["/box/a"], CONTENT)
        self.refused(Packet.CLOSE, handle)

    def test_long_read_is_cut(self) -> None:
        """Never more than `limits@openssh.com` says, so that no reply exceeds the packet limit."""
        self.storage["/box/a"] = bytes(400_000)
        self.assertEqual(len(self.read(self.client.open(b"/box/a", READ), 0, 400_000)), wire.DATA_LIMIT)


class TruthTests(FileTestCase):
    """What a client was told of a file, and what it then gets."""

    def test_fstat_asks(self) -> None:
        """FSTAT tells what is there now, whatever was known a moment ago."""
        self.client.call(Packet.STAT, A)
        handle = self.client.open(b"/box/a", READ)
        self.storage["/box/a"] = CONTENT + b" and more"
        self.assertEqual(self.client.call(Packet.FSTAT, handle).attrs.size, len(CONTENT) + 9)
        self.assertEqual(self.read(handle), CONTENT + b" and more")

    def test_fstat_binds(self) -> None:
        """Once a size was told, another version is an error: its beginning would be taken for all of it."""
        handle = self.client.open(b"/box/a", READ)
        self.client.call(Packet.FSTAT, handle)
        self.storage["/box/a"] = CONTENT + b" and more"
        self.assertIs(self.refused(Packet.READ, handle, u64(0), u32(len(CONTENT))), Status.FAILURE)

    def test_refused_open(self) -> None:
        """An OPEN whose size is absurd leaves nothing open."""
        for size in (1 << 60, (1 << 64) - 1):
            self.refused(Packet.OPEN, N, u32(NEW), u32(1) + u64(size))
        self.assertFalse(self.client.server._session.busy)  # type: ignore[attr-defined]

    def test_truncate_by_name(self) -> None:
        """SETSTAT of the size of a file that is open for writing is of that file."""
        handle = self.client.open(b"/box/n", NEW)
        self.write(handle, 0, b"abcdef")
        self.ok(Packet.SETSTAT, N, u32(1) + u64(3))
        self.ok(Packet.CLOSE, handle)
        self.assertEqual(self.storage["/box/n"], b"abc")

    def test_absurd_size_by_name(self) -> None:
        """SETSTAT of a size that no file can have is refused, and the file stays as it is."""
        for size in (1 << 60, (1 << 64) - 1):
            self.assertIs(self.refused(Packet.SETSTAT, A, u32(1) + u64(size)), Status.FAILURE)
        self.assertEqual(self.storage["/box/a"], CONTENT)

    def test_missing_file_is_looked_for_once(self) -> None:
        """An OPEN to read of what is not there costs one look."""
        asked: list[str] = []
        self.storage.hook = lambda verb, path: asked.append(verb)  # type: ignore[func-returns-value]
        self.assertIs(self.refused(Packet.OPEN, N, u32(READ), NO_ATTRS), Status.NO_SUCH_FILE)
        self.assertEqual(asked, ["stat"])

    def test_closed_handles_make_room(self) -> None:
        """However a file was opened, and however its CLOSE ended, there may be another one then."""
        self.client = self.connect(Limits(handles=1))
        for flags in (READ, WRITE, READ | WRITE):
            handle = self.client.open(b"/box/a", flags)
            self.assertIs(self.refused(Packet.OPEN, A, u32(READ), NO_ATTRS), Status.FAILURE)
            self.close(handle)
        handle = self.client.open(b"/box/n", NEW)
        self.refused(Packet.WRITE, handle, u64(1 << 62), string(b"x"))
        self.refused(Packet.CLOSE, handle)
        self.close(self.client.open(b"/box/a", READ))


class AttributesTests(FileTestCase):
    """FSTAT and FSETSTAT."""

    def test_size_of_an_unfinished_upload(self) -> None:
        """FSTAT counts what was written so far."""
        handle = self.client.open(b"/box/n", NEW)
        self.write(handle, 0, b"abc")
        self.assertEqual(self.fstat(handle).size, 3)
        self.assertEqual(self.fstat(self.client.open(b"/box/a", READ)).size, len(CONTENT))

    def test_times_and_mode_before_close(self) -> None:
        """FSETSTAT before CLOSE is what the stored file has, at no request of its own."""
        handle = self.client.open(b"/box/n", NEW)
        self.ok(Packet.FSETSTAT, handle, wire.attrs(Attrs(permissions=0o640, atime=1, mtime=1234567)))
        asked: list[str] = []
        self.storage.hook = lambda verb, path: asked.append(verb)  # type: ignore[func-returns-value]
        self.close(handle)
        self.assertNotIn("update", asked)
        found = self.client.call(Packet.STAT, N).attrs
        self.assertEqual((found.permissions, found.mtime, found.atime), (0o100640, 1234567, 1))

    def test_truncate(self) -> None:
        """A size shortens, and lengthens with zeros."""
        for size, content in ((5, b"hello"), (8, b"hello\0\0\0")):
            handle = self.client.open(b"/box/a", WRITE)
            self.ok(Packet.FSETSTAT, handle, wire.attrs(Attrs(size=size)))
            self.close(handle)
            self.assertEqual(self.storage["/box/a"], content)

    def test_truncate_what_is_read(self) -> None:
        """Denied, even if the OPEN has made it."""
        for path, flags in ((b"/box/a", READ), (b"/box/n", READ | CREAT)):
            handle = self.client.open(path, flags)
            asked = wire.attrs(Attrs(size=5))
            self.assertEqual(self.refused(Packet.FSETSTAT, handle, asked), Status.PERMISSION_DENIED)

    def test_time_of_what_is_read(self) -> None:
        """FSETSTAT on a handle that only reads sets the stored file's."""
        handle = self.client.open(b"/box/a", READ)
        self.ok(Packet.FSETSTAT, handle, wire.attrs(Attrs(atime=1, mtime=77)))
        self.assertEqual(self.client.call(Packet.STAT, A).attrs.mtime, 77)

    def test_owner(self) -> None:
        """Owner and group are accepted, and change nothing."""
        handle = self.client.open(b"/box/a", READ)
        before = self.fstat(handle)
        asked: list[str] = []
        self.storage.hook = lambda verb, path: asked.append(verb)  # type: ignore[func-returns-value]
        self.ok(Packet.FSETSTAT, handle, wire.attrs(Attrs(uid=5, gid=6)))
        self.assertEqual((self.fstat(handle), asked), (before, []))

    def test_default_attributes(self) -> None:
        """A file that was given nothing is ``-rw-r--r--`` of now."""
        self.close(self.client.open(b"/box/n", NEW))
        found = self.client.call(Packet.STAT, N).attrs
        self.assertEqual((found.permissions, found.mtime), (0o100644, int(NOW)))
