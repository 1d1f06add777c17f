"""
One transfer, from its command to its reply: the data connection, the bytes, the verdict.

The law: it succeeds only if the control connection lives when the last byte has come, and a moment longer; from then
on it is the store's to say, and nobody can take it back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from swftp import errors
from swftp.ftp.context import Context
from swftp.ftp.data import DataConnection
from swftp.ftp.pipe import Pipe, Terms
from swftp.ftp.reply import Refused, reply

T = TypeVar("T")
SETTLED, SETTLED_MOST = 0.001, 0.1
"""
Seconds after the end of the data for which the control connection has to live: a client that gives up (``curl -m``)
ends the data in order first, then the control connection, and one that is killed both, in any order, and on a busy
machine not at once.  The longer a transfer took, the likelier that was its end, and the less it is held up by that.
"""
SHARE = 0.1
"""Of the time that a transfer took, between those."""


class Phase(Enum):
    """What a transfer is doing, as STAT says it."""

    OPENING = "opening the file"
    CONNECTING = "waiting for the data connection"
    MOVING = "under way"
    COMMITTING = "complete, being stored"
    OVER = "over"


TRANSITIONS = {
    Phase.OPENING: {"connect": Phase.CONNECTING, "over": Phase.OVER},
    Phase.CONNECTING: {"move": Phase.MOVING, "over": Phase.OVER},
    Phase.MOVING: {"commit": Phase.COMMITTING, "over": Phase.OVER},
    Phase.COMMITTING: {"over": Phase.OVER},
    Phase.OVER: {"over": Phase.OVER},
}


class Transfer:
    """
    See the module; ``with`` keeps it as the one of its control connection.

    :ivar phase: what it is doing.
    """

    def __init__(self, context: Context, what: str) -> None:
        """
        :param what: for STAT, as ``/box/file to client``.
        :raises Refused: there is no data connection, or it would not be protected and has to be.
        """
        control, settings = context.control, context.settings
        secured = control.tls is not None
        if settings.protects(secured) and not (context.protected and secured):
            raise Refused(522, "Data connections have to be protected: PROT P.")
        if not context.data.prepared:
            raise Refused(425, "Use PASV or EPSV first.")
        self.phase = Phase.OPENING
        self._context = context
        self._what = what
        self._begun = context.clock.seconds()
        self._pipe: Pipe | None = None
        self._error: Exception | None = None
        self._interrupt: Callable[[Exception], None] | None = None

    def __enter__(self) -> Transfer:
        self._context.transfer = self
        return self

    def __exit__(self, *reason: object) -> None:
        self._advance("over")
        if self._pipe is not None:
            self._pipe.done.addErrback(lambda _: None)  # if nobody has waited for it, nobody wants to know
            self._pipe.fail(errors.Interrupted())
        if self._context.transfer is self:
            self._context.transfer = None

    def describe(self) -> str:
        """One line for STAT."""
        moved = self._pipe.moved if self._pipe is not None else 0
        seconds = self._context.clock.seconds() - self._begun
        return f"{self._what}: {self.phase.value}, {moved} bytes in {seconds:.0f} s"

    def terms(self) -> Terms:
        """What the data connection has to keep to."""
        context, settings = self._context, self._context.settings
        return Terms(
            clock=context.clock,
            tls=context.control.tls if context.protected else None,
            resumed=settings.tls_reuse == "required",
            unconfirmed_end=settings.accept_missing_close_notify,
            stalled=settings.stalled_timeout,
        )

    async def move(self, pipe: Pipe, what: str = "") -> None:
        """
        Get the data connection, and move all bytes of *pipe* through it.

        :param what: is announced to the client, where it has to know more.
        :raises Refused: there is no data connection.
        :raises StorageError: not all was moved.
        """
        self.check()
        self._advance("connect")
        self._context.control.say(reply(150, what or "Opening the data connection."))
        connection = await self._until(self._context.data.take())
        self._advance("move")
        self._pipe = pipe
        self._interrupt = pipe.fail
        pipe.begin(connection)
        try:
            await pipe.done
        finally:
            self._interrupt = None
        self.check()

    async def _until(self, waiting: Deferred[DataConnection]) -> DataConnection:
        self._interrupt = lambda error: waiting.cancel()
        try:
            return await waiting
        except errors.Interrupted:
            self.check()
            raise
        finally:
            self._interrupt = None

    async def wait(self, event: Deferred[T]) -> T:
        """The result of *event*, unless the transfer is to end before."""
        self.check()
        self._interrupt = lambda error: event.cancel()
        try:
            return await event
        finally:
            self._interrupt = None
            self.check()

    async def commit(self, close: Callable[[Deferred[None]], Awaitable[T]]) -> T:
        """
        All has come, and is to be stored.

        :param close: gets what fires when it cannot be interrupted any more, and fails if it was before.
        """
        self.check()
        sure: Deferred[None] = Deferred()
        self._interrupt = lambda error: sure.errback(errors.Interrupted())
        settling = Deferred.fromCoroutine(self._settle(sure))
        try:
            return await close(sure)
        except errors.StorageError:
            self.check()
            raise
        finally:
            settling.cancel()
            self._interrupt = None
            sure.addErrback(lambda _: None)  # whoever failed before it did has not looked at it

    async def _settle(self, sure: Deferred[None]) -> None:
        with suppress(CancelledError):
            clock = self._context.clock
            await deferLater(clock, min(max(SETTLED, SHARE * (clock.seconds() - self._begun)), SETTLED_MOST))
            await deferLater(clock, 0)  # where we were late ourselves, what has come is not yet read
            if self._error is None:
                self._interrupt = None
                self._advance("commit")
                sure.callback(None)

    def check(self) -> None:
        """
        :raises Refused: it was aborted.
        :raises Interrupted: the control connection is gone.
        """
        if self._error is not None:
            raise self._error

    def abort(self) -> None:
        """ABOR: it ends with 426, unless it is committing."""
        self._fail(Refused(426, "Transfer aborted, nothing was changed."))

    def lost(self) -> None:
        """The control connection is gone: it fails, unless it is committing."""
        self._fail(errors.Interrupted())

    def _fail(self, error: Exception) -> None:
        if self._error is not None or self.phase in (Phase.COMMITTING, Phase.OVER):
            return
        self._error = error
        interrupt = self._interrupt
        if interrupt is not None:
            interrupt(error)

    def _advance(self, event: str) -> None:
        self.phase = TRANSITIONS[self.phase][event]
