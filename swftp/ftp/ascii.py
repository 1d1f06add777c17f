"""
TYPE A: lines end in CRLF on the wire, in LF in the store (RFC 959 section 3.1.1.1).

What the well-known servers do with what is no such line, we do: a CR that no LF follows, and an LF that no CR comes
before, pass unchanged on their way in (vsftpd, proftpd, pyftpdlib); on its way out a line that ends in CRLF in the
store already is not given a second CR (the same three).  So a text that went in as it should comes back as it was.
"""

from __future__ import annotations


class FromNetwork:
    """What a client sends: CRLF becomes LF, wherever its packets are cut."""

    __slots__ = ("_cr",)

    def __init__(self) -> None:
        self._cr = False
        """Whether the last byte was a CR, which waits for what follows it."""

    def feed(self, data: bytes) -> bytes:
        """As much of what was sent as can be told."""
        if self._cr:
            data = b"\r" + data
        self._cr = data[-1:] == b"\r"
        if self._cr:
            data = data[:-1]
        return data.replace(b"\r\n", b"\n")

    def end(self) -> bytes:
        """What is left at the end of the file."""
        left, self._cr = b"\r" if self._cr else b"", False
        return left


class ToNetwork:
    """What a client is sent: LF becomes CRLF."""

    __slots__ = ("_cr",)

    def __init__(self) -> None:
        self._cr = False
        """Whether the last byte was a CR."""

    def feed(self, data: bytes) -> bytes:
        """*data* as it goes over the wire."""
        if not data:
            return b""
        whole = self._cr and data[:1] == b"\n"
        self._cr = data[-1:] == b"\r"
        if whole:  # the LF of a CRLF that was cut in two
            return b"\n" + _crlf(data[1:])
        return _crlf(data)


def _crlf(data: bytes) -> bytes:
    if b"\r\n" in data:
        data = data.replace(b"\r\n", b"\n")
    return data.replace(b"\n", b"\r\n")
