"""
The ssh-connection service (RFC 4254): session channels, and nothing else.

Forwarding is refused, and whatever a client sends for a channel that is not there ends the connection.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from twisted.conch.ssh.connection import (
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    OPEN_CONNECT_FAILED,
    OPEN_RESOURCE_SHORTAGE,
    OPEN_UNKNOWN_CHANNEL_TYPE,
    SSHConnection,
)
from twisted.logger import Logger

from swftp.ssh.channel import SessionChannel
from swftp.ssh.interfaces import ISessions
from swftp.ssh.settings import CHANNELS, MAX_DATA, MAX_REMOTE_DATA, MIN_REMOTE_DATA
from swftp.ssh.windows import Windows
from swftp.ssh.wire import U32, Msg, ProtocolError, Reader, string

if TYPE_CHECKING:
    from swftp.ssh.transport import Transport

log = Logger()

_DATA_HEAD = Struct(">II")
_DATA_OVERHEAD = 10  # padding length, message number, channel, size
_FORWARDING = (
    b"direct-tcpip",
    b"forwarded-tcpip",
    b"x11",
    b"auth-agent@openssh.com",
    b"direct-streamlocal@openssh.com",
)


class Connection(SSHConnection):
    """
    The channels of one client.

    :ivar stirred: file traffic was seen since somebody last looked: what keeps a session from being idle.
    :ivar unanswered: keepalive questions to which an answer has yet to come.
    """

    transport: Transport
    channels: dict[int, SessionChannel]

    def __init__(self, avatar: object, windows: Windows) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.avatar = avatar
        self.sessions = ISessions(avatar)
        self.stirred = True
        self.unanswered = 0
        self._windows = windows

    def serviceStarted(self) -> None:
        """Nothing to do before the client opens a channel."""

    @property
    def waiting(self) -> bool:
        """Whether some channel waits for us rather than for its client."""
        return any(channel.waiting for channel in self.channels.values())

    @property
    def speaks(self) -> bool:
        """Whether something that was said to the client has not left yet."""
        return any(channel.backlog for channel in self.channels.values())

    def wake(self) -> None:
        """Output may flow again."""
        for channel in list(self.channels.values()):
            channel.mark()

    def ask_alive(self) -> None:
        """Ask for any answer at all."""
        self.unanswered += 1
        self.transport.sendPacket(Msg.GLOBAL_REQUEST, string(b"keepalive@openssh.com") + b"\1")

    # -- channel data --------------------------------------------------------------------------------------

    def channel_data(self, packets: list[bytes]) -> None:
        """Whole CHANNEL_DATA packets, each from its padding length on."""
        self.stirred = True
        unpack = _DATA_HEAD.unpack_from
        pieces: list[memoryview] = []
        channel, last = None, -1
        for packet in packets:
            if len(packet) < _DATA_OVERHEAD:
                raise ProtocolError("message too short")
            number, size = unpack(packet, 2)
            end = _DATA_OVERHEAD + size
            if end + packet[0] != len(packet):
                raise ProtocolError("bad channel data")
            if number != last:
                if channel is not None:
                    channel.arrived(pieces)
                    pieces = []
                channel, last = self.channels.get(number), number
                if channel is None:
                    raise ProtocolError("no such channel")
            pieces.append(memoryview(packet)[_DATA_OVERHEAD:end])
        if channel is not None:
            channel.arrived(pieces)

    def ssh_CHANNEL_EXTENDED_DATA(self, packet: bytes) -> None:
        """A client has no use for it (RFC 4254 section 5.2): it counts against the window and is dropped."""
        reader = Reader(packet)
        channel = self._channel(reader)
        reader.u32()
        data = reader.string(MAX_DATA)
        reader.end()
        channel.dropped(len(data))

    # -- the life of channels --------------------------------------------------------------------------------

    def ssh_CHANNEL_OPEN(self, packet: bytes) -> None:
        """Open a session; refuse all else."""
        reader = Reader(packet)
        kind = reader.string(256)
        sender, window, limit = reader.u32(), reader.u32(), reader.u32()
        if kind != b"session":
            forwarding = kind in _FORWARDING
            reason = OPEN_ADMINISTRATIVELY_PROHIBITED if forwarding else OPEN_UNKNOWN_CHANNEL_TYPE
            self._refuse_open(sender, reason, b"sessions only")
            return
        reader.end()
        if len(self.channels) >= CHANNELS:
            self._refuse_open(sender, OPEN_RESOURCE_SHORTAGE, b"too many channels")
        elif limit < MIN_REMOTE_DATA:
            self._refuse_open(sender, OPEN_CONNECT_FAILED, b"maximum packet size too small")
        else:
            self._open(sender, window, min(limit, MAX_REMOTE_DATA))

    def _open(self, sender: int, window: int, limit: int) -> None:
        number = self.localChannelID
        self.localChannelID += 1
        channel = SessionChannel(self, number, sender, self._windows, window, limit)
        self.channels[number] = channel
        self.channelsToRemoteChannel[channel] = sender
        self.localToRemoteChannel[number] = sender
        self.stirred = True
        words = (sender, number, channel.localWindowSize, channel.localMaxPacket)
        self.transport.sendPacket(Msg.CHANNEL_OPEN_CONFIRMATION, b"".join([U32.pack(word) for word in words]))

    def _refuse_open(self, sender: int, reason: int, text: bytes) -> None:
        body = U32.pack(sender) + U32.pack(reason) + string(text) + string(b"")
        self.transport.sendPacket(Msg.CHANNEL_OPEN_FAILURE, body)

    def _channel(self, reader: Reader) -> SessionChannel:
        channel = self.channels.get(reader.u32())
        if channel is None:
            raise ProtocolError("no such channel")
        return channel

    def ssh_CHANNEL_WINDOW_ADJUST(self, packet: bytes) -> None:
        """The client takes more."""
        reader = Reader(packet)
        channel, count = self._channel(reader), reader.u32()
        reader.end()
        self.stirred = True
        channel.addWindowBytes(count)

    def ssh_CHANNEL_EOF(self, packet: bytes) -> None:
        """The client will send no more."""
        reader = Reader(packet)
        channel = self._channel(reader)
        reader.end()
        channel.eofReceived()

    def ssh_CHANNEL_CLOSE(self, packet: bytes) -> None:
        """The client is done with the channel: so are we (RFC 4254 section 5.3)."""
        reader = Reader(packet)
        channel = self._channel(reader)
        reader.end()
        channel.remoteClosed = True
        self.sendClose(channel)
        self.channelClosed(channel)  # type: ignore[no-untyped-call]

    def sendClose(self, channel: SessionChannel) -> None:
        """Say CLOSE, once."""
        if not channel.localClosed:
            channel.localClosed = True
            self.transport.sendPacket(Msg.CHANNEL_CLOSE, U32.pack(channel.remote))

    # -- requests ------------------------------------------------------------------------------------------

    def ssh_CHANNEL_REQUEST(self, packet: bytes) -> None:
        """Ask the channel; answer if an answer is wanted."""
        reader = Reader(packet)
        channel = self._channel(reader)
        name, wants_reply = reader.string(256), reader.flag()
        granted, after = channel.request(name, reader)
        if wants_reply and not channel.localClosed:
            answer = Msg.CHANNEL_SUCCESS if granted else Msg.CHANNEL_FAILURE
            self.transport.sendPacket(answer, U32.pack(channel.remote))
        if after is not None:
            after()

    def ssh_GLOBAL_REQUEST(self, packet: bytes) -> None:
        """Forwarding, keepalive@openssh.com, hostkeys-prove: the answer to all of them is no."""
        reader = Reader(packet)
        reader.string(256)
        if reader.flag():
            self.transport.sendPacket(Msg.REQUEST_FAILURE, b"")

    def ssh_REQUEST_SUCCESS(self, packet: bytes) -> None:
        """An answer to `ask_alive`; which one does not matter."""
        if not self.unanswered:
            raise ProtocolError("answer to no request")
        self.unanswered -= 1

    ssh_REQUEST_FAILURE = ssh_REQUEST_SUCCESS
