"""
The servers of one process, and how they stop.

How they stop is a promise: nobody new is let in, transfers that run may end within ``drain_timeout``, and what has
not ended then is given up without a trace in the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

from twisted.application.service import MultiService
from twisted.conch.ssh.keys import Key
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from swftp import __version__
from swftp.config import ConfigError
from swftp.gateway import hostkeys
from swftp.gateway.doors import Door
from swftp.gateway.notify import notify
from swftp.ssh.malloc import keep_buffers

LOOK = 0.25
"""Seconds between looks at what still runs while we stop."""
SPARE = 15.0
"""Seconds beyond what stopping should take until systemd may lose patience."""
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
            self.renew()
        except ConfigError as error:
            for problem in error.problems:
                log.error("not reloaded: {problem}", event="reload_failed", problem=problem)
        except Exception:
            log.failure("not reloaded", event="reload_failed")
        else:
            log.info("reloaded", event="reloaded")
        notify("READY=1")

    def renew(self) -> None:
        """
        Read the configuration again.

        :raises ConfigError: it cannot be used; nothing has changed.
        """
        if self._renew is not None:
            self._drain_timeout = self._renew()

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
