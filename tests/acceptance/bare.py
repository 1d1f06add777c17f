"""
SSH and SFTP with nothing behind them: a sink that forgets, and a file that is a pattern.

    python -m tests.acceptance.bare ours|conch PORT HOSTKEY

One process, killed by whoever started it.  User ``me``, password ``secret``.  Stock Conch offers the best it has:
AES-CTR with HMAC-SHA-256, and no ``limits@openssh.com``, with which its downloads cost eight times as much.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.conch.interfaces import IConchUser, ISFTPFile, ISFTPServer
from twisted.conch.ssh import filetransfer, session
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.python.components import registerAdapter
from zope.interface import implementer

from swftp import errors
from swftp.entries import Attributes, Entry, Kind
from swftp.paths import Path
from swftp.sftp.server import SFTPServer
from swftp.ssh.factory import Factory
from swftp.ssh.interfaces import Avatar
from swftp.ssh.malloc import keep_buffers

USER, PASSWORD = "me", "secret"
SOURCE, SINK = "/source", "/sink"
BLOCK = 1 << 20


def pattern() -> bytes:
    """One MiB; the source repeats it."""
    return bytes(range(256)) * (BLOCK // 256)


class _File:
    """Both: what is written is counted, what is read is the pattern."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size
        self._pattern = memoryview(pattern() * 2)

    @property
    def entry(self) -> Entry:
        return Entry(name=self.name, kind=Kind.FILE, size=self.size, mtime=1.7e9)

    def write(self, offset: int, parts: list[memoryview], size: int) -> None:
        self.size = max(self.size, offset + size)

    def read(self, offset: int, length: int) -> memoryview | bytes:
        count = min(length, self.size - offset)
        at = offset % BLOCK
        return self._pattern[at : at + count] if count > 0 else b""

    def set(self, attributes: Attributes) -> None:
        """Forgotten, too."""

    async def confirm(self) -> Entry:
        return self.entry

    async def sync(self) -> None:
        """Nothing is anywhere else."""

    def lost(self) -> None:
        """Nobody misses it."""


class _Reader(_File):
    def close(self) -> None:
        """Nothing is open."""


class _Writer(_File):
    async def close(self) -> Entry:
        return self.entry


class NoSession:
    """A `swftp.session.Session` over nothing."""

    user = peer = ""
    pressed = busy = False

    def __init__(self, size: int) -> None:
        self.clock = the_reactor
        self._size = size

    def background(self, work: Coroutine[Any, Any, object]) -> None:
        Deferred.fromCoroutine(work)

    async def stat(self, path: Path, follow: bool = True) -> Entry:
        if path.is_root:
            return Entry(name="", kind=Kind.DIRECTORY)
        if str(path) != SOURCE:
            raise errors.NotFound()
        return _File(path.name, self._size).entry

    async def open_reader(self, path: Path, ready: Callable[[], None]) -> _Reader:
        return _Reader(path.name, self._size)

    async def open_writer(self, path: Path, mode: object, attributes: Attributes, ready: object) -> _Writer:
        return _Writer(path.name, 0)

    def lost(self) -> None:
        """Nothing is open."""


@implementer(ISFTPFile)
class _ConchFile:
    def __init__(self, size: int) -> None:
        self._size = size
        self._pattern = pattern() * 2

    def close(self) -> None:
        """Nothing is open."""

    def readChunk(self, offset: int, length: int) -> bytes:
        count = min(length, self._size - offset)
        if count <= 0:
            raise EOFError
        at = offset % BLOCK
        return self._pattern[at : at + count]

    def writeChunk(self, offset: int, data: bytes) -> None:
        self._size = max(self._size, offset + len(data))

    def getAttrs(self) -> dict[str, int]:
        return {"size": self._size, "permissions": 0o100644, "uid": 0, "gid": 0, "atime": 0, "mtime": 0}

    def setAttrs(self, attrs: object) -> None:
        """Forgotten."""


@implementer(ISFTPServer)
class _ConchFiles:
    size = 0

    def __init__(self, avatar: object) -> None:
        """There is but one user."""

    def gotVersion(self, version: int, extensions: object) -> dict[bytes, bytes]:
        return {}

    def openFile(self, name: bytes, flags: int, attrs: object) -> _ConchFile:
        return _ConchFile(0 if flags & filetransfer.FXF_WRITE else self.size)

    def getAttrs(self, path: bytes, follow: bool) -> dict[str, int]:
        if path == b"/":
            return {"size": 0, "permissions": 0o40755, "uid": 0, "gid": 0, "atime": 0, "mtime": 0}
        if path != SOURCE.encode():
            raise FileNotFoundError(2, "no such file")
        return _ConchFile(self.size).getAttrs()

    def realPath(self, path: bytes) -> bytes:
        return b"/" + path.strip(b"./")


class _ConchAvatar(ConchUser):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.channelLookup[b"session"] = session.SSHSession
        self.subsystemLookup[b"sftp"] = filetransfer.FileTransferServer


@implementer(IRealm)
class _Realm:
    def __init__(self, make: Callable[[], ConchUser]) -> None:
        self._make = make

    def requestAvatar(self, avatarId: object, mind: object, *interfaces: Any) -> Any:
        return IConchUser, self._make(), lambda: None


def factory(kind: str, key: Key, size: int) -> Any:
    """A server of either *kind*."""
    password = {USER: PASSWORD.encode()}
    checker = InMemoryUsernamePasswordDatabaseDontUse(**password)  # type: ignore[arg-type]
    if kind == "ours":
        keep_buffers()

        def subsystem() -> SFTPServer:
            return SFTPServer(NoSession(size), the_reactor)  # type: ignore[arg-type]

        return Factory(Portal(_Realm(lambda: Avatar({b"sftp": subsystem})), [checker]), [key], the_reactor)  # type: ignore[arg-type]
    registerAdapter(_ConchFiles, _ConchAvatar, ISFTPServer)
    _ConchFiles.size = size
    stock: Any = SSHFactory()
    stock.portal = Portal(_Realm(_ConchAvatar), [checker])
    stock.publicKeys = stock.privateKeys = {key.sshType(): key}  # type: ignore[no-untyped-call]
    return stock


def main() -> None:
    """Serve until killed."""
    kind, port, host_key, size = sys.argv[1:]
    key = Key.fromFile(host_key)  # type: ignore[no-untyped-call]
    reactor: Any = the_reactor
    reactor.listenTCP(int(port), factory(kind, key, int(size)), interface="127.0.0.1")
    reactor.run()
    os._exit(0)


if __name__ == "__main__":
    main()
