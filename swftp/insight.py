"""
What lets an administrator see into a gateway, put together: counters, status page, StatsD.

It looks on: nothing that it does, or cannot do, is felt by a client.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path as FilePath
from secrets import token_hex
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint, serverFromString
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IStreamServerEndpoint
from twisted.logger import ILogObserver, Logger, globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.client import Agent

from swftp import trust
from swftp.audit import Audit
from swftp.auth.reloaded import guarded_text
from swftp.auth.settings import SettingsError
from swftp.config import Config
from swftp.config.fields import words
from swftp.events import Events
from swftp.metrics import Counting
from swftp.metrics.statsd import Statsd
from swftp.overview import Overview, Sees
from swftp.probing import Probing
from swftp.receivers import APART, Command, Posted, Receiver
from swftp.web import Front, is_local, pages, site, statistics
from swftp.wiring import Common

TICK = 1.0
"""Seconds between two looks."""
LAG_LIMIT = 2.0
"""Seconds that the reactor may come late before we are taken for dead."""
BACKLOG = 64
LOCAL = re.compile(r"interface=(127\.|\\?:\\?:1)|^unix:")
"""Of an endpoint that only this machine reaches."""
SECRET_LEAST = 16
"""Characters: it is never typed, and may be guessed at as often as anybody likes."""
CONNECT_TIMEOUT = 5.0

log = Logger()


class Listening(Service):
    """One server, for as long as the service runs; what it is for it outlives, to tell of its end."""

    def __init__(self, endpoint: IStreamServerEndpoint, factory: Any, name: str) -> None:
        self._endpoint, self._factory, self._name = endpoint, factory, name
        self._port: IListeningPort | None = None

    @property
    def address(self) -> Any:
        """Where it listens; None: it does not."""
        return self._port.getHost() if self._port is not None else None

    def privilegedStartService(self) -> None:
        """
        See `IService`.

        :raises CannotListenError: somebody else does.
        """
        failures: list[Failure] = []
        self._endpoint.listen(self._factory).addCallbacks(partial(setattr, self, "_port"), failures.append)
        for failure in failures:
            failure.raiseException()

    def startService(self) -> None:
        """See `IService`."""
        super().startService()  # type: ignore[no-untyped-call]
        address = self.address
        host, port = getattr(address, "host", str(address)), getattr(address, "port", 0)
        log.info("{what} on {host} port {port}", event="listening", what=self._name, host=host, port=port)

    def stopService(self) -> Deferred[Any]:
        """See `IService`."""
        super().stopService()  # type: ignore[no-untyped-call]
        port, self._port = self._port, None
        return maybeDeferred(port.stopListening) if port is not None else maybeDeferred(lambda: None)


class Insight(MultiService):
    """
    See the module.

    :ivar registry: see `swftp.web.Answers`.
    """

    def __init__(self, config: Config, parts: Common, sees: Sees, probe: Callable[[], Awaitable[object]]) -> None:
        """
        :param probe: raises `StorageError` where the store is not there.
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
        self.sessions, self.status = self._overview.sessions, self._overview.status
        for part in (*self._listeners(config), *self._statsd(config), *self._events):
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

    # -- swftp.web.Answers -------------------------------------------------------------------------------------

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
        return self._classic("sftp", "ftp")

    def _classic(self, *protocols: str) -> dict[str, dict[str, float]]:
        """The numbers of 2014 of *protocols*."""
        totals: Counter[str] = Counter()
        rates: Counter[str] = Counter()
        for protocol in protocols:
            counted, gained = self._overview.classic(protocol)
            totals.update(counted)
            rates.update({name: round(rate) for name, rate in gained.items()})
        return {"totals": dict(totals), "rates": dict(rates)}

    # -- who is told -------------------------------------------------------------------------------------------

    def _listeners(self, config: Config) -> Iterator[Service]:
        """
        :raises ConfigError: something cannot be used.
        """
        for name in config.protocols:
            options = getattr(config, name)
            if options.stats_host:
                front = Front(statistics(partial(self._classic, name)), anybody=True)
                place = _place(self._clock, options.stats_host, options.stats_port)
                yield Listening(place, site(front, self._clock), f"statistics of {name}")
        token = _secret(config, "web", "token_file")
        for endpoint in _endpoints(config, self._clock, guarded=bool(token)):
            yield Listening(endpoint, site(Front(pages(self), token), self._clock), "status page")

    def _statsd(self, config: Config) -> Iterator[Service]:
        for name in config.protocols:
            options = getattr(config, name)
            if options.log_statsd_host:
                yield Statsd(
                    self._clock,
                    (options.log_statsd_host, options.log_statsd_port),
                    options.log_statsd_sample_rate,
                    options.log_statsd_metric_prefix,
                    partial(self._told, name),
                )

    def _told(self, protocol: str) -> tuple[dict[str, float], dict[str, float]]:
        """What StatsD is told of *protocol*: what grows, and what is as it is."""
        totals, _ = self._overview.classic(protocol)
        return totals, {"num_clients": totals.pop("num_clients")}


def _audit(config: Config) -> Audit | None:
    """
    :raises ConfigError: it cannot be written to.
    """
    if not config.log.audit:
        return None
    try:
        return Audit(FilePath(config.log.audit).expanduser())
    except OSError as error:
        raise config.problem("log", "audit", f"{config.log.audit}: {error.strerror}") from error


def _secret(config: Config, section: str, option: str) -> str:
    """
    What is in the file that *option* names; "": it names none.

    :raises ConfigError: it cannot be read, or others can, or what is in it is soon guessed.
    """
    name = getattr(getattr(config, section), option)
    if not name:
        return ""
    try:
        secret = guarded_text(FilePath(name).expanduser(), option, 0o077).strip()
    except SettingsError as error:
        raise config.problem(section, error.option, error.reason) from error
    if len(secret) < SECRET_LEAST or not secret.isascii():
        raise config.problem(section, option, f"{name}: allowed: {SECRET_LEAST} or more characters of ASCII")
    return secret


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
        secret = _secret(config, "events", "secret_file").encode()
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


def _endpoints(config: Config, reactor: Any, *, guarded: bool) -> list[IStreamServerEndpoint]:
    """
    Where the status page is.

    :raises ConfigError: it would be told to anybody, or what ``listen`` says is no endpoint.
    """
    web = config.web
    if web.listen:
        if not guarded and not all(LOCAL.search(text) for text in web.listen):
            raise config.problem("web", "listen", "needs token_file, unless each says interface=127.0.0.1")
        try:
            return [serverFromString(reactor, text) for text in web.listen]  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise config.problem("web", "listen", f"no endpoint: {error}") from error
    if not web.port:
        return []
    if not guarded and not is_local(web.host):
        raise config.problem("web", "host", f"{web.host} is not of loopback, and needs token_file")
    return [_place(reactor, web.host, web.port)]


def _place(reactor: Any, host: str, port: int) -> IStreamServerEndpoint:
    kind = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
    return kind(reactor, port, BACKLOG, host)
