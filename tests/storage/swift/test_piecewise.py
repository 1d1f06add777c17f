"""Large objects that are read segment by segment."""

from __future__ import annotations

import json
from dataclasses import replace

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Entry, Kind, Opened
from swftp.paths import resolve
from swftp.storage.swift.manifests import MIN_SIZE, Segment, manifest_etag
from swftp.storage.swift.piecewise import WORTHWHILE, cut
from tests.storage.bytes import Sink, md5
from tests.storage.swift.scripted import ScriptedCase

FILE = resolve("/c/f")
FIRST, SECOND = b"a" * WORTHWHILE, b"b" * MIN_SIZE
SIZE = len(FIRST) + len(SECOND)
SEGMENTS = [
    Segment("s", "1", md5(FIRST), len(FIRST), 0, len(FIRST)),
    Segment("s", "2", md5(SECOND), len(SECOND), 0, len(SECOND)),
]
VERSION = manifest_etag(SEGMENTS)
ENTRY = Entry(name="f", kind=Kind.FILE, size=SIZE, version=VERSION, detail={"large": "slo"})
SLO = {"X-Static-Large-Object": "True", "Etag": f'"{VERSION}"'}
THE_MANIFEST = "GET /c/f?multipart-manifest=get"
MANIFEST = json.dumps([{"name": f"/s/{s.name}", "hash": s.etag, "bytes": s.total} for s in SEGMENTS]).encode()


class PiecewiseTests(ScriptedCase):
    """``/c/f`` is made of ``/s/1`` and ``/s/2``."""

    def setUp(self) -> None:
        super().setUp()
        self.sink = Sink()
        self.opened = Opened(ENTRY)

    def manifest(self, body: bytes = MANIFEST) -> None:
        self.swift.expect(THE_MANIFEST, 200, headers=SLO, body=body)

    def segment(self, number: int, data: bytes, first: int = 0) -> None:
        """Serve *data*, which stands at *first* of the segment."""
        whole = SEGMENTS[number - 1]
        span = f"bytes {first}-{first + len(data) - 1}/{whole.total}"
        self.swift.expect(f"GET /s/{number}", 206, headers={"Etag": whole.etag, "Content-Range": span}, body=data)

    def fetch(self, offset: int = 0, length: int = SIZE) -> Entry:
        return self.done(self.storage.fetch(FILE, self.sink, offset, length, VERSION, self.opened))  # type: ignore[no-any-return]

    def refused(self, kind: type[Exception], length: int = SIZE) -> Exception:
        error: Exception = self.fails(kind, self.storage.fetch(FILE, self.sink, 0, length, VERSION, self.opened))
        return error

    def test_segments(self) -> None:
        """The manifest is asked for once, then each segment by its own name, and the reader sees one file."""
        self.manifest()
        self.segment(1, FIRST)
        self.segment(2, SECOND)
        self.assertEqual(self.fetch(), ENTRY)
        self.assertTrue(self.sink.data == FIRST + SECOND)
        self.assertEqual((self.sink.entry, self.sink.finished), (ENTRY, True))

    def test_once_opened(self) -> None:
        """What was learned of an open file serves its later reads, of any length and anywhere."""
        self.test_segments()
        self.sink = Sink()
        self.segment(1, FIRST[-2:], len(FIRST) - 2)
        self.segment(2, SECOND[:3])
        self.fetch(len(FIRST) - 2, 5)
        self.assertEqual(self.sink.data, b"aabbb")

    def test_another_reader(self) -> None:
        """Who opens the file later asks for himself: it may have been replaced."""
        self.test_segments()
        self.opened = Opened(ENTRY)
        other = json.dumps([{"name": "/s/3", "hash": md5(b"other"), "bytes": SIZE}]).encode()
        self.manifest(other)
        self.refused(errors.Changed)

    def test_short_read(self) -> None:
        """A few bytes of a large object are read in one request, as of any other."""
        headers = {**SLO, "Content-Range": f"bytes 0-1/{SIZE}"}
        self.swift.expect("GET /c/f", 206, headers=headers, body=b"aa")
        self.fetch(0, 2)
        self.assertEqual(self.sink.data, b"aa")

    def test_nested(self) -> None:
        """A manifest of manifests is left to the store."""
        self.manifest(json.dumps([{"name": "/s/m", "hash": "nested", "bytes": SIZE, "sub_slo": True}]).encode())
        self.swift.expect("GET /s/m?multipart-manifest=get", 200, headers=SLO, body=MANIFEST)
        headers = {**SLO, "Content-Range": f"bytes 0-{SIZE - 1}/{SIZE}"}
        self.swift.expect("GET /c/f", 206, headers=headers, body=FIRST + SECOND)
        self.fetch()
        self.assertTrue(self.sink.data == FIRST + SECOND)

    def test_inline_data(self) -> None:
        """A manifest that holds bytes itself, as other tools make them, is left to the store."""
        self.manifest(json.dumps([{"data": "YQ=="}, {"name": "/s/1", "hash": "1", "bytes": SIZE - 1}]).encode())
        headers = {**SLO, "Content-Range": f"bytes 0-{SIZE - 1}/{SIZE}"}
        for _ in range(2):
            self.sink = Sink()
            self.swift.expect("GET /c/f", 206, headers=headers, body=FIRST + SECOND)
            self.fetch()
            self.assertTrue(self.sink.data == FIRST + SECOND)

    def test_no_manifest_any_more(self) -> None:
        """A plain object stands there now."""
        self.swift.expect(THE_MANIFEST, 200, headers={"Etag": md5(b"x")}, body=b"x", length=10**9)  # is not read
        self.swift.expect("GET /c/f", 200, headers={"Etag": md5(b"x")}, body=b"x")
        self.refused(errors.Changed)

    def test_segment_replaced(self) -> None:
        """A segment of another content is never passed on."""
        self.manifest()
        self.swift.expect("GET /s/1", 200, headers={"Etag": md5(b"evil")}, body=b"evil")
        self.swift.expect("HEAD /c/f", 200, headers=SLO, length=SIZE)
        self.assertIn("missing", str(self.refused(errors.Corrupt)))
        self.assertEqual(self.sink.data, b"")

    def test_segment_gone(self) -> None:
        """A segment that is not there is a fault of the store's, told at once."""
        self.manifest()
        self.segment(1, FIRST)
        self.swift.expect("GET /s/2", 404)
        self.swift.expect("HEAD /c/f", 200, headers=SLO, length=SIZE)
        self.refused(errors.Corrupt)
        self.assertTrue(self.sink.data == FIRST)

    def test_file_replaced(self) -> None:
        """A segment that went with the version that it was part of: what is read has changed."""
        for status, headers in ((404, {}), (200, {"Etag": md5(b"new")})):
            self.opened, self.sink = Opened(ENTRY), Sink()
            self.manifest()
            self.swift.expect("GET /s/1", 404)
            self.swift.expect("HEAD /c/f", status, headers=headers)
            self.refused(errors.Changed)

    def test_cut(self) -> None:
        """Where the store cuts a segment short, the rest of it is asked for."""
        self.manifest()
        headers = {"Etag": SEGMENTS[0].etag, "Content-Range": f"bytes 0-{len(FIRST) - 1}/{len(FIRST)}"}
        self.swift.expect("GET /s/1", 206, headers=headers, body=FIRST[:5], length=len(FIRST), cut=True)
        self.segment(1, FIRST[5:], 5)
        self.segment(2, SECOND)
        self.fetch()
        self.assertTrue(self.sink.data == FIRST + SECOND)

    def begun(self) -> Deferred[Entry]:
        """The fetch, in the middle of its first segment."""
        self.manifest()
        headers = {"Etag": SEGMENTS[0].etag, "Content-Range": f"bytes 0-{len(FIRST) - 1}/{len(FIRST)}"}
        self.swift.expect("GET /s/1", 206, headers=headers, body=FIRST[:5], length=len(FIRST))
        d: Deferred[Entry] = self.begin(self.storage.fetch(FILE, self.sink, 0, SIZE, VERSION, self.opened))
        return d

    def test_pause(self) -> None:
        """A reader that pauses gets nothing more, nor of the segments that follow, until he goes on."""
        d = self.begun()
        self.sink.producer.pauseProducing()
        self.swift.wires[-1].feed(FIRST[5:])
        self.turn()
        self.assertEqual(len(self.sink.data), 5)
        self.sink.on_data = lambda sink: sink.producer.pauseProducing()
        self.segment(2, SECOND)
        self.sink.producer.resumeProducing()
        self.turn()
        self.assertEqual(len(self.sink.data), len(FIRST))
        self.sink.on_data = lambda sink: None
        self.sink.producer.resumeProducing()
        self.turn()
        self.successResultOf(d)
        self.assertTrue(self.sink.data == FIRST + SECOND)

    def test_pause_that_is_over(self) -> None:
        """Once he has gone on, nothing stops him at the next segment."""
        d = self.begun()
        self.sink.producer.pauseProducing()
        self.sink.producer.resumeProducing()
        self.segment(2, SECOND)
        self.swift.wires[-1].feed(FIRST[5:])
        self.turn()
        self.successResultOf(d)
        self.assertTrue(self.sink.data == FIRST + SECOND)

    def test_stop(self) -> None:
        """A reader that stops ends the request, or the one that would have come next, and gets nothing more."""
        d = self.begun()
        self.sink.producer.stopProducing()
        self.turn()
        self.failureResultOf(d, errors.Interrupted)
        self.assertEqual((len(self.sink.data), self.sink.finished, len(self.swift.wires)), (5, True, 1))
        self.sink, self.opened = Sink(), Opened(ENTRY)
        d = self.begun()
        self.sink.on_data = lambda sink: sink.producer.stopProducing()
        self.swift.wires[-1].feed(FIRST[5:])
        self.turn()
        self.failureResultOf(d, errors.Interrupted)
        self.check_script()

    def test_small_segments(self) -> None:
        """Many small ones are the store's to put together."""
        rows = [{"name": f"/s/{n}", "hash": md5(b"x"), "bytes": MIN_SIZE // 2} for n in range(40)]
        segments = [Segment("s", str(n), md5(b"x"), MIN_SIZE // 2, 0, MIN_SIZE // 2) for n in range(40)]
        version = manifest_etag(segments)
        self.opened = Opened(replace(ENTRY, size=20 * MIN_SIZE, version=version))
        self.swift.expect(THE_MANIFEST, 200, headers=SLO, body=json.dumps(rows).encode())
        headers = {**SLO, "Etag": f'"{version}"', "Content-Range": f"bytes 0-{WORTHWHILE - 1}/{20 * MIN_SIZE}"}
        self.swift.expect("GET /c/f", 206, headers=headers, body=FIRST)
        self.done(self.storage.fetch(FILE, self.sink, 0, WORTHWHILE, version, self.opened))
        self.assertTrue(self.sink.data == FIRST)

    def test_ranges(self) -> None:
        """Any range of segments, which are ranges themselves, is the range of the file."""
        parts = [SEGMENTS[0].slice(5, 10), SEGMENTS[1].slice(0, 1), SEGMENTS[0].slice(0, 4)]
        whole = [(part.name, part.offset + at) for part in parts for at in range(part.size)]
        for offset in range(len(whole)):
            for length in range(len(whole) - offset + 1):
                found = cut(parts, offset, length)
                self.assertEqual(
                    [(part.name, part.offset + at) for part in found for at in range(part.size)],
                    whole[offset : offset + length],
                )
