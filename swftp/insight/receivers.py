"""
Who is told of events: a URL that is posted to, or a command that is run.

The law: what a client says is data.  It goes into a body or into standard input, never into a command line, and no
shell reads any of it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone
from twisted.internet.interfaces import IProcessTransport, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer
from zope.interface import implementer

from swftp import logs
from swftp.storage.swift.bodies import Hangup

TIMEOUT = 10.0
"""Seconds that who is posted to may take."""
APART = "setsid"
"""Of util-linux: makes what it runs the leader of a session, so that all that it starts can be ended with it."""
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "USER")
"""Variables that a command gets; others may be secrets (``OS_PASSWORD``) or systemd's."""
COMPLAINT = 512
"""Bytes of what a command complained of that are kept."""


class NotTaken(Exception):
    """
    An event was not taken; the message says why.

    :ivar final: it would not be if it were told again.
    """

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


class Receiver(Protocol):
    """Who is told."""

    async def tell(self, body: bytes) -> None:
        """
        Hand over *body*, an event in JSON; cancelled, nothing of it goes on.

        :raises NotTaken: it was not taken.
        """


@implementer(IBodyProducer)
class _Body:
    """Bytes that are there already."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        """See `IBodyProducer`."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """See `IBodyProducer`: all was said."""

    def resumeProducing(self) -> None:
        """See `IBodyProducer`: all was said."""

    def stopProducing(self) -> None:
        """See `IBodyProducer`: all was said."""


class Posted:
    """A URL."""

    def __init__(self, agent: IAgent, clock: Any, url: str, secret: bytes, wall: Callable[[], float]) -> None:
        """
        :param secret: what signs the events; b"": they are not signed.
        :param wall: seconds since the epoch.
        """
        self._agent, self._clock, self._url = agent, clock, url.encode("ascii")
        self._secret, self._wall = secret, wall

    async def tell(self, body: bytes) -> None:
        """See `Receiver`."""
        stamp = str(int(self._wall()))
        headers = {"Content-Type": ["application/json"], "User-Agent": ["SwFTP"], "X-SwFTP-Timestamp": [stamp]}
        if self._secret:
            headers["X-SwFTP-Signature"] = [f"sha256={signature(self._secret, stamp, body)}"]
        asked: Any = self._agent.request(b"POST", self._url, Headers(headers), _Body(body))
        response = await asked.addTimeout(TIMEOUT, self._clock)
        response.deliverBody(Hangup())
        code: int = response.code
        if code >= 300:
            raise NotTaken(f"answered {code}", final=code < 500 and code not in (408, 425, 429))


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """What a receiver compares: HMAC-SHA256 of the time, a dot and the body."""
    return hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Command:
    """A command; each event is a run of it."""

    def __init__(
        self,
        reactor: IReactorProcess,
        clock: Any,
        words: Sequence[str],
        timeout: float,
        environ: Mapping[str, str],
        kill: Callable[[int, int], object] = os.killpg,
    ) -> None:
        """
        :param words: the program, by its absolute path, and its arguments.
        :param timeout: seconds until a run is killed, and whatever it has started with it.
        :param kill: see `os.killpg`.
        """
        self._reactor, self._clock, self._words, self._timeout = reactor, clock, tuple(words), timeout
        self._kill = kill
        self._environ = {name: environ[name] for name in INHERITED if name in environ}

    async def tell(self, body: bytes) -> None:
        """See `Receiver`; a run that ends with 0 has taken it."""
        run = _Run(body, self._kill)
        self._reactor.spawnProcess(run, APART, [APART, *self._words], env=self._environ)
        await run.ended.addTimeout(self._timeout, self._clock, run.late)


class _Run(ProcessProtocol):
    """
    One run of a command.

    :ivar ended: fires when it has taken the event; fails with `NotTaken`; cancelled, it is killed.
    """

    transport: IProcessTransport

    def __init__(self, body: bytes, kill: Callable[[int, int], object]) -> None:
        self._body, self._kill_group = body, kill
        self._complaint = b""
        self.ended: Deferred[None] = Deferred(lambda _: self._kill())

    def connectionMade(self) -> None:
        """It runs: it is given the event, and then the end of its input."""
        self.transport.writeToChild(0, self._body)
        self.transport.closeStdin()

    def errReceived(self, data: bytes) -> None:
        """What it complains of is kept, as much as says why it failed."""
        self._complaint = (self._complaint + data)[-COMPLAINT:]

    def processExited(self, reason: Failure) -> None:
        """It is over, whoever still holds its output."""
        self.transport.loseConnection()
        if self.ended.called:
            return
        if isinstance(reason.value, ProcessDone):
            self.ended.callback(None)
        else:
            self.ended.errback(NotTaken(self._why(reason.value)))

    def _why(self, error: Any) -> str:
        how = f"killed by signal {error.signal}" if error.signal else f"ended with {error.exitCode}"
        lines = self._complaint.decode("utf-8", "replace").strip().splitlines()
        return f"{how}: {logs.clean(lines[-1], COMPLAINT)}" if lines else how

    def late(self, result: object, seconds: float) -> object:
        """For `Deferred.addTimeout`."""
        raise NotTaken(f"killed after {seconds:g} seconds")

    def _kill(self) -> None:
        pid: Any = self.transport.pid
        if pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                self._kill_group(pid, signal.SIGKILL)
        self.transport.loseConnection()
