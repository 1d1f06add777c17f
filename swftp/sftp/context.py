"""What a request handler works with: the session, the handles and the clock of one channel."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from swftp.paths import ROOT, Path
from swftp.session import Session
from swftp.sftp.handles import IReplies
from swftp.sftp.table import HandleTable


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One a channel."""

    session: Session
    clock: IReactorTime
    """Its seconds are those since the epoch."""
    table: HandleTable
    replies: IReplies
    cwd: Path = field(default=ROOT)
    """What relative paths are taken from."""
