"""Reading a large object whose segments the store cannot give: lost ones fail at once, others are asked for again."""

from __future__ import annotations

import json

from swftp import errors
from swftp.paths import resolve
from tests.storage.bytes import Sink, fetched, md5
from tests.storage.swift.scripted import ScriptedCase

FILE = resolve("/c/f")
SLO = {"X-Static-Large-Object": "True", "Content-Type": "text/plain", "X-Timestamp": "1600000000.00000"}
WHOLE = {**SLO, "Etag": '"whole"'}
MANIFEST = json.dumps(
    [
        {"name": "/s/1", "hash": md5(b"da"), "bytes": 2},
        {"name": "/s/2", "hash": md5(b"ta"), "bytes": 2},
    ]
).encode()
THE_MANIFEST = "GET /c/f?multipart-manifest=get"


class LostTests(ScriptedCase):
    """``/c/f`` is made of ``/s/1`` and ``/s/2``; the second makes the trouble."""

    def cut_at_second(self) -> None:
        """As Swift does it: a body that ends early, and no answer to who asks for the rest."""
        self.swift.expect("GET /c/f", 200, headers=WHOLE, body=b"da", length=4, cut=True)
        self.swift.expect("GET /c/f", 409, body=b"<html>")
        self.swift.expect(THE_MANIFEST, 200, headers=WHOLE, body=MANIFEST)

    def test_lost(self) -> None:
        """A segment that is not there any more, or is another one, is told as what it is, and not waited for."""
        for status, found in ((404, {}), (200, {"Etag": md5(b"other")})):
            self.cut_at_second()
            self.swift.expect("HEAD /s/2", status, headers=found)
            sink = Sink()
            start = self.clock.seconds()
            error = self.fails(errors.Corrupt, self.storage.fetch(FILE, sink))
            self.assertIn("missing in storage", str(error))
            self.assertEqual(sink.data, b"da")
            self.assertLess(self.clock.seconds() - start, 2.0)

    def test_out_of_reach(self) -> None:
        """A segment that is there, if only on one of its disks, but could not be had, is asked for again."""
        self.cut_at_second()
        look = self.swift.expect("HEAD /s/2", 200, headers={"Etag": md5(b"ta")}, length=2)
        look.check = lambda seen: self.assertEqual(seen.headers["x-newest"], "true")
        self.swift.expect("GET /c/f", 206, headers={**WHOLE, "Content-Range": "bytes 2-3/4"}, body=b"ta")
        self.assertEqual(self.done(fetched(self.storage, FILE)), b"data")

    def test_lost_manifest(self) -> None:
        """A manifest within the manifest that is gone is a loss, too."""
        self.swift.expect("GET /c/f", 409)
        nested = json.dumps([{"name": "/s/m", "hash": "nested", "bytes": 4, "sub_slo": True}]).encode()
        self.swift.expect(THE_MANIFEST, 200, headers=WHOLE, body=nested)
        self.swift.expect("GET /s/m?multipart-manifest=get", 404)
        self.fails(errors.Corrupt, self.storage.fetch(FILE, Sink()))

    def test_own_bytes(self) -> None:
        """Bytes that the manifest holds itself count, so that it is the right segment that is looked at."""
        rows = [{"data": "eHh4"}, *json.loads(MANIFEST)]  # b"xxx"
        for status, found, error in ((404, {}, errors.Corrupt), (200, {"Etag": md5(b"ta")}, None)):
            self.swift.expect("GET /c/f", 200, headers=WHOLE, body=b"xxxda", length=7, cut=True)
            self.swift.expect("GET /c/f", 409)
            self.swift.expect(THE_MANIFEST, 200, headers=WHOLE, body=json.dumps(rows).encode())
            self.swift.expect("HEAD /s/2", status, headers=found, length=2)
            if error is not None:
                self.fails(error, self.storage.fetch(FILE, Sink()))
                continue
            self.swift.expect("GET /c/f", 206, headers={**WHOLE, "Content-Range": "bytes 5-6/7"}, body=b"ta")
            self.assertEqual(self.done(fetched(self.storage, FILE)), b"xxxdata")

    def test_own_bytes_asked_again(self) -> None:
        """They cannot be lost while the manifest is there."""
        self.swift.expect("GET /c/f", 409)
        rows = json.dumps([{"data": "eHh4"}]).encode()
        self.swift.expect(THE_MANIFEST, 200, headers=WHOLE, body=rows)
        self.swift.expect("GET /c/f", 200, headers=WHOLE, body=b"xxx")
        self.assertEqual(self.done(fetched(self.storage, FILE)), b"xxx")

    def test_no_large_object(self) -> None:
        """A conflict of anything else passes, or is an outage in the end."""
        for _ in range(3):
            self.swift.expect("GET /c/f", 409)
            self.swift.expect(THE_MANIFEST, 200, headers={"Etag": md5(b"data")}, body=b"data")
        self.fails(errors.Unavailable, self.storage.fetch(FILE, Sink()))
