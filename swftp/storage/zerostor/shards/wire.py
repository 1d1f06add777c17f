"""
One connection that speaks RESP2 (redis, 0-db): questions go out in order, answers come back in that order.

The law: every question is answered or fails, and none waits longer than ``timeout`` once those before it are
answered.  A connection that was silent for so long is given up with all that waits on it: which answer belongs to
which question could not be told any more.

txredisapi has all of that, but for values of MiB it costs twice the CPU in sending and half as much again in
receiving (docs/performance.md): it copies a value five times on its way out, takes no memoryview, and needs the
global reactor.  So the parser is that of hiredis, and the rest is here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import hiredis
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from swftp import sockets
from swftp.errors import Unavailable
from swftp.storage.zerostor.shards.interfaces import VALUE_LIMIT, Block, Value, length, parts_of
from swftp.storage.zerostor.shards.outgoing import Outgoing

RECEIVE = 1 << 20
"""Bytes asked of the socket at once."""
DEPTH = 16
"""Questions under way: each may make the server hold an answer of `VALUE_LIMIT`."""
HELD = 4 << 20
"""Bytes that the kernel does not take, and no more questions are sent: a shard that hangs is to hold few values."""
ANSWER_LIMIT = 2 * VALUE_LIMIT
"""Bytes without an end after which whoever sends them is no shard."""

Reply = Any
"""bytes, int, None, a list of replies, or `hiredis.ReplyError`."""
Question = tuple[list[Block], Deferred[Reply]]


def encode(words: Sequence[Value]) -> list[Block]:
    """A question, as parts to be sent: *words* are not copied."""
    blocks: list[Block] = [b"*%d\r\n" % len(words)]
    for word in words:
        blocks += (b"$%d\r\n" % length(word), *parts_of(word), b"\r\n")
    return blocks


class Wire(Protocol):
    """The connection."""

    transport: Any

    def __init__(self, clock: IReactorTime, timeout: float) -> None:
        """
        :param timeout: seconds for each answer.
        """
        self._clock = clock
        self._timeout = timeout
        self._reader = hiredis.Reader()
        self._unfinished = 0
        self._asked: deque[Deferred[Reply]] = deque()
        self._waiting: deque[Question] = deque()
        self._timer: IDelayedCall | None = None
        self._end: str | None = None
        self.lost: Deferred[None] = Deferred()
        """Fires when nothing can be asked any more."""

    def connectionMade(self) -> None:
        """Small questions must not wait for acknowledgements, and a peer that vanished is to be noticed."""
        below = self.transport.transport if isinstance(self.transport, TLSMemoryBIOProtocol) else self.transport
        sockets.tune(below, RECEIVE)
        if isinstance(below, Connection):
            below.setTcpKeepAlive(True)
        self._out = Outgoing(self.transport, self._send)

    def ask(self, *words: Value) -> Deferred[Reply]:
        """Send *words*; the Deferred gives the answer, and may be cancelled: what was not sent is let go of."""
        answer: Deferred[Reply] = Deferred(self._forget)
        if self._end is not None:
            answer.errback(Unavailable(self._end))
            return answer
        self._waiting.append((encode(words), answer))
        self._send()
        return answer

    def _forget(self, answer: Deferred[Reply]) -> None:
        self._waiting = deque(question for question in self._waiting if question[1] is not answer)

    def _send(self) -> None:
        while self._waiting and len(self._asked) < DEPTH and self._out.size < HELD:
            blocks, answer = self._waiting.popleft()
            self._asked.append(answer)
            if self._timer is None:
                self._timer = self._clock.callLater(self._timeout, self._too_late)
            self._out.write(blocks)

    def dataReceived(self, data: bytes) -> None:
        """Hand out answers."""
        self._unfinished += len(data)
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False and self._end is None:
                self._unfinished = 0
                self._answered(reply)
        except hiredis.ProtocolError:
            self.end("an answer that makes no sense")
        if self._unfinished > ANSWER_LIMIT:
            self.end("an answer without end")

    def _answered(self, reply: Reply) -> None:
        if not self._asked:
            self.end("an answer that nobody asked for")
            return
        answer = self._asked.popleft()
        if self._timer is not None:
            if self._asked:
                self._timer.reset(self._timeout)
            else:
                self._timer.cancel()
                self._timer = None
        self._send()
        if not answer.called:
            answer.callback(reply)

    def _too_late(self) -> None:
        self._timer = None
        self.end(f"no answer in {self._timeout:g} s")

    def end(self, why: str) -> None:
        """Give the connection up."""
        if self._end is None:
            self.transport.abortConnection()
        self._ended(why)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """All that waits fails."""
        refused = isinstance(reason.value, SSL.Error | VerificationError)
        self._ended("its TLS is not to be trusted" if refused else "connection lost")

    def _ended(self, why: str) -> None:
        if self._end is not None:
            return
        self._end = why
        if self._timer is not None:
            self._timer.cancel()
        unanswered = [*self._asked, *(answer for _, answer in self._waiting)]
        self.lost.callback(None)
        for answer in unanswered:
            if not answer.called:
                answer.errback(Unavailable(why))
