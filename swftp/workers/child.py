"""
One worker as its supervisor sees it: a process, a link to it, and what it said last.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Protocol

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from swftp.config import Config
from swftp.workers.link import Link
from swftp.workers.tally import Outgoing
from swftp.workers.worker import LINK

COMMAND = (sys.executable, "-P", "-m", "swftp.workers")
"""Not from the directory we happen to be in."""
OURS = ("NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")
"""How variables begin by which systemd talks to the supervisor alone."""

log = Logger()


class Phase(Enum):
    """Of a worker."""

    STARTING = auto()
    SERVING = auto()
    DRAINING = auto()
    DEAD = auto()


TRANSITIONS: Mapping[Phase, Mapping[str, Phase]] = {
    Phase.STARTING: {"ready": Phase.SERVING, "drain": Phase.DRAINING, "ended": Phase.DEAD},
    Phase.SERVING: {"drain": Phase.DRAINING, "ended": Phase.DEAD},
    Phase.DRAINING: {"ready": Phase.DRAINING, "drain": Phase.DRAINING, "ended": Phase.DEAD},
    Phase.DEAD: {"drain": Phase.DEAD},
}


class Parent(Protocol):
    """The supervisor, as a worker's process sees it."""

    def ready(self, child: Child) -> None:
        """It lets clients in."""

    def hear(self, child: Child, entries: Any) -> None:
        """It tells what has changed, see `swftp.workers.tally`."""

    def logged(self, child: Child, message: Mapping[str, Any]) -> None:
        """It has logged something."""

    def ended(self, child: Child, reason: Failure) -> None:
        """Its process is gone."""


class Child(ProcessProtocol):
    """
    See the module.

    :ivar number: from 0, and the same for who comes after it.
    :ivar phase: where it is.
    :ivar heard: when it said something last, on the reactor's clock.
    :ivar counted: what it had counted then; *now*: how it was; *families*: its metrics.
    :ivar config: what its configuration is a part of.
    :ivar silent: whether it did not answer the last question.
    """

    transport: Any

    def __init__(self, reactor: Any, number: int, parent: Parent) -> None:
        self.number, self.phase = number, Phase.STARTING
        self.heard = reactor.seconds()
        self.silent = False
        self.config: Config | None = None
        self.counted: Mapping[str, Any] = {}
        self.now: Mapping[str, Any] = {}
        self.families: list[Any] = []
        self._reactor, self._parent = reactor, parent
        told = {
            "ready": lambda message: self._ready(),
            "tally": lambda message: parent.hear(self, message["entries"]),
            "log": lambda message: parent.logged(self, message),
        }
        self.link = Link(reactor, told, {"last": self._last}, lambda: None)
        send = self.link.tell
        self.outgoing = Outgoing(reactor, self.link.flow, lambda entries: send("tally", entries=entries))

    def _advance(self, event: str) -> None:
        self.phase = TRANSITIONS[self.phase][event]

    def spawn(self, sockets: Sequence[int]) -> None:
        """
        Start its process.

        :param sockets: file descriptors that it gets, from `LINK` + 1 on.
        :raises OSError: there is no room for one; nothing has been started.
        """
        ours, theirs = socket.socketpair()
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            ours.setblocking(False)
            theirs.setblocking(False)
            descriptors = {0: nothing, 1: 1, 2: 2, LINK: theirs.fileno()}
            descriptors |= {LINK + 1 + place: fd for place, fd in enumerate(sockets)}
            environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
            factory: Any = Factory.forProtocol(lambda: self.link)
            factory.noisy = False
            self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)
            self._reactor.spawnProcess(self, COMMAND[0], COMMAND, env=environ, childFDs=descriptors)
        finally:
            ours.close()
            theirs.close()
            os.close(nothing)

    @property
    def process(self) -> int | None:
        """Its id."""
        pid: int | None = getattr(self.transport, "pid", None)
        return pid

    def _ready(self) -> None:
        self._advance("ready")
        self.heard = self._reactor.seconds()
        self._parent.ready(self)

    async def look(self, *, fully: bool) -> None:
        """Ask it how it is; *fully*: all of it."""
        try:
            answer = await self.link.ask("report" if fully else "look")
        except Exception:  # no answer in time, or nobody to answer
            self.silent = True
            return
        self.silent, self.heard = False, self._reactor.seconds()
        self._learn(answer if fully else {"counted": answer})

    def _learn(self, answer: Mapping[str, Any]) -> None:
        self.counted = answer.get("counted") or self.counted
        self.now = answer.get("now") or self.now
        self.families = answer.get("families") or self.families

    async def _last(self, message: Mapping[str, Any]) -> bool:
        self._learn(message)
        return True

    def drain(self) -> None:
        """Let nobody new in, and end."""
        self._advance("drain")
        self.link.tell("drain")

    def kill(self) -> None:
        """At once."""
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def processEnded(self, reason: Failure) -> None:
        """See `ProcessProtocol`."""
        self._advance("ended")
        if self.link.transport is not None:
            self.link.transport.abortConnection()
        self._parent.ended(self, reason)
