"""The other end of an SFTP channel, without a wire: what tests say and hear."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from zope.interface import implementer

from swftp.interfaces import ISessionChannel
from swftp.outcomes import Status
from swftp.sftp import wire
from swftp.sftp.wire import Cursor, Packet


@implementer(ISessionChannel)
class FakeChannel:
    """
    A session channel whose client reads when told to.

    :ivar output: everything put and not yet taken by the client.
    :ivar reading: whether the client reads at once.
    """

    def __init__(self, high_water: int = 256 * 1024) -> None:
        self.high_water = high_water
        self.client = b"SSH-2.0-OpenSSH_9.2"
        self.reading = True
        self.output = bytearray()
        self.unread = 0
        self.credited = 0
        self.errors = b""
        self.finished: int | None = None
        self.dead = False

    @property
    def backlog(self) -> int:
        """See `ISessionChannel.backlog`."""
        return 0 if self.reading else self.unread

    def put(self, *parts: bytes | memoryview) -> None:
        """See `ISessionChannel.put`."""
        if self.dead or self.finished is not None:
            return
        for part in parts:
            self.output += part
            self.unread += len(part)

    def hurry(self) -> None:
        """See `ISessionChannel.hurry`: nothing is ever held back here."""

    def credit(self, count: int) -> None:
        """See `ISessionChannel.credit`."""
        assert count > 0
        self.credited += count

    def error(self, text: bytes) -> None:
        """See `ISessionChannel.error`."""
        self.errors += text

    def finish(self, status: int) -> None:
        """See `ISessionChannel.finish`."""
        assert self.finished is None, "finished twice"
        self.finished = status


@dataclass(frozen=True)
class Heard:
    """One reply."""

    kind: Packet
    request: int
    body: bytes

    @property
    def code(self) -> Status | None:
        """Of a STATUS."""
        return Status(Cursor(self.body).uint32()) if self.kind is Packet.STATUS else None

    @property
    def message(self) -> str:
        """Of a STATUS."""
        return Cursor(self.body, 4).string().decode()

    @property
    def data(self) -> bytes:
        """Of DATA, and the handle of HANDLE."""
        return Cursor(self.body).string()

    @property
    def attrs(self) -> wire.Attrs:
        """Of ATTRS."""
        return Cursor(self.body).attrs()

    @property
    def names(self) -> list[tuple[bytes, bytes, wire.Attrs]]:
        """Of NAME."""
        cursor = Cursor(self.body)
        found = [(cursor.string(), cursor.string(), cursor.attrs()) for _ in range(cursor.uint32())]
        assert not cursor.left
        return found


def packet(kind: int, *fields: bytes) -> bytes:
    """A packet with its length."""
    body = bytes([kind]) + b"".join(fields)
    return wire.U32.pack(len(body)) + body


def u32(value: int) -> bytes:
    """*value* as uint32."""
    return wire.U32.pack(value)


def u64(value: int) -> bytes:
    """*value* as uint64."""
    return wire.U64.pack(value)


NO_ATTRS = u32(0)
INIT = packet(Packet.INIT, u32(3))


class FakeClient:
    """Speaks to *server* over a `FakeChannel`; requests are numbered from 1."""

    def __init__(self, server: object, channel: FakeChannel | None = None, greet: bool = True) -> None:
        self.server = server
        self.channel = channel or FakeChannel()
        self.sent = 0
        self._numbers = itertools.count(1)
        server.connected(self.channel)  # type: ignore[attr-defined]
        if greet:
            self.send(INIT)
            assert self.hear()[0].kind is Packet.VERSION

    def send(self, data: bytes) -> None:
        """Send raw bytes, in one piece."""
        self.sent += len(data)
        self.server.received([memoryview(b"#" + data + b"#")[1:-1]])  # type: ignore[attr-defined]

    def ask(self, kind: int, *fields: bytes) -> int:
        """Send a request; returns its number."""
        request = next(self._numbers)
        self.send(packet(kind, u32(request), *fields))
        return request

    def extended(self, name: bytes, *fields: bytes) -> int:
        """Send an extended request."""
        return self.ask(Packet.EXTENDED, wire.string(name), *fields)

    def hear(self) -> list[Heard]:
        """All replies that have come whole since the last call; VERSION has request 0."""
        found = []
        output = self.channel.output
        while len(output) >= 4 and len(output) >= 4 + (length := wire.U32.unpack_from(output)[0]):
            body = bytes(output[4 : 4 + length])
            del output[: 4 + length]
            self.channel.unread -= 4 + length
            kind = Packet(body[0])
            plain = kind is Packet.VERSION
            found.append(Heard(kind, 0 if plain else Cursor(body, 1).uint32(), body[1 if plain else 5 :]))
        return found

    def reply(self, request: int) -> Heard:
        """The only reply there is, which is to *request*."""
        heard = self.hear()
        assert len(heard) == 1, heard
        assert heard[0].request == request, (heard, request)
        return heard[0]

    def call(self, kind: int, *fields: bytes) -> Heard:
        """Ask, and hear the answer that comes at once."""
        return self.reply(self.ask(kind, *fields))

    def call_extended(self, name: bytes, *fields: bytes) -> Heard:
        """Ask, and hear the answer that comes at once."""
        return self.reply(self.extended(name, *fields))

    def open(self, path: bytes, flags: int, attrs: bytes = NO_ATTRS) -> bytes:
        """OPEN; returns the packed handle."""
        heard = self.call(Packet.OPEN, wire.string(path), u32(flags), attrs)
        assert heard.kind is Packet.HANDLE, heard
        return wire.string(heard.data)
