"""A file being written against a plain bytearray: any writes, any order, any base, any store."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swftp.entries import Entry
from swftp.paths import Path
from swftp.storage.memory_bytes import MemoryPart
from swftp.transfer.upload import Upload
from tests.transfer.case import FILE, KIB, PlainStorage, TransferCase, pattern

offsets = st.one_of(st.just(-1), st.just(-1), st.integers(0, 400 * KIB), st.sampled_from([0, 64 * KIB, 128 * KIB]))
"""-1: the end of the file."""
lengths = st.one_of(st.integers(1, 200), st.sampled_from([32 * KIB, 64 * KIB]), st.integers(1, 200 * KIB))
writes = st.tuples(st.just("write"), offsets, lengths)
reads = st.tuples(st.just("read"), st.integers(0, 500 * KIB), st.integers(1, 300 * KIB))
truncates = st.tuples(st.just("truncate"), st.integers(0, 500 * KIB), st.just(0))
waits = st.tuples(st.just("wait"), st.integers(0, 60), st.just(0))
operations = st.lists(st.one_of(writes, writes, writes, reads, truncates, waits), max_size=25)
bases = st.one_of(st.none(), st.integers(0, 300), st.integers(0, 400 * KIB))


class UploadModelTests(TransferCase):
    """`Upload`: what is published is what a flat file would hold."""

    def _play(self, upload: Upload, model: bytearray, found: list[tuple[str, int, int]]) -> None:
        for n, (name, at, length) in enumerate(found):
            if name == "write":
                offset, data = (len(model) if at < 0 else at), pattern(length, n)
                self.write_through(upload, offset, data)
                if offset > len(model):
                    model += bytes(offset - len(model))
                model[offset : offset + length] = data
            elif name == "read":
                self.assertEqual(self.read_through(upload, at, length), bytes(model[at : at + length]))
            elif name == "truncate":
                self.run_through(upload.truncate(at))
                del model[at:]
                model += bytes(at - len(model))
            else:
                self.clock.advance(at)
            self.assertEqual(upload.entry.size, len(model))
            share = upload.share
            self.assertEqual(share.held - share.leaving, upload.table.cost)  # all else is on its way
            if upload.stager is not None:
                self.assertEqual(share.leaving > 0, upload.stager.busy > 0)

    def _stored(self) -> bytes | None:
        return self.storage[str(FILE)] if FILE in self.storage else None

    def _check(self, upload: Upload, model: bytearray, old: bytes | None) -> None:
        self.assertEqual(self._stored(), old)
        entry = self.run_through(upload.close())
        self.assertEqual(entry.size, len(model))
        self.assertEqual(self.storage["/box/file"], bytes(model))
        self.settle(lambda: self.storage.staged == 0)
        self.tearDown()

    def _cut_objects(self) -> None:
        """Large objects consist of parts, as they do where they were written by parts."""
        adopt = self.storage.adopt

        async def cut(path: Path, entry: Entry) -> Sequence[MemoryPart]:
            (whole,) = await adopt(path, entry)
            return [whole.slice(at, min(50_000, whole.size - at)) for at in range(0, whole.size, 50_000)]

        self.storage.adopt = cut  # type: ignore[method-assign]

    def _run_example(
        self, base: int | None, found: list[tuple[str, int, int]], latency: float, part: int = 64 * KIB
    ) -> None:
        self.setUp()
        old = None if base is None else pattern(base, 99)
        entry: Entry | None = None if old is None else self.stands(old)
        self.storage.latency = latency
        self._cut_objects()
        model = bytearray(old or b"")
        upload = self.upload(self.engine(segment_size=part), base=entry)
        self._play(upload, model, found)
        self._check(upload, model, old)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bases, operations)
    def test_any_writes(self, base: int | None, found: list[tuple[str, int, int]]) -> None:
        """With a store that answers at once."""
        self._run_example(base, found, 0.0)

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bases, operations)
    def test_any_writes_slow_store(self, base: int | None, found: list[tuple[str, int, int]]) -> None:
        """With a store that takes its time, so that segments are read and overwritten while they are sent."""
        self._run_example(base, found, 0.5)

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bases, operations)
    def test_any_writes_large_parts(self, base: int | None, found: list[tuple[str, int, int]]) -> None:
        """With parts that are joined and hashed in several blocks, and read and overwritten while they are sent."""
        self._run_example(base, found, 0.5, 320 * KIB)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bases, operations)
    def test_lost_leaves_nothing(self, base: int | None, found: list[tuple[str, int, int]]) -> None:
        """A client that vanishes instead of closing leaves the old object and no part."""
        self.setUp()
        old = None if base is None else pattern(base, 99)
        entry = None if old is None else self.stands(old)
        self.storage.latency = 0.5
        upload = self.upload(base=entry)
        self._play(upload, bytearray(old or b""), found)
        upload.lost()
        self.settle(lambda: self.storage.staged == 0)
        self.clock.pump([60.0] * 3)
        self.assertEqual(self._stored(), old)
        self.tearDown()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.integers(1, 100 * KIB), max_size=12), st.randoms(use_true_random=False))
    def test_plain_store_shuffled(self, sizes: list[int], random: object) -> None:
        """A store without parts takes a large file in one request, however its writes are shuffled in the window."""
        self.setUp()
        plain = PlainStorage(self.storage)
        upload = self.upload(self.engine(plain, reorder_window=2048 * KIB))
        data = pattern(sum(sizes), 3)
        ranges, at = [], 0
        for size in sizes:
            ranges.append((at, size))
            at += size
        for index in range(0, len(ranges), 3):  # keep the front moving: it may not be shuffled without end
            group = ranges[index : index + 3]
            random.shuffle(group)  # type: ignore[attr-defined]
            for offset, size in group:
                self.write_through(upload, offset, data[offset : offset + size])
        self.run_through(upload.close())
        self.assertEqual(self.storage[str(FILE)], data)
        self.assertNotIn("stage", self.requests)
        self.tearDown()
