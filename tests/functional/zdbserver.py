"""
The 0-dbs of the functional tests: the fake in its own process and, if ``ZDB_ADDR`` (host:port) says so, a real one.

A real one is looked at as an administrator: without ``--admin``, or with the password in ``ZDB_ADMIN``.
"""

from __future__ import annotations

import functools
import os
import socket
import sys
import uuid

from tests.functional.processes import Child

REAL = os.environ.get("ZDB_ADDR")


class Raw:
    """One connection, byte for byte."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, 10)
        self.admin = os.environ.get("ZDB_ADMIN")
        if self.admin:
            self.ask("AUTH", self.admin)

    def send(self, data: bytes) -> None:
        """Send *data* as it is."""
        self.socket.sendall(data)

    def ask(self, *words: str | bytes) -> bytes:
        """The whole answer to *words*."""
        encoded = [word.encode() if isinstance(word, str) else word for word in words]
        self.send(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
        return self.answer()

    def answer(self) -> bytes:
        """One answer, however long, or what came before the connection ended."""
        line = self.line()
        kind, size = line[:1], line[1:-2]
        if kind == b"$" and size != b"-1":
            return line + self.exactly(int(size) + 2)
        if kind == b"*":
            return line + b"".join(self.answer() for _ in range(int(size)))
        return line

    def line(self) -> bytes:
        """Up to the next line feed."""
        line = b""
        while not line.endswith(b"\n"):
            byte = self.socket.recv(1)
            if not byte:
                break
            line += byte
        return line

    def exactly(self, size: int) -> bytes:
        """*size* bytes."""
        data = bytearray()
        while len(data) < size:
            chunk = self.socket.recv(size - len(data))
            if not chunk:
                break
            data += chunk
        return bytes(data)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


@functools.cache
def fake(*options: str) -> tuple[str, int]:
    """Host and port of the fake of this test process that was started with *options*."""
    child = Child(f"zdb-{uuid.uuid4().hex[:6]}", [sys.executable, "-m", "tests.zdbfake", "--port", "0", *options])
    child.wait_for(lambda: "port " in child.log())
    return "127.0.0.1", int(child.log().split("port ")[1].split()[0])


def real() -> tuple[str, int]:
    """Host and port of the real one."""
    host, _, port = (REAL or "").rpartition(":")
    return host, int(port)
