"""
The way to a shard on the network: one connection, made when it is needed and made again after it broke.

The law: nobody waits for a connection longer than ``connect_timeout``, and nothing is tried again behind the back of
whoever asked: there are other shards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.defer import TimeoutError as AllTimeout
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from swftp.errors import StorageError, Unavailable
from swftp.storage.zerostor.shards.interfaces import Value
from swftp.storage.zerostor.shards.wire import Reply, Wire

LATE = (AllTimeout, CancelledError, ConnectTimeout, ConnectingCancelledError)
"""What running out of time looks like, by where it happens."""

Greet = Callable[[Wire], Awaitable[None]]
"""Says to a new connection what has to be said first; raises where it must not be used."""


class Phase(Enum):
    """Of the link."""

    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    CLOSED = "closed"


TRANSITIONS = {
    Phase.IDLE: {"wanted": Phase.CONNECTING, "closed": Phase.CLOSED, "lost": Phase.IDLE},
    Phase.CONNECTING: {"ready": Phase.READY, "lost": Phase.IDLE, "closed": Phase.CLOSED},
    Phase.READY: {"lost": Phase.IDLE, "closed": Phase.CLOSED},
    Phase.CLOSED: {"lost": Phase.CLOSED, "closed": Phase.CLOSED},
}


class Link:
    """What a shard asks its server through."""

    _log = Logger()

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        greet: Greet,
        connect_timeout: float,
        timeout: float,
    ) -> None:
        """
        :param connect_timeout: seconds for connecting and greeting together.
        :param timeout: seconds for each answer.
        """
        self._endpoint, self._clock, self._greet = endpoint, clock, greet
        self._connect_timeout, self._timeout = connect_timeout, timeout
        self._factory = Factory.forProtocol(lambda: Wire(clock, timeout))
        self._factory.noisy = False
        self._phase = Phase.IDLE
        self._wire: Wire  # when there is one
        self._attempt: Deferred[None]  # while there is one
        self._waiters: list[Deferred[Wire]] = []

    def _advance(self, event: str) -> None:
        self._phase = TRANSITIONS[self._phase][event]

    async def ask(self, *words: Value) -> Reply:
        """
        The answer to *words*: a value, or a `hiredis.ReplyError`.

        :raises Unavailable: there is none.
        """
        wire = self._wire if self._phase is Phase.READY else await self._connected()
        return await wire.ask(*words)

    def asked(self, *words: Value) -> Deferred[Reply]:
        """As `ask`, and sent before this returns where there is a connection."""
        return ensureDeferred(self.ask(*words))

    def _connected(self) -> Deferred[Wire]:
        """A connection of which nobody knows yet that it does not work."""
        mine: Deferred[Wire] = Deferred()
        if self._phase is Phase.CLOSED:
            mine.errback(Unavailable("closed"))
            return mine
        self._waiters.append(mine)
        if self._phase is Phase.IDLE:
            self._advance("wanted")
            attempt = self._attempt = ensureDeferred(self._connect())
            attempt.addTimeout(self._connect_timeout, self._clock)
            attempt.addErrback(self._failed)
        return mine

    async def _connect(self) -> None:
        wire: Wire = await self._endpoint.connect(self._factory)  # type: ignore[assignment]
        try:
            await self._greet(wire)
        except BaseException:
            wire.end("not to be used")
            raise
        self._wire = wire
        self._advance("ready")
        wire.lost.addCallback(lambda _: self._advance("lost"))
        self._tell(wire)

    def _failed(self, failure: Failure) -> None:
        self._advance("lost")
        error = failure.value
        if isinstance(error, StorageError):
            self._tell(error)
        elif isinstance(error, LATE):
            late = f"no connection in {self._connect_timeout:g} s"
            self._tell(Unavailable("closed" if self._phase is Phase.CLOSED else late))
        elif isinstance(error, ConnectError | OSError):
            self._tell(Unavailable("no connection: " + type(error).__name__))
        else:
            self._log.failure("a shard's greeting", failure)
            self._tell(Unavailable("no connection"))

    def _tell(self, outcome: Wire | StorageError) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.called:  # whoever asked has given up
                continue
            if isinstance(outcome, Wire):
                waiter.callback(outcome)
            else:
                waiter.errback(outcome)

    def drop(self, why: str) -> None:
        """Give the connection up; the next call makes another one."""
        if self._phase is Phase.READY:
            self._wire.end(why)

    def close(self) -> None:
        """For good."""
        self.drop("closed")
        before = self._phase
        self._advance("closed")
        if before is Phase.CONNECTING:
            self._attempt.cancel()
