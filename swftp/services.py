"""What runs while a gateway does, and ends with it."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from swftp.storage.swift import Connections


class Threads(Service):
    """A pool of threads that runs while the service does."""

    def __init__(self, name: str, most: int, reactor: Any) -> None:
        self._pool = ThreadPool(0, most, name)
        self.run = partial(deferToThreadPool, reactor, self._pool)
        """Calls a function in a thread; gives a Deferred of its result."""

    def startService(self) -> None:
        """See `IService`."""
        super().startService()  # type: ignore[no-untyped-call]
        self._pool.start()

    def stopService(self) -> None:
        """See `IService`; waits for what is running."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._pool.stop()


class Pooled(Service):
    """HTTP connections that are closed when the service ends."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def stopService(self) -> Deferred[None]:
        """See `IService`."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._connections.close())
