"""
OPENDIR, READDIR, MKDIR, RMDIR.

READDIR streams: what a handle keeps is what is left of one page of the store, however long the directory is.
"""

from __future__ import annotations

from swftp.entries import Entry, Kind
from swftp.paths import Path, parse
from swftp.session import Listing
from swftp.sftp.attributes import of_child
from swftp.sftp.context import Context
from swftp.sftp.handles import Handle, IReplies
from swftp.sftp.longnames import longname
from swftp.sftp.wire import Attrs, Reply, end_reply, handle_reply, name_entry, name_reply

BATCH_BYTES = 30_000
"""About the most bytes of entries in a reply: node's ssh2 refuses packets of 34,000 (mscdex/ssh2 #1048)."""
LARGE_BATCH_BYTES = 128_000
"""The same for OpenSSH, which takes 256 KiB: each reply costs it a round trip."""

_DOTS = 2
"""The entries ``.`` and ``..``, which do not make a reply of their own."""


class DirectoryHandle(Handle):
    """A directory being listed."""

    __slots__ = ("_left", "listing", "path")

    def __init__(self, server: IReplies, path: Path) -> None:
        super().__init__(server)
        self.path = path
        self.listing: Listing | None = None
        self._left: list[Entry] = [Entry(name=name, kind=Kind.DIRECTORY) for name in ("..", ".")]
        """Entries not yet given, the next one last.  Clients expect the two dots, as OpenSSH gives them."""

    def abandon(self) -> None:
        """See `Handle.abandon`."""
        super().abandon()
        self.end()

    def end(self) -> None:
        """See `Handle.end`; the store is asked for no more."""
        if self.listing is not None:
            self.listing.close()

    async def fill(self) -> bool:
        """Have something to give; False at the end of the directory."""
        while len(self._left) <= _DOTS and self.listing is not None:
            entries = await self.listing.next()
            if not entries:
                self.listing = None
            self._left = [*reversed(entries), *self._left]
        return bool(self._left)

    def batch(self, context: Context) -> list[bytes]:
        """Entries for one reply, packed."""
        limit = LARGE_BATCH_BYTES if context.takes_large_replies else BATCH_BYTES
        now = context.session.wall()
        packed: list[bytes] = []
        size = 0
        while self._left and size < limit:
            entry = self._left.pop()
            name = entry.name.encode("utf-8", "surrogatepass")
            attrs = of_child(entry, self.path, context.recall)
            packed.append(name_entry(name, longname(name, attrs, now), attrs))
            size += len(packed[-1])
        return packed


async def opendir(context: Context, raw: bytes) -> Reply:
    """OPENDIR, section 6.7."""
    handle = DirectoryHandle(context.replies, parse(raw, context.cwd))
    context.table.reserve(handle)
    try:
        handle.listing = await context.session.listing(handle.path)
        name = context.table.add(handle)
    except BaseException:
        context.table.release(handle)
        raise
    return handle_reply(name)


async def readdir(context: Context, handle: DirectoryHandle) -> Reply:
    """READDIR, section 6.7."""
    if not await handle.fill():
        return end_reply("End of directory")
    return name_reply(handle.batch(context))


async def mkdir(context: Context, raw: bytes, attrs: Attrs) -> None:
    """MKDIR, section 6.6; the attributes of a new directory have nowhere to be kept."""
    await context.session.make_directory(parse(raw, context.cwd))


async def rmdir(context: Context, raw: bytes) -> None:
    """RMDIR, section 6.6."""
    await context.session.remove_directory(parse(raw, context.cwd))
