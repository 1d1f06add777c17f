"""
Bytes from a client -> command lines (RFC 959 section 5.3), without I/O.

The law: a line is one command.  CR, LF or NUL within one make it a `Fault`, never two commands: a name that holds
a line feed must not become a command by a client's mistake.
"""

from __future__ import annotations

from enum import Enum

from swftp.ftp.settings import LINE_COST, LINE_LIMIT

IAC, SB, SE = 255, 250, 240
OPTIONS = range(251, 255)
"""WILL, WONT, DO, DONT: one byte follows (RFC 854)."""


class Fault(Enum):
    """Why a line is no command."""

    TOO_LONG = "Line too long."
    FORBIDDEN = "CR, LF, NUL and Telnet commands are not allowed within a line."


class Telnet(Enum):
    """Where in a Telnet command we are."""

    TEXT = "outside"
    IAC = "behind IAC"
    OPTION = "behind WILL, WONT, DO or DONT"
    SUB = "in a subnegotiation"
    SUB_IAC = "behind IAC in one"


class Lines:
    """
    Cuts a stream into lines.

    A client whose first line ends with a bare LF ends all of its lines so (devices, and people with netcat); with
    every other, only CR LF ends one.
    """

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        """
        :param limit: bytes of a line.
        """
        self._limit = limit
        self._buffer = bytearray()
        self._end = b""
        self._searched = 0
        self._skipping = False
        self._telnet = Telnet.TEXT
        self._fresh = True  # what comes next begins a line

    @property
    def pending(self) -> int:
        """Bytes that are not taken yet."""
        return len(self._buffer) + (self._telnet is not Telnet.TEXT)

    def clear(self) -> None:
        """Forget what is not taken, and how lines end."""
        self._buffer.clear()
        self._end, self._searched, self._skipping = b"", 0, False
        self._telnet, self._fresh = Telnet.TEXT, True

    def feed(self, data: bytes) -> None:
        """The client sent *data*."""
        if self._telnet is Telnet.TEXT and IAC not in data:
            self._buffer += data
            self._fresh = data.endswith(b"\n") if data else self._fresh
        else:
            for byte in data:
                self._hear(byte)

    def take(self) -> bytes | Fault | None:
        """The next line without its end; None: there is no whole one."""
        while (end := self._find()) is not None:
            at, size = end
            line = bytes(self._buffer[:at])
            del self._buffer[: at + size]
            self._searched = 0
            if self._skipping:
                self._skipping = False
                continue
            if len(line) > self._limit:
                return Fault.TOO_LONG
            if size == 1:
                line = line.removesuffix(b"\r")
            forbidden = any(character in line for character in (b"\r", b"\n", b"\0", b"\xff"))
            return Fault.FORBIDDEN if forbidden else line
        if len(self._buffer) > self._limit + 1:  # the CR of its end may be there
            del self._buffer[:-1]
            self._searched = 0
            if not self._skipping:
                self._skipping = True
                return Fault.TOO_LONG
        return None

    def _find(self) -> tuple[int, int] | None:
        """Where the first end of a line is, and its size."""
        if not self._end:
            at = self._buffer.find(b"\n", self._searched)
            if at < 0:
                self._searched = len(self._buffer)
                return None
            self._end = b"\r\n" if at and self._buffer[at - 1] == 13 else b"\n"
            self._searched = 0
        at = self._buffer.find(self._end, self._searched)
        if at < 0:
            self._searched = max(len(self._buffer) - 1, 0)
            return None
        return at, len(self._end)

    def _hear(self, byte: int) -> None:
        """
        A byte where Telnet commands may be: all of them are left out, as none changes anything here.

        No client sends one within a line: there it is of a name in Latin-1, and the line, not its end, is a fault.
        """
        match self._telnet:
            case Telnet.TEXT if byte == IAC and self._fresh:
                self._telnet = Telnet.IAC
            case Telnet.TEXT:
                self._put(byte)
            case Telnet.IAC:
                self._behind_iac(byte)
            case Telnet.OPTION:
                self._telnet = Telnet.TEXT
            case Telnet.SUB if byte == IAC:
                self._telnet = Telnet.SUB_IAC
            case Telnet.SUB_IAC:
                self._telnet = Telnet.TEXT if byte == SE else Telnet.SUB

    def _behind_iac(self, byte: int) -> None:
        self._telnet = Telnet.TEXT
        if byte == SB:
            self._telnet = Telnet.SUB
        elif byte in OPTIONS:
            self._telnet = Telnet.OPTION
        elif byte < SE:  # the mark of Synch (RFC 959 section 4.1.3), whose urgent byte never came
            self._put(byte)

    def _put(self, byte: int) -> None:
        self._buffer.append(byte)
        self._fresh = byte == 10


class Kept:
    """
    Lines that wait for their turn.

    :ivar size: bytes that they cost.
    """

    def __init__(self) -> None:
        self._lines: list[bytes | Fault] = []  # few; an empty deque costs each idle session 0.7 KiB
        self.size = 0

    def put(self, line: bytes | Fault) -> None:
        """At the end."""
        self._lines.append(line)
        self.size += _cost(line)

    def take(self) -> bytes | Fault:
        """The first one."""
        line = self._lines.pop(0)
        self.size -= _cost(line)
        return line

    def clear(self) -> None:
        """Forget them."""
        self._lines.clear()
        self.size = 0


def _cost(line: bytes | Fault) -> int:
    return LINE_COST + (len(line) if isinstance(line, bytes) else 0)
