"""
A listening socket that several processes accept from: connections go to whoever has fewest.

Twisted's own port takes all that wait in one turn, and of a path it would remove the name when it ends.  The law: a
process that has more connections than another one waits a moment before it takes one, and then takes it all the same.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IProtocolFactory, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

MOMENT = 0.005
"""Seconds that others have to be faster."""
SHORT_OF = 0.1
"""Seconds of no accepting when there are no descriptors left."""

log = Logger()


@implementer(IReadDescriptor, IListeningPort)
class SharedPort:
    """One process's end of one socket."""

    def __init__(self, reactor: Any, fd: int, factory: IProtocolFactory, is_busier: Callable[[], bool]) -> None:
        """
        :param fd: of the socket, which listens; it is ours from now on.
        :param is_busier: whether somebody else should go first.
        """
        self._reactor, self._factory, self._is_busier = reactor, factory, is_busier
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._waiting: IDelayedCall | None = None

    def startListening(self) -> None:
        """See `IListeningPort`."""
        self._factory.doStart()
        self._reactor.addReader(self)

    def fileno(self) -> int:
        """See `IFileDescriptor`."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """See `ILoggingContext`."""
        return "shared port"

    def doRead(self) -> None:
        """Somebody is there."""
        if self._is_busier():
            self._pause(MOMENT)
        else:
            self._accept()

    def _pause(self, seconds: float) -> None:
        self._reactor.removeReader(self)
        self._waiting = self._reactor.callLater(seconds, self._resume)

    def _resume(self) -> None:
        self._waiting = None
        self._reactor.addReader(self)
        self._accept()

    def _accept(self) -> None:
        try:
            accepted, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was faster, or it has gone again
        except OSError as error:  # no descriptors are left: this would be tried again and again
            log.error("cannot accept: {reason}", event="accept", reason=error.strerror)
            if self._waiting is None:
                self._pause(SHORT_OF)
            return
        try:
            with accepted, suppress(OSError):  # it may be gone before anybody asks who it is
                accepted.setblocking(False)
                self._reactor.adoptStreamConnection(accepted.fileno(), self._socket.family, self._factory)
        except Exception:  # else the reactor would take us for broken, and nobody would be let in any more
            log.failure("cannot serve a connection", event="accept")

    def getHost(self) -> Any:
        """See `IListeningPort`."""
        return address_of(self._socket)

    def stopListening(self) -> Deferred[None]:
        """See `IListeningPort`; the socket itself, which others have, too, goes on."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._socket.fileno() >= 0:
            self._reactor.removeReader(self)
            self._socket.close()
            self._factory.doStop()
        return succeed(None)

    def connectionLost(self, reason: Failure) -> None:
        """See `IFileDescriptor`."""
        self.stopListening()


class Inherited:
    """An `IStreamServerEndpoint` of such a socket."""

    def __init__(self, reactor: Any, fd: int, is_busier: Callable[[], bool]) -> None:
        """See `SharedPort`."""
        self._reactor, self._fd, self._is_busier = reactor, fd, is_busier

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See `IStreamServerEndpoint`."""
        port = SharedPort(self._reactor, self._fd, protocolFactory, self._is_busier)
        port.startListening()
        return succeed(port)


def address_of(listening: socket.socket) -> Any:
    """Where it listens."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return UNIXAddress(name)
    kind = IPv6Address if listening.family == socket.AF_INET6 else IPv4Address
    return kind("TCP", *name)
