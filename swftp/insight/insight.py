"""
What lets an administrator see into a gateway, put together: counters, status page, StatsD.

It looks on: nothing that it does, or cannot do, is felt by a client.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from secrets import token_hex
from typing import Any

from prometheus_client.registry import Collector
from twisted.application.service import MultiService
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import ILogObserver, Logger, globalLogPublisher
from twisted.web.client import Agent

from swftp import trust
from swftp.config import Config
from swftp.config.fields import words
from swftp.config.files import expanded
from swftp.insight.audit import Audit
from swftp.insight.events import Events
from swftp.insight.overview import Overview, Sees
from swftp.insight.probing import Probing
from swftp.insight.receivers import APART, Command, Posted, Receiver
from swftp.insight.telling import Listening, of_2014, secret_of, tellers
from swftp.metrics import Counting
from swftp.wiring import Common

TICK = 1.0
"""Seconds between two looks."""
LAG_LIMIT = 2.0
"""Seconds that the reactor may come late before we are taken for dead."""
CONNECT_TIMEOUT = 5.0

log = Logger()


class Insight(MultiService):
    """
    See the module.

    :ivar registry: see `swftp.web.Answers`.
    """

    def __init__(
        self,
        config: Config,
        parts: Common,
        sees: Sees,
        probe: Callable[[], Awaitable[object]],
        tells: Collector | None = None,
    ) -> None:
        """
        :param probe: raises `StorageError` where the store is not there.
        :param tells: what else Prometheus is told of.
        :raises ConfigError: something cannot be used.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        logins = parts.logins
        self._clock, self._sees, self._probing = parts.reactor, sees, Probing(probe, parts.reactor)
        self._counting = Counting(logins.metrics)
        self._audit, self._events = _audit(config), _events(config, parts.reactor)
        self._overview = Overview(logins, parts.auth.throttle, parts.counter, self._counting, sees)
        self._next: IDelayedCall | None = None
        self._lag = 0.0
        self.registry = logins.metrics.registry
        if tells is not None:
            self.registry.register(tells)
        self.sessions, self.status = self._overview.sessions, self._overview.status
        self.now = self._overview.now
        for part in (*tellers(config, parts.reactor, self, self._overview.classic), *self._events):
            part.setServiceParent(self)  # type: ignore[no-untyped-call]

    def startService(self) -> None:
        """See `IService`."""
        super().startService()  # type: ignore[no-untyped-call]
        for observer in self._observers():
            globalLogPublisher.addObserver(observer)
        self._due = self._clock.seconds() + TICK
        self._next = self._clock.callLater(TICK, self._tick)

    def stopService(self) -> Any:
        """See `IService`."""
        for observer in self._observers():
            globalLogPublisher.removeObserver(observer)
        if self._next is not None:
            self._next.cancel()
            self._next = None
        return super().stopService()  # type: ignore[no-untyped-call]

    def _observers(self) -> Iterator[ILogObserver]:
        yield self._counting
        if self._audit is not None:
            yield self._audit
        yield from self._events

    def _tick(self) -> None:
        now = self._clock.seconds()
        self._lag = max(0.0, now - self._due)
        self._due = now + TICK
        self._next = self._clock.callLater(TICK, self._tick)
        self._overview.look(self._lag)

    @property
    def addresses(self) -> list[Any]:
        """Where it listens, once it does."""
        return [part.address for part in self if isinstance(part, Listening)]

    def counted(self) -> dict[str, Any]:
        """What is counted, for whoever adds up many processes: what is as it is, what grows, and the same of 2014."""
        last = self._overview.history.last
        return {
            "levels": dict(last.levels) if last is not None else {},
            "totals": dict(last.totals) if last is not None else {},
            "classic": {protocol: self._overview.classic(protocol)[0] for protocol in ("sftp", "ftp")},
        }

    # -- swftp.web.Answers -------------------------------------------------------------------------------------

    async def look(self) -> None:
        """See `swftp.web.Answers`; it is looked at when it is asked for."""

    def healthy(self) -> str:
        """See `swftp.web.Answers`."""
        lag = max(self._lag, self._clock.seconds() - self._due if self._next is not None else 0.0)
        return f"{lag:.1f} s late" if lag > LAG_LIMIT else ""

    async def ready(self) -> str:
        """See `swftp.web.Answers`."""
        if not self._sees.listens:
            return "not accepting clients"
        return await self._probing.trouble()

    def statistics(self) -> dict[str, dict[str, float]]:
        """See `swftp.web.Answers`; of both protocols together."""
        return of_2014(self._overview.classic, "sftp", "ftp")


def _audit(config: Config) -> Audit | None:
    """
    :raises ConfigError: it cannot be written to.
    """
    if not config.log.audit:
        return None
    try:
        return Audit(expanded(config.log.audit))
    except OSError as error:
        raise config.problem("log", "audit", f"{config.log.audit}: {error.strerror}") from error


def _events(config: Config, reactor: Any) -> list[Events]:
    """
    :raises ConfigError: where to is no URL or program, or the secret cannot be used.
    """
    options = config.events
    receivers: list[Receiver] = []
    if options.url:
        if not re.fullmatch(r"https?://[!-~]+", options.url):
            raise config.problem("events", "url", f"{options.url!r} is not of the form https://host/path")
        make: Any = Agent
        agent = make(reactor, trust.policy("", False), connectTimeout=CONNECT_TIMEOUT)
        secret = secret_of(config, "events", "secret_file").encode()
        receivers.append(Posted(agent, reactor, options.url, secret, time.time))
    if options.command:
        line = words(options.command)
        for program in (APART, line[0]):
            if shutil.which(program) is None:
                raise config.problem("events", "command", f"{program}: no program that we may run")
        receivers.append(Command(reactor, reactor, line, options.command_timeout, os.environ))
    kinds, naming = frozenset(options.on), partial(token_hex, 8)
    return [
        Events(receiver, reactor, kinds, at_once=options.at_once, wall=time.time, name=naming)
        for receiver in receivers
    ]
