"""HASH and its older sisters."""

from __future__ import annotations

import hashlib
import time
import zlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred

from swftp import errors
from swftp.ftp import checksums
from swftp.ftp.checksums import ALGORITHMS, features, hash_, md5, opts_hash, parse_range
from swftp.ftp.reply import Refused
from swftp.paths import Path
from tests.ftp.listcase import ContextCase

CONTENT = bytes(range(256)) * 20_000
"""Nearly 5 MiB: several slices."""


class HashTests(ContextCase):
    """draft-bryan-ftp-hash."""

    def setUp(self) -> None:
        """``/box/a file``."""
        super().setUp()
        self.storage["/box/a file"] = CONTENT
        self.asked.clear()

    def test_each_algorithm(self) -> None:
        """OPTS HASH chooses, HASH computes; the answer names algorithm, range and file."""
        for name, ours in ALGORITHMS.items():
            self.assertEqual(self.do(opts_hash(self.context, name.lower().encode())).lines, (name,))
            reply = self.do(hash_(self.context, b"/box/a file"))
            crc = f"{zlib.crc32(CONTENT):08x}"
            expected = crc if name == "CRC32" else hashlib.new(ours, CONTENT).hexdigest()
            self.assertEqual((reply.code, reply.lines), (213, (f"{name} 0-{len(CONTENT)} {expected} /box/a file",)))

    def test_opts(self) -> None:
        """Without a name it says what is chosen; an unknown one changes nothing (501)."""
        self.assertEqual(self.do(opts_hash(self.context, b"")).lines, ("SHA-256",))
        self.assertEqual(self.refused(Refused, opts_hash(self.context, b"whirlpool")).reply.code, 501)
        self.assertEqual(self.context.hash_algorithm, "SHA-256")

    def test_features(self) -> None:
        """A star behind the chosen one."""
        self.do(opts_hash(self.context, b"MD5"))
        self.assertEqual(features(self.context)[0], "HASH SHA-256;SHA-512;SHA-1;MD5*;CRC32")

    def test_free_where_the_store_knows(self) -> None:
        """The MD5 of a whole file costs no download; of a part of it, the part."""
        whole = hashlib.md5(CONTENT).hexdigest()
        self.assertEqual(self.do(md5(self.context, b"/box/a file")).lines, (f"/box/a file {whole.upper()}",))
        self.assertEqual(self.do(checksums.xmd5(self.context, b'"/box/a file"')).lines, (whole.upper(),))
        self.assertFalse([asked for asked in self.asked if asked.startswith("fetch")])
        part = hashlib.md5(CONTENT[100:300]).hexdigest()
        self.assertEqual(self.do(checksums.xmd5(self.context, b'"/box/a file" 100 300')).lines, (part.upper(),))

    def test_ranges(self) -> None:
        """With quotes or without, start alone or start and end."""
        self.storage["/box/b"] = CONTENT
        for argument, start, end in (
            (b"/box/b", 0, None),
            (b"/box/b 1000", 1000, None),
            (b'"/box/b" 1000 3000000', 1000, 3_000_000),
            (b"/box/b 0 3", 0, 3),
            (b"/box/b 5 5", 5, 5),
            (b"/box/b 5 99999999999", 5, None),
        ):
            found = self.do(checksums.xsha256(self.context, argument)).lines[0]
            self.assertEqual(found, hashlib.sha256(CONTENT[start:end]).hexdigest().upper(), argument)
        for argument in (b"/box/b 99999999999", b"/box/b 10 5"):
            self.refused(errors.InvalidRequest, checksums.xsha(self.context, argument))

    def test_name_that_ends_in_a_number(self) -> None:
        """Without quotes it is a name where there is such a file."""
        self.storage["/box/report 2024"] = b"2024"
        self.storage["/box/report"] = b"x" * 3000
        crc = f"{zlib.crc32(b'2024'):08X}"
        self.assertEqual(self.do(checksums.xcrc(self.context, b"/box/report 2024")).lines, (crc,))
        crc = f"{zlib.crc32(b'x' * 1000):08X}"
        self.assertEqual(self.do(checksums.xcrc(self.context, b"/box/report 2000")).lines, (crc,))

    def test_refused(self) -> None:
        """What is not there, what is no file, no name at all, numbers beyond all files."""
        self.refused(errors.NotFound, hash_(self.context, b"/box/none"))
        self.refused(errors.IsDirectory, hash_(self.context, b"/box"))
        self.refused(errors.Malformed, hash_(self.context, b""))
        self.refused(errors.Malformed, checksums.xcrc(self.context, b'""'))
        self.refused(errors.Malformed, checksums.xcrc(self.context, b'"/box/a file" 0 ' + b"9" * 5000))

    def test_given_up(self) -> None:
        """Cancelled in the middle, nothing stays open."""
        self.context.session.offload = lambda function, *args: Deferred()
        work = Deferred.fromCoroutine(hash_(self.context, b"/box/a file"))
        self.assertNoResult(work)
        self.assertTrue(self.session.busy)
        work.cancel()
        self.failureResultOf(work, CancelledError)
        self.assertFalse(self.session.busy)

    def test_lost_store(self) -> None:
        """An error of the store is the answer, never a checksum of half a file."""

        def fail(verb: str, path: Path) -> None:
            if verb == "fetch":
                raise errors.PermissionDenied()

        self.storage.hook = fail  # type: ignore[assignment]
        self.refused(errors.PermissionDenied, hash_(self.context, b"/box/a file"))
        self.assertFalse(self.session.busy)

    @given(st.binary(max_size=40))
    def test_any_argument(self, argument: bytes) -> None:
        """A path and numbers, or `Malformed`."""
        try:
            path, start, end = parse_range(argument)
        except errors.Malformed:
            return
        self.assertTrue(path)
        self.assertGreaterEqual(start, 0)
        self.assertTrue(end is None or end >= 0)

    @given(st.binary(min_size=1, max_size=40), st.integers(0, 10**18), st.integers(0, 10**18))
    def test_quoted(self, path: bytes, start: int, end: int) -> None:
        """A quoted name is taken as it is, with its quotes doubled."""
        argument = b'"%s" %d %d' % (path.replace(b'"', b'""'), start, end)
        self.assertEqual(parse_range(argument), (path, start, end))

    def test_plain(self) -> None:
        """Without quotes up to two numbers at the end are a range; more of them, and blanks, are of the name."""
        for argument, expected in (
            (b"a", (b"a", 0, None)),
            (b"a 1", (b"a", 1, None)),
            (b"a  1  2", (b"a", 1, 2)),
            (b"a 1 2 3", (b"a 1", 2, 3)),
            (b"  a b 7", (b"  a b", 7, None)),
            (b"a 1 ", (b"a 1 ", 0, None)),
            (b"1 2", (b"1", 2, None)),
        ):
            self.assertEqual(parse_range(argument), expected)

    def test_long_argument(self) -> None:
        """No line holds up everybody else."""
        begun = time.process_time()
        for argument in (b" " * 8000 + b"x", b"x" + b" 1" * 4000 + b"x", b'"a"' + b" " * 8000 + b"x", b'"' * 8000):
            parse_range(argument)
        self.assertLess(time.process_time() - begun, 0.5)
