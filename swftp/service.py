"""
The service: configuration -> a gateway, of one process or of many, that runs.  The only user of the reactor.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.application.service import IService
from twisted.conch.ssh.keys import Key
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import react
from twisted.logger import Logger

from swftp import backends, wiring
from swftp.auth.refusals import LoginUnavailable
from swftp.config import Config
from swftp.errors import StorageError
from swftp.gateway.gateway import Gateway
from swftp.gateway.places import endpoints, tell_apart
from swftp.gateway.pulse import Pulse
from swftp.generations import Generations, Source
from swftp.insight.insight import Insight
from swftp.metrics import Metrics
from swftp.operating.console import Console
from swftp.services import Threads, thrift
from swftp.workers.parts import part_of, workers_of
from swftp.workers.supervisor import Supervisor
from swftp.workers.worker import Made, Make

HASH_THREADS = 4
"""Checksums computed at one time."""
ENDING = (signal.SIGTERM, signal.SIGINT)
"""Signals that, once we stop, the reactor would only complain about: we hurry."""
log = Logger()


def make_service(
    config: Config,
    warnings: Iterable[str] = (),
    reactor: Any = the_reactor,
    environ: Mapping[str, str] = os.environ,
    source: Source | None = None,
) -> Gateway | Supervisor:
    """
    The service of *config*; nothing has started yet, but every key and file was looked at.

    :param warnings: about the configuration; they are logged.
    :param source: where *config* is read from again on SIGHUP; None: it is not.
    :raises ConfigError: it cannot be used.
    """
    if workers_of(config) > 1:
        return _supervised(config, warnings, reactor, environ, source)
    made = _assemble(config, warnings, reactor, environ, source, make_keys=True)
    _outside(config, made.gateway, made.insight, reactor, environ)
    return made.gateway


def check(config: Config, reactor: Any = the_reactor, environ: Mapping[str, str] = os.environ) -> None:
    """
    As `make_service`, without making anything that stays.

    :raises ConfigError: it cannot be used.
    """
    count = workers_of(config)
    parts = [part_of(config, number, count) for number in range(count)] if count > 1 else []
    for each in (config, *parts[:1]):
        _assemble(each, (), reactor, environ, None, make_keys=False)


def worker_of(reactor: Any, environ: Mapping[str, str] = os.environ) -> Make:
    """How a worker is made."""

    def make(config: Config, sockets: Sequence[tuple[str, IStreamServerEndpoint]], source: Source) -> Made:
        return _assemble(config, (), reactor, environ, source, make_keys=False, sockets=sockets)

    return make


def _supervised(
    config: Config, warnings: Iterable[str], reactor: Any, environ: Mapping[str, str], source: Source | None
) -> Supervisor:
    """
    As `make_service`, of many processes.

    :raises ConfigError: it cannot be used.
    """
    count = workers_of(config)

    def try_out(config: Config, *, make_keys: bool = False) -> Sequence[Key]:
        parts = [part_of(config, number, count) for number in range(count)]
        made = _assemble(parts[0], (), reactor, environ, None, make_keys=make_keys)
        return list(made.generations.keys)

    for warning in warnings:
        log.warn("{warning}", event="configuration", warning=warning)
    keys = try_out(config, make_keys=True)
    hear = (partial(hear_signals, reactor, ENDING), partial(hear_signals, reactor, (signal.SIGHUP,)))
    found = places(config, reactor)
    supervisor = Supervisor(config, count, keys, found, reactor, environ, source, try_out, drain_timeout, *hear)
    _outside(config, supervisor, supervisor.whole, reactor, environ)
    return supervisor


def _outside(config: Config, gateway: Any, insight: Any, reactor: Any, environ: Mapping[str, str]) -> None:
    """What a gateway, of however many processes, has once: a socket for commands, and somebody who tells systemd."""
    talking: dict[str, Any] = {"sessions": insight.sessions, "status": gateway.status, "drain": end}
    console: Any = Console(reactor, wiring.state_dir(config, environ), **talking, look=insight.look)
    for part in (Pulse(reactor, gateway.status, environ), console):
        part.setServiceParent(gateway)


def _assemble(
    config: Config,
    warnings: Iterable[str],
    reactor: Any,
    environ: Mapping[str, str],
    source: Source | None,
    *,
    make_keys: bool,
    sockets: Sequence[tuple[str, IStreamServerEndpoint]] | None = None,
) -> Made:
    for warning in warnings:
        log.warn("{warning}", event="configuration", warning=warning)
    hashing = Threads("md5", HASH_THREADS, reactor)
    backend = backends.backend(config, environ, reactor, metrics := Metrics())
    logins = wiring.shared(config, backend.stores, reactor, hashing.run, metrics)
    parts = wiring.common(config, backend.auth, logins, reactor)
    generations = Generations(config, environ, backend, parts, make_keys=make_keys)

    def renew() -> float:
        if source is not None:
            generations.renew(source)
        return drain_timeout(generations.config)

    alone = sockets is None
    gateway = Gateway(
        [(generations.entrances[name], place) for name, place in sockets or places(config, reactor)],
        logins.accounts,
        generations.keys if alone else (),  # the supervisor has shown them
        reactor,
        drain_timeout(config),
        partial(hear_signals, reactor, ENDING if alone else ()),
        partial(hear_signals, reactor, (signal.SIGHUP,) if alone else ()),
        renew if source is not None else None,
    )
    insight = Insight(config, parts, gateway, backend.probe, backend.tells)
    for part in (hashing, insight, thrift(logins.budget, reactor), *backend.services):
        part.setServiceParent(gateway)  # type: ignore[no-untyped-call]
    return Made(gateway=gateway, insight=insight, parts=parts, generations=generations)


def places(config: Config, reactor: Any) -> list[tuple[str, IStreamServerEndpoint]]:
    """
    Names of servers, and where each of them is to listen.

    :raises ConfigError: an endpoint is none, or two are the same.
    """
    options = {name: [(name, name, "listen")] for name in config.protocols}
    if "ftp" in options:
        options["ftp"].append(("ftps", "ftp", "implicit_listen"))
    servers = [server for each in options.values() for server in each]
    found = [
        (name, place) for name, section, option in servers for place in endpoints(config, section, option, reactor)
    ]
    tell_apart(config, [(section, option) for _, section, option in servers])
    return found


def using(
    config: Config, work: Callable[[backends.Backend], Awaitable[int]], environ: Mapping[str, str] = os.environ
) -> int:
    """
    What *work* gives of the backend of *config*, which serves nobody else; for commands.

    :raises ConfigError: the configuration cannot be used.
    """
    steady()
    alone = replace(config, zerostor=replace(config.zerostor, cache_mode="shared"))  # nobody to wait for
    backend = backends.backend(alone, environ, the_reactor)
    status = 1

    async def carried_out() -> None:
        nonlocal status
        for part in backend.services:
            part.startService()  # type: ignore[no-untyped-call]
        try:
            status = await work(backend)
        except LoginUnavailable as error:
            sys.stderr.write(f"swftp: {error}: {error.reason}\n")
        except (StorageError, UnauthorizedLogin) as error:
            sys.stderr.write(f"swftp: {error}\n")
        finally:
            for part in backend.services:
                await maybeDeferred(part.stopService)

    with suppress(SystemExit):  # by which `react` ends
        react(lambda _: Deferred.fromCoroutine(carried_out()), (), the_reactor)
    return status


def end() -> None:
    """As if we had been sent SIGTERM: whatever started the reactor knows what that means."""
    os.kill(os.getpid(), signal.SIGTERM)


def drain_timeout(config: Config) -> float:
    """Seconds that the transfers of all protocols have."""
    return max(float(getattr(config, name).drain_timeout) for name in config.protocols)


def hear_signals(reactor: Any, numbers: Iterable[signal.Signals], act: Callable[[], None]) -> None:
    """*act* on each signal of *numbers* from now on, as the reactor's turn."""
    if threading.current_thread() is not threading.main_thread():
        return  # Python allows nobody else to
    for number in numbers:
        signal.signal(number, lambda *_: reactor.callFromThread(act))


def ignore_signals() -> None:
    """Those that are meant for our supervisor, as when a terminal sends them to all processes of a command."""
    for number in (*ENDING, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def steady(reactor: Any = the_reactor) -> None:
    """
    Put the timers of *reactor* on a clock that nobody sets, before the first one is started.

    Its own is the wall clock: moved forward by an hour it would end all that may last as long, moved back it would
    stop every timer for that hour.
    """
    reactor.seconds = time.monotonic


def run(make: Callable[[Any], IService], *, deaf: bool = False) -> None:
    """
    Run the service that *make* makes of the reactor until a signal or the service itself stops the reactor.

    :param deaf: signals to end or reload are meant for somebody else.
    :raises CannotListenError: the port is taken.
    """
    reactor: Any = the_reactor
    steady(reactor)
    service = make(reactor)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    service.privilegedStartService()  # type: ignore[no-untyped-call]
    service.startService()  # type: ignore[no-untyped-call]
    if deaf:
        reactor.callWhenRunning(ignore_signals)  # the reactor sets handlers of its own before
    reactor.run()
