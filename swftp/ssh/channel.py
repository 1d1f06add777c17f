"""
One session channel: windows, bounded output, and the end of it, around one subsystem.

The subsystem hears `lost` exactly once, last, however the channel goes; output it put before `finish` reaches the
client before CLOSE, or never.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from twisted.conch.ssh.channel import SSHChannel
from twisted.logger import Logger
from zope.interface import implementer

from swftp.interfaces import ISessionChannel, ISubsystem
from swftp.ssh.settings import HIGH_WATER, MAX_DATA, REQUESTS_BEFORE_SUBSYSTEM
from swftp.ssh.windows import Windows
from swftp.ssh.wire import U32, Buffer, Msg, ProtocolError, Reader, string

if TYPE_CHECKING:
    from swftp.ssh.connection import Connection

log = Logger()

_STDERR = 1
_ERROR_LIMIT = 64 << 10
_WINDOW_LIMIT = 0xFFFFFFFF

Granted = tuple[bool, Callable[[], None] | None]
"""Whether a request is granted, and what to do after the answer."""


class State(Enum):
    """How far a channel has come."""

    IDLE = "nothing runs yet"
    RUNNING = "a subsystem runs"
    FINISHING = "output is flushed"
    CLOSED = "CLOSE was said"


_TRANSITIONS = {
    (State.IDLE, "run"): State.RUNNING,
    (State.IDLE, "finish"): State.FINISHING,
    (State.RUNNING, "finish"): State.FINISHING,
    (State.FINISHING, "flushed"): State.CLOSED,
    (State.IDLE, "gone"): State.CLOSED,
    (State.RUNNING, "gone"): State.CLOSED,
    (State.FINISHING, "gone"): State.CLOSED,
    (State.CLOSED, "gone"): State.CLOSED,
}


@implementer(ISessionChannel)
class SessionChannel(SSHChannel):
    """
    See `ISessionChannel`.

    :ivar remote: the client's number of the channel.
    """

    name = b"session"
    high_water = HIGH_WATER
    conn: Connection
    id: int  # type: ignore[assignment]

    def __init__(
        self, conn: Connection, number: int, remote: int, windows: Windows, remote_window: int, limit: int
    ) -> None:
        windows.open += 1
        super().__init__(windows.start, MAX_DATA, remote_window, limit)
        self._windows = windows
        self.conn = conn
        self.id = number
        self.remote = remote
        self.backlog = 0
        self.state = State.IDLE
        self._subsystem: ISubsystem | None = None
        self._pending: list[Buffer] = []
        self._errors = bytearray()
        self._status: int | None = None
        self._owed = 0  # bytes dealt with that the client was not told of
        self._above = False  # the subsystem has seen backlog above high_water
        self._marked = False
        self._requests = 0
        self._ended = False

    @property
    def waiting(self) -> bool:
        """Whether the client waits for us: what a subsystem may say of itself (`swftp.interfaces.IWaits`)."""
        return bool(getattr(self._subsystem, "waiting", False))

    @property
    def client(self) -> bytes:
        """See `ISessionChannel`."""
        return self.conn.transport.otherVersionString

    # -- in ----------------------------------------------------------------------------------------------------

    def arrived(self, pieces: list[memoryview]) -> None:
        """The client sent *pieces*, each in a message of its own; at least one."""
        sizes = [len(piece) for piece in pieces]
        size = sum(sizes)
        if size > self.localWindowLeft or max(sizes) > self.localMaxPacket or self._ended:
            raise ProtocolError("channel data beyond the window")
        self.localWindowLeft -= size
        if not min(sizes):  # no window bounds how often: nobody shall keep it
            pieces = [piece for piece in pieces if piece]
        if self.state is not State.RUNNING:
            self.credit(size)
        elif pieces:
            self._subsystem.received(pieces)  # type: ignore[union-attr]

    def dropped(self, size: int) -> None:
        """The client sent *size* bytes that nobody looks at."""
        if size > self.localWindowLeft or self._ended:
            raise ProtocolError("channel data beyond the window")
        self.localWindowLeft -= size
        self.credit(size)

    def credit(self, count: int) -> None:
        """See `ISessionChannel`; told to the client when it is worth a message."""
        self._owed += count
        if self._owed >= self.localWindowSize >> 2 and not self.localClosed and not self._ended:
            owed, self._owed = self._owed + self._resized(), 0
            if owed:
                self.localWindowLeft += owed
                self.conn.transport.sendPacket(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(self.remote) + U32.pack(owed))

    def _resized(self) -> int:
        """How much more, or less, than what is owed the client is given: his share changes with their number."""
        change = max(min(self._windows.share - self.localWindowSize, self.localWindowSize), -self._owed)
        self.localWindowSize += change
        return change

    def eofReceived(self) -> None:
        """The client will send no more."""
        if self._ended:
            raise ProtocolError("EOF again")
        self._ended = True
        if self.state is State.RUNNING:
            self._subsystem.ended()  # type: ignore[union-attr]
        elif self.state is State.IDLE:
            self.finish(1)

    def closed(self) -> None:
        """The channel is gone; called once."""
        self._windows.open -= 1
        self._advance("gone")
        self.localClosed = self.remoteClosed = True
        self._pending, self._errors, self.backlog = [], bytearray(), 0
        subsystem, self._subsystem = self._subsystem, None
        if subsystem is not None:
            try:
                subsystem.lost()
            except Exception:  # other channels must hear of it too
                log.failure("{peer}: subsystem failed at its end", peer=self.conn.transport.peer)

    # -- requests (RFC 4254 section 6) ---------------------------------------------------------------------------

    def request(self, name: bytes, reader: Reader) -> Granted:
        """Grant or refuse the request *name*; *reader* holds its details."""
        self._requests += 1
        if self.state is not State.IDLE:
            return False, None
        if self._requests > REQUESTS_BEFORE_SUBSYSTEM:
            raise ProtocolError("too many channel requests")
        if name == b"subsystem":
            return self._run(self.conn.sessions.subsystem(reader.string(256)))
        if name == b"exec":
            line = reader.string()
            subsystem = self.conn.sessions.command(line)
            if subsystem is None:
                return True, self._sftp_only
            return self._run(subsystem)
        if name == b"shell":
            return True, self._sftp_only
        return False, None

    def _run(self, subsystem: ISubsystem | None) -> Granted:
        if subsystem is None:
            return False, None
        self._subsystem = subsystem
        self._advance("run")
        return True, lambda: subsystem.connected(self)

    def _sftp_only(self) -> None:
        """Said on standard error, as OpenSSH's internal-sftp does: people see it, and scripts see the status."""
        self.error(b"This service allows sftp connections only.\r\n")
        self.finish(1)

    # -- out ---------------------------------------------------------------------------------------------------

    def put(self, *parts: Buffer) -> None:
        """See `ISessionChannel`."""
        if self.state is not State.RUNNING:
            return
        self._pending += parts
        for part in parts:
            self.backlog += len(part)
        if self.backlog >= HIGH_WATER:
            self._above = True
        if not self._marked:
            self.mark()

    def hurry(self) -> None:
        """See `ISessionChannel`."""
        if self._marked:
            self.conn.transport.outbox.hurry()

    def error(self, text: bytes) -> None:
        """See `ISessionChannel`; what exceeds 64 KiB waiting is dropped."""
        if self.state in (State.IDLE, State.RUNNING):
            self._errors += text[: _ERROR_LIMIT - len(self._errors)]
            self.mark()

    def finish(self, status: int) -> None:
        """See `ISessionChannel`."""
        if self.state in (State.IDLE, State.RUNNING):
            self._status = status
            self._advance("finish")
            self.mark()

    def mark(self) -> None:
        """There may be something to flush."""
        if not self._marked:
            self._marked = True
            self.conn.transport.outbox.mark(self)

    def addWindowBytes(self, data: int) -> None:
        """The client takes *data* bytes more."""
        self.remoteWindowLeft += data
        if self.remoteWindowLeft > _WINDOW_LIMIT:
            raise ProtocolError("channel window overflow")
        if self.backlog or self._errors:
            self.mark()

    def flush(self) -> None:
        """Seal as much of the output as the client, its connection and key exchange allow now."""
        self._marked = False
        if self.localClosed or not self.conn.transport.outbox.takes_data:
            return
        if self.backlog:
            self._flush_data()
        if self._errors:
            self._flush_errors()
        if self.state is State.FINISHING and not self.backlog and not self._errors:
            self._close()
        if self._above and self.backlog < HIGH_WATER:
            self._above = False
            if self.state is State.RUNNING:
                self._subsystem.drained()  # type: ignore[union-attr]

    def _flush_data(self) -> None:
        size = min(self.backlog, self.remoteWindowLeft)
        if not size:
            return
        parts = self._pending
        self._pending = [] if size == self.backlog else _split(parts, size)
        self.backlog -= size
        self.remoteWindowLeft -= size
        self.conn.transport.outbox.emit_data(self.remote, parts, size, self.remoteMaxPacket)

    def _flush_errors(self) -> None:
        while self._errors and self.remoteWindowLeft:
            size = min(len(self._errors), self.remoteWindowLeft, self.remoteMaxPacket)
            text = bytes(self._errors[:size])
            del self._errors[:size]
            self.remoteWindowLeft -= size
            body = U32.pack(self.remote) + U32.pack(_STDERR) + string(text)
            self.conn.transport.sendPacket(Msg.CHANNEL_EXTENDED_DATA, body)

    def _close(self) -> None:
        """All output is out: say how it went (RFC 4254 sections 5.3 and 6.10)."""
        self._advance("flushed")
        send, remote = self.conn.transport.sendPacket, U32.pack(self.remote)
        send(Msg.CHANNEL_REQUEST, remote + string(b"exit-status") + b"\0" + U32.pack(self._status or 0))
        send(Msg.CHANNEL_EOF, remote)
        self.conn.sendClose(self)

    def _advance(self, event: str) -> None:
        self.state = _TRANSITIONS[self.state, event]


def _split(parts: list[Buffer], size: int) -> list[Buffer]:
    """Cut *parts* down to their first *size* bytes; returns the others."""
    for index, part in enumerate(parts):
        if len(part) > size:
            view = memoryview(part)
            others = [view[size:], *parts[index + 1 :]]
            parts[index:] = [view[:size]]
            return others
        size -= len(part)
    return []
