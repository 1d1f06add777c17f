"""One open file: what it asks of the store, when, and how it ends."""

from __future__ import annotations

import gc
import sys
from typing import Any

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Attributes, Entry
from swftp.interfaces import IByteSource
from swftp.paths import Path, resolve
from swftp.transfer.budget import STUCK
from swftp.transfer.extents import ITEM_COST
from swftp.transfer.front import owned
from swftp.transfer.phase import Phase
from swftp.transfer.upload import Upload
from tests.transfer.case import FILE, KIB, MIB, PlainStorage, TransferCase, pattern


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


class LargeFileTests(TransferCase):
    """Files that are staged while they are written."""

    def _hold(self, verb: str) -> list[Deferred[None]]:
        """Let requests of *verb* wait for the Deferreds that this list gets."""
        held: list[Deferred[None]] = []

        def hook(asked: str, path: Path) -> Deferred[None] | None:
            self.requests.append(asked)
            if asked != verb:
                return None
            held.append(Deferred())
            return held[-1]

        self.storage.hook = hook
        return held

    def _write(self, upload: Upload, data: bytes, start: int = 0) -> Deferred[None] | None:
        """Write *data* in pieces as clients do; the last answer."""
        waiting = None
        for at in range(0, len(data), 16 * KIB):
            piece = data[at : at + 16 * KIB]
            waiting = upload.write(start + at, [piece], len(piece)) or waiting
        return waiting

    def test_nothing_is_seen_before_close(self) -> None:
        """Staged parts are nobody's file."""
        data = pattern(300 * KIB)
        upload = self.upload()
        self._write(upload, data)
        self.assertIn("stage", self.requests)
        self.assertNotIn("/box/file", self.storage)
        self.run_through(upload.close())
        self.assertEqual(self.requests[-1], "publish")
        self.assertEqual(self.storage["/box/file"], data)

    def test_parts_are_of_one_size(self) -> None:
        """All parts but the last are exactly of the segment size, however the client cuts his writes."""
        sizes = []
        stage = self.storage.stage

        async def watch(path: Path, source: object) -> object:
            sizes.append(source.length)  # type: ignore[attr-defined]
            return await stage(path, source)  # type: ignore[arg-type]

        self.storage.stage = watch  # type: ignore[assignment, method-assign]
        data = pattern(5 * self.segment_size + 100)
        upload = self.upload()
        for at in range(0, len(data), 10_007):
            self.write_through(upload, at, data[at : at + 10_007])
        self.run_through(upload.close())
        self.assertEqual(sizes, [self.segment_size] * 5 + [100])

    def test_two_parts_in_flight(self) -> None:
        """Not more than two parts are on their way; then the client is told to wait, until one has got there."""
        held = self._hold("stage")
        upload = self.upload()
        waiting = self._write(upload, pattern(512 * KIB))
        self.assertEqual(len(held), 2)
        assert waiting is not None
        self.assertNoResult(waiting)
        held[0].callback(None)
        self.assertEqual(len(held), 3)
        for one in held:
            one.called or one.callback(None)
        self.settle(lambda: waiting.called)
        upload.lost()
        self.settle(lambda: self.storage.staged == 0)

    def test_lost_discards_parts(self) -> None:
        """A client that vanishes leaves no part, not even those on their way."""
        held = self._hold("stage")
        upload = self.upload()
        self._write(upload, pattern(150 * KIB))
        upload.lost()
        self.assertIs(upload.phase, Phase.FAILED)
        for one in held:
            one.callback(None)
        self.settle(lambda: self.storage.staged == 0)
        self.assertIn("discard", self.requests)
        self.assertNotIn("/box/file", self.storage)

    def test_lost_after_close(self) -> None:
        """A client that vanishes while the store confirms leaves the new object."""
        held = self._hold("publish")
        data = pattern(200 * KIB)
        upload = self.upload()
        self._write(upload, data)
        closing = self.start(upload.close())
        upload.lost()
        self.assertIs(upload.phase, Phase.COMMITTING)
        held[0].callback(None)
        self.assertEqual(self.successResultOf(closing).size, len(data))
        self.assertEqual(self.storage["/box/file"], data)

    def test_a_failed_part_fails_the_file(self) -> None:
        """The next WRITE and CLOSE report why a part was refused; nothing is published, nothing is left."""
        self.stands(b"old")
        self.refusals["stage"] = [errors.QuotaExceeded()]
        upload = self.upload()
        self._write_until_it_fails(upload)
        self.assertRaises(errors.QuotaExceeded, upload.write, 0, [b"x"], 1)
        self.run_into(errors.QuotaExceeded, upload.close())
        self.run_into(errors.QuotaExceeded, upload.close())
        self.assertNotIn("publish", self.requests)
        self.settle(lambda: self.storage.staged == 0)
        self.assertEqual(self.storage["/box/file"], b"old")

    def _write_until_it_fails(self, upload: Upload) -> None:
        data = pattern(16 * KIB)
        for n in range(100):
            try:
                upload.write(n * len(data), [data], len(data))
            except errors.StorageError:
                return
        self.fail("it never failed")

    def test_waiting_writes_fail_with_the_file(self) -> None:
        """Each WRITE that waits for room learns that there will be none."""
        held = self._hold("stage")
        upload = self.upload()
        answers = [upload.write(at, [pattern(16 * KIB)], 16 * KIB) for at in range(0, 512 * KIB, 16 * KIB)]
        waiting = [answer for answer in answers if answer is not None]
        self.assertGreater(len(waiting), 2)
        held[0].errback(errors.Unavailable())
        for answer in waiting:
            self.failureResultOf(answer, errors.Unavailable)
        held[1].callback(None)
        self.settle(lambda: self.storage.staged == 0)

    def test_unknown_result_keeps_the_parts(self) -> None:
        """Parts that may have been published are not discarded: the file would lose them."""
        self.refusals["publish"] = [errors.StateUnknown()]
        upload = self.upload()
        self._write(upload, pattern(200 * KIB))
        self.run_into(errors.StateUnknown, upload.close())
        self.assertNotIn("discard", self.requests)
        self.assertEqual(self.storage.staged, 200 * KIB)

    def test_publish_refused(self) -> None:
        """A refused manifest leaves the old object and no part."""
        self.stands(b"old")
        self.refusals["publish"] = [errors.QuotaExceeded()]
        upload = self.upload()
        self._write(upload, pattern(200 * KIB))
        self.run_into(errors.QuotaExceeded, upload.close())
        self.settle(lambda: self.storage.staged == 0)
        self.assertEqual(self.storage["/box/file"], b"old")

    def test_append_moves_no_old_byte(self) -> None:
        """A tail on a large object: the store composes it, nothing is fetched."""
        old = pattern(300 * KIB)
        upload = self.upload(base=self.stands(old), append=True)
        upload.write(0, [b"tail"], 4)
        self.run_through(upload.close())
        self.assertEqual(self.requests, ["adopt", "stage", "publish"])
        self.assertEqual(self.storage["/box/file"], old + b"tail")

    def test_resume_without_append(self) -> None:
        """WinSCP resumes by writing at the end of an existing file that it did not truncate."""
        old = pattern(300 * KIB)
        upload = self.upload(base=self.stands(old))
        upload.write(len(old), [b"tail"], 4)
        self.run_through(upload.close())
        self.assertEqual(self.requests, ["adopt", "stage", "publish"])
        self.assertEqual(self.storage["/box/file"], old + b"tail")

    def test_shorter(self) -> None:
        """A large object is cut off by the store."""
        old = pattern(300 * KIB)
        upload = self.upload(base=self.stands(old))
        self.run_through(upload.truncate(100_000))
        self.run_through(upload.close())
        self.assertEqual(self.requests, ["adopt", "publish"])
        self.assertEqual(self.storage["/box/file"], old[:100_000])

    def test_changed_base_is_not_mixed(self) -> None:
        """A tail is not put behind an object that is not the one that was opened."""
        upload = self.upload(base=self.stands(pattern(300 * KIB)), append=True)
        upload.write(0, [b"tail"], 4)
        self.storage["/box/file"] = other = pattern(300 * KIB, 5)
        self.run_into(errors.Changed, upload.close())
        self.assertEqual(self.storage["/box/file"], other)
        self.settle(lambda: self.storage.staged == 0)

    def test_replaced_while_the_rest_is_staged(self) -> None:
        """Nor is it published over one that came while its last parts were staged, by a store that does not look."""
        publish = self.storage.publish

        async def careless(*args: Any) -> Entry:
            return await publish(*args[:-1], None)

        self.storage.publish = careless  # type: ignore[method-assign]
        upload = self.upload(base=self.stands(pattern(300 * KIB)), append=True)
        self.storage.latency = 1.0
        upload.write(0, [b"tail"], 4)
        closing = self.start(upload.close())
        self.settle(lambda: "stage" in self.requests)
        self.storage["/box/file"] = other = pattern(300 * KIB, 5)
        self.settle(lambda: closing.called)
        self.failureResultOf(closing, errors.Changed)
        self.assertEqual(self.storage["/box/file"], other)
        self.settle(lambda: self.storage.staged == 0)

    def test_a_hole_is_staged_once(self) -> None:
        """However large a hole is, its zeros cross the wire once."""
        upload = self.upload()
        upload.write(0, [b"head"], 4)
        upload.write(2 * MIB, [b"tail"], 4)
        self.run_through(upload.close())
        self.assertEqual(self.storage["/box/file"], b"head" + bytes(2 * MIB - 4) + b"tail")
        self.assertLess(self.requests.count("stage"), 6)

    def test_too_many_holes(self) -> None:
        """A file that is nearly all hole is refused at the WRITE."""
        upload = self.upload(self.engine(sparse=10 * MIB))
        self.assertRaises(errors.TooLarge, upload.write, 11 * MIB, [b"x"], 1)
        self.run_into(errors.TooLarge, upload.close())

    def test_holes_that_were_filled(self) -> None:
        """A hole counts as long as it is there: writes of a large file may overtake each other all the way."""
        upload = self.upload(self.engine(sparse=256 * KIB))
        for at in range(0, 2 * MIB, 32 * KIB):
            self.write_through(upload, at + 16 * KIB, pattern(16 * KIB))
            self.write_through(upload, at, pattern(16 * KIB, at))
        self.run_through(upload.truncate(0))
        self.run_through(upload.truncate(200 * KIB))
        self.run_through(upload.truncate(0))
        self.run_through(upload.truncate(200 * KIB))
        self.run_into(errors.TooLarge, upload.truncate(500 * KIB))

    def test_scattered_beyond_memory(self) -> None:
        """More scattered changes than memory may hold are refused clearly, and the old object stays whole."""
        old = pattern(2 * MIB)
        upload = self.upload(base=self.stands(old))
        with self.assertRaises(errors.TooLarge):
            for at in range(0, 2 * MIB, 4 * KIB):
                upload.write(at, [b"x" * 2000], 2000)
        self.run_into(errors.TooLarge, upload.close())
        self.assertEqual(self.storage["/box/file"], old)

    def test_many_small_changes(self) -> None:
        """Scattered small changes become few parts: stores slow down objects of many small ones."""
        old = pattern(8 * MIB)
        upload = self.upload(self.engine(segment_size=4 * MIB), base=self.stands(old))
        new = bytearray(old)
        for at in range(0, 8 * MIB, 100_000):
            upload.write(at, [b"xyz"], 3)
            new[at : at + 3] = b"xyz"
        self.run_through(upload.close())
        self.assertEqual(self.storage["/box/file"], bytes(new))
        self.assertLess(self.requests.count("stage"), 10)
        self.assertEqual(self.storage.staged, 0)

    def test_sync_waits_for_what_is_on_its_way(self) -> None:
        """fsync answers when all parts sent so far have got there."""
        held = self._hold("stage")
        upload = self.upload()
        self._write(upload, pattern(150 * KIB))
        syncing = self.start(upload.sync())
        held[0].callback(None)
        self.assertNoResult(syncing)
        held[1].callback(None)
        self.successResultOf(syncing)
        upload.lost()
        self.settle(lambda: self.storage.staged == 0)

    def test_rename_takes_the_upload_along(self) -> None:
        """A file that was renamed while open is published under its new name, old bytes included."""
        entry = self.stands(pattern(300 * KIB))
        upload = self.upload(base=entry, append=True)
        upload.write(0, [b"tail"], 4)
        target = resolve("/box/new")
        self.run_through(self.storage.rename(FILE, target))
        upload.move(target, exclusive=False)
        self.run_through(upload.close())
        self.assertEqual(self.storage["/box/new"], pattern(300 * KIB) + b"tail")
        self.assertNotIn("/box/file", self.storage)

    def test_renamed_after_it_was_replaced(self) -> None:
        """What somebody else put in the old one's place before the rename is not mixed with it."""
        entry = self.stands(b"the old content")
        upload = self.upload(base=entry)
        upload.write(0, [b"THE"], 3)
        self.storage["/box/file"] = b"other content"
        target = resolve("/box/new")
        self.run_through(self.storage.rename(FILE, target))
        upload.move(target, exclusive=False)
        self.run_into(errors.Changed, upload.close())
        self.assertEqual(self.storage["/box/new"], b"other content")

    def test_tiny_pieces(self) -> None:
        """Bytes that come one by one are joined when they cost too much; scattered ones are refused at once."""
        upload = self.upload()
        for n in range(3000):
            self.assertIsNone(upload.write(n, [b"x"], 1))
        self.run_through(upload.close())
        self.assertEqual(self.storage["/box/file"], b"x" * 3000)
        upload = self.upload()
        with self.assertRaises(errors.TooLarge):
            for n in range(3000):
                self.assertIsNone(upload.write(2 * n, [b"x"], 1))

    def test_part_of_which_nothing_is_known(self) -> None:
        """A part that may or may not be stored fails the file like any other, and leaves nothing behind."""
        held = self._hold("stage")
        upload = self.upload()
        self._write(upload, pattern(150 * KIB))
        held[0].errback(errors.StateUnknown())
        error = self.run_into(errors.Unavailable, upload.close())
        self.assertNotIsInstance(error, errors.StateUnknown)
        held[1].callback(None)
        self.settle(lambda: self.storage.staged == 0)

    def test_published_with_another_result(self) -> None:
        """Parts that the store may have published are left alone, whatever it said of them."""
        for error in (errors.StateUnknown(), errors.Corrupt(), ValueError("a bug after publishing")):
            upload = self.upload()
            self._write(upload, pattern(150 * KIB))
            self.refusals["publish"] = [error]
            self.run_into(type(error), upload.close())
            self.assertEqual(self.storage.staged, 150 * KIB)
            self.storage._staged.clear()
        for error in (errors.QuotaExceeded(), errors.Damaged()):
            upload = self.upload()
            self._write(upload, pattern(150 * KIB))
            self.refusals["publish"] = [error]
            self.run_into(type(error), upload.close())
            self.settle(lambda: self.storage.staged == 0)

    def test_stalled_client(self) -> None:
        """What a client sent who then says nothing does not stay in memory, if it makes a decent part."""
        upload = self.upload(self.engine(segment_size=8 * MIB))
        self.write_through(upload, 0, pattern(2 * MIB))
        self.clock.pump([1.0] * 19)
        self.assertEqual(self.requests, [])
        self.clock.pump([1.0] * 3)
        self.assertEqual(self.requests, ["stage"])
        self.assertLess(self.budget.used, 10 * KIB)
        upload.lost()


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


class PlainStoreTests(TransferCase):
    """A store that cannot put objects together."""

    def setUp(self) -> None:
        super().setUp()
        self.means = self.engine(PlainStorage(self.storage), reorder_window=64 * KIB)

    def _begin(self) -> Upload:
        upload = self.upload(self.means)
        for at in range(0, 160 * KIB, 32 * KIB):
            self.write_through(upload, at, pattern(32 * KIB, at))
        return upload

    def test_many_at_once(self) -> None:
        """Files that fill their session's memory together are sent before they are as large as one may be."""
        means = self.engine(PlainStorage(self.storage), segment_size=2 * MIB, group=6 * MIB)
        files = [self.upload(means, resolve(f"/box/{n}")) for n in range(5)]
        start = self.clock.seconds()
        for at in range(0, 4 * MIB, 64 * KIB):
            waits = [file.write(at, [pattern(64 * KIB, at)], 64 * KIB) for file in files]
            self.settle(lambda w=waits: all(wait is None or wait.called for wait in w))  # type: ignore[misc]
        for file in files:
            self.run_through(file.close())
            self.assertEqual(self.storage[str(file.path)][-64 * KIB :], pattern(64 * KIB, 4 * MIB - 64 * KIB))
        self.assertLess(self.clock.seconds() - start, STUCK)

    def _go_on_at_once(self, piece: int, most: int) -> None:
        """A client waits for no answer below *most* bytes, and above it writes on within each."""
        data, at = pattern(2 * MIB, most), 0
        upload = self.upload(self.engine(PlainStorage(self.storage), segment_size=MIB))
        others = self.budget.join(upload, upload.engine.group)
        others.take(self.memory - 512 * KIB)

        def go_on(_: object = None) -> None:
            nonlocal at
            wait = None
            while at < len(data) and (wait is None or at < most):
                wait = upload.write(at, [data[at : at + piece]], piece)
                at += piece
            if wait is not None:
                wait.addCallback(go_on)

        go_on()
        upload.shrink(0)
        others.close()
        self.settle(lambda: at == len(data))
        self.run_through(upload.close())
        self.assertTrue(self.storage["/box/file"] == data)

    def test_who_goes_on_at_once(self) -> None:
        """What a client writes as soon as the first blocks have left is sent behind those that have yet to leave."""
        self._go_on_at_once(32 * KIB, 768 * KIB)  # which are asked to leave early
        self._go_on_at_once(128 * KIB, 1280 * KIB)  # which are a part
        self.assertEqual(self.requests.count("store"), 2)

    def test_a_pause_begins_nothing(self) -> None:
        """A client that sends nothing for long has his file kept: a request that is begun cannot wait for him."""
        upload = self.upload(self.engine(PlainStorage(self.storage), segment_size=4 * MIB))
        self.write_through(upload, 0, pattern(2 * MIB))
        self.clock.pump([1.0] * 60)
        self.assertEqual((upload.stream, self.requests), (None, []))
        upload.lost()

    def test_rewrite_of_what_was_sent(self) -> None:
        """What is on its way cannot be changed: that write, and the file, fail."""
        upload = self._begin()
        self.assertRaises(errors.Unsupported, upload.write, 0, [b"x"], 1)
        self.run_into(errors.Unsupported, upload.close())
        self.assertNotIn("/box/file", self.storage)

    def test_too_far_ahead(self) -> None:
        """A gap is waited for within the reorder window, not beyond."""
        upload = self._begin()
        self.write_through(upload, 200 * KIB, b"x")
        self.assertRaises(errors.TooLarge, upload.write, 400 * KIB, [b"x"], 1)

    def test_end_too_far_ahead(self) -> None:
        """So it is with who goes on at the end of the file and never comes back: he is told, not left to wait."""
        upload = self._begin()
        with self.assertRaises(errors.TooLarge):
            for at in range(161 * KIB, MIB, 16 * KIB):
                self.write_through(upload, at, bytes(16 * KIB))

    def test_gap_left_open(self) -> None:
        """A hole that is never filled reads as zeros."""
        upload = self._begin()
        self.write_through(upload, 200 * KIB, b"x")
        self.run_through(upload.close())
        self.assertEqual(self.storage["/box/file"][160 * KIB :], bytes(40 * KIB) + b"x")

    def test_lost(self) -> None:
        """A client that vanishes in the middle of the one request leaves nothing."""
        upload = self._begin()
        upload.lost()
        self.clock.advance(60)
        self.assertNotIn("/box/file", self.storage)

    def test_refused_in_the_middle(self) -> None:
        """A store that gives up before the end fails the next WRITE and CLOSE."""

        async def refuse(*args: object, **kwargs: object) -> None:
            raise errors.QuotaExceeded()

        self.storage.store = refuse  # type: ignore[assignment, method-assign]
        upload = self.upload(self.means)
        with self.assertRaises(errors.QuotaExceeded):
            for at in range(0, MIB, 32 * KIB):
                upload.write(at, [pattern(32 * KIB)], 32 * KIB)
        self.run_into(errors.QuotaExceeded, upload.close())

    def test_large_file_cannot_be_patched(self) -> None:
        """A large object that the store cannot compose is left alone, and the client told."""
        old = pattern(200 * KIB)
        upload = self.upload(self.means, base=self.stands(old))
        upload.write(0, [b"x"], 1)
        self.run_into(errors.TooLarge, upload.close())
        self.assertEqual(self.storage["/box/file"], old)

    def test_small_file_is_patched(self) -> None:
        """One that fits memory is patched there."""
        upload = self.upload(self.means, base=self.stands(b"0123"))
        upload.write(1, [b"x"], 1)
        self.run_through(upload.close())
        self.assertEqual(self.storage["/box/file"], b"0x23")


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
        upload.lost()
