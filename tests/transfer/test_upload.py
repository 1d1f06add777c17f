"""One open file: what it asks of the store, when, and how it ends."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from typing import Any

from swftp import errors
from swftp.entries import Attributes, Entry
from swftp.interfaces import IByteSource
from swftp.paths import Path, resolve
from swftp.transfer.extents import ITEM_COST
from swftp.transfer.front import owned
from swftp.transfer.phase import Phase
from tests.transfer.case import FILE, KIB, MIB, TransferCase, pattern


class SmallFileTests(TransferCase):
    """Files that fit the first buffer."""

    def test_one_request_at_close(self) -> None:
        """Nothing is asked of the store before CLOSE, and then one store."""
        upload = self.upload(attributes=Attributes(mtime=5.0))
        upload.write(3, [b"def"], 3)
        upload.write(0, [b"a", b"bc"], 3)
        self.assertEqual(self.requests, [])
        entry = self.run_through(upload.close())
        self.assertEqual(self.requests, ["store"])
        self.assertEqual(self.storage["/box/file"], b"abcdef")
        self.assertEqual((entry.size, entry.mtime), (6, 5.0))

    def test_length_and_digest_are_known_before_the_first_byte(self) -> None:
        """The store can refuse wrong bytes: it is told length and MD5 up front."""
        seen = []
        store = self.storage.store

        async def watch(path: Path, source: object, *rest: object) -> object:
            seen.append((source.length, source.digest, source.replayable))  # type: ignore[attr-defined]
            return await store(path, source, *rest)  # type: ignore[arg-type]

        self.storage.store = watch  # type: ignore[assignment, method-assign]
        upload = self.upload()
        upload.write(0, [b"abc"], 3)
        self.run_through(upload.close())
        self.assertEqual(seen, [(3, "900150983cd24fb0d6963f7d28e17f72", True)])

    def test_no_digest_where_none_is_wanted(self) -> None:
        """A store that does not compare the MD5 of parts costs nobody their computation."""
        seen: list[str | None] = []
        stage = self.storage.stage

        async def spied(path: Path, source: IByteSource) -> object:
            seen.append(source.digest)
            return await stage(path, source)

        self.storage.stage = spied  # type: ignore[method-assign, assignment]
        for wanted in (True, False):
            self.storage.digests = wanted
            upload = self.upload()
            data = pattern(3 * self.segment_size)
            self.write_through(upload, 0, data)
            self.assertEqual(self.run_through(upload.close()).size, len(data))
            self.assertEqual([digest is not None for digest in seen], [wanted] * 3)
            seen.clear()

    def test_digest_of_what_was_rewritten(self) -> None:
        """Bytes that were hashed and then written over do not count: the checksum is that of what is sent."""
        for at, size in ((5, 10), (0, 200 * KIB), (127 * KIB, 2 * KIB), (250 * KIB, KIB)):
            upload = self.upload(self.engine(segment_size=512 * KIB))
            data = bytearray(pattern(300 * KIB))
            self.write_through(upload, 0, bytes(data))
            self.write_through(upload, at, pattern(size, 1))
            data[at : at + size] = pattern(size, 1)
            self.run_through(upload.close())  # the store compares it
            self.assertEqual(self.storage["/box/file"], data)

    def test_exactly_the_first_buffer(self) -> None:
        """A file of exactly the segment size still is one request; one byte more is parts."""
        for extra, expected in ((0, ["store"]), (1, ["stage", "stage", "publish"])):
            self.requests.clear()
            data = pattern(self.segment_size + extra)
            upload = self.upload()
            for at in range(0, len(data), 8 * KIB):
                self.write_through(upload, at, data[at : at + 8 * KIB])
            self.run_through(upload.close())
            self.assertEqual(self.requests, expected)
            self.assertEqual(self.storage["/box/file"], data)

    def test_empty(self) -> None:
        """A new file that is closed without a write is an empty object."""
        self.run_through(self.upload().close())
        self.assertEqual(self.storage["/box/file"], b"")

    def test_content_is_let_go_of(self) -> None:
        """What was written is in nobody's hands once the file has ended, however long somebody keeps the file."""
        gc.disable()
        self.addCleanup(gc.enable)
        for end in (lambda upload: self.run_through(upload.close()), lambda upload: upload.lost()):
            upload, data = self.upload(), pattern(40 * KIB)
            before = sys.getrefcount(data)
            upload.write(0, [memoryview(data)], len(data))
            self.assertGreater(sys.getrefcount(data), before)
            end(upload)
            self.assertEqual(sys.getrefcount(data), before)
            self.assertEqual(upload.table.memory, 0)

    def test_unchanged_asks_nothing(self) -> None:
        """Opening and closing an existing file leaves it alone: no request at all."""
        upload = self.upload(base=self.stands(b"old"))
        entry = self.run_through(upload.close())
        self.assertEqual(self.requests, [])
        self.assertEqual(entry.size, 3)

    def test_only_attributes(self) -> None:
        """Setting a time on an open file and closing it moves no bytes."""
        upload = self.upload(base=self.stands(b"old"))
        upload.set(Attributes(mtime=7.0))
        self.assertEqual(self.run_through(upload.close()).mtime, 7.0)
        self.assertEqual(self.requests, ["update"])

    def test_time_of_the_last_change(self) -> None:
        """A time that was set is that of what was written before: another WRITE or a new length makes another."""
        for base in (None, self.stands(b"old")):
            for change in (lambda u: u.write(0, [b"new"], 3), lambda u: self.run_through(u.truncate(1))):
                upload = self.upload(base=base, attributes=Attributes(mtime=5.0))
                upload.write(0, [b"ne"], 2)
                self.assertEqual(upload.entry.mtime, 5.0)  # said with OPEN, before there was anything
                upload.set(Attributes(mtime=7.0, mode=0o600))
                change(upload)
                self.assertEqual(upload.entry.mtime, self.clock.seconds())
                entry = self.run_through(upload.close())
                self.assertNotIn(entry.mtime, (5.0, 7.0))
                self.assertEqual(entry.mode, 0o600)

    def test_patch_fetches_what_is_kept(self) -> None:
        """A write into the middle of a small file fetches the rest once, at CLOSE, and stores the whole."""
        upload = self.upload(base=self.stands(b"0123456789"))
        upload.write(4, [b"xx"], 2)
        self.assertEqual(self.requests, [])
        self.run_through(upload.close())
        self.assertEqual(self.requests, ["fetch", "store"])
        self.assertEqual(self.storage["/box/file"], b"0123xx6789")

    def test_overwritten_altogether(self) -> None:
        """Nothing of an object is fetched if nothing of it is kept."""
        upload = self.upload(base=self.stands(b"0123456789"))
        upload.write(0, [b"abcdefghijk"], 11)
        self.run_through(upload.close())
        self.assertEqual(self.requests, ["store"])

    def test_changed_before_close(self) -> None:
        """An object that was replaced since OPEN is not overwritten with a mixture."""
        upload = self.upload(base=self.stands(b"0123456789"))
        upload.write(4, [b"xx"], 2)
        self.storage["/box/file"] = b"another"
        self.run_into(errors.Changed, upload.close())
        self.assertEqual(self.storage["/box/file"], b"another")

    def test_changed_after_it_was_read(self) -> None:
        """The same where the bytes that are kept had been read through the handle long before."""
        upload = self.upload(base=self.stands(b"0123456789"))
        self.assertEqual(self.read_through(upload, 0, 4), b"0123")
        upload.write(4, [b"xx"], 2)
        self.storage["/box/file"] = b"another"
        self.run_into(errors.Changed, upload.close())
        self.assertEqual(self.storage["/box/file"], b"another")

    def test_changed_and_the_store_does_not_look(self) -> None:
        """Where the store compares nothing we do: who began with nothing, or read all of it, replaces no other."""
        store = self.storage.store

        async def careless(*args: Any) -> Entry:
            return await store(*args[:-1])

        self.storage.store = careless  # type: ignore[method-assign, assignment]
        for old, asked in ((b"", 0), (b"0123456789", 4)):
            upload = self.upload(base=self.stands(old))
            self.assertEqual(self.read_through(upload, 0, asked), old[:asked])
            upload.write(4, [b"xx"], 2)
            self.storage["/box/file"] = b"another"
            self.run_into(errors.Changed, upload.close())
            self.assertEqual(self.storage["/box/file"], b"another")

    def test_removed_before_close(self) -> None:
        """An object that is gone has changed, too."""
        upload = self.upload(base=self.stands(b"0123456789"))
        upload.write(4, [b"xx"], 2)
        self.run_through(self.storage.remove(FILE))
        self.run_into(errors.Changed, upload.close())
        self.assertNotIn("/box/file", self.storage)

    def test_exclusive(self) -> None:
        """Who asked for a new file does not replace one that came up meanwhile."""
        upload = self.upload(exclusive=True)
        upload.write(0, [b"mine"], 4)
        self.storage["/box/file"] = b"theirs"
        self.run_into(errors.AlreadyExists, upload.close())
        self.assertEqual(self.storage["/box/file"], b"theirs")

    def test_append_ignores_offsets(self) -> None:
        """With APPEND every write goes to the end, as O_APPEND has it; OpenSSH's server does the same."""
        upload = self.upload(base=self.stands(b"old"), append=True)
        upload.write(0, [b"1"], 1)
        upload.write(0, [b"2"], 1)
        self.run_through(upload.close())
        self.assertEqual(self.storage["/box/file"], b"old12")

    def test_what_its_handle_sees(self) -> None:
        """A file that is changed shows the mode of the object it began with until it is given another."""
        entry = replace(self.stands(b"old"), mode=0o640, mtime=5.0)
        upload = self.upload(base=entry)
        self.assertEqual((upload.entry.mode, upload.entry.mtime), (0o640, 5.0))
        upload.write(0, [b"new"], 3)
        self.assertEqual((upload.entry.mode, upload.entry.mtime), (0o640, self.clock.seconds()))
        upload.set(Attributes(mode=0o600))
        self.assertEqual(upload.entry.mode, 0o600)
        upload.lost()

    def test_read_own_bytes(self) -> None:
        """A handle reads what it wrote, zeros where it wrote nothing, and no further than the end."""
        upload = self.upload()
        upload.write(5, [b"abc"], 3)
        self.assertEqual(upload.read(3, 4), b"\0\0ab")
        self.assertEqual(upload.read(6, 100), b"bc")
        self.assertEqual(upload.read(8, 1), b"")
        upload.lost()

    def test_negative_offset(self) -> None:
        """An offset that no file has is refused before anything is done with it."""
        upload = self.upload()
        self.assertRaises(errors.TooLarge, upload.write, 1 << 62, [b"x"], 1)
        self.assertRaises(errors.TooLarge, upload.write, 0, [b"x"], 1)
        self.run_into(errors.TooLarge, upload.close())


class EndTests(TransferCase):
    """Every way a file ends."""

    def test_after_close(self) -> None:
        """A closed file takes no calls."""
        upload = self.upload()
        self.run_through(upload.close())
        self.assertRaises(errors.InvalidRequest, upload.write, 0, [b"x"], 1)
        self.assertRaises(errors.InvalidRequest, upload.read, 0, 1)
        self.run_into(errors.InvalidRequest, upload.close())
        upload.lost()
        self.assertIs(upload.phase, Phase.STORED)

    def test_close_lets_waiting_writes_go(self) -> None:
        """A WRITE that waits is answered when the file is closed: its bytes are part of it."""
        other = self.upload()
        other.share.take(self.memory)
        upload = self.upload()
        waiting = upload.write(0, [b"x"], 1)
        assert waiting is not None
        self.assertNoResult(waiting)
        self.run_through(upload.close())
        self.successResultOf(waiting)
        other.lost()

    def test_wrong_length_stored(self) -> None:
        """A store that says it has another length than was sent is not believed."""
        stored = self.storage.store

        async def short(*args: object) -> object:
            await stored(*args)  # type: ignore[arg-type]
            return self.run_through(self.storage.stat(resolve("/box/other")))

        self.storage.store = short  # type: ignore[assignment, method-assign]
        upload = self.upload()
        upload.write(0, [b"x"], 1)
        self.run_into(errors.Corrupt, upload.close())

    def test_internal_error_is_not_success(self) -> None:
        """A bug of ours at CLOSE fails the file like anything else."""
        self.refusals["store"] = [ZeroDivisionError()]
        upload = self.upload()
        self.run_into(ZeroDivisionError, upload.close())
        self.assertIs(upload.phase, Phase.FAILED)


class OwnedTests(TransferCase):
    """`owned`."""

    def test_a_small_view_does_not_keep_its_packet(self) -> None:
        """A few bytes of a large packet are copied; a view of most of it is kept as it is."""
        packet = memoryview(bytes(32 * KIB))
        (small,) = owned([packet[:100]], 100)
        (large,) = owned([packet[5:]], 32 * KIB - 5)
        self.assertIsInstance(small, bytes)
        self.assertIsInstance(large, memoryview)

    def test_tiny_writes_are_joined(self) -> None:
        """A file written byte by byte costs what it holds, not a hundred times that."""
        upload = self.upload(self.engine(segment_size=MIB))
        for at in range(0, 300 * KIB, 64):
            upload.write(at, [pattern(64)], 64)
        self.assertLess(upload.table.cost, 300 * KIB + 128 * KIB // 64 * ITEM_COST + 10_000)
        self.assertEqual(upload.share.held, upload.table.cost)
        upload.lost()
