"""MODE Z."""

from __future__ import annotations

import zlib

from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.ftp.deflate import FREE, PIECE, Deflater, Inflater

TEXT = b"all work and no play makes jack a dull boy\n" * 10_000


class InflateTests(SynchronousTestCase):
    """`Inflater`."""

    def inflate(self, *packets: bytes) -> list[bytes]:
        """All pieces that *packets* stand for."""
        inflater = Inflater()
        pieces = [piece for packet in packets for piece in inflater.feed(packet)]
        return [*pieces, *inflater.end()]

    def test_cut_anywhere(self) -> None:
        """However the stream is cut into packets, the same comes out."""
        packed = zlib.compress(TEXT)
        for size in (1, 7, 1000, len(packed)):
            packets = [packed[at : at + size] for at in range(0, len(packed), size)]
            self.assertEqual(b"".join(self.inflate(*packets)), TEXT)

    def test_bounded_pieces(self) -> None:
        """Few bytes that stand for many come out in bounded pieces, one at a time."""
        pieces = self.inflate(zlib.compress(bytes(20 << 20)))
        self.assertEqual(sum(map(len, pieces)), 20 << 20)
        self.assertLessEqual(max(map(len, pieces)), PIECE)

    def test_bomb(self) -> None:
        """What becomes far more than any file would is stopped."""
        stream = zlib.compressobj(9)
        packed = b"".join(stream.compress(bytes(1 << 20)) for _ in range(80)) + stream.flush()
        inflater = Inflater()
        came = 0

        def through() -> None:
            nonlocal came
            for piece in inflater.feed(packed):
                came += len(piece)

        self.assertRaises(errors.TooLarge, through)
        self.assertLessEqual(came, FREE)

    def test_cut_short(self) -> None:
        """A stream without its end is no file, though every byte before was one."""
        packed = zlib.compress(TEXT)
        for length in (0, 2, len(packed) // 2, len(packed) - 1):
            self.assertRaises(errors.Interrupted, self.inflate, packed[:length])

    def test_nonsense(self) -> None:
        """What is no stream, or goes on behind its end, is refused."""
        self.assertRaises(errors.InvalidRequest, self.inflate, b"GET / HTTP/1.0\r\n")
        self.assertRaises(errors.InvalidRequest, self.inflate, zlib.compress(TEXT) + b"x")
        self.assertRaises(errors.InvalidRequest, self.inflate, zlib.compress(TEXT), b"x")


class DeflateTests(SynchronousTestCase):
    """`Deflater`."""

    def test_round_trip(self) -> None:
        """What is sent is one zlib stream."""
        deflater = Deflater()
        packed = b"".join(deflater.feed(memoryview(TEXT)[at : at + 1000]) for at in range(0, len(TEXT), 1000))
        self.assertEqual(zlib.decompress(packed + deflater.end()), TEXT)
