"""
One control connection (RFC 959 section 4): lines in, replies out, one command after the other.

The laws: every command gets one final reply, in the order of the commands but for those that may overtake a running
transfer; and nothing that came before TLS is done after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from swftp import errors, sockets
from swftp.auth.attempts import ATTEMPTS
from swftp.auth.limits import Place
from swftp.auth.throttle import Offence
from swftp.ftp import settings as limits
from swftp.ftp.command import Argument, Command
from swftp.ftp.context import Context
from swftp.ftp.login import Login
from swftp.ftp.reply import Refused, Reply, reply, reply_of
from swftp.ftp.tls import TlsSession
from swftp.ftp.watch import Watch
from swftp.ftp.wire import Fault, Kept, Lines

if TYPE_CHECKING:
    from swftp.ftp.factory import Factory

log = Logger()

LAST = (221, 421)
"""Replies behind which we hang up."""
TLS_BEGINS = 234
"""The reply behind which TLS begins (RFC 4217 section 4)."""
HTTP = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"CONNECT ", b"DELETE ", b"PATCH ", b"TRACE ")
"""How a browser begins that was told to send a form to us, in the clear or through TLS (ALPACA)."""
TWO_WORDS = {"SITE": 504, "OPTS": 501}
"""Verbs whose first argument is part of the command, and what is said of one that is not known."""


class Phase(Enum):
    """What the connection is about."""

    READY = "the next command may come"
    BUSY = "a command is being done"
    TRANSFER = "a command uses the data connection"
    ENDING = "we have hung up"
    CLOSED = "the connection is gone"


TRANSITIONS = {
    Phase.READY: {"command": Phase.BUSY, "transfer": Phase.TRANSFER, "end": Phase.ENDING, "lost": Phase.CLOSED},
    Phase.BUSY: {"done": Phase.READY, "end": Phase.ENDING, "lost": Phase.CLOSED},
    Phase.TRANSFER: {"done": Phase.READY, "end": Phase.ENDING, "lost": Phase.CLOSED},
    Phase.ENDING: {"done": Phase.ENDING, "end": Phase.ENDING, "lost": Phase.CLOSED},
    Phase.CLOSED: {"done": Phase.CLOSED, "end": Phase.CLOSED, "lost": Phase.CLOSED},
}


class Control(Protocol):
    """
    See the module.

    :ivar peer: the client's address as text; *host*: ours.
    :ivar tls: what protects it, else None.
    """

    factory: Factory
    transport: Any
    context: Context

    def __init__(self) -> None:
        self.phase = Phase.READY
        self.peer = self.host = ""
        self.tls: TlsSession | None = None
        self._lines = Lines()
        self._behind = Kept()  # sent while a transfer runs, to be done after it
        self._waiting: list[Deferred[None]] = []
        self._early = 0  # commands without a login
        self._aside = False  # a command is being done while a transfer runs
        self._taking = False
        self._unread = False  # the client does not take our replies
        self._paused = False
        self.place: Place | None = None
        self._watch: Watch | None = None
        self._aborting: IDelayedCall | None = None

    @property
    def commands(self) -> Mapping[str, Command]:
        """See `IControl`."""
        return self.factory.commands

    @property
    def can_tls(self) -> bool:
        """See `IControl`."""
        return self.factory.tls is not None

    def names(self, kind: str) -> tuple[str, ...]:
        """See `IControl`."""
        found: tuple[str, ...] = self.transport.names(kind) if self.tls is not None else ()
        return found

    @property
    def working(self) -> bool:
        """Whether a command is being done."""
        return self.phase in (Phase.BUSY, Phase.TRANSFER)

    @property
    def busy(self) -> bool:
        """Whether something is being done, or a file is open."""
        return self.working or self.context.login.busy

    def connectionMade(self) -> None:
        """Let the client in, or turn it away."""
        factory = self.factory
        self.peer = str(getattr(self.transport.getPeer(), "host", ""))
        self.host = str(getattr(self.transport.getHost(), "host", ""))
        sockets.converse(self.transport)
        login = Login(factory.portal, factory.clock, factory.settings, self.peer)
        self.context = Context(self, factory.settings, factory.clock, factory.make_data(self.peer, self.host), login)
        self.place = factory.admission.admit(self.peer)
        if self.place is None:
            log.info("{peer}: too many connections", event="ftp_turned_away", peer=self.peer)
            self.hang_up("Too many connections.")
            return
        self._watch = Watch(self, factory.clock, factory.timer, factory.settings)
        if factory.implicit and factory.tls is not None:
            self._protect()
            self.context.protected = self.context.sized = True  # as every client of port 990 takes for granted
        else:
            self.transport.registerProducer(self, True)
        self.say(reply(220, *factory.settings.welcome_message.splitlines()))

    # -- out ---------------------------------------------------------------------------------------------------

    def say(self, answer: Reply) -> None:
        """See `IControl`."""
        if self.phase is not Phase.ENDING and self.phase is not Phase.CLOSED:
            sockets.write(self.transport, answer.encode())

    def hang_up(self, *text: str) -> None:
        """Say why (421), and close once that is sent, or soon anyway: a client that does not read keeps nothing."""
        if text:
            self.say(reply(421, *text))
        if self.phase in (Phase.ENDING, Phase.CLOSED):
            return
        self._advance("end")
        self._drop()
        if self.place is not None:
            self.transport.unregisterProducer()
        if self._paused:
            self.transport.resumeProducing()
        self.transport.loseConnection()
        self._aborting = self.factory.clock.callLater(limits.LINGER, self.abort)

    def abort(self) -> None:
        """Close without waiting for the client."""
        self.transport.abortConnection()

    def _drop(self) -> None:
        """Nothing that was begun is finished, nothing that waits is begun."""
        self._lines.clear()
        self._behind.clear()
        if self.context.transfer is not None:
            self.context.transfer.lost()
        self.context.data.close()
        self.context.login.forget()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The client is gone, and with it all it had begun (RFC 959 section 3.2)."""
        self._advance("lost")
        if self._aborting is not None and self._aborting.active():
            self._aborting.cancel()
        if self._watch is not None:
            self._watch.stop()
        if self.place is not None:
            self.place.leave(Offence.NO_LOGIN if self._early else None)
        self._guard(self._drop)
        del self.context  # it holds us; a command that goes on has it

    # -- in ----------------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Do what can be done; keep the rest."""
        if self.phase in (Phase.ENDING, Phase.CLOSED):
            return
        self._lines.feed(data)
        self._guard(self._take)

    def _guard(self, function: Callable[[], None]) -> None:
        """Nothing that a client sends, and no fault of ours, gets past here."""
        try:
            function()
        except Exception:
            log.failure("{peer}: internal error", peer=self.peer)
            self.hang_up("Internal error.")

    def _take(self) -> None:
        """Begin what may be begun."""
        if self._taking:
            return
        self._taking = True
        try:
            while (line := self._next()) is not None:  # what is done with one may be what others wait for
                if self.phase is Phase.TRANSFER:
                    self._overtake(line)
                else:
                    self._begin(line)
        finally:
            self._taking = False
        self._read_on()

    def _next(self) -> bytes | Fault | None:
        """The line whose turn it is; None: there is none, or it has to wait."""
        if self._unread or self.phase not in (Phase.READY, Phase.TRANSFER):
            return None
        ready = self.phase is Phase.READY
        return self._behind.take() if ready and self._behind.size else self._lines.take()

    def _read_on(self) -> None:
        """A client that sends far ahead of our answers is not read from for a while; in a transfer it is not kept."""
        wanted = self._lines.pending + self._behind.size > limits.AHEAD_BYTES
        if wanted and self.phase is Phase.TRANSFER:
            self.hang_up("Too many commands sent ahead.")
        if self.phase in (Phase.ENDING, Phase.CLOSED) or wanted is self._paused:
            return
        self._paused = wanted
        if wanted:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()

    def pauseProducing(self) -> None:
        """The client does not read what we say: no more is done for it."""
        self._unread = True

    def resumeProducing(self) -> None:
        """It does again."""
        self._unread = False
        self._guard(self._take)

    def stopProducing(self) -> None:
        """`connectionLost` follows."""

    # -- commands ----------------------------------------------------------------------------------------------

    def _begin(self, line: bytes | Fault) -> None:
        if self._watch is not None:
            self._watch.stir()
        if self.context.login.session is None:
            self._early += 1
            if self._early > ATTEMPTS:
                self.hang_up("Too many commands without a login.")
                return
        if self._early == 1 and (line.startswith(HTTP) if isinstance(line, bytes) else line is Fault.TOO_LONG):
            log.info("{peer}: speaks HTTP", event="ftp_refused", peer=self.peer)
            self.hang_up()
            return
        try:
            name, command, argument = self._parse(line)
        except Refused as refusal:
            self._settle("", None)
            self.say(refusal.reply)
            return
        self._advance("transfer" if command.kind.transfer else "command")
        done = Deferred.fromCoroutine(self._run(command, argument))
        done.addCallback(self._done, name, command)
        done.addErrback(self._failed)

    def _overtake(self, line: bytes | Fault) -> None:
        """
        Do what may be done while a transfer runs, one at a time; keep the rest for later.

        What has an argument asks the store (STAT), and waits: there may be any number of it.
        """
        try:
            _, command, argument = self._parse(line)
            waits = self._aside or bool(argument.strip()) or not command.kind.during_transfer
        except Refused:
            waits = True
        if not waits:
            self._aside = True
            done = Deferred.fromCoroutine(self._run(command, argument))
            done.addCallback(self._answered).addErrback(self._failed)
        else:
            self._behind.put(line)

    def _parse(self, line: bytes | Fault) -> tuple[str, Command, bytes]:
        """
        What *line* asks for.

        :raises Refused: nothing that may be asked now.
        """
        if isinstance(line, Fault):
            raise Refused(500, line.value)
        name, argument = _word(line)
        if name in TWO_WORDS and argument.strip():
            unknown = Refused(TWO_WORDS[name], f"{name} does not know that.")
            second, argument = _word(argument)
            name = f"{name} {second}"
        else:
            unknown = Refused(500, "Unknown command.")
        command = self.commands.get(name)
        row = command or self.commands.get(name.partition(" ")[0])
        if row is not None and row.kind.login and self.context.login.session is None:
            raise Refused(530, "Please log in with USER and PASS.")
        if command is None:
            raise unknown
        given = bool(argument.strip())
        if (command.argument is Argument.REQUIRED and not given) or (command.argument is Argument.NONE and given):
            raise Refused(501, f"{name} takes {command.argument.value}.")
        return name, command, argument

    async def _run(self, command: Command, argument: bytes) -> Reply:
        try:
            return await command.function(self.context, argument)
        except (Refused, errors.StorageError) as error:
            error.__traceback__ = None  # some of its frames have the error, and this one has us
            return reply_of(error)
        except Exception as error:
            log.failure("{peer}: a command failed with an internal error", peer=self.peer)
            return reply_of(error)

    def _done(self, answer: Reply, name: str, command: Command) -> None:
        self.say(answer)
        if self.phase is not Phase.CLOSED:
            self._settle(name, command)
        self._advance("done")
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None)
        if answer.code in LAST:
            self.hang_up()
        elif answer.code == TLS_BEGINS:
            self._switch()
        self._take()

    def _answered(self, answer: Reply) -> None:
        self._aside = False
        self.say(answer)

    def _failed(self, failure: Failure) -> None:
        log.failure("{peer}: internal error", failure, peer=self.peer)
        self.hang_up("Internal error.")

    def _settle(self, name: str, command: Command | None) -> None:
        """Forget what was said for this command alone."""
        context = self.context
        if command is None or not command.kind.keeps:
            context.restart, context.allocated = 0, None
        if command is not None and command.kind.transfer:
            context.data.close()  # it had its data connection, though it may have been refused before it took it
        if name != "RNFR":
            context.rename_from = None
        if self._watch is not None:
            self._watch.stir(transfer=command is not None and command.kind.transfer)
        if context.login.session is not None and self.place is not None:
            self.place.settle()

    async def idle(self) -> None:
        """See `IControl`."""
        if self.phase is Phase.TRANSFER:
            waiter: Deferred[None] = Deferred()
            self._waiting.append(waiter)
            await waiter

    # -- TLS ---------------------------------------------------------------------------------------------------

    def _switch(self) -> None:
        """TLS begins; a client that has sent anything behind AUTH in the clear is not believed (CVE-2011-0411)."""
        if self._lines.pending or self._behind.size:
            log.warn("{peer}: commands in the clear behind AUTH", event="ftp_refused", peer=self.peer)
            self.hang_up()
            return
        self._lines.clear()
        self.context.login.forget()
        self.transport.unregisterProducer()
        self._protect()

    def _protect(self) -> None:
        if self.factory.tls is not None:
            self.tls = self.factory.tls.session()
            self.tls.protect(self)  # and with it `transport`
        self.transport.registerProducer(self, True)

    def _advance(self, event: str) -> None:
        self.phase = TRANSITIONS[self.phase][event]


def _word(line: bytes) -> tuple[str, bytes]:
    """The first word of *line* in capitals, and what stands behind it and one blank."""
    word, _, rest = line.partition(b" ")
    return word.decode("ascii", "replace").upper(), rest
