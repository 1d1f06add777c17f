"""Extended requests."""

from __future__ import annotations

import hashlib

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.outcomes import Status
from swftp.paths import Path
from swftp.session import SessionLimits
from swftp.sftp.attributes import OWNER_ID
from swftp.sftp.server import SFTPServer
from swftp.sftp.wire import Cursor, Packet, string
from swftp.transfer.engine import TransferLimits
from tests.sftp.case import CONTENT, EXCL, NEW, NOW, READ, WRITE, A, SFTPTestCase, make_session
from tests.sftp.client import FakeClient, Heard, u32, u64
from tests.transfer.case import pattern


class OpenSSHTests(SFTPTestCase):
    """Those of OpenSSH."""

    def figures(self, heard: Heard) -> list[int]:
        """The reply as uint64s."""
        self.assertIs(heard.kind, Packet.EXTENDED_REPLY)
        cursor = Cursor(heard.body)
        return [cursor.uint64() for _ in range(cursor.left // 8)]

    def test_limits(self) -> None:
        """OpenSSH's figures, and our number of handles."""
        self.assertEqual(
            self.figures(self.client.call_extended(b"limits@openssh.com")), [262144, 261120, 261120, 256]
        )

    def test_statvfs(self) -> None:
        """Quota and use, in blocks; the same by name and by handle."""
        self.storage.quota_bytes = 1 << 20
        self.storage["/box/b"] = bytes(512 * 1024)
        found = self.figures(self.client.call_extended(b"statvfs@openssh.com", string(b"/box")))
        self.assertEqual(len(found), 11)
        size, unit, total, free, available = found[:5]
        self.assertEqual((unit * total, free, found[10]), (1 << 20, available, 255))
        self.assertEqual(free, ((1 << 19) - len(CONTENT)) // size)
        handle = self.client.open(b"/box/a", READ)
        self.assertEqual(self.figures(self.client.call_extended(b"fstatvfs@openssh.com", handle)), found)

    def test_statvfs_without_quota(self) -> None:
        """There is always room."""
        found = self.figures(self.client.call_extended(b"statvfs@openssh.com", string(b"/")))
        self.assertGreater(found[0] * found[4], 1 << 49)
        self.assertGreater(found[7], 1 << 30)

    def test_statvfs_beyond_the_quota(self) -> None:
        """An account that has more than it may have room for has none; one that nothing is known of has."""
        self.storage.quota_bytes = 10
        found = self.figures(self.client.call_extended(b"statvfs@openssh.com", string(b"/")))
        self.assertEqual(found[3:5], [0, 0])

        def unknown(verb: str, path: Path) -> None:
            raise errors.Unsupported()

        self.storage.hook = unknown
        found = self.figures(self.client.call_extended(b"statvfs@openssh.com", string(b"/")))
        self.assertGreater(found[0] * found[4], 1 << 49)

    def test_fsync(self) -> None:
        """Is granted, on handles to read and to write, and commits nothing."""
        handle = self.client.open(b"/box/n", NEW)
        self.client.call(Packet.WRITE, handle, u64(0), string(b"x"))
        for each in (handle, self.client.open(b"/box/a", READ)):
            self.assertEqual(self.client.call_extended(b"fsync@openssh.com", each).code, Status.OK)
        self.assertNotIn("/box/n", self.storage)

    def test_fsync_of_what_is_on_its_way(self) -> None:
        """It is answered when that has come to the store, or not."""
        held: Deferred[None] = Deferred()
        self.storage.hook = lambda verb, _: held if verb == "stage" else None
        limits = SessionLimits(transfer=TransferLimits(segment_size=64 << 10))
        server = SFTPServer(make_session(self.storage, self.clock, limits), self.clock)
        self.addCleanup(server.lost)
        client = FakeClient(server)
        handle = client.open(b"/box/n", NEW)
        for at in range(0, 96 << 10, 32 << 10):
            client.call(Packet.WRITE, handle, u64(at), string(bytes(32 << 10)))
        asked = client.extended(b"fsync@openssh.com", handle)
        self.settle()
        self.assertEqual(client.hear(), [])
        held.errback(errors.QuotaExceeded())
        self.settle()
        self.assertEqual(client.reply(asked).code, Status.FAILURE)

    def test_users_groups(self) -> None:
        """Known ids have names, others empty ones."""
        ids = u32(OWNER_ID) + u32(0)
        cursor = Cursor(self.client.call_extended(b"users-groups-by-id@openssh.com", string(ids), string(ids)).body)
        for name in (b"owner", b"group"):
            self.assertEqual(cursor.string(), string(name) + string(b""))
        self.assertEqual(
            self.client.call_extended(b"users-groups-by-id@openssh.com", string(b"abc"), string(b"")).code,
            Status.BAD_MESSAGE,
        )


class CopyDataTests(SFTPTestCase):
    """``copy-data``."""

    def copy(self, source: bytes, offset: int, length: int, target: bytes, at: int = 0) -> Heard:
        """Ask, and wait."""
        asked = self.client.extended(b"copy-data", source, u64(offset), u64(length), target, u64(at))
        self.settle()
        return self.client.reply(asked)

    def test_whole_file(self) -> None:
        """As OpenSSH's ``cp``."""
        self.storage["/box/a"] = bytes(range(256)) * 4096
        source, target = self.client.open(b"/box/a", READ), self.client.open(b"/box/n", NEW)
        self.assertEqual(self.copy(source, 0, 0, target).code, Status.OK)
        self.assertNotIn("/box/n", self.storage)
        self.client.call(Packet.CLOSE, target)
        self.settle()
        self.assertEqual(self.storage["/box/n"], self.storage["/box/a"])

    def test_renamed(self) -> None:
        """What was copied, and where to, is what was opened, whatever its name is at the CLOSE."""
        self.storage["/box/a"] = data = bytes(range(256)) * 4096
        source, target = self.client.open(b"/box/a", READ), self.client.open(b"/box/n", NEW)
        self.assertEqual(self.copy(source, 0, 0, target).code, Status.OK)
        for old, new in ((b"/box/a", b"/box/b"), (b"/box/n", b"/box/m")):
            self.assertEqual(self.client.call(Packet.RENAME, string(old), string(new)).code, Status.OK)
        self.storage["/box/a"] = b"another"
        self.assertEqual(self.client.call(Packet.FSETSTAT, source, u32(8), u32(5), u32(7)).code, Status.OK)
        self.assertEqual(self.client.call_extended(b"fsync@openssh.com", target).code, Status.OK)
        self.client.call(Packet.CLOSE, target)
        self.settle()
        self.assertEqual((self.storage["/box/m"], self.storage["/box/a"]), (data, b"another"))
        self.assertEqual(self.client.call(Packet.STAT, string(b"/box/b")).attrs.mtime, 7)

    def test_truncated_by_path(self) -> None:
        """A copy that is truncated before its CLOSE, by handle or by name, is as long as it was told to be."""
        self.storage["/box/a"] = bytes(range(256)) * 4096
        for by_path in (False, True):
            source, target = self.client.open(b"/box/a", READ), self.client.open(b"/box/n", NEW)
            self.assertEqual(self.copy(source, 0, 0, target).code, Status.OK)
            kind, whom = (Packet.SETSTAT, string(b"/box/n")) if by_path else (Packet.FSETSTAT, target)
            asked = self.client.ask(kind, whom, u32(1), u64(1000))
            self.settle()
            self.assertEqual(self.client.reply(asked).code, Status.OK)
            self.client.call(Packet.CLOSE, target)
            self.settle()
            self.assertEqual(self.storage["/box/n"], self.storage["/box/a"][:1000])

    def test_any_range(self) -> None:
        """From anywhere to anywhere, over what is there; what is not covered stays, and holes are zeros."""
        size, far = 1_300_000, 1_400_000
        self.storage["/box/s"] = content = pattern(size)
        for offset, length, at, written in (
            (0, 0, 0, None), (0, size, 0, None), (0, size - 1, 0, None), (5, 0, 0, None), (0, 0, 5, None),
            (5, 600_000, 9, None), (0, 0, 0, 10), (0, 0, 0, far), (0, size, 600_000, far),
        ):  # fmt: skip
            source, target = self.client.open(b"/box/s", READ), self.client.open(b"/box/t", NEW)
            expected = bytearray()
            if written is not None:
                self.client.call(Packet.WRITE, target, u64(written), string(b"w"))
                expected += bytes(written) + b"w"
            self.assertEqual(self.copy(source, offset, length, target, at).code, Status.OK)
            copied = content[offset : offset + length if length else size]
            expected += bytes(max(0, at - len(expected)))
            expected[at : at + len(copied)] = copied
            asked = [self.client.ask(Packet.CLOSE, handle) for handle in (source, target)]
            self.settle()
            self.assertEqual([(h.request, h.code) for h in self.client.hear()], [(a, Status.OK) for a in asked])
            self.assertTrue(self.storage["/box/t"] == expected, (offset, length, at, written))

    def test_link(self) -> None:
        """Through a link, what it leads to is copied: a file is made, and no second link."""
        self.storage["/box/s"] = content = pattern(1_300_000)
        self.client.call(Packet.SYMLINK, string(b"/box/s"), string(b"/box/l"))
        source, target = self.client.open(b"/box/l", READ), self.client.open(b"/box/t", NEW)
        self.assertEqual(self.copy(source, 0, 0, target).code, Status.OK)
        self.client.call(Packet.CLOSE, target)
        self.settle()
        self.assertTrue(self.storage["/box/t"] == content)
        self.assertIs(self.client.call(Packet.READLINK, string(b"/box/t")).code, Status.FAILURE)

    def test_exclusive(self) -> None:
        """A file that was to be made, and nothing else, is not copied over one that others made meanwhile."""
        self.storage["/box/s"] = pattern(1_300_000)
        source = self.client.open(b"/box/s", READ)
        target = self.client.open(b"/box/t", NEW | EXCL)
        self.assertEqual(self.copy(source, 0, 0, target).code, Status.OK)
        self.storage["/box/t"] = b"others'"
        asked = self.client.ask(Packet.CLOSE, target)
        self.settle()
        self.assertEqual(self.client.reply(asked).code, Status.FAILURE)
        self.assertEqual(self.storage["/box/t"], b"others'")

    def test_ranges(self) -> None:
        """From anywhere to anywhere."""
        source, target = self.client.open(b"/box/a", READ), self.client.open(b"/box/n", NEW)
        self.assertEqual(self.copy(source, 7, 5, target, 0).code, Status.OK)
        self.assertEqual(self.copy(source, 0, 5, target, 5).code, Status.OK)
        self.client.call(Packet.CLOSE, target)
        self.assertEqual(self.storage["/box/n"], b"worldhello")

    def test_more_than_there_is(self) -> None:
        """EOF, as OpenSSH says."""
        source, target = self.client.open(b"/box/a", READ), self.client.open(b"/box/n", NEW)
        self.assertEqual(self.copy(source, 0, 1000, target).code, Status.EOF)

    def test_refused(self) -> None:
        """Onto itself, from what cannot be read, to what cannot be written."""
        both = self.client.open(b"/box/a", READ | WRITE)
        reading, writing = self.client.open(b"/box/a", READ), self.client.open(b"/box/n", NEW)
        for source, target in ((both, both), (reading, both), (writing, both), (both, reading)):
            self.assertIn(self.copy(source, 0, 0, target).code, (Status.FAILURE, Status.PERMISSION_DENIED))

    def test_order(self) -> None:
        """It sees the WRITEs before it, and CLOSE behind it waits for it."""
        source, target = self.client.open(b"/box/s", READ | NEW), self.client.open(b"/box/n", NEW)
        asked = [
            self.client.ask(Packet.WRITE, source, u64(0), string(b"fresh")),
            self.client.extended(b"copy-data", source, u64(0), u64(0), target, u64(0)),
            self.client.ask(Packet.CLOSE, target),
        ]
        self.settle()
        self.assertEqual([(h.request, h.code) for h in self.client.hear()], [(a, Status.OK) for a in asked])
        self.assertEqual(self.storage["/box/n"], b"fresh")

    def test_lost_while_copying(self) -> None:
        """Nothing is committed."""
        self.storage["/box/a"] = bytes(1 << 20)
        source, target = self.client.open(b"/box/a", READ), self.client.open(b"/box/n", NEW)
        self.client.extended(b"copy-data", source, u64(0), u64((1 << 20) - 1), target, u64(0))
        self.client.ask(Packet.CLOSE, target)
        self.client.server.lost()  # type: ignore[attr-defined]
        self.settle()
        self.assertNotIn("/box/n", self.storage)


class TwinTests(CopyDataTests):
    """A whole object that becomes a whole new file; all the rules of copying hold as well."""

    def setUp(self) -> None:
        """``/box/big`` is worth the store's trouble."""
        super().setUp()
        self.content = pattern(2 << 20)
        self.storage["/box/big"] = self.content
        self.asked: list[str] = []
        self.storage.hook = lambda verb, path: self.asked.append(verb)  # type: ignore[func-returns-value]
        self.source = self.client.open(b"/box/big", READ)
        self.target = self.client.open(b"/box/n", NEW)
        self.assertEqual(self.copy(self.source, 0, 0, self.target).code, Status.OK)
        self.client.call(Packet.CLOSE, self.source)

    def ok(self, kind: int, *fields: bytes) -> None:
        """Ask, and be told OK."""
        asked = self.client.ask(kind, *fields)
        self.settle(200)
        self.assertEqual(self.client.reply(asked).code, Status.OK)

    def test_the_store_copies(self) -> None:
        """At CLOSE, after a look whether it is what was to be copied, and no byte of it comes here."""
        self.assertNotIn("/box/n", self.storage)
        self.ok(Packet.CLOSE, self.target)
        self.assertEqual(self.storage["/box/n"], self.content)
        self.assertEqual(self.asked[-3:], ["stat", "copy", "update"])
        self.assertNotIn("fetch", self.asked)

    def test_attributes(self) -> None:
        """The copy is of now, or has what the client sets."""
        self.clock.advance(1000)
        self.ok(Packet.FSETSTAT, self.target, u32(4), u32(0o600))
        for kind, whom in (
            (Packet.FSTAT, self.target),
            (Packet.STAT, string(b"/box/n")),
            (Packet.LSTAT, string(b"/box/n")),
        ):
            self.assertEqual(self.client.call(kind, whom).attrs.size, len(self.content))
        self.assertEqual(self.client.call(Packet.STAT, A).attrs.size, len(CONTENT))  # of another file, nothing
        self.ok(Packet.CLOSE, self.target)
        found = self.client.call(Packet.STAT, string(b"/box/n")).attrs
        self.assertEqual((found.permissions, found.mtime), (0o100600, int(NOW) + 1000))

    def test_write_after_it(self) -> None:
        """What is written afterwards is written over the copy."""
        asked = [
            self.client.ask(Packet.WRITE, self.target, u64(3), string(b"new")),
            self.client.ask(Packet.CLOSE, self.target),
        ]
        self.settle(200)
        self.assertEqual([(h.request, h.code) for h in self.client.hear()], [(a, Status.OK) for a in asked])
        self.assertEqual(self.storage["/box/n"], self.content[:3] + b"new" + self.content[6:])

    def test_truncate_after_it(self) -> None:
        """A length set afterwards is that of the copy."""
        self.ok(Packet.FSETSTAT, self.target, u32(1), u64(5))
        self.ok(Packet.CLOSE, self.target)
        self.assertEqual(self.storage["/box/n"], self.content[:5])

    def test_copied_from_before_it_is_there(self) -> None:
        """Another copy over it leaves what it does not cover."""
        self.ok(Packet.EXTENDED, string(b"copy-data"), self.client.open(b"/box/a", READ), u64(0), u64(5), self.target,
                u64(1))  # fmt: skip
        self.ok(Packet.CLOSE, self.target)
        self.assertEqual(self.storage["/box/n"], self.content[:1] + CONTENT[:5] + self.content[6:])

    def test_lost(self) -> None:
        """Nothing is copied for a client that is gone."""
        self.client.server.lost()  # type: ignore[attr-defined]
        self.settle()
        self.assertNotIn("/box/n", self.storage)

    def test_source_changed(self) -> None:
        """The client is told that it did not get what it had open, however alike the new source is."""
        self.storage["/box/big"] = bytes(len(self.content))
        for kind, *rest in ((Packet.FSETSTAT, u32(1), u64(5)), (Packet.WRITE, u64(0), string(b"x")), (Packet.CLOSE,)):
            asked = self.client.ask(kind, self.target, *rest)
            self.settle(200)
            self.assertEqual(self.client.reply(asked).code, Status.FAILURE)
        self.assertNotIn("/box/n", self.storage)

    def test_source_changed_before_close(self) -> None:
        """The same without a WRITE; what stands at the target stays, however alike the new source is."""
        self.storage["/box/n"] = b"old"
        self.storage["/box/big"] = bytes(len(self.content))
        asked = self.client.ask(Packet.CLOSE, self.target)
        self.settle(200)
        self.assertEqual(self.client.reply(asked).code, Status.FAILURE)
        self.assertEqual(self.storage["/box/n"], b"old")

    def test_renamed_before_close(self) -> None:
        """The copy has the name that the file was given meanwhile, and no other."""
        self.ok(Packet.RENAME, string(b"/box/n"), string(b"/box/new"))
        self.ok(Packet.CLOSE, self.target)
        self.assertEqual(self.storage["/box/new"], self.content)
        self.assertNotIn("/box/n", self.storage)

    def test_removed_before_close(self) -> None:
        """A file that was removed does not come back."""
        self.ok(Packet.REMOVE, string(b"/box/n"))
        asked = self.client.ask(Packet.CLOSE, self.target)
        self.settle(200)
        self.assertEqual(self.client.reply(asked).code, Status.NO_SUCH_FILE)
        self.assertNotIn("/box/n", self.storage)


class CheckFileTests(SFTPTestCase):
    """``check-file``, by handle and by name."""

    def check(self, algorithms: bytes, offset: int = 0, length: int = 0, block: int = 0) -> tuple[bytes, bytes]:
        """Algorithm and checksums, which must be the same for both."""
        rest = (string(algorithms), u64(offset), u64(length), u32(block))
        handle = self.client.open(b"/box/a", READ)
        found = []
        for name, what in (
            (b"check-file", handle),
            (b"check-file-handle", handle),
            (b"check-file-name", A),
        ):
            asked = self.client.extended(name, what, *rest)
            self.settle()
            heard = self.client.reply(asked)
            self.assertIs(heard.kind, Packet.EXTENDED_REPLY, heard)
            cursor = Cursor(heard.body)
            self.assertEqual(cursor.string(), b"check-file")
            found.append((cursor.string(), cursor.take(cursor.left)))
        self.assertEqual(len(set(found)), 1)
        return found[0]

    def test_replaced_since_it_was_seen(self) -> None:
        """The checksum is that of all that is there now, not of its beginning, nor what was known before."""
        for algorithm, make in ((b"md5", hashlib.md5), (b"sha256", hashlib.sha256)):
            self.client.call(Packet.STAT, A)
            self.storage["/box/a"] += b" and more"
            heard = self.client.call_extended(b"check-file-name", A, string(algorithm), u64(0), u64(0), u32(0))
            self.assertTrue(heard.body.endswith(make(self.storage["/box/a"]).digest()))

    def test_algorithms(self) -> None:
        """The first we know of those that the client names."""
        self.assertEqual(self.check(b"sha1"), (b"sha1", hashlib.sha1(CONTENT).digest()))
        self.assertEqual(self.check(b"what,sha256,md5"), (b"sha256", hashlib.sha256(CONTENT).digest()))
        self.assertEqual(self.check(b"md5"), (b"md5", hashlib.md5(CONTENT).digest()))

    def test_empty_file(self) -> None:
        """One checksum, of nothing."""
        self.storage["/box/a"] = b""
        self.assertEqual(self.check(b"sha1"), (b"sha1", hashlib.sha1(b"").digest()))

    def test_ranges_and_blocks(self) -> None:
        """Part of the file, and a checksum a block, the last one short."""
        content = bytes(range(256)) * 5
        self.storage["/box/a"] = content
        self.assertEqual(self.check(b"md5", 100, 200)[1], hashlib.md5(content[100:300]).digest())
        blocks = [content[i : i + 500] for i in range(0, 1280, 500)]
        self.assertEqual(self.check(b"md5", block=500)[1], b"".join(hashlib.md5(b).digest() for b in blocks))

    def test_beyond_the_end(self) -> None:
        """What is asked for beyond the end of the file is none of it: no checksums of nothing."""
        self.storage["/box/a"] = content = bytes(range(200)) * 5
        blocks = b"".join(hashlib.md5(block).digest() for block in (content[:512], content[512:]))
        self.assertEqual(self.check(b"md5", length=5000, block=512)[1], blocks)

    def test_too_many_blocks(self) -> None:
        """A reply that no client would take is refused before anything is read."""
        self.storage["/box/a"] = bytes(3 << 20)
        heard = self.client.call_extended(b"check-file-name", A, string(b"md5"), u64(0), u64(0), u32(256))
        self.assertEqual(heard.code, Status.FAILURE)

    def test_free_where_the_store_knows(self) -> None:
        """The MD5 of a whole file costs no download."""
        asked: list[str] = []
        self.storage.hook = lambda verb, path: asked.append(verb)  # type: ignore[func-returns-value]
        self.check(b"md5")
        self.check(b"md5", block=1000)
        self.assertNotIn("fetch", asked)

    def test_refused(self) -> None:
        """Unknown algorithms, offsets beyond the end, blocks too small, what cannot be read."""
        self.storage["/box/a"] = bytes(1000)
        for algorithm, offset, block, code in (
            (b"rot13", 0, 0, Status.OP_UNSUPPORTED),
            (b"md5", 1001, 0, Status.FAILURE),
            (b"md5", 0, 255, Status.FAILURE),
        ):
            heard = self.client.call_extended(
                b"check-file-name", A, string(algorithm), u64(offset), u64(0), u32(block)
            )
            self.assertEqual(heard.code, code)
        writing = self.client.open(b"/box/a", WRITE)
        heard = self.client.call_extended(b"check-file-handle", writing, string(b"sha1"), u64(0), u64(0), u32(0))
        self.assertEqual(heard.code, Status.PERMISSION_DENIED)
