"""Rules of `swftp.transfer.upload` where a store cannot put objects together."""

from __future__ import annotations

from typing import Any

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import Path, resolve
from swftp.transfer.budget import STUCK
from swftp.transfer.sources import StreamSource
from swftp.transfer.upload import Upload
from tests.transfer.case import FILE, KIB, MIB, PlainStorage, TransferCase, pattern
from tests.transfer.test_sources import Consumer


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

    def test_attributes_said_late(self) -> None:
        """What a client says when its first bytes are on their way is kept: ``put -p`` says the time at the end."""
        upload = self._begin()
        self.assertIsNotNone(upload.stream)
        upload.set(Attributes(mtime=0.0, mode=0o600))
        entry = self.run_through(upload.close())
        stored = self.run_through(self.storage.stat(FILE))
        for found in (entry, stored):
            self.assertEqual((found.mtime, found.mode, found.size), (0.0, 0o600, 160 * KIB))

    def test_time_said_early(self) -> None:
        """A time that was set before the request began is not that of what was written later."""
        upload = self.upload(self.means)
        upload.write(0, [b"x"], 1)
        upload.set(Attributes(mtime=7.0))
        upload.write(1, [b"x"], 1)
        self.assertIsNone(upload.told.attributes.mtime)
        upload.set(Attributes(mtime=8.0))
        upload.shrink(0)
        self.assertIsNotNone(upload.stream)
        upload.write(2, [b"x"], 1)
        self.run_through(upload.close())
        self.assertEqual(self.run_through(self.storage.stat(FILE)).mtime, self.clock.seconds())

    def test_time_said_in_time(self) -> None:
        """One that still holds when the request begins, and nothing that was not said, costs a request more."""
        for attributes in (Attributes(), Attributes(mtime=8.0, mode=0o600)):
            self.requests.clear()
            upload = self.upload(self.means)
            upload.write(0, [b"x"], 1)
            upload.set(attributes)
            upload.shrink(0)
            self.assertIsNotNone(upload.stream)
            self.assertIn(self.run_through(upload.close()).mtime, (8.0, self.clock.seconds()))
            self.assertEqual(self.requests, ["store"])
        found = self.run_through(self.storage.stat(FILE))
        self.assertEqual((found.mtime, found.mode), (8.0, 0o600))

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

    def test_ahead_of_a_gap_nobody_waits(self) -> None:
        """Within the window no answer waits: clients that pipeline may need it before they send what is missing."""
        upload = self.upload(self.engine(PlainStorage(self.storage), reorder_window=MIB))
        for at in range(32 * KIB, MIB, 32 * KIB):
            self.assertIsNone(upload.write(at, [pattern(32 * KIB, at)], 32 * KIB))
        self.write_through(upload, 0, pattern(32 * KIB, 0))
        self.run_through(upload.close())
        self.assertEqual(self.storage["/box/file"], b"".join(pattern(32 * KIB, at) for at in range(0, MIB, 32 * KIB)))

    def test_end_too_far_ahead(self) -> None:
        """So it is with who goes on at the end of the file and never comes back: he is told, not left to wait."""
        upload = self._begin()
        with self.assertRaises(errors.TooLarge):
            for at in range(161 * KIB, MIB, 16 * KIB):
                self.write_through(upload, at, bytes(16 * KIB))

    def _begin_small(self) -> Upload:
        upload = self.upload(self.engine(PlainStorage(self.storage), segment_size=64 * KIB, reorder_window=128 * KIB))
        for at in range(0, 96 * KIB, 32 * KIB):
            self.write_through(upload, at, pattern(32 * KIB, at))
        self.assertIsNotNone(upload.stream)
        return upload

    def test_small_pieces_ahead_of_a_gap(self) -> None:
        """Pieces that adjoin are put together before they cost more than a file may: nobody waits for the gap."""
        upload, data = self._begin_small(), pattern(8 * KIB, 7)
        for at in range(len(data)):
            self.write_through(upload, 112 * KIB + at, data[at : at + 1])
        self.write_through(upload, 96 * KIB, pattern(16 * KIB, 8))
        self.run_through(upload.close())
        self.assertEqual(self.storage["/box/file"][96 * KIB :], pattern(16 * KIB, 8) + data)

    def test_scattered_ahead_of_a_gap(self) -> None:
        """Pieces that cannot be put together are refused where they cost more than a file may: nothing frees them."""
        upload = self._begin_small()
        with self.assertRaises(errors.TooLarge):
            for at in range(112 * KIB, 144 * KIB, 2):
                self.write_through(upload, at, b"x")
        self.run_into(errors.TooLarge, upload.close())

    def test_scattered_while_blocks_leave(self) -> None:
        """So they are if blocks were on their way when they came, once those have left."""
        sources: list[StreamSource] = []

        async def slow(path: Path, source: StreamSource, *rest: Any, **named: Any) -> None:
            sources.append(source)
            await source.startProducing(Consumer(source, pause=True))

        self.storage.store = slow  # type: ignore[method-assign, assignment]
        upload = self._begin_small()
        waits = [upload.write(96 * KIB, [bytes(32 * KIB)], 32 * KIB)]
        for at in range(144 * KIB, 160 * KIB, 2):
            waits.append(upload.write(at, [b"x"], 1))
            if upload.share.held - upload.share.leaving > upload.brake.cap:
                break
        while upload.share.leaving:
            self.assertEqual([wait for wait in waits if wait is None or wait.called], [])
            sources[0].resumeProducing()
        for wait in waits:
            assert wait is not None
            self.failureResultOf(wait, errors.TooLarge)

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

    def test_lost_ends_the_request(self) -> None:
        """It is not left open: the store would wait for the rest of it."""
        ends: list[BaseException] = []
        store = self.storage.store

        async def watched(*args: Any, **named: Any) -> Any:
            try:
                return await store(*args, **named)
            except errors.StorageError as error:
                ends.append(error)
                raise

        self.storage.store = watched  # type: ignore[method-assign]
        self._begin().lost()
        self.assertIsInstance(ends[0], errors.Interrupted)

    def test_slow_store(self) -> None:
        """Who is faster than the store waits for it."""

        async def deaf(path: Path, source: StreamSource, *rest: Any, **named: Any) -> None:
            await source.startProducing(Consumer(source, pause=True))

        self.storage.store = deaf  # type: ignore[method-assign, assignment]
        upload, waits = self.upload(self.means), []
        for at in range(0, MIB, 32 * KIB):
            waits.append(upload.write(at, [pattern(32 * KIB, at)], 32 * KIB))
            if waits[-1] is not None:
                break
        self.assertLessEqual(len(waits), 5)
        upload.lost()
        self.failureResultOf(waits[-1], errors.Interrupted)

    def test_changed_by_path(self) -> None:
        """What is on its way gets no other length or name: those fail, and nothing is stored under either name."""
        upload = self._begin()
        self.run_into(errors.Unsupported, upload.truncate(10))
        self.run_into(errors.Unsupported, upload.close())
        upload = self._begin()
        upload.move(resolve("/box/new"), exclusive=False)
        self.run_into(errors.Unsupported, upload.close())
        self.assertEqual(("/box/file" in self.storage, "/box/new" in self.storage), (False, False))

    def test_exactly_what_fits(self) -> None:
        """A file of exactly the size that memory holds is sent at CLOSE, when its checksum is known."""
        upload = self.upload(self.means)
        for at in range(0, self.segment_size, 16 * KIB):
            self.write_through(upload, at, pattern(16 * KIB, at))
        self.assertIsNone(upload.stream)
        self.run_through(upload.close())
        self.assertIsNone(upload.stream)

    def test_nothing_but_holes(self) -> None:
        """A large file of little but zeros, which nothing made it begin early, is sent at CLOSE."""
        upload = self.upload(self.means)
        upload.write(0, [b"head"], 4)
        self.run_through(upload.truncate(MIB))
        self.run_through(upload.close())
        self.assertEqual(self.storage["/box/file"], b"head" + bytes(MIB - 4))

    def test_room_for_the_rest_of_a_patched_file(self) -> None:
        """A patched file waits at CLOSE for room, but not for good: those who have it may be waiting for him."""
        old = pattern(self.segment_size)
        for seconds in (STUCK / 2, 2 * STUCK):
            full = self.upload()
            full.share.take(self.memory)
            upload = self.upload(self.means, base=self.stands(old))
            self.assertIsNotNone(upload.write(0, [b"x"], 1))
            closing = self.start(upload.close())
            self.clock.pump([1.0] * int(seconds))
            self.assertNotIn("fetch", self.requests)
            full.lost()
            self.clock.advance(1.0)
            if seconds < STUCK:
                self.successResultOf(closing)
                self.assertEqual(self.storage["/box/file"], b"x" + old[1:])
            else:
                self.failureResultOf(closing, errors.Busy)
                self.assertEqual(self.storage["/box/file"], old)

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

    def test_refused_at_once(self) -> None:
        """A store that refuses the file within a WRITE fails that, also where it would have waited for memory."""

        async def refuse(*args: object, **kwargs: object) -> None:
            raise errors.QuotaExceeded()

        self.storage.store = refuse  # type: ignore[assignment, method-assign]
        upload = self.upload(self.means)
        upload.write(0, [pattern(64 * KIB)], 64 * KIB)
        others = self.budget.join(upload, upload.engine.group)
        others.take(self.memory)
        waiting = upload.write(64 * KIB, [b"x"], 1)
        assert waiting is not None
        self.failureResultOf(waiting, errors.QuotaExceeded)
        self.assertEqual((self.budget.used, upload.share.waiting), (self.memory, False))
        others.close()

    def test_refused_at_the_end(self) -> None:
        """What the store says when it has all of it is what CLOSE says."""
        self.storage.quota_bytes = 100 * KIB
        upload = self._begin()
        self.run_into(errors.QuotaExceeded, upload.close())
        self.run_into(errors.QuotaExceeded, upload.close())
        self.assertNotIn("/box/file", self.storage)

    def test_a_bug_is_no_success(self) -> None:
        """An error that nobody thought of fails the file, and is logged."""
        self.refusals["store"] = [ZeroDivisionError()]
        upload = self._begin()
        self.run_into(ZeroDivisionError, upload.close())
        self.assertEqual([failure.type for failure in self.failures], [ZeroDivisionError])
        self.failures.clear()
        self.assertNotIn("/box/file", self.storage)

    def test_beginning_comes_late(self) -> None:
        """While the first bytes are missing nothing is sent; they are waited for within the window, not beyond."""
        data = pattern(160 * KIB)
        for missing in (True, False):
            upload = self.upload(self.means)
            for at in range(32 * KIB, 128 * KIB, 32 * KIB):
                upload.write(at, [data[at : at + 32 * KIB]], 32 * KIB)
            self.assertIsNone(upload.stream)
            if missing:
                upload.write(128 * KIB, [data[128 * KIB :]], 32 * KIB)
                self.assertRaises(errors.TooLarge, upload.write, 160 * KIB, [b"x"], 1)
            else:
                upload.write(0, [data[: 32 * KIB]], 32 * KIB)
                self.assertIsNotNone(upload.stream)
                self.assertEqual(upload.share.held - upload.share.leaving, upload.table.cost)  # all else is sent
                self.run_through(upload.close())
                self.assertTrue(self.storage["/box/file"] == data[: 128 * KIB])

    def test_large_file_over_an_old_one(self) -> None:
        """What was not to be written anew is refused once it is larger than memory holds; the old one stays."""
        upload = self.upload(self.means, base=self.stands(b"old"))
        with self.assertRaises(errors.TooLarge):
            for at in range(0, 256 * KIB, 32 * KIB):
                upload.write(at, [pattern(32 * KIB)], 32 * KIB)
        self.run_into(errors.TooLarge, upload.close())
        self.assertEqual((self.storage["/box/file"], self.requests), (b"old", []))

    def test_not_begun_early(self) -> None:
        """Who is asked for memory begins only with what is new, contiguous, worth it, and not stored already."""
        means = self.engine(PlainStorage(self.storage), segment_size=MIB)
        old = self.upload(means, base=self.stands(b"old"))
        apart, small, closed = (self.upload(means, resolve(f"/box/{name}")) for name in ("apart", "small", "closed"))
        for upload, at in ((old, 0), (apart, 1), (small, 0), (closed, 0)):
            upload.write(at, [pattern(256 * KIB)], 256 * KIB)
        self.storage.latency = 1.0
        closing = self.start(closed.close())
        freed = [old.shrink(1), apart.shrink(1), small.shrink(512 * KIB), closed.shrink(1)]
        self.assertEqual((freed, small.shrink(256 * KIB)), ([0] * 4, 256 * KIB))
        self.settle(lambda: closing.called)
        for upload in (old, apart, small):
            self.run_through(upload.close())
        self.assertEqual(self.storage["/box/file"], pattern(256 * KIB))

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
