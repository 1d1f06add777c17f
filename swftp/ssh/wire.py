"""
The data types of RFC 4251 section 5, and the numbers of the messages.

Whatever a peer sent is taken apart by `Reader` alone, so that nothing malformed gets further than here.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from swftp.auth.throttle import Offence

Buffer = bytes | bytearray | memoryview

U32 = Struct(">I")
U64 = Struct(">Q")


class Msg(IntEnum):
    """Message numbers (RFC 4250 section 4.1; 4252, 4253, 4254, 4256, 8308)."""

    DISCONNECT = 1
    IGNORE = 2
    UNIMPLEMENTED = 3
    DEBUG = 4
    SERVICE_REQUEST = 5
    SERVICE_ACCEPT = 6
    EXT_INFO = 7
    KEXINIT = 20
    NEWKEYS = 21
    KEX_INIT = 30  # of every method we offer: KEXDH_INIT, KEX_ECDH_INIT, KEX_HYBRID_INIT
    KEX_REPLY = 31
    USERAUTH_REQUEST = 50
    USERAUTH_FAILURE = 51
    USERAUTH_SUCCESS = 52
    USERAUTH_BANNER = 53
    USERAUTH_REPLY = 60  # of the method in use: PK_OK or INFO_REQUEST
    USERAUTH_INFO_RESPONSE = 61
    GLOBAL_REQUEST = 80
    REQUEST_SUCCESS = 81
    REQUEST_FAILURE = 82
    CHANNEL_OPEN = 90
    CHANNEL_OPEN_CONFIRMATION = 91
    CHANNEL_OPEN_FAILURE = 92
    CHANNEL_WINDOW_ADJUST = 93
    CHANNEL_DATA = 94
    CHANNEL_EXTENDED_DATA = 95
    CHANNEL_EOF = 96
    CHANNEL_CLOSE = 97
    CHANNEL_REQUEST = 98
    CHANNEL_SUCCESS = 99
    CHANNEL_FAILURE = 100


class Reason(IntEnum):
    """Why we disconnect (RFC 4253 section 11.1)."""

    PROTOCOL_ERROR = 2
    KEY_EXCHANGE_FAILED = 3
    MAC_ERROR = 5
    SERVICE_NOT_AVAILABLE = 7
    PROTOCOL_VERSION_NOT_SUPPORTED = 8
    CONNECTION_LOST = 10
    BY_APPLICATION = 11
    TOO_MANY_CONNECTIONS = 12
    NO_MORE_AUTH_METHODS_AVAILABLE = 14


class ProtocolError(Exception):
    """The peer broke the protocol; the connection ends with *reason* and *text*, which it is told."""

    def __init__(self, text: str, reason: Reason = Reason.PROTOCOL_ERROR) -> None:
        super().__init__(text)
        self.text = text
        self.reason = reason

    @property
    def offence(self) -> Offence | None:
        """What a client did that is not logged in; None: it may be as innocent as it is old, or just unlucky."""
        broken = self.reason in (Reason.PROTOCOL_ERROR, Reason.PROTOCOL_VERSION_NOT_SUPPORTED)
        return Offence.BROKEN_PROTOCOL if broken else None


def string(data: Buffer) -> bytes:
    """*data* as an RFC 4251 string."""
    return U32.pack(len(data)) + data


def mpint(number: int) -> bytes:
    """The non-negative *number* as an RFC 4251 mpint."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")


def names(items: list[bytes]) -> bytes:
    """*items* as an RFC 4251 name-list."""
    return string(b",".join(items))


class Reader:
    """Takes one message apart; everything that is not there, or left over, is a `ProtocolError`."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next *count* bytes."""
        at = self._at
        self._at = end = at + count
        if end > len(self._data):
            raise ProtocolError("message too short")
        return self._data[at:end]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def flag(self) -> bool:
        """The next boolean: all values but 0 are true."""
        return self.take(1) != b"\0"

    def u32(self) -> int:
        """The next uint32."""
        number: int = U32.unpack(self.take(4))[0]
        return number

    def string(self, limit: int = 1 << 18) -> bytes:
        """The next string, which may have up to *limit* bytes."""
        size = self.u32()
        if size > limit:
            raise ProtocolError("string too long")
        return self.take(size)

    def names(self) -> list[bytes]:
        """The next name-list."""
        return self.string(1 << 16).split(b",")

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._data):
            raise ProtocolError("message too long")
