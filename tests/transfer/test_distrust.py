"""A store that does another thing than it was told, and says so in its answer: never success, never a wrong byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from swftp import errors
from swftp.entries import Entry
from swftp.interfaces import IByteSink
from swftp.paths import Path
from swftp.storage.memory_bytes import MemoryPart
from swftp.transfer.download import Download
from swftp.transfer.upload import Upload
from tests.transfer.case import FILE, KIB, MIB, TransferCase, pattern


class AnswerTests(TransferCase):
    """Answers that do not fit what was asked."""

    def lie(self, verb: str, change: Callable[[Any], Any]) -> None:
        """What *verb* comes to is *change*d before it is told."""
        honest = getattr(self.storage, verb)

        async def lying(*args: Any, **named: Any) -> Any:
            return change(await honest(*args, **named))

        setattr(self.storage, verb, lying)

    def file(self, size: int, **target: Any) -> Upload:
        """A file of *size* bytes, not yet closed."""
        upload = self.upload(**target)
        start = upload.table.size
        for at in range(0, size, 16 * KIB):
            piece = pattern(min(16 * KIB, size - at), at)
            self.write_through(upload, start + at, piece)
        return upload

    def test_digest(self) -> None:
        """Another checksum than that of the bytes sent."""
        self.lie("store", lambda entry: replace(entry, digest="0" * 32))
        self.run_into(errors.Corrupt, self.file(1000).close())

    def test_size(self) -> None:
        """Another length, of an object that was sent whole and of one put together."""
        for verb, size in (("store", 1000), ("publish", 150 * KIB)):
            self.lie(verb, lambda entry: replace(entry, size=entry.size - 1))
            self.run_into(errors.Corrupt, self.file(size).close())
        self.assertNotIn("discard", self.requests)  # what was published may be in use, whatever was said of it

    def test_staged_size(self) -> None:
        """A part of another length is not used."""

        def shorter(part: MemoryPart) -> MemoryPart:
            return part.slice(0, part.size - 1)

        self.lie("stage", shorter)
        upload = self.upload()
        upload.write(0, [pattern(150 * KIB)], 150 * KIB)
        self.run_into(errors.Corrupt, upload.close())
        self.assertNotIn("publish", self.requests)

    def test_adopted_size(self) -> None:
        """Parts of the old object that are not all of it."""
        self.lie("adopt", lambda parts: [part.slice(0, part.size - 1) for part in parts])
        upload = self.file(20 * KIB, base=self.stands(pattern(150 * KIB, 9)))
        self.run_into(errors.Changed, upload.close())
        self.assertEqual(self.storage["/box/file"], pattern(150 * KIB, 9))

    def test_short(self) -> None:
        """Fewer bytes of the old object than were asked for, of which the store says nothing."""
        fetch = self.storage.fetch

        async def short(path: Path, sink: IByteSink, offset: int, length: int, *rest: Any) -> Entry:
            return await fetch(path, sink, offset, length - 1, *rest)

        self.storage.fetch = short  # type: ignore[method-assign, assignment]
        upload = self.upload(base=self.stands(b"0123456789"))
        upload.write(0, [b"x"], 1)
        self.run_into(errors.Unavailable, upload.close())
        self.assertEqual(self.storage["/box/file"], b"0123456789")

    def test_changed_under_what_was_loaded(self) -> None:
        """Bytes of the old object that came into memory long ago do not become part of a large file over another."""
        upload = self.upload(base=self.stands(b"0123456789"))
        self.assertEqual(self.read_through(upload, 0, 10), b"0123456789")
        for at in range(10, 150 * KIB, 10 * KIB):
            self.write_through(upload, at, pattern(10 * KIB))
        self.storage["/box/file"] = b"another"
        self.run_into(errors.Changed, upload.close())
        self.assertEqual(self.storage["/box/file"], b"another")


class OwnFaultTests(TransferCase):
    """What nobody thought of: whoever waits for an answer gets one."""

    def test_reading_while_writing(self) -> None:
        """A base that cannot be loaded, for a reason of ours."""
        rings: list[None] = []
        upload = self.upload(base=self.stands(b"old"), ready=lambda: rings.append(None))
        self.refusals["fetch"] = [ZeroDivisionError()]
        self.assertIsNone(upload.read(0, 3))
        self.assertEqual(len(rings), 1)
        self.assertRaises(errors.Unavailable, upload.read, 0, 3)
        self.failures.pop().trap(ZeroDivisionError)
        upload.lost()

    def test_looking_again(self) -> None:
        """A file that was replaced, and cannot be looked at."""
        rings: list[None] = []
        entry = replace(self.stands(b"old"), version="another")

        async def look() -> Entry:
            raise ZeroDivisionError()

        file = Download(self.engine(), FILE, entry, look=look, ready=lambda: rings.append(None), certain=False)
        self.assertRaises(errors.Unavailable, file.read, 0, 3)
        self.assertEqual(len(rings), 1)
        self.failures.pop().trap(ZeroDivisionError)
        file.close()


class AccountTests(TransferCase):
    """What is in memory at CLOSE is counted, and known to be on its way out."""

    def watch(self, verb: str) -> list[tuple[int, int]]:
        """(used, leaving) of the budget whenever the store is asked for *verb*."""
        seen: list[tuple[int, int]] = []
        requested = self.storage.hook

        def look(asked: str, path: Path) -> Any:
            if asked == verb:
                seen.append((self.budget.used, self.budget.leaving))
            return requested(asked, path) if requested else None

        self.storage.hook = look
        return seen

    def test_leaving(self) -> None:
        """Nobody is asked to shrink, or given up, for what a CLOSE is about to set free."""
        seen = self.watch("store")
        upload = self.upload()
        self.write_through(upload, 0, pattern(50 * KIB))
        self.run_through(upload.close())
        self.assertGreaterEqual(seen[0][1], 50 * KIB)

    def test_fetched_to_be_joined(self) -> None:
        """What is fetched to be staged again is counted before it is there."""
        seen = self.watch("read_part")
        engine = self.engine(segment_size=4 * MIB)
        upload = self.upload(engine, base=self.stands(pattern(24 * MIB)))
        for at in range(0, 20 * MIB, MIB):  # so many small patches that what is between them is joined with them
            self.write_through(upload, at + 300 * KIB, b"patched")
        before = self.budget.used
        self.run_through(upload.close())
        self.assertTrue(seen)
        self.assertGreater(min(used for used, _ in seen), before + 100 * KIB)


class StallTests(TransferCase):
    """Who is slow, and who has stopped."""

    def test_slow_is_not_stopped(self) -> None:
        """A client that sends a little every now and then keeps filling its part: many small ones would cost more."""
        upload = self.upload(self.engine(segment_size=8 * MIB))
        self.write_through(upload, 0, pattern(2 * MIB))
        for turn in range(12):
            self.clock.pump([1.0] * 10)
            self.write_through(upload, 2 * MIB + turn * 1000, pattern(1000))
        self.assertEqual(self.requests, [])
        upload.lost()


class BaseTests(TransferCase):
    """The object at OPEN."""

    def test_entry(self) -> None:
        """Until something is written the handle shows what stood there, with its time."""
        base: Entry = self.stands(b"old")
        upload = self.upload(base=base)
        self.clock.advance(100)
        self.assertEqual((upload.entry.size, upload.entry.mtime), (3, base.mtime))
        upload.write(3, [b"x"], 1)
        self.assertEqual(upload.entry.mtime, self.clock.seconds())
        upload.lost()
        self.assertEqual(self.storage[str(FILE)], b"old")


class ManySegmentsTests(TransferCase):
    """A file of very many segments, as of tens of terabytes."""

    segment_size = 4 * KIB

    def test_goes_on(self) -> None:
        """What it takes to remember its segments is not taken from what its client may send ahead."""
        upload = self.upload()
        for at in range(0, 8 * MIB, 16 * KIB):
            self.write_through(upload, at, pattern(16 * KIB, at))
        self.run_through(upload.close())
        self.assertEqual(len(self.storage["/box/file"]), 8 * MIB)
