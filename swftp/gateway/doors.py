"""
The servers of a process as whoever starts and stops them sees them: who is there, and how to be rid of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Protocol
from weakref import WeakSet

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from swftp.auth.limits import Admission, AdmissionLimits, Place
from swftp.auth.throttle import Offence, Throttle
from swftp.ftp.control import Control
from swftp.ftp.control import Phase as ControlPhase
from swftp.ftp.factory import Factory as FtpFactory
from swftp.gateway.proxied import Proxies
from swftp.ssh.connection import Connection
from swftp.ssh.factory import Factory as SshFactory
from swftp.ssh.gate import Phase
from swftp.ssh.transport import Transport
from swftp.ssh.wire import Reason
from swftp.stores.accounts import SshAccount

log = Logger()

ANSWERED = 20
"""Clients a second that are told why they are turned away."""
FAREWELL = "server is shutting down"


class Door(Protocol):
    """One server."""

    @property
    def protocol_name(self) -> str:
        """For the log."""

    @property
    def proxies(self) -> Proxies:
        """Load balancers that clients may come through."""

    @property
    def admission(self) -> Guard:
        """Who is let in."""

    @property
    def connections(self) -> Sequence[Any]:
        """Those that we have not hung up on; each has ``abort``."""

    def dismiss(self) -> None:
        """Hang up on everybody who has nothing open, and for whom nothing is being done."""

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """See `IProtocolFactory`."""


class Entrance(Factory):
    """
    Where the clients of one server come in, whatever door they are led to: itself a `Door`.

    :ivar door: for those to come.
    :ivar opened: connections so far.
    """

    noisy = False

    def __init__(self, door: Door) -> None:
        self.door = door
        self.opened = 0
        self._before: list[Door] = []

    @property
    def protocol_name(self) -> str:
        """See `Door`."""
        return self.door.protocol_name

    @property
    def connections(self) -> list[Any]:
        """See `Door`."""
        return [connection for door in self._doors() for connection in door.connections]

    @property
    def admission(self) -> Guard:
        """See `Door`."""
        return self.door.admission

    @property
    def proxies(self) -> Proxies:
        """See `Door`."""
        return self.door.proxies

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """See `Door`; behind a load balancer it is built when the client is known."""
        self.opened += 1
        return self.door.proxies.build(self._let_in, addr)

    def _let_in(self, addr: IAddress | None) -> Any:
        """None: in a flood, those who would be turned away cost as little as can be."""
        peer = str(getattr(addr, "host", ""))
        return None if self.door.admission.overrun(peer) else self.door.buildProtocol(addr)

    def dismiss(self) -> None:
        """See `Door`."""
        for door in self._doors():
            door.dismiss()

    def lead_to(self, door: Door) -> None:
        """From now on; whoever is here stays behind the door he came through."""
        self._before = [other for other in self._doors() if other.connections]
        if isinstance(door, SshDoor) and isinstance(self.door, SshDoor):
            door.windows = self.door.windows  # of all channels, whenever they came
        self.door = door

    def _doors(self) -> list[Door]:
        return [*self._before, self.door]


class Guard(Admission):
    """Turns away whom `Throttle` refuses before a byte is spoken."""

    def __init__(self, limits: AdmissionLimits, throttle: Throttle, chance: Random | None = None) -> None:
        super().__init__(limits, chance)
        self._throttle = throttle
        self._second = self._answered = self._silent = 0
        self._let_by: str | None = None

    def refuses(self, peer: str) -> bool:
        """See `Admission`; whom `overrun` has just let by is not asked again, or chance would have two says."""
        let_by, self._let_by = self._let_by, None
        return let_by != peer and (self._throttle.refused(peer) or super().refuses(peer))

    def admit(self, peer: str) -> Place | None:
        """See `Admission`."""
        place = super().admit(peer)
        self._answered += place is None
        return place

    def overrun(self, peer: str) -> bool:
        """Whether *peer* is to be hung up on without a word: enough others were told that they are too many."""
        second = int(self._throttle.clock.seconds())
        if second != self._second:
            if self._silent:
                log.warn("{count} connections refused without a word", event="overrun", count=self._silent)
            self._second, self._answered, self._silent = second, 0, 0
        self._let_by = None
        if self._answered < ANSWERED:
            return False
        if not self.refuses(peer):
            self._let_by = peer
            return False
        self._silent += 1
        return True

    def blame(self, peer: str, offence: Offence) -> None:
        """See `Admission`."""
        self._throttle.failed(peer, offence)


class SshDoor(SshFactory):
    """The SSH server: remembers whom it let in."""

    admission: Guard

    def __init__(self, *args: Any, proxies: Proxies, **options: Any) -> None:
        super().__init__(*args, **options)
        self.proxies = proxies
        self._transports: WeakSet[Transport] = WeakSet()

    @property
    def protocol_name(self) -> str:
        """See `Door`."""
        return "SFTP"

    @property
    def connections(self) -> list[Transport]:
        """See `Door`."""
        return [transport for transport in self._transports if transport.phase is not Phase.CLOSED]

    def buildProtocol(self, addr: IAddress | None) -> Transport:
        """See `SshFactory`."""
        transport = super().buildProtocol(addr)
        self._transports.add(transport)
        return transport

    def dismiss(self) -> None:
        """See `Door`."""
        for transport in self.connections:
            if not is_busy(transport):
                transport.sendDisconnect(Reason.BY_APPLICATION, FAREWELL.encode())


def is_busy(transport: Transport) -> bool:
    """Whether the client at *transport* has a file open, or waits for something to be done or to be said."""
    service = transport.service
    if not isinstance(service, Connection) or not isinstance(service.avatar, SshAccount):
        return False
    return service.avatar.busy or service.speaks


class FtpDoor(FtpFactory):
    """The FTP server, or that of implicit FTPS: remembers whom it let in."""

    admission: Guard

    def __init__(self, *args: Any, proxies: Proxies, **options: Any) -> None:
        super().__init__(*args, **options)
        self.proxies = proxies
        self._controls: WeakSet[Control] = WeakSet()

    @property
    def protocol_name(self) -> str:
        """See `Door`."""
        return "FTPS" if self.implicit else "FTP"

    @property
    def connections(self) -> list[Control]:
        """See `Door`."""
        over = (ControlPhase.ENDING, ControlPhase.CLOSED)
        return [control for control in self._controls if control.phase not in over]

    def buildProtocol(self, addr: IAddress | None) -> Control:  # type: ignore[override]
        """See `FtpFactory`."""
        control = super().buildProtocol(addr)
        self._controls.add(control)
        return control

    def dismiss(self) -> None:
        """See `Door`."""
        for control in self.connections:
            if not control.busy:
                control.hang_up(f"{FAREWELL.capitalize()}.")
