"""What an avatar offers to an SSH connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.conch.avatar import ConchUser
from zope.interface import Interface, implementer

from swftp.interfaces import ISubsystem


class ISessions(Interface):
    """What a user may run on session channels.  Neither method may block or wait."""

    def subsystem(name: bytes) -> ISubsystem | None:
        """A new speaker of the subsystem *name* (RFC 4254 section 6.5), or None: there is none."""

    def command(line: bytes) -> ISubsystem | None:
        """A new speaker for the command *line*, or None: it is not run."""


@implementer(ISessions)
class Avatar(ConchUser):
    """A user with a fixed set of subsystems."""

    def __init__(
        self,
        subsystems: Mapping[bytes, Callable[[], ISubsystem]],
        command: Callable[[bytes], ISubsystem | None] = lambda line: None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._subsystems = subsystems
        self._command = command

    def subsystem(self, name: bytes) -> ISubsystem | None:
        """See `ISessions`."""
        make = self._subsystems.get(name)
        return None if make is None else make()

    def command(self, line: bytes) -> ISubsystem | None:
        """See `ISessions`."""
        return self._command(line)
