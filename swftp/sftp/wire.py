"""
SFTP version 3 packets to values and back, without I/O (draft-ietf-secsh-filexfer-02).

The law here: nothing that does not parse to its last byte is acted upon.  What is left over at the end of a request
is an error, save where a client in the field is known to send it (`Layout.lenient`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct
from typing import Any, NamedTuple

from swftp.errors import Malformed
from swftp.outcomes import Status

VERSION = 3
PACKET_LIMIT = 256 * 1024
"""Longest packet in bytes, without its length field: OpenSSH's ``SFTP_MAX_MSG_LENGTH``."""
DATA_LIMIT = PACKET_LIMIT - 1024
"""Most bytes of file data in one READ or WRITE: what OpenSSH offers in ``limits@openssh.com``, to the byte."""
PACKET_MINIMUM = 5
"""Type and request id: below that there is nobody to answer."""
HANDLE_SIZE = 4


class Packet(IntEnum):
    """Packet types, section 3."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Flag(IntFlag):
    """Flags of OPEN, section 6.3."""

    READ = 0x01
    WRITE = 0x02
    APPEND = 0x04
    CREAT = 0x08
    TRUNC = 0x10
    EXCL = 0x20


ATTR_SIZE = 0x01
ATTR_UIDGID = 0x02
ATTR_PERMISSIONS = 0x04
ATTR_ACMODTIME = 0x08
ATTR_EXTENDED = 0x80000000
ATTR_FULL = ATTR_SIZE | ATTR_UIDGID | ATTR_PERMISSIONS | ATTR_ACMODTIME
ATTR_KNOWN = ATTR_FULL | ATTR_EXTENDED

U32 = Struct(">I")
U64 = Struct(">Q")
PAIR = Struct(">II")
IO_HEAD = Struct(">IBII4sQI")
"""Head of READ and WRITE with a handle of four bytes: length, type, id, 4, handle, offset, count."""
_REPLY = Struct(">IBI")
_DATA = Struct(">IBII")
_STATUS = Struct(">IBIIII")
_STATUS_KIND, _DATA_KIND = int(Packet.STATUS), int(Packet.DATA)
_FULL_ATTRS = Struct(">IQIIIII")


class Attrs(NamedTuple):
    """ATTRS, section 5; None where the flag is not set.  Extended pairs are parsed and dropped."""

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    permissions: int | None = None
    atime: int | None = None
    mtime: int | None = None


class Cursor:
    """
    Reads fields off one packet.

    :raises Malformed: by every method, where the packet is too short for the field.
    """

    __slots__ = ("data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self.data) - self.position

    def take(self, count: int) -> bytes:
        """The next *count* bytes."""
        if count > self.left:
            raise Malformed()
        start = self.position
        self.position += count
        return self.data[start : self.position]

    def uint8(self) -> int:
        """A ``byte``."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """A ``uint32``."""
        return int.from_bytes(self.take(4), "big")

    def uint64(self) -> int:
        """A ``uint64``."""
        return int.from_bytes(self.take(8), "big")

    def string(self) -> bytes:
        """A ``string``: length and bytes."""
        return self.take(self.uint32())

    def attrs(self) -> Attrs:
        """ATTRS; a flag that version 3 does not know leaves its length unknown, so it is malformed."""
        flags = self.uint32()
        if flags & ~ATTR_KNOWN:
            raise Malformed("unknown attribute flags")
        size = self.uint64() if flags & ATTR_SIZE else None
        uid, gid = (self.uint32(), self.uint32()) if flags & ATTR_UIDGID else (None, None)
        permissions = self.uint32() if flags & ATTR_PERMISSIONS else None
        atime, mtime = (self.uint32(), self.uint32()) if flags & ATTR_ACMODTIME else (None, None)
        if flags & ATTR_EXTENDED:
            for _ in range(2 * self.uint32()):  # each takes four bytes: no count leads beyond the packet
                self.string()
        return Attrs(size=size, uid=uid, gid=gid, permissions=permissions, atime=atime, mtime=mtime)


Field = Callable[[Cursor], Any]
STRING: Field = Cursor.string
UINT8: Field = Cursor.uint8
UINT32: Field = Cursor.uint32
UINT64: Field = Cursor.uint64
ATTRS: Field = Cursor.attrs


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a request after its id, in order."""

    fields: tuple[Field, ...]
    lenient: bool = False
    """Whether bytes after the last field are ignored."""

    def parse(self, cursor: Cursor) -> tuple[Any, ...]:
        """
        The values of all fields.

        :raises Malformed: too short, or bytes are left over.
        """
        values = tuple(field(cursor) for field in self.fields)
        if cursor.left and not self.lenient:
            raise Malformed("trailing bytes")
        return values


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply but for its length and request id."""

    kind: Packet
    payload: bytes

    def packed(self, request: int) -> bytes:
        """The packet that answers *request*."""
        return _REPLY.pack(5 + len(self.payload), self.kind, request) + self.payload


def string(value: bytes) -> bytes:
    """*value* as a ``string``."""
    return U32.pack(len(value)) + value


def attrs(value: Attrs) -> bytes:
    """*value* packed; ids and times go in pairs, so the first of each decides."""
    if None not in value:
        return _FULL_ATTRS.pack(ATTR_FULL, *value)
    flags, parts = 0, []
    if value.size is not None:
        flags |= ATTR_SIZE
        parts.append(U64.pack(value.size))
    if value.uid is not None:
        flags |= ATTR_UIDGID
        parts.append(PAIR.pack(value.uid, value.gid or 0))
    if value.permissions is not None:
        flags |= ATTR_PERMISSIONS
        parts.append(U32.pack(value.permissions))
    if value.mtime is not None:
        flags |= ATTR_ACMODTIME
        parts.append(PAIR.pack(value.mtime if value.atime is None else value.atime, value.mtime))
    return U32.pack(flags) + b"".join(parts)


def status(request: int, code: Status, message: str = "") -> bytes:
    """STATUS with *message* and an empty language tag."""
    if not message:
        return _STATUS.pack(17, Packet.STATUS, request, code, 0, 0)
    text = string(message.encode("utf-8", "replace"))
    return _REPLY.pack(13 + len(text), Packet.STATUS, request) + U32.pack(code) + text + b"\0\0\0\0"


def ok(request: int) -> bytes:
    """STATUS OK."""
    return _STATUS.pack(17, _STATUS_KIND, request, 0, 0, 0)


def end_reply(message: str) -> Reply:
    """STATUS EOF."""
    return Reply(Packet.STATUS, U32.pack(Status.EOF) + string(message.encode()) + string(b""))


def data_head(request: int, size: int) -> bytes:
    """What goes before the *size* bytes of a DATA reply."""
    return _DATA.pack(9 + size, _DATA_KIND, request, size)


def handle_reply(handle: bytes) -> Reply:
    """HANDLE."""
    return Reply(Packet.HANDLE, string(handle))


def attrs_reply(value: Attrs) -> Reply:
    """ATTRS."""
    return Reply(Packet.ATTRS, attrs(value))


def name_entry(name: bytes, longname: bytes, value: Attrs) -> bytes:
    """One entry of NAME."""
    return b"".join((U32.pack(len(name)), name, U32.pack(len(longname)), longname, attrs(value)))


def name_reply(entries: Sequence[bytes]) -> Reply:
    """NAME of `name_entry` results."""
    return Reply(Packet.NAME, U32.pack(len(entries)) + b"".join(entries))


def extended_reply(*parts: bytes) -> Reply:
    """EXTENDED_REPLY."""
    return Reply(Packet.EXTENDED_REPLY, b"".join(parts))


def version_packet(extensions: Iterable[tuple[bytes, bytes]]) -> bytes:
    """VERSION with the name and data of each extension."""
    pairs = b"".join(string(name) + string(data) for name, data in extensions)
    return _REPLY.pack(5 + len(pairs), Packet.VERSION, VERSION) + pairs
