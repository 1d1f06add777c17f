"""
Data connections before their transfer: prepared by PASV, EPSV, PORT or EPRT, made, and held until they are taken.

The law: one connection a command, from or to the client of the control connection and nobody else; until a transfer
takes it, nothing is read from it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IHandshakeListener, IProtocol
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from swftp import errors, sockets
from swftp.ftp.ports import Admit, NoPort, Ports
from swftp.ftp.public import PublicAddresses
from swftp.ftp.reply import Refused
from swftp.ftp.settings import Settings

log = Logger()

Introduced = Callable[[Admit, str], IProtocol | None]
"""Gets who decides by the address of a client, and the address of who has connected, who may speak for a client."""
RECEIVE = 1 << 20
"""Bytes asked of a data connection at once."""
LOW_PORT = 1024
"""Below this, ports belong to services that nobody is to be connected to in a client's name (RFC 2577 section 3)."""


@implementer(IHandshakeListener)
class DataConnection(Protocol):
    """
    One TCP connection, silent until somebody uses it.

    :ivar user: gets ``agreed()`` when a TLS handshake is over, ``received(data)``, and ``ended(reason)`` once, last.
    :ivar over: how it ended, if it has.
    """

    transport: Any

    def __init__(self, channel: DataChannel) -> None:
        self._channel: DataChannel | None = channel
        self.user: Any = None
        self.over: Failure | None = None

    def connectionMade(self) -> None:
        """Wait for a transfer."""
        self.transport.pauseProducing()
        sockets.tune(self.transport, RECEIVE)
        if self._channel is not None:
            self._channel.made(self)

    def taken(self) -> None:
        """A transfer has it now."""
        self._channel = None

    def handshakeCompleted(self) -> None:
        """See `user`."""
        if self.user is not None:
            self.user.agreed()

    def dataReceived(self, data: bytes) -> None:
        """See `user`."""
        if self.user is not None:
            self.user.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See `user`."""
        self.over = reason
        channel, self._channel = self._channel, None
        user, self.user = self.user, None
        if channel is not None:
            channel.gone(self)
        if user is not None:
            user.ended(reason)


class _Caller(ClientFactory):
    """Of active mode."""

    noisy = False

    def __init__(self, channel: DataChannel) -> None:
        self._channel = channel

    def buildProtocol(self, addr: IAddress | None) -> DataConnection | None:
        return self._channel.admit(str(getattr(addr, "host", "")))

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self._channel.failed(Refused(425, "Cannot connect to you."))


class Phase(Enum):
    """What there is."""

    NOTHING = "no data connection was prepared"
    LISTENING = "the client is to connect"
    NAMED = "we are to connect, once a transfer asks for it"
    CONNECTING = "we are connecting"
    CONNECTED = "it is there"


TRANSITIONS = {
    Phase.NOTHING: {"listen": Phase.LISTENING, "name": Phase.NAMED, "drop": Phase.NOTHING},
    Phase.LISTENING: {"made": Phase.CONNECTED, "drop": Phase.NOTHING},
    Phase.NAMED: {"connect": Phase.CONNECTING, "drop": Phase.NOTHING},
    Phase.CONNECTING: {"made": Phase.CONNECTED, "drop": Phase.NOTHING},
    Phase.CONNECTED: {"take": Phase.NOTHING, "drop": Phase.NOTHING},
}


class DataChannel:
    """What one control connection has of all that."""

    def __init__(
        self,
        peer: str,
        host: str,
        *,
        settings: Settings,
        reactor: Any,
        ports: Ports,
        public: PublicAddresses,
        introduced: Introduced | None = None,
    ) -> None:
        """
        :param peer: the client's address; *host*: ours, to which it is connected.
        :param ports: shared by all of the process, as is *public*.
        :param introduced: finds out whom a connection is from; None: from whom it comes.
        """
        self._introduced = introduced
        self._peer = plain(peer)
        self._host = host
        self._settings = settings
        self._reactor = reactor
        self._ports = ports
        self._public = public
        self.phase = Phase.NOTHING
        self._listener: Any = None
        self._target = ("", 0)
        self._connector: Any = None
        self._connection: DataConnection | None = None
        self._waiter: Deferred[DataConnection] | None = None
        self._timer: IDelayedCall | None = None

    def passive(self) -> int:
        """
        Listen for one connection, in place of whatever was prepared.

        :return: the port.
        :raises Refused: no port is free.
        """
        self._drop()
        try:
            introduced = self._introduced
            admit = self.admit if introduced is None else partial(introduced, self.admit)
            self._listener = self._ports.listen(self._host, admit)
        except NoPort as error:
            log.warn("{peer}: {error}", event="ftp_no_port", peer=self._peer, error=str(error))
            raise Refused(425, "No port is free for a data connection, try again later.") from error
        self._advance("listen")
        self._await()
        number: int = self._listener.number
        return number

    def active(self, host: str, port: int) -> None:
        """
        Connect to the client at *port* when a transfer begins, in place of whatever was prepared.

        :raises Refused: that is not the client, or a port that no client has.
        """
        if plain(host) != self._peer:  # whatever `check_peer` says: nobody is attacked in a client's name
            log.warn("{peer}: bounce to {host}", event="ftp_refused", peer=self._peer, host=host)
            raise Refused(504, "That is not your address.")
        if not LOW_PORT <= port <= 65535:
            raise Refused(504, "Not to that port.")
        self._drop()
        self._target = (plain(host), port)
        self._advance("name")

    async def public_address(self) -> str:
        """
        The IPv4 address that the client is to connect to.

        :raises Refused: it is given by a name that does not resolve.
        """
        return await self._public.of(self._peer, plain(self._host))

    def take(self) -> Deferred[DataConnection]:
        """
        The connection, when it is there; it is the caller's from then on, and may be cancelled before.

        Fails with `Refused` where none was prepared or none comes in time.
        """
        waiter: Deferred[DataConnection] = Deferred(lambda _: self._drop())
        self._waiter = waiter
        if self.phase is Phase.CONNECTED:
            self._hand_over()
        elif self.phase is Phase.NOTHING:
            self.failed(Refused(425, "Use PASV or EPSV first."))
        else:
            if self.phase is Phase.NAMED:
                self._connect()
            self._await()
        return waiter

    @property
    def prepared(self) -> bool:
        """Whether there is a connection, or there may yet be one."""
        return self.phase is not Phase.NOTHING

    def close(self) -> None:
        """Forget what was prepared."""
        self._drop()

    # -- what happens to it ------------------------------------------------------------------------------------

    def admit(self, peer: str) -> DataConnection | None:
        """The protocol for a connection from *peer*; None: it is a stranger's, or one too many."""
        if self.phase not in (Phase.LISTENING, Phase.CONNECTING) or self._connection is not None:
            return None
        if self._settings.check_peer and plain(peer) != self._peer:
            log.warn("{peer}: data connection from {other}", event="ftp_refused", peer=self._peer, other=peer)
            return None
        self._connection = DataConnection(self)
        return self._connection

    def made(self, connection: DataConnection) -> None:
        """The right one has come: there will be no other."""
        self._advance("made")
        self._stop_listening()
        self._connector = None
        if self._waiter is not None:
            self._hand_over()
        else:
            self._await()

    def gone(self, connection: DataConnection) -> None:
        """It went before a transfer took it."""
        if connection is self._connection:
            self._connection = None
            self._drop()

    def failed(self, error: Exception) -> None:
        """There will be none."""
        waiter, self._waiter = self._waiter, None
        self._drop()
        if waiter is not None:
            waiter.errback(Failure(error))  # type: ignore[no-untyped-call]

    def _connect(self) -> None:
        self._advance("connect")
        bind = (plain(self._host), 0)
        timeout = self._settings.connect_timeout or 30.0
        self._connector = self._reactor.connectTCP(*self._target, _Caller(self), timeout=timeout, bindAddress=bind)

    def _hand_over(self) -> None:
        waiter, self._waiter = self._waiter, None
        connection, self._connection = self._connection, None
        self._advance("take")
        self._still()
        if waiter is not None and connection is not None:
            connection.taken()
            waiter.callback(connection)

    def _await(self) -> None:
        """Whatever is to come next, it has to come in time."""
        self._still()
        if self._settings.connect_timeout:
            late = Refused(425, "No data connection came in time.")
            self._timer = self._reactor.callLater(self._settings.connect_timeout, self.failed, late)

    def _still(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()

    def _drop(self) -> None:
        self._advance("drop")
        self._still()
        self._stop_listening()
        connection, self._connection = self._connection, None
        connector, self._connector = self._connector, None
        waiter, self._waiter = self._waiter, None
        if connection is not None and connection.transport is not None:
            connection.taken()
            connection.transport.abortConnection()
        elif connector is not None:
            connector.disconnect()
        if waiter is not None and not waiter.called:
            waiter.errback(Failure(errors.Interrupted()))  # type: ignore[no-untyped-call]

    def _advance(self, event: str) -> None:
        self.phase = TRANSITIONS[self.phase][event]


def plain(address: str) -> str:
    """*address* in the form that all of its spellings have in common; IPv4 as such where it is mapped into IPv6."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


def data_maker(
    settings: Settings, reactor: Any, introduced: Introduced | None = None
) -> Callable[[str, str], DataChannel]:
    """What makes a `DataChannel` of the client's address and ours; *introduced*: see there."""
    ports = Ports(reactor, settings.passive_ports)
    public = PublicAddresses(settings, reactor)

    def make(peer: str, host: str) -> DataChannel:
        return DataChannel(
            peer, host, settings=settings, reactor=reactor, ports=ports, public=public, introduced=introduced
        )

    return make
