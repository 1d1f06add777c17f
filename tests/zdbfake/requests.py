"""RESP2 as 0-db reads it: arrays of bulk strings, nothing else."""

from __future__ import annotations

ARGUMENTS = 1023
VALUE = 8 << 20
"""Bytes of the largest argument; over one more the connection is reset."""


class Refuse(Exception):
    """Not a request.  ``reply`` is said before the connection ends; None: it is reset without a word."""

    def __init__(self, reply: bytes | None) -> None:
        super().__init__(reply)
        self.reply = reply


class Requests:
    """Bytes in, requests out."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._count = 0
        self._words: list[bytes] = []
        self._size: int | None = None

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        self._buffer += data

    def next(self) -> list[bytes] | None:
        """
        The next whole request.

        :raises Refuse: what comes is none.
        """
        while True:
            if not self._count:
                line = self._line()
                if line is None:
                    return None
                self._begin(line)
            elif self._size is None:
                line = self._line()
                if line is None:
                    return None
                self._argument(line)
            elif len(self._buffer) < self._size + 2:
                return None
            else:
                self._words.append(bytes(memoryview(self._buffer)[: self._size]))
                del self._buffer[: self._size + 2]
                self._size = None
                if len(self._words) == self._count:
                    words, self._words, self._count = self._words, [], 0
                    return words

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            return None
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

    def _begin(self, line: bytes) -> None:
        if not line.startswith(b"*"):
            raise Refuse(b"-Malformed request, array expected\r\n")
        self._count = number(line)
        if self._count <= 0:
            raise Refuse(b"-Missing arguments\r\n")
        if self._count > ARGUMENTS:
            raise Refuse(b"-Too many arguments\r\n")

    def _argument(self, line: bytes) -> None:
        if not line.startswith(b"$"):
            raise Refuse(b"-Malformed query string\r\n")
        self._size = number(line)
        if self._size > VALUE:
            raise Refuse(None)


def number(line: bytes) -> int:
    """As atoi."""
    return int(line[1:]) if line[1:].isdigit() else 0
