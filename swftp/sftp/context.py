"""What a request handler works with: the session, the handles and the clock of one channel."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from swftp.entries import Entry
from swftp.paths import ROOT, Path
from swftp.session import Session
from swftp.sftp import attributes
from swftp.sftp.handles import IReplies
from swftp.sftp.recall import Recall
from swftp.sftp.table import HandleTable
from swftp.sftp.wire import Attrs


@dataclass(slots=True, eq=False)
class Context:
    """One a channel."""

    session: Session
    clock: IReactorTime
    table: HandleTable
    replies: IReplies
    cwd: Path = field(default=ROOT)
    """What relative paths are taken from."""
    recall: Recall = field(default_factory=Recall)
    link_first: bool = False
    """Whether the client sends SYMLINK as the draft has it; see `swftp.sftp.names.symlink`."""

    takes_large_replies: bool = False
    """Whether the client is known to take packets as large as it may send."""

    def attrs(self, entry: Entry, at: Path) -> Attrs:
        """ATTRS of *entry*, which stands at *at*."""
        return attributes.of_entry(entry, at, self.recall)

    def link_text(self, entry: Entry, at: Path) -> bytes:
        """What READLINK says of the link *entry*, which stands at *at*."""
        return attributes.link_text(entry, at, self.recall)

    def was_set(self, at: Path, attrs: Attrs) -> None:
        """The client has set *attrs* of what stands at *at*."""
        if attrs.mtime is not None and attrs.atime is not None:
            self.recall.accessed(at, attrs.mtime, attrs.atime)
