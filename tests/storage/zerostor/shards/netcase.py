"""A network in memory between a shard and the fake 0-db, on a clock that the test holds."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.test.iosim import IOPump, connect, makeFakeClient, makeFakeServer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from swftp.storage.zerostor.shards.zdb import ZdbShard
from tests.storage.zerostor.shards.case import soon
from tests.zdbfake.server import Server

T = TypeVar("T")


@implementer(IStreamClientEndpoint)
class Net:
    """Connects to `server`, as long as it is there."""

    def __init__(self, server: Factory | None) -> None:
        self.server = server
        """None: connections are refused."""
        self.silent = False
        """Whether packets vanish, so that connecting never ends."""
        self.pumps: list[IOPump] = []
        self.attempts: list[Deferred[Any]] = []

    def connect(self, factory: Any) -> Deferred[Any]:
        """As an endpoint does."""
        if self.silent:
            self.attempts.append(Deferred())
            return self.attempts[-1]
        if self.server is None:
            return fail(ConnectionRefusedError())
        ours, theirs = factory.buildProtocol(None), self.server.buildProtocol(None)
        self.pumps.append(connect(theirs, makeFakeServer(theirs), ours, makeFakeClient(ours), greet=False))
        return succeed(ours)

    def flow(self) -> None:
        """Carry bytes until none are left."""
        while any(pump.pump() for pump in self.pumps):
            pass


class NetCase(SynchronousTestCase):
    """A shard in a namespace with a password."""

    connect_timeout, limit = 3.0, 10.0

    def setUp(self) -> None:
        """A fake with the namespace ``box``."""
        self.clock = Clock()
        self.server = Server()
        self.namespace = self.make_namespace("box", password="secret", public=False)
        self.net = Net(self.server.factory())
        self.shard = self.make_shard()

    def make_namespace(self, name: str, **properties: Any) -> Any:
        """A namespace of the fake."""
        from tests.zdbfake.store import Namespace

        self.server.namespaces[name] = Namespace(name, self.server.sequential, **properties)
        return self.server.namespaces[name]

    def make_shard(self, namespace: str = "box", password: str | None = "secret") -> ZdbShard:
        """A shard of the fake."""
        return ZdbShard("zdb", self.net, self.clock, namespace, password, self.connect_timeout, self.limit)

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Start *coroutine* and let bytes flow."""
        begun = soon(coroutine)
        self.net.flow()
        return begun

    def ask(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What *coroutine* returns."""
        return self.successResultOf(self.begin(coroutine))

    def fails(self, coroutine: Coroutine[Any, Any, Any], *kinds: type[Exception]) -> Exception:
        """The error of *coroutine*, one of *kinds*."""
        error: Exception = self.failureResultOf(self.begin(coroutine), *kinds).value
        return error

    def wait(self, seconds: float) -> None:
        """Time passes, bytes flow."""
        self.clock.advance(seconds)
        self.net.flow()
