"""
The service: it listens, and it stops as it should.  The only user of the reactor.

How it stops is a promise: nobody new is let in, transfers that run may end within ``drain_timeout``, and what has not
ended then is given up without a trace in the store.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.conch.ssh.keys import Key
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.task import deferLater, react
from twisted.logger import Logger
from twisted.python.failure import Failure

from swftp import __version__, backends, hostkeys, wiring
from swftp.config import Config, ConfigError
from swftp.doors import Door
from swftp.errors import StorageError
from swftp.generations import Generations, Source
from swftp.insight import Insight
from swftp.metrics import Metrics
from swftp.notify import notify
from swftp.operating.console import Console
from swftp.places import endpoints
from swftp.pulse import Pulse
from swftp.services import Threads
from swftp.ssh.malloc import keep_buffers

HASH_THREADS = 4
"""Checksums computed at one time."""
LOOK = 0.25
"""Seconds between looks at what still runs while we stop."""
SPARE = 15.0
"""Seconds beyond what stopping should take until systemd may lose patience."""
ENDING = (signal.SIGTERM, signal.SIGINT)
"""Signals that, once we stop, the reactor would only complain about: we hurry."""
HURRIED_CLEANUP = 1.0
CLEANUP = 10.0
"""Seconds that given-up transfers have to remove from the store what they left there."""

log = Logger()


class Gateway(MultiService):
    """One process's servers."""

    def __init__(
        self,
        places: Iterable[tuple[Door, IStreamServerEndpoint]],
        accounts: Collection[object],
        keys: Sequence[Key],
        reactor: Any,
        drain_timeout: float,
        on_signal: Callable[[Callable[[], None]], None] = lambda act: None,
        on_hangup: Callable[[Callable[[], None]], None] = lambda act: None,
        renew: Callable[[], float] | None = None,
    ) -> None:
        """
        :param places: servers, and where each listens.
        :param accounts: logins that may still use the store.
        :param keys: host keys, to say whose they are.
        :param drain_timeout: seconds.
        :param on_signal: has a function called on the next signal to end; *on_hangup*: on each to reload.
        :param renew: reads the configuration again; gives the new *drain_timeout*, or raises ConfigError.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._places = list(places)
        self._doors = list({id(door): door for door, _ in self._places}.values())
        self._accounts = accounts
        self._keys = keys
        self._reactor = reactor
        self._drain_timeout = drain_timeout
        self._on_signal = on_signal
        self._on_hangup = on_hangup
        self._renew = renew
        self._ports: list[tuple[Door, IListeningPort]] = []
        self._hurried = False

    @property
    def doors(self) -> Sequence[Door]:
        """Its servers."""
        return self._doors

    @property
    def listens(self) -> bool:
        """Whether people are let in."""
        return bool(self._ports)

    @property
    def addresses(self) -> list[Any]:
        """Where it listens, once it does."""
        return [port.getHost() for _, port in self._ports]

    def privilegedStartService(self) -> None:
        """
        Listen: a port below 1024 needs the privileges that twistd sheds afterwards.

        :raises CannotListenError: somebody else does.
        """
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        failures: list[Failure] = []
        for door, endpoint in self._places:
            made = endpoint.listen(door)  # type: ignore[arg-type]
            made.addCallbacks(partial(self._listens, door), failures.append)
        for failure in failures:
            failure.raiseException()

    def _listens(self, door: Door, port: IListeningPort) -> None:
        self._ports.append((door, port))

    def startService(self) -> None:
        """Say where we are, and to systemd that we are there."""
        keep_buffers()
        super().startService()  # type: ignore[no-untyped-call]
        for key in self._keys:
            log.info("host key {fingerprint}", event="host_key", fingerprint=hostkeys.fingerprint(key))
        for door, listening in self._ports:
            address: Any = listening.getHost()
            words = "SwFTP {version} listens on {host} port {port} ({protocol})"
            host, port = getattr(address, "host", str(address)), getattr(address, "port", 0)
            name = door.protocol_name
            log.info(words, event="listening", version=__version__, host=host, port=port, protocol=name)
        if self._renew is not None:
            self._on_hangup(self.reload)
        notify("READY=1")

    def reload(self) -> None:
        """Read the configuration again; one that cannot be used changes nothing, and the log says why."""
        if self._renew is None or not self.running:
            return
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._drain_timeout = self._renew()
        except ConfigError as error:
            for problem in error.problems:
                log.error("not reloaded: {problem}", event="reload_failed", problem=problem)
        except Exception:
            log.failure("not reloaded", event="reload_failed")
        else:
            log.info("reloaded", event="reloaded")
        notify("READY=1")

    def stopService(self) -> Deferred[None]:
        """Fires when everything has ended."""
        return Deferred.fromCoroutine(self._stop())

    def hurry(self) -> None:
        """Do not wait for transfers any longer."""
        self._hurried = True

    def status(self) -> str:
        """How we are, in a line."""
        count = sum(len(door.connections) for door in self._doors)
        return f"{count} connections" if self.running else f"draining: {count} connections left"

    async def _stop(self) -> None:
        self.running = 0
        patience = self._drain_timeout + CLEANUP + SPARE
        notify(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={patience * 1e6:.0f}")
        self._on_signal(self.hurry)
        await DeferredList([maybeDeferred(port.stopListening) for _, port in self._ports])
        self._ports = []
        await self._until(lambda: self._hurried or not self._draining(), self._drain_timeout)
        left = [connection for door in self._doors for connection in door.connections]
        if left:
            log.warn("giving up {count} connections", event="given_up", count=len(left))
        for connection in left:
            connection.abort()
        await self._until(lambda: not self._accounts, HURRIED_CLEANUP if self._hurried else CLEANUP)
        stopped = super().stopService()  # type: ignore[no-untyped-call]
        if stopped is not None:
            await stopped
        log.info("stopped", event="stopped")

    def _draining(self) -> bool:
        """Hang up on everybody who has nothing open; whether somebody has, or something is still being done."""
        for door in self._doors:
            door.dismiss()
        return bool(self._accounts)

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait until *done*, but not longer than *seconds*."""
        until = self._reactor.seconds() + seconds
        while not done() and self._reactor.seconds() < until:
            await deferLater(self._reactor, LOOK)


def make_service(
    config: Config,
    warnings: Iterable[str] = (),
    reactor: Any = the_reactor,
    environ: Mapping[str, str] = os.environ,
    source: Source | None = None,
) -> Gateway:
    """
    The service of *config*; nothing has started yet, but every key and file was looked at.

    :param warnings: about the configuration; they are logged.
    :param source: where *config* is read from again on SIGHUP; None: it is not.
    :raises ConfigError: it cannot be used.
    """
    return _assemble(config, warnings, reactor, environ, source, make_keys=True)


def check(config: Config, reactor: Any = the_reactor, environ: Mapping[str, str] = os.environ) -> None:
    """
    As `make_service`, without making anything that stays.

    :raises ConfigError: it cannot be used.
    """
    _assemble(config, (), reactor, environ, None, make_keys=False)


def _assemble(
    config: Config,
    warnings: Iterable[str],
    reactor: Any,
    environ: Mapping[str, str],
    source: Source | None,
    *,
    make_keys: bool,
) -> Gateway:
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

    gateway = Gateway(
        places(config, generations, reactor),
        logins.accounts,
        generations.keys,
        reactor,
        drain_timeout(config),
        partial(hear_signals, reactor, ENDING),
        partial(hear_signals, reactor, (signal.SIGHUP,)),
        renew if source is not None else None,
    )
    insight = Insight(config, parts, gateway, backend.probe, backend.tells)
    for part in (hashing, Pulse(reactor, gateway.status, environ), insight, *backend.services):
        part.setServiceParent(gateway)  # type: ignore[no-untyped-call]
    talking: dict[str, Any] = {"sessions": insight.sessions, "status": gateway.status, "drain": end}
    console: Any = Console(reactor, wiring.state_dir(config, environ), **talking)
    console.setServiceParent(gateway)
    return gateway


def places(config: Config, generations: Generations, reactor: Any) -> list[tuple[Door, IStreamServerEndpoint]]:
    """
    Servers, and where each of them is to listen.

    :raises ConfigError: an endpoint is none.
    """
    found: list[tuple[Door, IStreamServerEndpoint]] = []
    for name, entrance in generations.entrances.items():
        options = (name, "listen") if name in config.protocols else ("ftp", "implicit_listen")
        found.extend((entrance, place) for place in endpoints(config, *options, reactor))
    return found


def using(
    config: Config, work: Callable[[backends.Backend], Awaitable[int]], environ: Mapping[str, str] = os.environ
) -> int:
    """
    What *work* gives of the backend of *config*, which serves nobody else; for commands.

    :raises ConfigError: the configuration cannot be used.
    """
    steady()
    backend = backends.backend(config, environ, the_reactor)
    status = 1

    async def carried_out() -> None:
        nonlocal status
        for part in backend.services:
            part.startService()  # type: ignore[no-untyped-call]
        try:
            status = await work(backend)
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


def steady(reactor: Any = the_reactor) -> None:
    """
    Put the timers of *reactor* on a clock that nobody sets, before the first one is started.

    Its own is the wall clock: moved forward by an hour it would end all that may last as long, moved back it would
    stop every timer for that hour.
    """
    reactor.seconds = time.monotonic


def run(make: Callable[[Any], IService]) -> None:
    """
    Run the service that *make* makes of the reactor until a signal or the service itself stops the reactor.

    :raises CannotListenError: the port is taken.
    """
    reactor: Any = the_reactor
    steady(reactor)
    service = make(reactor)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    service.privilegedStartService()  # type: ignore[no-untyped-call]
    service.startService()  # type: ignore[no-untyped-call]
    reactor.run()
