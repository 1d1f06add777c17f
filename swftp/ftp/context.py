"""What a command works with: the state of one control connection that RFC 959 speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IReactorTime

from swftp import errors
from swftp.entries import Usage
from swftp.ftp.reply import Refused, Reply
from swftp.ftp.settings import Settings
from swftp.paths import ROOT, Path, parse
from swftp.session import Session

if TYPE_CHECKING:
    from swftp.ftp.command import Command
    from swftp.ftp.data import DataChannel
    from swftp.ftp.login import Login
    from swftp.ftp.tls import TlsSession
    from swftp.ftp.transfers import Transfer

HASH = "SHA-256"
"""What HASH computes unless OPTS HASH says otherwise."""


class Type(Enum):
    """Representation of files on the data connection (RFC 959 section 3.1.1)."""

    ASCII = "A"
    IMAGE = "I"


class Mode(Enum):
    """Transmission mode (RFC 959 section 3.4; draft-preston-ftpext-deflate)."""

    STREAM = "S"
    DEFLATE = "Z"


class IControl(Protocol):
    """The control connection, as commands see it."""

    peer: str
    """Address of the client, as text."""
    host: str
    """Our address that the client connected to, as text."""
    tls: TlsSession | None
    """What protects it, else None; data connections are protected by the same."""

    def names(self, kind: str) -> tuple[str, ...]:
        """Login names that the client's certificate is good for; none where it showed none.

        :param kind: as of ``client_name`` in ``[ftp]``.
        """

    @property
    def can_tls(self) -> bool:
        """Whether AUTH TLS is possible."""

    @property
    def commands(self) -> Mapping[str, Command]:
        """What it understands."""

    def say(self, reply: Reply) -> None:
        """Send a preliminary (1yz) reply; the final one is what the command's function returns or raises."""

    async def idle(self) -> None:
        """Wait until the transfer that runs, if one does, has been answered."""


@dataclass(slots=True, eq=False)
class Context:
    """One a control connection."""

    control: IControl
    settings: Settings
    clock: IReactorTime
    """For what lasts; what o'clock it is, `Session.wall` says."""
    data: DataChannel
    """What PASV, EPSV, PORT and EPRT prepare and the next transfer uses."""
    login: Login
    """Who is there."""
    cwd: Path = field(default=ROOT)
    type: Type = Type.IMAGE
    mode: Mode = Mode.STREAM
    protected: bool = False
    """PROT P: data connections speak TLS (RFC 4217 section 9)."""
    sized: bool = False
    """PBSZ was said, without which there is no PROT."""
    all_extended: bool = False
    """EPSV ALL was said: no other command may prepare a data connection (RFC 2428 section 4)."""
    restart: int = 0
    """Offset that REST set for the command right behind it."""
    allocated: int | None = None
    """Bytes that ALLO announced for the command behind it."""
    rename_from: Path | None = None
    """What RNFR named for the RNTO right behind it."""
    hash_algorithm: str = HASH
    """What HASH computes; OPTS HASH changes it."""
    facts: tuple[str, ...] | None = None
    """What OPTS MLST chose; None: all."""
    transfer: Transfer | None = None
    """What is going on on the data connection."""

    @property
    def session(self) -> Session:
        """The session of the login.

        :raises Refused: 530, nobody is logged in.
        """
        if self.login.session is None:
            raise Refused(530, "Please log in with USER and PASS.")
        return self.login.session

    async def usage(self) -> Usage | None:
        """How full the store is where we are; None where it does not say."""
        try:
            return await self.session.usage(self.cwd)
        except errors.Unsupported:
            return None

    def path(self, argument: bytes) -> Path:
        """The path that *argument* of a command means; an empty one is where we are.

        :raises InvalidName: none can.
        """
        return parse(argument, self.cwd)
