"""What runs while a gateway does, and ends with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.internet import TimerService
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from swftp.pools import Pool
from swftp.ssh.malloc import give_back
from swftp.storage.swift import Connections
from swftp.transfer.budget import Budget

CALM = 30.0
"""Seconds between looks whether memory can be given back."""


class Threads(Service):
    """
    A pool of threads that runs while the service does.

    :ivar run: see `Pool.run`.
    """

    def __init__(self, name: str, most: int, reactor: Any) -> None:
        self._pool = Pool(name, most, reactor)
        self.run = self._pool.run

    def startService(self) -> None:
        """See `IService`."""
        super().startService()  # type: ignore[no-untyped-call]
        self._pool.start()

    def stopService(self) -> Deferred[None]:
        """See `IService` and `Pool.stop`."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._pool.stop())


class Pooled(Service):
    """HTTP connections that are closed when the service ends."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def stopService(self) -> Deferred[None]:
        """See `IService`."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._connections.close())


def thrift(budget: Budget, clock: IReactorTime, give: Callable[[], None] = give_back) -> TimerService:
    """Gives memory back to the system while no transfer has use for it."""

    def look() -> None:
        if not budget.used:
            give()

    service = TimerService(CALM, look)  # type: ignore[no-untyped-call]
    service.clock = clock
    return service
