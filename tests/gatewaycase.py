"""A whole gateway on a reactor in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp import backends, service, wiring
from swftp.auth.access import CredentialAccess
from swftp.auth.login import Login
from swftp.auth.logins import Identity
from swftp.auth.tokens import Credential
from swftp.config import (
    AuthConfig,
    Config,
)
from swftp.ftp.command import Command, Kind
from swftp.sftp.wire import string
from swftp.ssh.gate import Phase
from swftp.ssh.transport import Transport
from swftp.storage.memory import MemoryStorage
from swftp.stores.accounts import SshAccount
from swftp.stores.swift import SwiftStores
from tests.ftp.case import Client, Waits
from tests.sftp.case import NEW, NOW, A, at_once
from tests.sftp.client import NO_ATTRS, FakeClient, u32, u64
from tests.sftp.client import Packet as P
from tests.ssh.harness import HOST_KEY, Wire


class Store(MemoryStorage):
    """A store that can be waited for, as a driver with something to clean up can."""

    async def settle(self) -> None:
        """Nothing to clean up."""


class Reactor(MemoryReactorClock):
    """Listens on nothing, counts time when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.advance(NOW)
        self.taken = False

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """As of `IReactorTCP`."""
        if self.taken:
            raise CannotListenError(interface, port, OSError("in use"))
        return super().listenTCP(port, factory, backlog, interface)

    def callFromThread(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        """As of `IReactorFromThreads`."""
        callable(*args, **kwargs)


class Tcp(Wire):
    """A client's TCP connection that really ends when it is told to."""

    transport: Transport

    def loseConnection(self) -> None:
        """As of `ITransport`."""
        self._end()

    def abortConnection(self) -> None:
        """As of `ITCPTransport`."""
        super().abortConnection()
        self._end()

    def _end(self) -> None:
        if not self.lost:
            self.lost = True
            self.transport.connectionLost(Failure(ConnectionDone()))


class GatewayCase(SynchronousTestCase):
    """A gateway with real parts over a store in memory, on a reactor the test holds."""

    drain_timeout = 30.0

    def setUp(self) -> None:
        """Start it."""
        self.reactor = Reactor()
        config = Config(auth=AuthConfig(auth_url="http://identity.test/auth/v1.0"))
        settings = wiring.auth_settings(config, {})
        auth = wiring.authentication(config, settings, self.reactor, at_once)
        stores = SwiftStores(backends.swift_reach(config, settings, self.reactor))
        self.shared = wiring.shared(config, stores, self.reactor, at_once)
        self.throttle = auth.throttle
        parts = wiring.common(config, auth, self.shared, self.reactor)
        self.door = wiring.ssh_door(config, [HOST_KEY], parts)
        self.ftp, _ = wiring.ftp_doors(config, parts)
        self.wait = Waits()
        self.addCleanup(self.wait.end_all)
        self.ftp.commands = {"WAIT": Command(self.wait, kind=Kind(login=False))}
        self.signals: list[Any] = []
        endpoint = TCP4ServerEndpoint(self.reactor, 5022)
        self.gateway = service.Gateway(
            [(self.door, endpoint), (self.ftp, TCP4ServerEndpoint(self.reactor, 5021))],
            self.shared.accounts,
            [HOST_KEY],
            self.reactor,
            self.drain_timeout,
            self.signals.append,
        )
        self.store = Store(self.reactor)
        self.store["/box/a"] = b"old"

    def dial(self) -> Client:
        """An FTP client that has not logged in; its greeting is read."""
        client = Client(self.ftp, "192.0.2.1", self.reactor)
        client.hear()
        return client

    def start(self) -> None:
        """As twistd does."""
        self.gateway.privilegedStartService()
        self.gateway.startService()

    def stop(self) -> list[bool]:
        """Ask it to end; what is returned has True in it when it has."""
        ended: list[bool] = []
        maybeDeferred(self.gateway.stopService).addCallback(lambda _: ended.append(True))
        return ended

    def connect(self) -> tuple[Transport, Tcp]:
        """A client that has not logged in."""
        transport, tcp = self.door.buildProtocol(None), Tcp("192.0.2.1")
        tcp.transport = transport
        transport.makeConnection(tcp)
        return transport, tcp

    def log_in(self) -> tuple[Tcp, FakeClient]:
        """A client with an SFTP channel."""
        transport, tcp = self.connect()
        access = CredentialAccess(lambda credential: at_once(lambda: None), self.reactor)
        access.hold(Credential(Identity("v1password", ()), "secret"))
        account = SshAccount(Login(name="me", user="me", access=access), self.store, self.shared)
        self.account = account
        server = account.subsystem(b"sftp")

        def log_out() -> None:
            server.lost()
            account.logout()

        transport.dataReceived(b"SSH-2.0-test\r\n")
        transport.phase = Phase.AUTH  # the key exchange is not what is tested here
        transport.logged_in(account, log_out)
        return tcp, FakeClient(server)

    def upload(self, client: FakeClient) -> bytes:
        """Begin to replace ``/box/a``; the handle."""
        client.ask(P.OPEN, A, u32(NEW), NO_ATTRS)
        (opened,) = client.hear()
        client.ask(P.WRITE, string(opened.data), u64(0), string(b"new"))
        client.hear()
        return string(opened.data)
