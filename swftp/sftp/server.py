"""
SFTP version 3 over one SSH session channel.

The law here: each request gets exactly one reply, whatever it holds and however it ends; and nothing that waits (a
slow store, a client that does not read) holds up what does not depend on it, nor costs more memory than `Limits` say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from swftp import errors, outcomes
from swftp.interfaces import ISessionChannel, ISubsystem
from swftp.outcomes import Status
from swftp.session import Session
from swftp.sftp import wire
from swftp.sftp.commands import COMMANDS
from swftp.sftp.context import Context
from swftp.sftp.extensions import ADVERTISED, EXTENSIONS
from swftp.sftp.handles import FileHandle, Handle, Outcome, Work
from swftp.sftp.names import LINK_FIRST
from swftp.sftp.stream import BadStream, RequestStream
from swftp.sftp.table import HandleTable
from swftp.sftp.wire import DATA_LIMIT, Cursor, Packet

log = Logger()

_OUTPUT_FACTOR = 4
"""A client that reads nothing gets replies up to this many times the channel's high water; then we stop listening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one channel may use."""

    handles: int = 256
    """Files and directories open at a time."""
    requests: int = 1024
    """Requests that wait for their answer; more wait unparsed, in the channel's window."""
    unanswered_bytes: int = 32 * 1024 * 1024
    """Bytes of WRITEs that wait for their answer; above it the client gets no more window."""


class Phase(Enum):
    """Of one channel."""

    NEW = "before INIT"
    RUNNING = "answering"
    ENDING = "the client said EOF; answering what is left"
    OVER = "nothing more is said"


TRANSITIONS = {
    Phase.NEW: {"init": Phase.RUNNING, "eof": Phase.ENDING, "over": Phase.OVER},
    Phase.RUNNING: {"init": Phase.RUNNING, "eof": Phase.ENDING, "over": Phase.OVER},
    Phase.ENDING: {"init": Phase.ENDING, "eof": Phase.ENDING, "over": Phase.OVER},
    Phase.OVER: {"eof": Phase.OVER},
}


@implementer(ISubsystem)
class SFTPServer:
    """One client's SFTP."""

    def __init__(self, session: Session, clock: IReactorTime, limits: Limits | None = None) -> None:
        """
        :param session: may be shared with other channels of the login; whoever made it ends it.
        """
        limits = limits or Limits()
        self.full = False
        self._session = session
        self._limits = limits
        self._table = HandleTable(limits.handles)
        self._context = Context(session, clock, self._table, self)
        self._stream = RequestStream(self)
        self._turns: deque[Handle] = deque()
        self._phase = Phase.NEW
        self._requests = 0
        self._unanswered = 0
        self._owed = 0
        """Bytes parsed for which the client got no window yet."""
        self._busy = False
        self._channel: ISessionChannel

    def _advance(self, event: str) -> None:
        self._phase = TRANSITIONS[self._phase][event]

    @property
    def waiting(self) -> bool:
        """Whether the client waits for an answer."""
        return self._requests > 0

    # ISubsystem

    def connected(self, channel: ISessionChannel) -> None:
        """See `ISubsystem.connected`."""
        self._channel = channel
        self._context.takes_large_replies = b"-OpenSSH_" in channel.client
        self._context.link_first = any(name in channel.client for name in LINK_FIRST)

    def received(self, pieces: Sequence[memoryview]) -> None:
        """See `ISubsystem.received`."""
        if self._phase is Phase.OVER or self._phase is Phase.ENDING:
            return
        if self._channel.backlog > _OUTPUT_FACTOR * self._channel.high_water:
            self.full = True
        self._busy = True
        try:
            self._owed += self._stream.feed(pieces)
        except BadStream as error:
            self._break_off(str(error))
        finally:
            self._busy = False
        if self._turns or self.full:
            self.turn()
        else:
            self._settle()

    def drained(self) -> None:
        """See `ISubsystem.drained`."""
        self.turn()

    def ended(self) -> None:
        """See `ISubsystem.ended`."""
        self._advance("eof")
        self.turn()

    def lost(self) -> None:
        """See `ISubsystem.lost`."""
        self._give_up()

    def _break_off(self, why: str) -> None:
        """Nothing sensible can follow: close the channel, commit nothing."""
        log.warn(
            "{user}@{peer} sftp channel closed: {why}", user=self._session.user, peer=self._session.peer, why=why
        )
        self._give_up()
        self._channel.finish(1)

    def _give_up(self) -> None:
        if self._phase is Phase.OVER:
            return
        self._advance("over")
        self._turns.clear()
        self._table.abandon()
        del self._context, self._stream  # they hold us

    # IRequests

    def packet(self, data: bytes) -> None:
        """See `IRequests.packet`."""
        kind = data[0]
        if kind == Packet.INIT:
            self._advance("init")
            self.put(wire.version_packet(ADVERTISED))
            return
        if self._phase is Phase.NEW:
            raise BadStream("request before INIT")
        cursor = Cursor(data, 1)
        request = cursor.uint32()
        try:
            command = EXTENSIONS.get(cursor.string()) if kind == Packet.EXTENDED else COMMANDS.get(kind)
            if command is None:
                raise errors.Unsupported()
            command.perform(self._context, request, cursor)
        except Exception as error:
            self.answer(request, error)

    def write(self, request: int, handle: bytes, offset: int, parts: list[memoryview], size: int) -> None:
        """See `IRequests.write`."""
        found = self._table.get(handle)
        if isinstance(found, FileHandle):
            found.write(request, offset, parts, size)
        else:
            self._no_file(request, handle)

    def read(self, request: int, handle: bytes, offset: int, length: int) -> None:
        """See `IRequests.read`."""
        found = self._table.get(handle)
        if isinstance(found, FileHandle):
            found.read(request, offset, min(length, DATA_LIMIT))
        else:
            self._no_file(request, handle)

    def _no_file(self, request: int, handle: bytes) -> None:
        if self._phase is Phase.NEW:
            raise BadStream("request before INIT")
        try:
            self._table.find(handle, FileHandle)
        except errors.InvalidRequest as error:
            self.answer(request, error)

    # IReplies

    @property
    def may_send(self) -> bool:
        """See `IReplies.may_send`."""
        return not self._turns and self._channel.backlog < self._channel.high_water

    def put(self, *parts: bytes | memoryview) -> None:
        """See `IReplies.put`."""
        if self._phase is not Phase.OVER:
            self._channel.put(*parts)

    def answer(self, request: int, outcome: Outcome) -> None:
        """See `IReplies.answer`."""
        if outcome is None:
            self.put(wire.ok(request))
        elif isinstance(outcome, BaseException):
            self.put(wire.status(request, *self._explained(outcome)))
            outcome.__traceback__ = None  # some of its frames have the error, and this one has us
        else:
            self.put(outcome.packed(request))

    def _explained(self, error: BaseException) -> tuple[Status, str]:
        if isinstance(error, errors.StorageError):
            message = str(error)
            return outcomes.outcome(error).sftp, message[:1].upper() + message[1:]
        log.failure("{user} sftp request failed", failure=Failure(error), user=self._session.user)  # type: ignore[no-untyped-call]
        return Status.FAILURE, "Internal error"

    def attend(self, work: Work, then: Callable[[Outcome], None]) -> None:
        """See `IReplies.attend`."""
        self._session.background(self._attended(work, then))

    async def _attended(self, work: Work, then: Callable[[Outcome], None]) -> None:
        result: Outcome
        try:
            result = await work
        except Exception as error:
            result = error
        then(result)
        del result  # what an error tells of its way has this frame, which has us
        self.turn()
        self._channel.hurry()

    def begun(self, size: int = 0) -> None:
        """See `IReplies.begun`."""
        self._requests += 1
        self._unanswered += size
        if self._requests >= self._limits.requests:
            self.full = True

    def done(self, size: int = 0) -> None:
        """See `IReplies.done`."""
        self._requests -= 1
        self._unanswered -= size

    def schedule(self, handle: Handle) -> None:
        """See `IReplies.schedule`."""
        if not handle.scheduled and self._phase is not Phase.OVER:
            handle.scheduled = True
            self._turns.append(handle)

    def turn(self) -> None:
        """See `IReplies.turn`.  Handles take turns, one request each; then what waits unparsed is let in."""
        if self._busy or self._phase is Phase.OVER:
            return
        self._busy = True
        try:
            self._serve()
            while not self.full and self._stream.holding:
                self._owed += self._stream.resume()
                self._serve()
        except BadStream as error:
            self._break_off(str(error))
        finally:
            self._busy = False
        self._settle()

    def _serve(self) -> None:
        turns, channel = self._turns, self._channel
        while turns and channel.backlog < channel.high_water:
            handle = turns.popleft()
            handle.scheduled = False
            if handle.step():
                self.schedule(handle)
        self.full = self._requests >= self._limits.requests or channel.backlog > _OUTPUT_FACTOR * channel.high_water

    @property
    def _pressed(self) -> bool:
        """Whether a client that does not wait for the answers to its WRITEs has to be held back."""
        return self._session.pressed or self._unanswered > self._limits.unanswered_bytes

    def _settle(self) -> None:
        """
        Give window for what was dealt with; end when all is said.

        While nothing is unanswered the client gets its window whatever happens: nothing would tell us later.
        """
        if self._phase is Phase.OVER:
            return
        if self._owed and not (self._unanswered and self._pressed):
            count, self._owed = self._owed, 0
            self._channel.credit(count)
        if self._phase is Phase.ENDING and not self._requests and not self._stream.holding:
            self._give_up()
            self._channel.finish(0)
