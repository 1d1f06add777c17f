"""
TCP connections that carry files: large reads, and a way to write that tries the socket at once.

Twisted writes when the reactor says that it may, which costs each write a copy, a turn of the reactor and two calls
of ``epoll_ctl``.  The law: bytes leave in the order they were given, so nothing is tried while anything waits; and a
producer is paused as soon as anything has to wait.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from fcntl import ioctl
from struct import unpack
from termios import TIOCOUTQ
from typing import Any

from twisted.internet.tcp import Connection

SEND = 1 << 20
"""Bytes offered to the socket at once."""

TOGETHER = 64 << 10
"""Bytes that are worth a copy, to leave together with what stands before them."""
DRAIN, DRAINED = 64 << 10, 16
"""Bytes thrown away at once, and how often: who sends more has not earned a close in order."""


def tune(transport: Any, receive: int) -> None:
    """
    No delay (Nagle's holds a short answer for 40 ms), and large buffers.  Nothing for what is no TCP connection.

    :param receive: bytes asked of the socket at once.
    """
    if isinstance(transport, Connection):
        transport.bufferSize, transport.SEND_LIMIT = receive, SEND
        transport.setTcpNoDelay(True)


def read_at_once(transport: Any, size: int) -> None:
    """Ask the socket for *size* bytes at once from now on.  Nothing for what is no TCP connection."""
    if isinstance(transport, Connection):
        transport.bufferSize = size


def converse(transport: Any) -> None:
    """
    For a connection of short lines: no delay, a question now and then whether the peer is there, and urgent data
    among the other (the line feed of ftplib's ABOR, the mark of a Telnet Synch).  Nothing for what is not TCP.
    """
    if isinstance(transport, Connection):
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)


def write(transport: Any, data: bytes | bytearray) -> None:
    """As ``transport.write``, but at once where the socket takes it; *data* may change afterwards."""
    if not isinstance(transport, Connection):
        transport.write(bytes(data))
        return
    rest = memoryview(data)
    if (
        transport.connected
        and not transport.disconnecting
        and not transport.dataBuffer
        and not transport._tempDataBuffer
    ):
        sent = transport.writeSomeData(data)  # type: ignore[arg-type]
        if isinstance(sent, int):  # else it is the reactor's to find the error, when it tries again
            rest = rest[sent:]
    if rest:
        type(transport).write(transport, bytes(rest))  # type: ignore[no-untyped-call]
        if transport.producer is not None and transport.streamingProducer and not transport.producerPaused:
            transport.producerPaused = True
            transport.producer.pauseProducing()  # type: ignore[attr-defined]


def drain(transport: Any) -> None:
    """
    Throw away what has come and nobody read: behind it, a close would be a reset, which takes with it what the peer
    has not got yet.  Nothing for what is no TCP connection.
    """
    if isinstance(transport, Connection) and transport.connected:
        with suppress(OSError):  # nothing is left, or it is the reactor's to find the error
            for _ in range(DRAINED):
                if not transport.getHandle().recv(DRAIN, socket.MSG_DONTWAIT):
                    break


class Hurry:
    """
    How others write to a connection: at once, as `write`; but what they write between `begin` and `end` leaves as one
    piece, as far as it is small.  For what is no TCP connection nothing changes.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._held: list[bytes] | None = None
        if isinstance(transport, Connection):
            transport.write = self.write  # type: ignore[method-assign]
            transport.writeSequence = self.write_sequence  # type: ignore[method-assign]

    def begin(self) -> None:
        """What is written from here on belongs together."""
        self._held = []

    def end(self) -> None:
        """That was all of it."""
        held, self._held = self._held, None
        if held:
            write(self._transport, held[0] if len(held) == 1 else b"".join(held))

    def write(self, data: bytes) -> None:
        """See `ITransport.write`."""
        if self._held is not None and len(data) <= TOGETHER:
            self._held.append(data)
        else:
            self.end()
            write(self._transport, data)

    def write_sequence(self, pieces: Iterable[bytes]) -> None:
        """See `ITransport.writeSequence`."""
        self.write(b"".join(pieces))


def unsent(transport: Any) -> int:
    """Bytes written to *transport* that its peer has not acknowledged; 0 where that cannot be told."""
    if not isinstance(transport, Connection) or not transport.connected:
        return 0
    held = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    try:
        (queued,) = unpack("i", ioctl(transport.fileno(), TIOCOUTQ, bytes(4)))
    except OSError:
        queued = 0
    return held + int(queued)
