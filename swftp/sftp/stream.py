"""
One client's byte stream -> requests, however the stream is cut.

The hot path of an upload: the data of a WRITE is handed on as views of what arrived, never joined; a READ or a WRITE
head is one unpacking.  The law here: after `IRequests.full` turns true not one more request is handed on, whatever
has arrived; it waits unparsed, and uncredited, so a client's requests cost no more than its window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from swftp.sftp.wire import HANDLE_SIZE, IO_HEAD, PACKET_LIMIT, PACKET_MINIMUM, U32, Packet

_READ, _WRITE = int(Packet.READ), int(Packet.WRITE)
_HEAD_SIZE = IO_HEAD.size
_READ_LENGTH = _HEAD_SIZE - 4
"""Length field of a READ, and of a WRITE without its data, when the handle has four bytes."""
CRUMB = 512
"""Shorter pieces are joined: each costs some hundred bytes to keep, however few it brings."""


class BadStream(Exception):
    """The stream cannot be followed any further: a length that no packet has."""


class IRequests(Protocol):
    """What `RequestStream` hands requests to."""

    full: bool
    """Whether it takes no more for now; `RequestStream.resume` goes on."""

    def write(self, request: int, handle: bytes, offset: int, parts: list[memoryview], size: int) -> None:
        """A WRITE of *size* bytes in *parts*."""

    def read(self, request: int, handle: bytes, offset: int, length: int) -> None:
        """A READ."""

    def packet(self, data: bytes) -> None:
        """Any other packet, and READs and WRITEs out of the ordinary: type, then the rest; 5 bytes at least."""


class RequestStream:
    """Cuts a stream into requests."""

    __slots__ = (
        "_crumbs",
        "_handle",
        "_held",
        "_left",
        "_offset",
        "_partial",
        "_parts",
        "_request",
        "_requests",
        "_size",
    )

    def __init__(self, requests: IRequests) -> None:
        self._requests = requests
        self._held: deque[memoryview | bytearray] = deque()
        self._partial = bytearray()
        """Beginning of a packet, or of the head of a WRITE, whose rest has not come."""
        self._parts: list[memoryview] = []
        self._crumbs = bytearray()
        """Short pieces that come after `_parts`."""
        self._left = 0
        """Bytes of data that the WRITE we are in still lacks."""
        self._request = self._offset = self._size = 0
        self._handle = b""

    @property
    def holding(self) -> bool:
        """Whether input waits unparsed."""
        return bool(self._held)

    def feed(self, pieces: Sequence[memoryview]) -> int:
        """
        Take *pieces*; returns how many bytes were parsed, the rest is held.

        :raises BadStream: nothing more can be made of this stream.
        """
        taken = 0
        for piece in pieces:
            size = len(piece)
            if CRUMB <= size < self._left and not self._held and not self._crumbs and not self._requests.full:
                self._parts.append(piece)  # amid a WRITE: seven of eight pieces of an upload
                self._left -= size
                taken += size
                continue
            stop = 0 if self._held else self._parse(piece, 0, size)
            taken += stop
            if stop < size:
                self._hold(piece[stop:])
        return taken

    def _hold(self, piece: memoryview) -> None:
        held = self._held
        if len(piece) >= CRUMB:
            held.append(piece)
        elif held and isinstance(held[-1], bytearray):
            held[-1] += piece
        else:
            held.append(bytearray(piece))

    def resume(self) -> int:
        """Parse what is held while there is room; returns how many bytes that took."""
        taken = 0
        held = self._held
        while held and not self._requests.full:
            first = held[0]
            piece = memoryview(bytes(first)) if isinstance(first, bytearray) else first
            stop = self._parse(piece, 0, len(piece))
            taken += stop
            if stop < len(piece):
                held[0] = piece[stop:]
            else:
                held.popleft()
        return taken

    def _parse(self, view: memoryview, position: int, end: int) -> int:
        """Parse until the end of *view* or until there is no room; returns where it stopped."""
        requests = self._requests
        while position < end and not requests.full:
            if self._left:
                position = self._write_data(view, position, end)
                continue
            if self._partial:
                position = self._complete(view, position, end)
                continue
            available = end - position
            if available >= _HEAD_SIZE:
                length, kind, request, four, handle, offset, size = IO_HEAD.unpack_from(view, position)
                if four == HANDLE_SIZE:
                    if kind == _WRITE and length == _READ_LENGTH + size and length <= PACKET_LIMIT:
                        position += _HEAD_SIZE
                        if 0 < size <= end - position:
                            requests.write(request, handle, offset, [view[position : position + size]], size)
                            position += size
                        else:
                            self._begin_write(request, handle, offset, size)
                        continue
                    if kind == _READ and length == _READ_LENGTH:
                        position += _HEAD_SIZE
                        requests.read(request, handle, offset, size)
                        continue
            length = _checked(U32.unpack_from(view, position)[0]) if available >= 4 else PACKET_LIMIT
            if available < 4 + length:
                self._partial += view[position:end]
                return end
            position += 4 + length
            requests.packet(bytes(view[position - length : position]))
        return position

    def _begin_write(self, request: int, handle: bytes, offset: int, size: int) -> None:
        if not size:
            self._requests.write(request, handle, offset, [], 0)
            return
        self._request, self._handle, self._offset, self._size = request, handle, offset, size
        self._left = size

    def _write_data(self, view: memoryview, position: int, end: int) -> int:
        stop = min(end, position + self._left)
        self._left -= stop - position
        if stop - position < CRUMB:
            self._crumbs += view[position:stop]
        else:
            self._sweep()
            self._parts.append(view[position:stop])
        if not self._left:
            self._sweep()
            parts, self._parts = self._parts, []
            self._requests.write(self._request, self._handle, self._offset, parts, self._size)
        return stop

    def _sweep(self) -> None:
        if self._crumbs:
            self._parts.append(memoryview(bytes(self._crumbs)))
            self._crumbs.clear()

    def _complete(self, view: memoryview, position: int, end: int) -> int:
        """Add to the packet that came in pieces; of a WRITE only to its head."""
        partial = self._partial
        while True:
            want = self._wanted()
            if want == len(partial):
                break
            stop = min(end, position + want - len(partial))
            partial += view[position:stop]
            position = stop
            if len(partial) < want:
                return position
        raw = bytes(partial)
        partial.clear()
        if raw[4] == _WRITE and len(raw) == _HEAD_SIZE < 4 + U32.unpack_from(raw)[0]:
            _, _, request, _, handle, offset, size = IO_HEAD.unpack(raw)
            self._begin_write(request, handle, offset, size)
        elif raw[4] == _READ and len(raw) == _HEAD_SIZE and raw[9:13] == b"\0\0\0\4":
            _, _, request, _, handle, offset, size = IO_HEAD.unpack(raw)
            self._requests.read(request, handle, offset, size)
        else:
            self._requests.packet(raw[4:])
        return position

    def _wanted(self) -> int:
        """How many bytes of the packet in `_partial` are to be gathered, as far as it can be told yet."""
        partial = self._partial
        have = len(partial)
        if have < 4:
            return 4
        length = _checked(U32.unpack_from(partial)[0])
        if have < 5:
            return 5
        if partial[4] != _WRITE or length <= _READ_LENGTH:
            return 4 + length
        if have < _HEAD_SIZE:
            return _HEAD_SIZE
        _, _, _, four, _, _, size = IO_HEAD.unpack_from(partial)
        if four == HANDLE_SIZE and length == _READ_LENGTH + size:
            return _HEAD_SIZE
        return 4 + length


def _checked(length: int) -> int:
    if not PACKET_MINIMUM <= length <= PACKET_LIMIT:
        raise BadStream(f"packet of {length} bytes")
    return length
