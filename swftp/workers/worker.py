"""
One worker: it is told what it is to be, and is that until its supervisor says so, or is gone.

The law: no worker outlives its supervisor by more than ``drain_timeout``; signals are the supervisor's to understand.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from socket import AF_UNIX
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from swftp.config import Config, ConfigError
from swftp.gateway.gateway import Gateway
from swftp.generations import Generations, Source
from swftp.insight.insight import Insight
from swftp.wiring import Common
from swftp.workers.link import Link
from swftp.workers.merging import told
from swftp.workers.relay import Relay
from swftp.workers.sockets import Inherited
from swftp.workers.tally import Entry, Outgoing, Replica

LINK = 3
"""File descriptor of the link, in a worker; those of sockets follow."""

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a worker is made of."""

    gateway: Gateway
    insight: Insight
    parts: Common
    generations: Generations


Make = Callable[[Config, Sequence[tuple[str, IStreamServerEndpoint]], Source], Made]
"""Of a configuration, names of servers and where each listens, and where the configuration is read from again."""


def packed(config: Config) -> str:
    """*config* for a link."""
    return base64.b64encode(pickle.dumps(config)).decode()


def unpacked(text: str) -> Config:
    """See `packed`."""
    config: Config = pickle.loads(base64.b64decode(text))  # noqa: S301  (of the process that started us, by its own socket)
    return config


class Worker(MultiService):
    """See the module."""

    def __init__(self, reactor: Any, make: Make, relay: Relay, set_level: Callable[[str], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._reactor, self._make, self._relay, self._set_level = reactor, make, relay, set_level
        self._made: Made | None = None
        self._replica: Replica | None = None
        self._config: Config | None = None
        heard = {"begin": self._begin, "tally": self._tally, "drain": self._drain, "hurry": self._hurry}
        answers = {"look": self._look, "report": self._report, "ready": self._ready, "reload": self._reload}
        self._link = Link(reactor, heard, answers, self._orphaned)

    def startService(self) -> None:
        """See `IService`; what we are to be comes by the link."""
        super().startService()  # type: ignore[no-untyped-call]
        factory: Any = Factory.forProtocol(lambda: self._link)
        factory.noisy = False
        self._reactor.adoptStreamConnection(LINK, AF_UNIX, factory)
        self._relay.link = self._link

    def stopService(self) -> Deferred[None]:
        """See `IService`; the last that we say is what we have counted."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        stopped = super().stopService()  # type: ignore[no-untyped-call]
        if stopped is not None:
            await stopped
        if self._made is not None:
            last = self._link.ask("last", **self._reported())
            last.addErrback(lambda _: None)  # there is nobody to tell
            await last

    # -- what we are told --------------------------------------------------------------------------------------

    def _begin(self, message: Mapping[str, Any]) -> None:
        try:
            self._be(message)
        except ConfigError as error:  # files have changed since the supervisor looked
            log.error("cannot begin: {problem}", event="worker_failed", problem=str(error))
            self._end()
        except Exception:
            log.failure("cannot begin", event="worker_failed")
            self._end()
        else:
            self._link.tell("ready")

    def _be(self, message: Mapping[str, Any]) -> None:
        """:raises ConfigError: something cannot be used."""
        self._config = config = unpacked(message["config"])
        self._set_level(config.log.level)
        sockets = [
            (name, Inherited(self._reactor, fd, partial(self._is_busier, message["count"])))
            for name, fd in message["sockets"]
        ]
        source = Source(read=self._read, applied=lambda config: self._set_level(config.log.level))
        self._made = made = self._make(config, sockets, source)  # type: ignore[arg-type]
        parts = made.parts
        outgoing = Outgoing(self._reactor, self._link.flow, lambda entries: self._link.tell("tally", entries=entries))
        self._replica = Replica(outgoing, parts.admission, parts.counter, parts.auth.throttle, parts.rules)
        parts.auth.throttle.hold(message["held"])
        made.gateway.setServiceParent(self)  # type: ignore[no-untyped-call]

    def _read(self) -> tuple[Config, list[str]]:
        assert self._config is not None  # noqa: S101  (was told before anything else)
        return self._config, []

    def _is_busier(self, count: int) -> bool:
        return self._replica is not None and self._replica.is_busier(count)

    def _tally(self, message: Mapping[str, Any]) -> None:
        entries: list[Entry] = message["entries"]
        if self._replica is not None:
            self._replica.hear(entries)

    def _drain(self, message: Mapping[str, Any]) -> None:
        self._end()

    def _hurry(self, message: Mapping[str, Any]) -> None:
        if self._made is not None:
            self._made.gateway.hurry()

    def _orphaned(self) -> None:
        if self.running:
            log.error("the supervisor is gone", event="orphaned")
            self._end()

    def _end(self) -> None:
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            return  # it ends already

    # -- what we are asked -------------------------------------------------------------------------------------

    async def _look(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return self._counted()

    def _counted(self) -> dict[str, Any]:
        counted: dict[str, Any] = self._made.insight.counted() if self._made is not None else {}
        return counted

    async def _report(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return self._reported()

    def _reported(self) -> dict[str, Any]:
        if self._made is None:
            return {}
        insight = self._made.insight
        return {"counted": self._counted(), "now": insight.now(), "families": told(insight.registry)}

    async def _ready(self, message: Mapping[str, Any]) -> str:
        return str(await self._made.insight.ready()) if self._made is not None else "starting"

    async def _reload(self, message: Mapping[str, Any]) -> list[str]:
        """Why the configuration of *message* cannot be used."""
        if self._made is None:
            return ["starting"]
        before, self._config = self._config, unpacked(message["config"])
        try:
            self._made.gateway.renew()
        except ConfigError as error:
            self._config = before
            return list(error.problems)
        except Exception as error:
            self._config = before
            log.failure("not reloaded", event="reload_failed")
            return [f"{type(error).__name__}, see the log"]
        return []
