"""Manifests as values: what is joined, and what is ours."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.paths import Path
from swftp.storage.swift.manifests import (
    GROUP_LIMIT,
    MANY_SMALL,
    MIN_SIZE,
    Segment,
    grouped,
    home_of,
    manifest,
    manifest_etag,
    merged,
    parse_manifest,
    record_of,
    small,
    upload_of,
    upload_of_any,
    upload_prefix,
)
from tests.storage.bytes import md5


def segment(number: int, size: int, offset: int = 0, total: int | None = None) -> Segment:
    """A segment of our own."""
    return Segment("c_segments", f"o/swftp-1-{'0' * 16}/{number:08d}", "e", total or size, offset, size)


def spans(segments: list[Segment]) -> list[tuple[str, int, int]]:
    """The bytes that *segments* are, neighbours joined."""
    return [(s.name, s.offset, s.size) for s in merged(segments)]


class NameTests(SynchronousTestCase):
    """Whose a segment is."""

    def test_ours(self) -> None:
        """Names of our own are known again, others never taken for ours."""
        prefix = upload_prefix(Path(("c", "a", "b")), 0x5F, "0123456789abcdef")
        self.assertEqual(upload_of(f"{prefix}/00000001"), prefix)
        self.assertEqual(upload_of(f"{prefix}/00000001m"), prefix)
        self.assertEqual(home_of("c_segments", prefix, "_segments"), Path(("c", "a", "b")))
        for name in (
            "a/b/slo/1500000000.0/100/10/00000001",
            f"{prefix}/names",
            f"{prefix}/1",
            f"{prefix}/00000001/x",
            "swftp-5f-0123456789abcdef/00000001",
            "a/swftp-5f-0123456789abcdeg/00000001",
        ):
            self.assertIsNone(upload_of(name))

    def test_long(self) -> None:
        """A name too long for a prefix gets a short one, that tells no home."""
        prefix = upload_prefix(Path(("c", "x" * 1024)), 0x5F, "0123456789abcdef")
        self.assertLess(len(prefix), 200)
        self.assertEqual(upload_of(f"{prefix}/00000001"), prefix)
        self.assertIsNone(home_of("c_segments", prefix, "_segments"))

    def test_room_for_records(self) -> None:
        """However long the object's name is, what is put beside its segments has a name that the store takes."""
        for length in range(900, 1025):
            path = Path(("c", "x" * length))
            prefix = upload_prefix(path, 0x5F5E100, "f" * 16)
            self.assertLessEqual(len(record_of(prefix, path)), 1024)

    def test_no_home(self) -> None:
        """In a container that is not one of segments nothing tells for which path it is."""
        prefix = upload_prefix(Path(("c", "a")), 0x5F, "0123456789abcdef")
        self.assertIsNone(home_of("c", prefix, "_segments"))

    def test_awkward(self) -> None:
        """An object may itself be called like a segment, or hold newlines."""
        for name in ("swftp-5f-0123456789abcdef", "a\nb", "x/swftp-5f-0123456789abcdef/00000001"):
            prefix = upload_prefix(Path(("c", *name.split("/"))), 1, "f" * 16)
            self.assertEqual(upload_of(f"{prefix}/00000009"), prefix)
            self.assertEqual(home_of("c_segments", prefix, "_segments"), Path(("c", *name.split("/"))))

    def test_records(self) -> None:
        """Lists and records of users belong to their upload, whatever the object is called."""
        for name in ("a", "names", "a/names/b", "a/swftp-5f-0123456789abcdef/names", "x" * 950):
            path = Path(("c", *name.split("/")))
            prefix = upload_prefix(path, 1, "f" * 16)
            for of in (f"{prefix}/00000009", f"{prefix}/names", record_of(prefix, path), record_of(prefix, Path())):
                self.assertEqual(upload_of_any(of), prefix)
                self.assertLessEqual(len(of), 1024)
            self.assertIsNone(upload_of(record_of(prefix, path)))
        prefix = upload_prefix(Path(("c", "a")), 1, "f" * 16)
        for name in ("a/names", "names", "a/names/b", "a/b", f"{prefix}/namesake", f"{prefix}/names/a/b"):
            self.assertIsNone(upload_of_any(name))


class GroupTests(SynchronousTestCase):
    """Small segments are joined."""

    def test_same_bytes(self) -> None:
        """Whatever is joined, the bytes and their order are the same; no group is too long, and fewer are small."""
        generator = random.Random(1)
        for _ in range(300):
            sizes = [
                generator.choice((1, 1000, MIN_SIZE - 1, MIN_SIZE, 2 * MIN_SIZE, 50 * MIN_SIZE)) for _ in range(40)
            ]
            segments = [segment(i, size) for i, size in enumerate(sizes)]
            groups = grouped(segments)
            self.assertEqual(spans([s for group in groups for s in group]), spans(segments))
            self.assertLessEqual(max(map(len, groups)), MANY_SMALL + 1)
            self.assertLessEqual(max(sum(s.size for s in group) for group in groups if len(group) > 1), GROUP_LIMIT)
            joined = [segment(i, sum(s.size for s in group)) for i, group in enumerate(groups)]
            if small(segments) > MANY_SMALL:
                self.assertLess(small(joined), small(segments))

    def test_patches(self) -> None:
        """Patches all over a large file: nothing small is left, and little of the file is copied."""
        segments = []
        for i in range(30):
            segments += [segment(0, 30 * MIN_SIZE, i * 31 * MIN_SIZE, 10_000 * MIN_SIZE), segment(i + 1, 100)]
        groups = grouped(segments)
        joined = [segment(i, sum(s.size for s in group)) for i, group in enumerate(groups)]
        self.assertEqual(small(joined), 0)
        copied = sum(s.size for group in groups if len(group) > 1 for s in group)
        self.assertLess(copied, 2 * 31 * MIN_SIZE)

    def test_many_little_ones(self) -> None:
        """Little ones in a row are joined, as many at once as the store copies at full speed."""
        groups = grouped([segment(i, 100) for i in range(2 * MANY_SMALL)])
        self.assertEqual([len(group) for group in groups], [MANY_SMALL, MANY_SMALL])

    def test_edges(self) -> None:
        """What a small one lacks it takes from the edge of the large one before it, or behind it, and no more."""
        little, large = segment(0, 100), segment(1, 50 * MIN_SIZE)
        for segments in ([little, large], [large, little]):
            sizes = sorted(sum(s.size for s in group) for group in grouped(segments))
            self.assertEqual(sizes, [MIN_SIZE + 100, 49 * MIN_SIZE])

    def test_merged(self) -> None:
        """Neighbouring ranges of one segment are one range; others are not."""
        whole = segment(1, 100)
        self.assertEqual(merged([whole.slice(0, 40), whole.slice(40, 60)]), [whole])
        self.assertEqual(len(merged([whole.slice(0, 40), whole.slice(41, 59)])), 2)
        self.assertEqual(len(merged([whole, whole])), 2)
        self.assertEqual(len(merged([whole.slice(0, 40), segment(2, 100).slice(40, 60)])), 2)

    def test_slices(self) -> None:
        """There is no part of a part that is not in it."""
        part = segment(1, 100).slice(10, 80)
        self.assertEqual(part.slice(0, 80), part)
        for offset, length in ((-1, 5), (0, 0), (0, 81), (79, 2), (80, 1)):
            self.assertRaises(errors.InvalidRequest, part.slice, offset, length)


class ParseTests(SynchronousTestCase):
    """Manifests read back."""

    def test_garbage(self) -> None:
        """What is no manifest is an error."""
        for body in (
            b"",
            b"{}x",
            b"[1]",
            b'[{"name": "x"}]',
            b'[{"name": "/c/o", "bytes": "y", "hash": "e"}]',
            b"null",
        ):
            self.assertRaises(errors.Unavailable, parse_manifest, body)

    def test_inline_data(self) -> None:
        """Bytes that the manifest holds itself are no segment: it can be removed and replaced like any other."""
        [(found, nested)] = parse_manifest(b'[{"data": "eA=="}, {"name": "/c/o", "bytes": 2, "hash": "e"}]')
        self.assertEqual((found.names, found.size, nested), (("c", "o"), 2, False))

    def test_ranges(self) -> None:
        """A range is told where the segment is not used whole."""
        whole = segment(1, 100)
        self.assertNotIn(b"range", manifest([whole]))
        self.assertIn(b'"range": "10-29"', manifest([whole.slice(10, 20)]))

    def test_read_back(self) -> None:
        """What the store shows of a manifest are the segments that it was made of; ranges are part of its ETag."""
        part = Segment("c", "o", "e", 100, 10, 20)
        body = b'[{"name": "/c/o", "hash": "e", "bytes": 100, "range": "10-29"}]'
        self.assertEqual(parse_manifest(body), [(part, False)])
        self.assertEqual(manifest_etag([part]), md5(b"e:10-29;"))
        self.assertEqual(manifest_etag([Segment("c", "o", "e", 20, 0, 20)]), md5(b"e"))
