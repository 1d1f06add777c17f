"""A copy that is larger than an object may be: made in pieces, which stay wherever the copy may use them."""

from __future__ import annotations

from typing import Any

from swftp import errors
from swftp.paths import resolve
from swftp.storage.swift import Limits
from tests.storage.bytes import md5
from tests.storage.swift.scripted import ScriptedCase

FILE, OTHER = resolve("/c/f"), resolve("/c/g")
LARGE = {
    "X-Static-Large-Object": "True",
    "Content-Type": "text/plain",
    "X-Timestamp": "1600000000.00000",
    "Etag": '"whole"',
}


class CopyTests(ScriptedCase):
    """``/c/f`` has six bytes, an object four at most."""

    limits = Limits(bulk_delete=True, symlink=True, max_file_size=4)

    def copied_to(self, **answer: Any) -> None:
        """The script of a copy whose manifest is answered with *answer*."""
        self.swift.expect("HEAD /c/f", 200, headers=LARGE, length=6)
        self.swift.expect("HEAD /c/g?symlink=get", 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=g/", body=b"[]")
        self.swift.expect("HEAD /c/f", 200, headers=LARGE, length=6)
        for data in (b"abcd", b"ef"):
            self.swift.expect(None, 201, headers={"Etag": md5(data)})
        for data in (b"abcd", b"ef"):
            self.swift.expect(None, 200, headers={"Etag": md5(data)}, length=len(data))
        self.swift.expect("PUT /c/g?multipart-manifest=put&heartbeat=on", **answer)

    def test_pieces(self) -> None:
        """No piece is larger than an object may be."""
        self.copied_to(status=400)
        self.swift.expect(None, 204)
        self.swift.expect(None, 204)
        self.fails(errors.Changed, self.storage.copy(FILE, OTHER))
        ranges = [seen.headers["range"] for seen in self.swift.requests if "range" in seen.headers]
        self.assertEqual(ranges, ["bytes=0-3", "bytes=4-5"])
        self.assertEqual([line.split()[0] for line in self.lines()[-2:]], ["DELETE", "DELETE"])

    def test_replaced_between_pieces(self) -> None:
        """A plain file is copied in pieces of one version, or not at all; nothing of another copy is left."""
        plain = {"Content-Type": "text/plain", "Etag": md5(b"abcdef")}
        self.swift.expect("HEAD /c/f", 200, headers=plain, length=6)
        entry = self.done(self.storage.stat(FILE))
        self.swift.expect("HEAD /c/f", 200, headers=plain, length=6)
        for data in (b"abcd", b"EF"):
            self.swift.expect(None, 201, headers={"Etag": md5(data)})
        for data in (b"abcd", b"EF"):
            self.swift.expect(None, 200, headers={"Etag": md5(data)}, length=len(data))
        self.swift.expect("HEAD /c/f", 200, headers={**plain, "Etag": md5(b"ABCDEF")}, length=6)
        self.swift.expect(None, 204)
        self.swift.expect(None, 204)
        self.fails(errors.Changed, self.storage.copies(FILE, entry, OTHER))
        self.assertEqual([line.split()[0] for line in self.lines()[-2:]], ["DELETE", "DELETE"])

    def test_piece_refused(self) -> None:
        """Pieces of a copy that failed are removed, and the upload goes on no more."""
        self.copied_to(status=201)
        del self.swift.script[4:]
        self.swift.expect(None, 201, headers={"Etag": md5(b"abcd")})
        self.swift.expect(None, 413)
        self.swift.expect(None, 200, headers={"Etag": md5(b"abcd")}, length=4)
        self.swift.expect(None, 204)
        self.fails(errors.TooLarge, self.storage.copy(FILE, OTHER))
        self.assertEqual(self.storage._segments.unpublished(), set())

    def test_doubtful(self) -> None:
        """What was confirmed with another checksum may stand there: its pieces are left alone."""
        self.copied_to(status=201, headers={"Etag": md5(b"other")})
        self.fails(errors.Corrupt, self.storage.copy(FILE, OTHER))
        self.turn(60)
        self.check_script()

    def test_piece_of_another_length(self) -> None:
        """Each piece is looked at, in all replicas: one of another number of bytes, or that is not there, is none."""
        for shown in ({"status": 200, "length": 3}, {"status": 404}):
            self.copied_to(status=201)
            del self.swift.script[6:]
            self.swift.expect(None, **shown, headers={"Etag": md5(b"abcd")})  # type: ignore[arg-type]
            self.swift.expect(None, 200, headers={"Etag": md5(b"ef")}, length=2)
            self.swift.expect(None, 204)
            self.fails(errors.Corrupt, self.storage.copy(FILE, OTHER))
            looks = [seen for seen in self.swift.requests[-3:] if seen.method == "HEAD"]
            self.assertEqual([seen.headers.get("x-newest") for seen in looks], ["true", "true"])
            self.assertEqual(self.storage._segments.unpublished(), set())

    def test_in_one_piece(self) -> None:
        """A file that fits is one piece, whose checksum tells whether it still was that file."""
        plain = {"Content-Type": "text/plain", "Etag": md5(b"abcd")}
        self.swift.expect("HEAD /c/f", 200, headers=plain, length=4)
        entry = self.done(self.storage.stat(FILE))
        for copied in (b"abcd", b"ABCD"):
            self.swift.expect("HEAD /c/f", 200, headers=plain, length=4)
            self.swift.expect(None, 201, headers={"Etag": md5(copied)})
            work = self.storage.copies(FILE, entry, OTHER)
            if copied == b"abcd":
                [part] = self.done(work)
                self.assertEqual((part.size, part.etag), (4, md5(b"abcd")))
            else:
                self.fails(errors.Changed, work)
            self.assertNotIn("range", self.swift.requests[-1].headers)
