"""
The process that has the sockets and the workers, and no clients.

The law: it does nothing that takes long, so that there is always somebody who starts a dead worker again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from twisted.application.service import MultiService
from twisted.conch.ssh.keys import Key
from twisted.internet.defer import Deferred, DeferredList, TimeoutError, maybeDeferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger, globalLogPublisher
from twisted.python.failure import Failure

from swftp import __version__, wiring
from swftp.auth.throttle import Throttle, ThrottleSettings
from swftp.config import Config, ConfigError
from swftp.gateway import hostkeys
from swftp.gateway.gateway import CLEANUP, LOOK, SPARE
from swftp.gateway.notify import notify
from swftp.gateway.pulse import patience
from swftp.generations import Source, merged
from swftp.workers import relay
from swftp.workers.backoff import Backoff
from swftp.workers.child import Child, Phase
from swftp.workers.parts import part_of
from swftp.workers.tally import Entry, Ledger
from swftp.workers.whole import Whole
from swftp.workers.worker import LINK, packed

HANGS = 30.0
"""Seconds of silence after which a worker is killed, where systemd does not say."""
STARTS = 60.0
"""Seconds within which a worker is ready."""
WATCH = 1.0
"""Seconds between looks at who hangs."""
RELOADS = 30.0
"""Seconds within which it has read a configuration."""

log = Logger()

OnSignal = Callable[[Callable[[], None]], None]


class TriesOut(Protocol):
    """Whether a configuration can be used."""

    def __call__(self, config: Config, *, make_keys: bool = False) -> Sequence[Key]:
        """Its host keys; raises ConfigError."""


class Supervisor(MultiService):
    """
    See the module; for whoever starts and stops it, as a `swftp.gateway.gateway.Gateway`.

    :ivar whole: all workers as one.
    """

    def __init__(
        self,
        config: Config,
        count: int,
        keys: Sequence[Key],
        places: Sequence[tuple[str, IStreamServerEndpoint]],
        reactor: Any,
        environ: Mapping[str, str],
        source: Source | None,
        try_out: TriesOut,
        drain_timeout: Callable[[Config], float],
        on_signal: OnSignal,
        on_hangup: OnSignal,
    ) -> None:
        """
        :param count: of workers.
        :param places: names of servers, and where each listens.
        :param on_signal: has a function called on the next signal to end; *on_hangup*: on each to reload.
        :raises ConfigError: something cannot be used.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._config, self._count, self._keys, self._places = config, count, keys, places
        self._reactor, self._source, self._try_out, self._drain_timeout = reactor, source, try_out, drain_timeout
        self._on_signal, self._on_hangup = on_signal, on_hangup
        self._ports: list[tuple[str, IListeningPort]] = []
        self._children: list[Child] = []
        self._backoffs = [Backoff(reactor) for _ in range(count)]
        self._restarting: dict[int, IDelayedCall] = {}
        self._hurried = self._was_ready = False
        self._throttle = Throttle(wiring.chosen(config.throttle, ThrottleSettings), reactor)
        self._ledger = Ledger(self._throttle)
        self._patience = patience(environ) or HANGS
        self._notify = partial(notify, environ=environ)
        self._watched = reactor.seconds()
        self._watching: Any = LoopingCall(self._watch)
        self._watching.clock = reactor
        self.whole = Whole(config, reactor, lambda: self._children)
        self.whole.setServiceParent(self)  # type: ignore[no-untyped-call]

    @property
    def addresses(self) -> list[Any]:
        """Where it listens, once it does."""
        return [port.getHost() for _, port in self._ports]

    # -- starting ----------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """
        Listen, and let nobody in: that is the workers' to do.

        :raises CannotListenError: somebody else does.
        """
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        failures: list[Failure] = []
        for name, endpoint in self._places:
            silent = Factory()
            silent.noisy = False
            endpoint.listen(silent).addCallbacks(partial(self._listens, name), failures.append)
        for failure in failures:
            failure.raiseException()

    def _listens(self, name: str, port: Any) -> None:
        port.stopReading()
        self._ports.append((name, port))

    def startService(self) -> None:
        """
        Start the workers.

        :raises OSError: one cannot be started, so that it may never be possible.
        """
        super().startService()  # type: ignore[no-untyped-call]
        for key in self._keys:
            log.info("host key {fingerprint}", event="host_key", fingerprint=hostkeys.fingerprint(key))
        words = "SwFTP {version} starts {count} workers"
        log.info(words, event="supervising", version=__version__, count=self._count)
        for number in range(self._count):
            self._start(number)
        self._watched = self._reactor.seconds()
        self._watching.start(WATCH, now=False)
        self._on_hangup(self.reload)

    def _start(self, number: int) -> None:
        """:raises OSError: no memory, descriptors or processes are left, or it is not for us to start it."""
        child = Child(self._reactor, number, self)
        self._backoffs[number].started()
        child.spawn([port.fileno() for _, port in self._ports])  # type: ignore[attr-defined]
        self._children.append(child)
        sockets = [(name, LINK + 1 + place) for place, (name, _) in enumerate(self._ports)]
        child.config, config = self._config, packed(part_of(self._config, number, self._count))
        held = list(self._throttle.held())
        child.link.tell("begin", config=config, count=self._count, sockets=sockets, held=held)
        self._ledger.join(child, child.outgoing)

    def _start_again(self, number: int) -> None:
        del self._restarting[number]
        try:
            self._start(number)
        except OSError as error:
            words = "worker {worker} cannot be started ({reason}), and is tried again in {delay:.2f} s"
            reason, delay = error.strerror, self._again(number)
            log.error(words, event="worker_not_started", worker=number, reason=reason, delay=delay)

    # -- what workers do, see `Parent` -------------------------------------------------------------------------

    def ready(self, child: Child) -> None:
        """See `swftp.workers.child.Parent`."""
        log.info("worker {worker} serves", event="worker", worker=child.number, process=child.process)
        if child.config is not self._config:  # there was another when it was started
            Deferred.fromCoroutine(self._renewed_late(child)).addErrback(self._not_reloaded)
        if not self._was_ready and all(other.phase is Phase.SERVING for other in self._children):
            self._was_ready = True
            self._notify("READY=1")

    def hear(self, child: Child, entries: Sequence[Entry]) -> None:
        """See `swftp.workers.child.Parent`."""
        if child in self._children:
            self._ledger.hear(child, entries)

    def logged(self, child: Child, message: Mapping[str, Any]) -> None:
        """See `swftp.workers.child.Parent`."""
        relay.hear(message, child.number, globalLogPublisher)

    def ended(self, child: Child, reason: Failure) -> None:
        """See `swftp.workers.child.Parent`."""
        self._children.remove(child)
        self._ledger.leave(child)
        self.whole.buried(child, again=bool(self.running))
        if not self.running:
            return
        delay = self._again(child.number)
        words = "worker {worker} is dead ({reason}), and is started again in {delay:.2f} s"
        told = reason.getErrorMessage()
        log.error(words, event="worker_died", worker=child.number, reason=told, delay=delay, process=child.process)

    def _again(self, number: int) -> float:
        """Have worker *number* started again in so many seconds."""
        delay = self._backoffs[number].died()
        self._restarting[number] = self._reactor.callLater(delay, self._start_again, number)
        return delay

    def _watch(self) -> None:
        """Kill who hangs: its clients get nothing any more, and nobody new should be with it."""
        now = self._reactor.seconds()
        slept, self._watched = max(0.0, now - self._watched - WATCH), now
        for child in self._children:
            child.heard = min(now, child.heard + slept)  # while we did not run ourselves nobody could be heard
            limit = STARTS if child.phase is Phase.STARTING else self._patience
            if now - child.heard > limit:
                log.error("worker {worker} hangs, and is killed", event="worker_hangs", worker=child.number)
                child.kill()

    # -- changing and ending -----------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the configuration again; one that cannot be used changes nothing, and the log says why."""
        if self._source is None or not self.running:
            return
        if self._was_ready:
            self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        renewed = Deferred.fromCoroutine(self._reload(self._source)).addErrback(self._not_reloaded)
        renewed.addBoth(lambda _: self._was_ready and self._notify("READY=1"))

    async def _reload(self, source: Source) -> None:
        """
        :raises ConfigError: it cannot be used.
        """
        read, warnings = source.read()
        config, waiting = merged(self._config, read)
        self._try_out(config)
        throttling = wiring.chosen(config.throttle, ThrottleSettings)
        self._throttle.change(throttling)
        self._config = config
        source.applied(config)
        for warning in warnings:
            log.warn("{warning}", event="configuration", warning=warning)
        for option in waiting:
            log.warn("{option} has changed: that takes a restart", event="configuration", option=option)
        serving = [child for child in self._children if child.phase is Phase.SERVING]
        asked = [Deferred.fromCoroutine(self._renew(child)) for child in serving]  # all of them, at the same time
        problems = [problem for each in asked for problem in await each]
        if problems:
            raise ConfigError(dict.fromkeys(problems))
        log.info("reloaded", event="reloaded")

    async def _renewed_late(self, child: Child) -> None:
        """
        :raises ConfigError: it cannot use it.
        """
        if problems := await self._renew(child):
            raise ConfigError(problems)

    async def _renew(self, child: Child) -> list[str]:
        """Have *child* go by what is in force; what is wrong with that."""
        child.config, part = self._config, packed(part_of(self._config, child.number, self._count))
        try:
            problems: list[str] = await child.link.ask("reload", RELOADS, config=part)
        except (TimeoutError, ConnectionLost):  # it hangs or is dead: who comes after it has what is in force
            return [f"worker {child.number} does not answer"]
        return problems

    def _not_reloaded(self, failure: Failure) -> None:
        if not isinstance(failure.value, ConfigError):
            log.failure("not reloaded", failure, event="reload_failed")
            return
        for problem in failure.value.problems:
            log.error("not reloaded: {problem}", event="reload_failed", problem=problem)

    def stopService(self) -> Deferred[None]:
        """Fires when all workers have ended."""
        return Deferred.fromCoroutine(self._stop())

    def hurry(self) -> None:
        """Do not wait for transfers any longer."""
        self._hurried = True
        for child in self._children:
            child.link.tell("hurry")

    def status(self) -> str:
        """How all are, in a line."""
        count, serving = self.whole.connections(), sum(child.phase is Phase.SERVING for child in self._children)
        if not self.running:
            return f"draining: {count} connections left"
        return f"{count} connections, {serving} of {self._count} workers"

    async def _stop(self) -> None:
        self.running = 0
        left = self._drain_timeout(self._config) + CLEANUP + SPARE
        self._notify(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={left * 1e6:.0f}")
        self._on_signal(self.hurry)
        for waiting in self._restarting.values():
            waiting.cancel()
        await DeferredList([maybeDeferred(port.stopListening) for _, port in self._ports])
        self._ports = []
        for child in self._children:
            child.drain()
        await self._until_all_ended(left)
        for child in self._children:
            log.warn("worker {worker} did not end, and is killed", event="worker_hangs", worker=child.number)
            child.kill()
        await self._until_all_ended(SPARE)
        if self._watching.running:
            self._watching.stop()
        stopped = super().stopService()  # type: ignore[no-untyped-call]
        if stopped is not None:
            await stopped
        log.info("stopped", event="stopped")

    async def _until_all_ended(self, seconds: float) -> None:
        until = self._reactor.seconds() + seconds
        while self._children and self._reactor.seconds() < until:
            if self._hurried:
                until = min(until, self._reactor.seconds() + CLEANUP)
                self._hurried = False
            await deferLater(self._reactor, LOOK)
