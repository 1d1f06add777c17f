"""
The ports of passive data connections, which all control connections of the process share.

The law: which port comes next cannot be told from those before (RFC 2577 section 8).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from math import gcd
from secrets import SystemRandom
from typing import Any

from twisted.internet.interfaces import IProtocol, IReadDescriptor
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from zope.interface import implementer

Admit = Callable[[str], IProtocol | None]
"""Gets the address of who has connected; None: hang up."""


class NoPort(Exception):
    """All are in use."""


@implementer(IReadDescriptor)
class Listener:
    """
    Listens on one port, for a transfer: not Twisted's, which writes two lines into the log for each.

    :ivar number: of the port.
    """

    def __init__(self, reactor: Any, host: str, port: int, admit: Admit) -> None:
        """
        :raises OSError: the port is in use, or the address not ours.
        """
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )[0]
        self._reactor = reactor
        self._admit = admit
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setblocking(False)
            self._socket.bind(address)
            self._socket.listen(4)
        except OSError:
            self._socket.close()
            raise
        self.number: int = self._socket.getsockname()[1]
        self._realPortNumber = self.number  # for the names of connections in Twisted's log
        reactor.addReader(self)

    def fileno(self) -> int:
        """See `IFileDescriptor`."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """See `ILoggingContext`."""
        return "ftp data"

    def doRead(self) -> None:
        """Accept one connection."""
        try:
            accepted, address = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # no descriptors are left: this would be tried again and again
            self.stop()
            return
        protocol = self._admit(address[0])
        if protocol is None:
            accepted.close()
            return
        accepted.setblocking(False)
        protocol.makeConnection(Server(accepted, protocol, address, self, 0, self._reactor))  # type: ignore[arg-type]

    def stop(self) -> None:
        """Listen no more; what was accepted stays."""
        if self._socket.fileno() >= 0:
            self._reactor.removeReader(self)
            self._socket.close()

    def connectionLost(self, reason: Failure) -> None:
        """See `IFileDescriptor`."""
        self.stop()


class Ports:
    """A range of them."""

    def __init__(
        self,
        reactor: Any,
        span: tuple[int, int] | None,
        *,
        random: Any = None,
        listener: Callable[[Any, str, int, Admit], Any] = Listener,
    ) -> None:
        """
        :param span: the first and the last; None: the system chooses.
        :param random: a `random.Random`.
        """
        self._reactor = reactor
        self._first, self._count = (span[0], span[1] - span[0] + 1) if span is not None else (0, 1)
        self._random = random or SystemRandom()
        self._listener = listener

    def listen(self, host: str, admit: Admit) -> Any:
        """
        A `Listener` on one of them at our address *host*.

        :raises NoPort: there is none, or the address is not ours any more.
        """
        count = self._count
        begin, step = self._random.randrange(count), self._random.randrange(1, count + 1)
        while gcd(step, count) != 1:  # else it would not come past all of them
            step = self._random.randrange(1, count + 1)
        problem: OSError | None = None
        for number in range(count):
            try:
                return self._listener(self._reactor, host, self._first + (begin + number * step) % count, admit)
            except OSError as error:
                problem = error
        raise NoPort(f"no port for passive data connections on {host}: {problem}") from problem
