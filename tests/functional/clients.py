"""
Clients in the test process: paramiko, and a bare SFTP v3 speaker for what paramiko would not do.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import socket
import struct
from collections.abc import Iterator
from enum import IntEnum, IntFlag

import paramiko

from tests.functional.swift import PASSWORD, USER


class Login(paramiko.SFTPClient):
    """One SSH connection with one SFTP session on it."""

    def __init__(self, port: int, user: str = USER, password: str = PASSWORD) -> None:
        self.wire = socket.create_connection(("127.0.0.1", port), 20)
        self.ssh = paramiko.Transport(self.wire)
        try:
            self.ssh.connect(username=user, password=password)
            channel = self.ssh.open_session()
            channel.invoke_subsystem("sftp")
            channel.settimeout(120)
            super().__init__(channel)
        except BaseException:
            self.ssh.close()
            raise

    def close(self) -> None:
        """End the session and the connection; one that is gone already is no error."""
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            super().close()
            self.wire.shutdown(socket.SHUT_RDWR)  # paramiko's thread would keep it open for another 0.1 s
        self.ssh.close()

    def put_bytes(self, path: str, data: bytes) -> None:
        """Upload, pipelined; unlike `paramiko.SFTPFile.close` this does not swallow what CLOSE is answered."""
        file = self.open(path, "wb")
        file.set_pipelined(True)
        file.write(data)
        file.flush()
        file._closed = True
        self._request(paramiko.sftp.CMD_CLOSE, file.handle)

    def get_bytes(self, path: str) -> bytes:
        """The whole content, prefetched."""
        with self.open(path, "rb") as file:
            file.prefetch(max_concurrent_requests=64)
            data: bytes = file.read()
            return data


def reset(wire: socket.socket) -> None:
    """
    End a TCP connection by RST, now.

    connect(2) to AF_UNSPEC does that; a close with SO_LINGER waits for other threads that look at the socket.
    """
    ctypes.CDLL(None).connect(wire.fileno(), bytes(16), 16)
    wire.close()


class Packet(IntEnum):
    """Types of draft-ietf-secsh-filexfer-02 section 3."""

    INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT = range(1, 11)
    OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(11, 21)
    STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
    EXTENDED, EXTENDED_REPLY = 200, 201


class Flag(IntFlag):
    """Of OPEN (section 6.3)."""

    READ, WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE = 1, 2, 4, 8, 16, 32


def string(data: str | bytes) -> bytes:
    """A string of the SFTP protocol."""
    raw = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(raw)) + raw


class Refused(OSError):
    """A STATUS other than OK; ``errno`` is its code."""


class Speaker:
    """SFTP packets over a channel: any, in any order, as many at once as wanted."""

    def __init__(self, port: int, user: str = USER, password: str = PASSWORD) -> None:
        self.wire = socket.create_connection(("127.0.0.1", port), 20)
        self.ssh = paramiko.Transport(self.wire, default_window_size=1 << 21)
        self.ssh.connect(username=user, password=password)
        self.channel = self.subsystem()
        self._buffer = bytearray()
        self._next = 0
        self.send_raw(struct.pack(">BI", Packet.INIT, 3))
        self.version = self.receive_raw()

    def subsystem(self) -> paramiko.Channel:
        """A new channel with the sftp subsystem on it."""
        channel = self.ssh.open_session()
        channel.invoke_subsystem("sftp")
        channel.settimeout(60)
        return channel

    def another(self) -> Speaker:
        """One more session, on a channel of its own in the same connection."""
        other = copy.copy(self)
        other.channel = other.subsystem()
        other._buffer = bytearray()
        other._next = 0
        other.send_raw(struct.pack(">BI", Packet.INIT, 3))
        other.version = other.receive_raw()
        return other

    def close(self) -> None:
        """End the connection."""
        self.ssh.close()

    def send_raw(self, body: bytes) -> None:
        """Send a packet, length put before it."""
        self.channel.sendall(struct.pack(">I", len(body)) + body)

    def receive_raw(self) -> bytes:
        """The next packet without its length; `EOFError` where the channel ended."""
        (length,) = struct.unpack(">I", self._take(4))
        return self._take(length)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = self.channel.recv(1 << 18)
            if not data:
                raise EOFError("the channel ended")
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def send(self, kind: int, *parts: bytes) -> int:
        """Send a request; its id."""
        self._next += 1
        self.send_raw(struct.pack(">BI", kind, self._next) + b"".join(parts))
        return self._next

    def receive(self) -> tuple[int, int, bytes]:
        """(type, id, rest) of the next reply."""
        body = self.receive_raw()
        kind, request = struct.unpack_from(">BI", body)
        return kind, request, body[5:]

    def ask(self, kind: int, *parts: bytes) -> bytes:
        """Send a request and wait for its reply; a STATUS that is not OK raises `Refused`."""
        request = self.send(kind, *parts)
        got, answered, body = self.receive()
        if answered != request:
            raise AssertionError(f"reply to {answered}, expected {request}")
        if got == Packet.STATUS:
            status(body)
        return body

    def open(self, path: str, flags: int, attributes: bytes = b"\0\0\0\0") -> bytes:
        """OPEN; the handle, with its length before it."""
        return self.ask(Packet.OPEN, string(path), struct.pack(">I", flags), attributes)

    def write(self, handle: bytes, offset: int, data: bytes) -> int:
        """Send a WRITE; its id."""
        return self.send(Packet.WRITE, handle, struct.pack(">Q", offset), string(data))

    def read(self, handle: bytes, offset: int, length: int) -> int:
        """Send a READ; its id."""
        return self.send(Packet.READ, handle, struct.pack(">QI", offset, length))

    def write_all(self, handle: bytes, data: bytes, step: int = 32768, window: int = 64) -> Iterator[int]:
        """Pipelined WRITEs with *window* in flight; yields the bytes sent so far, and ends when all are answered."""
        flying = 0
        for at in range(0, len(data), step):
            self.write(handle, at, data[at : at + step])
            flying += 1
            yield min(at + step, len(data))
            if flying == window:
                self.expect_ok()
                flying -= 1
        for _ in range(flying):
            self.expect_ok()

    def expect_ok(self) -> int:
        """The next reply is STATUS OK; its id."""
        kind, request, body = self.receive()
        if kind != Packet.STATUS:
            raise AssertionError(f"reply of type {kind}, expected STATUS")
        status(body)
        return request


def status(body: bytes) -> None:
    """Raise `Refused` unless *body* is that of a STATUS OK."""
    code, length = struct.unpack_from(">II", body)
    if code:
        raise Refused(code, body[8 : 8 + length].decode(errors="replace"))
