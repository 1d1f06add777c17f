"""What an SSH login may run on a session channel, by name or by command line."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from swftp import errors
from swftp.interfaces import ISubsystem
from swftp.session import Session
from swftp.sftp.scp import Refusal, ScpServer, parse_command
from swftp.sftp.scp_sink import sink
from swftp.sftp.scp_source import source
from swftp.sftp.server import Limits, SFTPServer

MakeSession = Callable[[], Session]
"""The session of the login, asked for when there is something to run; channels may share it."""


def open_subsystem(
    name: bytes, make_session: MakeSession, clock: IReactorTime, limits: Limits | None = None
) -> ISubsystem | None:
    """The subsystem *name*; None: there is none."""
    if name != b"sftp":
        return None
    return SFTPServer(make_session(), clock, limits)


def open_command(line: bytes, make_session: MakeSession, clock: IReactorTime) -> ISubsystem | None:
    """What runs the command *line*: the old scp protocol, or None for any other command."""
    try:
        order = parse_command(line)
    except errors.InvalidRequest as error:
        return Refusal(str(error))
    if order is None:
        return None
    return ScpServer(make_session(), clock, order, sink if order.sink else source)
