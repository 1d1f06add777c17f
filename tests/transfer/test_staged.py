"""Rules of `swftp.transfer.upload`: files that are staged while they are written."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Entry
from swftp.paths import Path, resolve
from swftp.transfer.phase import Phase
from swftp.transfer.upload import Upload
from tests.transfer.case import FILE, KIB, MIB, TransferCase, pattern


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

    def test_base_that_is_gone(self) -> None:
        """Nor behind nothing: an object that was removed has changed."""
        upload = self.upload(base=self.stands(pattern(300 * KIB)), append=True)
        upload.write(0, [b"tail"], 4)
        self.run_through(self.storage.remove(FILE))
        self.run_into(errors.Changed, upload.close())
        self.assertNotIn("/box/file", self.storage)

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

    def test_joined_while_they_are_on_their_way(self) -> None:
        """Small parts that the store has not confirmed at CLOSE are joined with the others from memory."""
        held = self._hold("stage")
        data = pattern(20 * self.segment_size)
        upload = self.upload()
        self._write(upload, data)
        closing = self.start(upload.close())
        self.assertEqual(len(held), 2)  # no more at CLOSE than before
        held[0].callback(None)
        self.assertEqual(len(held), 3)
        held[2].callback(None)  # before the second part, which it was joined with
        for one in held:
            one.called or one.callback(None)
        self.settle(lambda: closing.called)
        self.successResultOf(closing)
        self.assertTrue(self.storage["/box/file"] == data)
        self.settle(lambda: self.storage.staged == 0)

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
