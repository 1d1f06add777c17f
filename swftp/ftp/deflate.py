"""
MODE Z: the data connection carries one zlib stream (draft-preston-ftpext-deflate-04).

The law: whatever comes in, what comes out at once is bounded; a few bytes cannot become a petabyte.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from swftp import errors

PIECE = 256 << 10
"""Bytes that are inflated at once."""
FREE = 64 << 20
"""Bytes that any stream may become, however few it has."""
RATIO = 250
"""Beyond that, bytes that one byte may become: zlib manages 1030 of one and the same, and no file is like that."""
LEVEL = 3


class Inflater:
    """What a client sends."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()
        self._came = self._gave = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """
        What *data* stands for, in bounded pieces; to be gone through before more is fed.

        :raises InvalidRequest: it is no zlib stream, or goes on behind its end.
        :raises TooLarge: it was made to become too much.
        """
        self._came += len(data)
        while data:
            if self._stream.eof:
                raise errors.InvalidRequest("data behind the end of the compressed stream")
            try:
                piece = self._stream.decompress(data, PIECE)
            except zlib.error as error:
                raise errors.InvalidRequest("not a compressed stream (MODE Z)") from error
            data = self._stream.unconsumed_tail or self._stream.unused_data
            self._gave += len(piece)
            if self._gave > max(FREE, RATIO * self._came):
                raise errors.TooLarge("compressed too well")
            if piece:
                yield piece

    def end(self) -> Iterator[bytes]:
        """
        What is left.

        :raises Interrupted: the stream has not come to its end.
        """
        while piece := self._stream.decompress(b"", PIECE):
            self._gave += len(piece)
            yield piece
        if not self._stream.eof:
            raise errors.Interrupted("the compressed stream was cut")


class Deflater:
    """What a client is sent."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(LEVEL)

    def feed(self, data: bytes | memoryview) -> bytes:
        """*data*, or some of what came before it, compressed."""
        return self._stream.compress(data)

    def end(self) -> bytes:
        """The rest."""
        return self._stream.flush()
