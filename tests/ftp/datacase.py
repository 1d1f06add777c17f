"""Data connections over wires in memory, for a server whose clients type: `tests.ftp.case` has the rest."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from swftp.ftp.data import DataChannel
from swftp.ftp.factory import Factory
from swftp.ftp.ports import Admit, Ports
from swftp.ftp.public import PublicAddresses
from swftp.ftp.settings import Settings
from swftp.ftp.table import COMMANDS
from swftp.ftp.transfer import SETTLED_MOST
from tests.ftp.case import PEER, Client, ControlCase

HOST = "127.0.0.1"


class Wire(StringTransport):
    """The server's end of a data connection: what it says is in `value`."""

    protocol: Any
    aborted = over = False
    reading = True
    full = False
    """Whether the client takes nothing: whoever writes is told to wait."""

    def write(self, data: bytes) -> None:
        """As of `ITransport`."""
        super().write(data)
        if self.full and self.producer is not None:
            self.producer.pauseProducing()

    def pauseProducing(self) -> None:
        """As of `IPushProducer`."""
        self.reading = False

    def resumeProducing(self) -> None:
        """As of `IPushProducer`."""
        self.reading = True

    def abortConnection(self) -> None:
        """As of `ITCPTransport`."""
        self.aborted = True
        self.cut()

    def loseConnection(self) -> None:
        """As of `ITransport`: nobody has to wait here."""
        self.disconnecting = True
        self.end()

    def end(self, reason: Exception | None = None) -> None:
        """The connection is gone: in order, if nothing else is said."""
        if not self.over:
            self.over = True
            self.producer = None  # as TCP does
            self.protocol.connectionLost(Failure(reason or ConnectionDone()))
            del self.protocol  # as TCP does

    def cut(self) -> None:
        """A reset."""
        self.end(ConnectionLost())

    def send(self, data: bytes) -> None:
        """The client writes; the server has to be reading."""
        assert self.reading, "the server does not read"
        self.protocol.dataReceived(data)


class FakeListener:
    """A port, of those that one test has."""

    used: set[int] = set()
    made: list[FakeListener] = []

    def __init__(self, reactor: object, host: str, port: int, admit: Admit) -> None:
        if port in self.used:
            raise OSError(errno.EADDRINUSE, "in use")
        self.number = port or 40000 + len(self.made)
        self.host = host
        self.stopped = False
        self._admit = admit
        self.used.add(self.number)
        self.made.append(self)

    def stop(self) -> None:
        """As of `Listener`."""
        self.stopped = True
        self.used.discard(self.number)

    def connect(self, peer: str = PEER) -> Wire | None:
        """Somebody connects; None: he was turned away."""
        if self.stopped:
            return None
        protocol = self._admit(peer)
        return None if protocol is None else wire(protocol)


def wire(protocol: IProtocol) -> Wire:
    """A connection that *protocol* has."""
    made = Wire(IPv4Address("TCP", HOST, 40000), IPv4Address("TCP", PEER, 50001))
    made.protocol = protocol
    protocol.makeConnection(made)
    return made


class FakeReactor(Clock):
    """Time, calls to clients, and names."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[tuple[str, int, Any]] = []
        self.bound: list[object] = []
        self.names: dict[str, str | Deferred[str]] = {}
        self.asked: list[str] = []

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float, bindAddress: object) -> Any:
        """As of `IReactorTCP`; the test says what becomes of it."""
        self.called.append((host, port, factory))
        self.bound.append(bindAddress)
        return self

    def disconnect(self) -> None:
        """As of `IConnector`."""

    async def resolve(self, name: str, timeout: object) -> str:
        """As of `IReactorCore`."""
        self.asked.append(name)
        if name not in self.names:
            raise OSError("no such name")
        found = self.names[name]
        return await found if isinstance(found, Deferred) else found


class DataCase(ControlCase):
    """``/box/a`` is ``hello, world``; `log_in` gives a client with data connections."""

    span: tuple[int, int] | None = None
    peer = PEER

    def setUp(self) -> None:
        """No port is in use."""
        super().setUp()
        FakeListener.used, FakeListener.made = set(), []
        self.reactor = FakeReactor()
        self.clock = self.reactor
        self.clock.advance(self.storage.clock.seconds() if hasattr(self.storage, "clock") else 1_700_000_000.0)
        self.factory = self.make_factory()

    def make_channel(self, peer: str = PEER, host: str = HOST, **options: Any) -> DataChannel:
        """What one control connection has."""
        settings = Settings(**{**self.settings, **options})
        ports = Ports(self.reactor, self.span, listener=FakeListener)
        public = PublicAddresses(settings, self.reactor)
        return DataChannel(peer, host, settings=settings, reactor=self.reactor, ports=ports, public=public)

    def make_factory(self, **options: Any) -> Factory:
        """The server, with data connections."""
        factory = super().make_factory(**options)
        factory.commands = COMMANDS
        if hasattr(self, "reactor"):
            factory.clock = self.reactor
            factory.make_data = lambda peer, host: self.make_channel(peer, host)
        return factory

    @property
    def port(self) -> FakeListener:
        """The one opened last."""
        return FakeListener.made[-1]

    def prepare(self, client: Client) -> Wire:
        """PASV, and the client's data connection."""
        self.assertEqual(client.codes("EPSV"), [229])
        made = self.port.connect()
        assert made is not None
        return made

    def settle(self, client: Client | None = None) -> list[int]:
        """Let what waits for its turn have it; the codes of what *client* was told."""
        self.clock.pump([*[0] * 10, SETTLED_MOST, *[0] * 10])
        return [code for code, _ in client.hear()] if client is not None else []
