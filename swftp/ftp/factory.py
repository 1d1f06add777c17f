"""What makes an FTP server of a portal and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from twisted.cred.portal import Portal
from twisted.internet import protocol
from twisted.internet.interfaces import IAddress, IReactorTime

from swftp.auth.limits import Admission
from swftp.ftp.command import Command
from swftp.ftp.control import Control
from swftp.ftp.settings import Settings
from swftp.ftp.table import COMMANDS
from swftp.timers import Timer

if TYPE_CHECKING:
    from swftp.ftp.data import DataChannel
    from swftp.ftp.tls import Tls

MakeData = Callable[[str, str], "DataChannel"]
"""Gets the client's address and ours."""


class Factory(protocol.Factory):
    """Makes a `Control` for each client."""

    noisy = False

    def __init__(
        self,
        portal: Portal,
        clock: IReactorTime,
        settings: Settings,
        admission: Admission,
        timer: Timer,
        make_data: MakeData,
        tls: Tls | None = None,
        implicit: bool = False,
        commands: Mapping[str, Command] = COMMANDS,
    ) -> None:
        """
        :param admission: shared by all listeners that share its limits; *timer*: shared by all.
        :param tls: None: AUTH is refused.
        :param implicit: TLS begins with the connection.
        """
        self.portal = portal
        self.clock = clock
        self.settings = settings
        self.admission = admission
        self.timer = timer
        self.make_data = make_data
        self.tls = tls
        self.implicit = implicit
        self.commands = commands

    def buildProtocol(self, addr: IAddress | None) -> Control:  # type: ignore[override]
        """A `Control`; it asks for its place itself, once it knows its peer."""
        control = Control()
        control.factory = self
        return control
