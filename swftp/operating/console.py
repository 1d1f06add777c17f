"""
A socket in the state directory, by which ``swftp sessions`` and ``swftp drain`` talk to a gateway that runs.

A request is a line, each answer a line of JSON.  The law: only who runs the gateway, and root, can open it; and a
gateway that cannot have one runs without.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

NAME = "control."
"""Begins the name of a socket; the id of its process follows."""

log = Logger()


class Talk(LineOnlyReceiver):
    """With one command of ``swftp``."""

    delimiter = b"\n"
    MAX_LENGTH = 256
    factory: Console
    transport: Any
    _telling: LoopingCall | None = None

    def lineReceived(self, line: bytes) -> None:
        """A request."""
        if line == b"sessions":
            Deferred.fromCoroutine(self._tell()).addErrback(self._failed)
            return
        if line == b"drain" and self._telling is None:
            self._telling = LoopingCall(lambda: self._say({"status": self.factory.status()}))
            self._telling.clock = self.factory.reactor
            self.factory.drain()
            self._telling.start(1.0)
            return
        self._say({"error": "no such request"})
        self.transport.loseConnection()

    async def _tell(self) -> None:
        await self.factory.look()
        self._say({"process": os.getpid(), "status": self.factory.status(), "sessions": self.factory.sessions()})
        self.transport.loseConnection()

    def _failed(self, failure: Failure) -> None:
        log.failure("cannot tell of sessions", failure, event="console")
        self.transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        """See `LineOnlyReceiver`."""
        if self._telling is not None and self._telling.running:
            self._telling.stop()

    def _say(self, answer: dict[str, Any]) -> None:
        self.transport.write(json.dumps(answer).encode() + b"\n")


class Console(Factory, Service):
    """Listens while the gateway runs, and while it drains."""

    protocol = Talk  # type: ignore[assignment]
    noisy = False

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        *,
        sessions: Callable[[], list[dict[str, Any]]],
        status: Callable[[], str],
        drain: Callable[[], None],
        look: Callable[[], Awaitable[object]],
    ) -> None:
        """
        :param sessions: who is logged in, when *look* has looked.
        :param status: how the gateway is, in a line.
        :param drain: begins what SIGTERM does.
        """
        self.reactor = reactor
        self.path = directory / f"{NAME}{os.getpid()}"
        self.sessions, self.status, self.drain, self.look = sessions, status, drain, look
        self._port: IListeningPort | None = None

    def startService(self) -> None:
        """See `IService`."""
        super().startService()  # type: ignore[no-untyped-call]
        before = os.umask(0o177)
        try:
            os.umask(0o077)
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.unlink(missing_ok=True)
            os.umask(0o177)
            self._port = self.reactor.listenUNIX(str(self.path), self, mode=0o600)
        except (OSError, CannotListenError) as error:
            log.warn("no control socket: {error}", event="console", error=str(error))
        finally:
            os.umask(before)

    def stopService(self) -> Deferred[Any] | None:
        """See `IService`."""
        super().stopService()  # type: ignore[no-untyped-call]
        port, self._port = self._port, None
        return None if port is None else maybeDeferred(port.stopListening)
