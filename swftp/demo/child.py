"""
The demonstration's Swift as a child process that never outlives us.

It ends when its standard input does, which happens however this process ends, `SIGKILL` included.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProcessTransport, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

STOP_SECONDS = 5.0
"""How long Swift may take to end before it is killed."""
WORDS_LIMIT = 4096
"""Bytes of its standard error that are kept to say why it did not start."""


class CannotStart(Exception):
    """Swift ended before it was ready; the message is what it said."""


class Swift(ProcessProtocol):
    """One run of ``python -m swftp.demo.embedded``."""

    _log = Logger()
    transport: IProcessTransport

    def __init__(self, clock: IReactorTime, died: Callable[[], object]) -> None:
        """
        :param died: called when it ends after it was ready without having been asked to.
        """
        self._clock = clock
        self._died = died
        self._output = b""
        self._words = b""
        self._kill: IDelayedCall | None = None
        self._stopping: Deferred[None] | None = None
        self._ended = False
        self._is_ready = False
        self.ready: Deferred[str] = Deferred()
        """The URL of its identity service; fails with `CannotStart`."""

    def outReceived(self, data: bytes) -> None:
        """The first line is the one that says it is ready."""
        if self._is_ready:
            return
        self._output += data
        line, end, _ = self._output.partition(b"\n")
        if end:
            self._is_ready = True
            self.ready.callback(json.loads(line)["url"])

    def errReceived(self, data: bytes) -> None:
        """What Swift complains of goes to the log."""
        self._words = (self._words + data)[-WORDS_LIMIT:]
        for line in data.decode("utf-8", "replace").splitlines():
            self._log.debug("swift: {line}", line=line)

    def processEnded(self, reason: Failure) -> None:
        """It is gone; whoever waits for that, or did not expect it, is told."""
        self._ended = True
        if self._kill is not None and self._kill.active():
            self._kill.cancel()
        if not self._is_ready:
            self._is_ready = True
            self.ready.errback(
                CannotStart(self._words.decode("utf-8", "replace").strip() or reason.getErrorMessage())
            )
        elif self._stopping is None:
            self._died()
        if self._stopping is not None:
            self._stopping.callback(None)

    def stop(self) -> Deferred[None]:
        """End it; fires when it has.  To be called once."""
        done: Deferred[None] = Deferred()
        self._stopping = done
        if self._ended:
            done.callback(None)
        else:
            self._kill = self._clock.callLater(STOP_SECONDS, self.transport.signalProcess, "KILL")
            self.transport.closeStdin()
        return done


def spawn(reactor: IReactorProcess, swift: Swift, data: Path, port: int) -> None:
    """Start *swift* on *data*, its proxy on *port* (0: any)."""
    command = [sys.executable, "-m", "swftp.demo.embedded", "--until-eof", "--data", str(data), "--port", str(port)]
    reactor.spawnProcess(swift, sys.executable, command, env=None)
