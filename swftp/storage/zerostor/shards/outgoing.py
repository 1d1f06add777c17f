"""
Bytes on their way out of a connection, handed to the kernel as they are.

Twisted copies what it is given twice before the socket sees it, which for values of MiB is most of what sending them
costs.  Here parts wait as they are and one system call takes many of them.  The law: bytes leave in the order given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from twisted.internet.interfaces import IPullProducer
from twisted.internet.tcp import Connection
from zope.interface import implementer

from swftp.storage.zerostor.shards.interfaces import Block

VECTOR = 64
"""Parts offered to the socket at once."""


@implementer(IPullProducer)
class Outgoing:
    """
    The one who writes to *transport*; what is no TCP connection gets copies, as usual.

    :ivar size: bytes that the kernel has not taken.
    """

    def __init__(self, transport: Any, taken: Callable[[], None]) -> None:
        """
        :param taken: called when the kernel has taken some of what it had not.
        """
        self._transport = transport
        self._taken = taken
        self._parts: deque[memoryview] = deque()
        self.size = 0
        self._direct = isinstance(transport, Connection)
        if self._direct:
            transport.registerProducer(self, False)

    def write(self, parts: Iterable[Block]) -> None:
        """Send *parts*, none of which may change before all is sent."""
        if not self._direct:
            self._transport.write(b"".join(parts))
            return
        waiting = bool(self._parts)
        for part in parts:
            if len(part):
                self._parts.append(memoryview(part))
                self.size += len(part)
        if not waiting:
            self._flush()

    def resumeProducing(self) -> None:
        """The socket takes something again."""
        self._flush()
        self._taken()

    def _flush(self) -> None:
        parts = self._parts
        try:
            while parts:
                self._sent(self._transport.socket.sendmsg(list(islice(parts, VECTOR))))
        except BlockingIOError:
            self._transport.startWriting()  # which calls this again
        except OSError:
            self._transport.abortConnection()

    def _sent(self, count: int) -> None:
        parts = self._parts
        self.size -= count
        while count:
            if count < len(parts[0]):
                parts[0] = parts[0][count:]
                return
            count -= len(parts.popleft())

    def stopProducing(self) -> None:
        """The connection is gone: let go of what nobody will read."""
        self._parts.clear()
