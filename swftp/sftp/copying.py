"""
``copy-data``: bytes from one open file to another without the client (draft-ietf-secsh-filexfer-extensions-00).

OpenSSH's ``cp`` is this.  A whole object that becomes a whole new file is copied by the store, when that is closed;
anything else goes through memory, a slice at a time, at the pace of the slower side.
"""

from __future__ import annotations

from contextlib import suppress

from twisted.internet.task import deferLater

from swftp import errors
from swftp.entries import Kind
from swftp.session.bell import Bell, fetch
from swftp.sftp.commands import Command, plain
from swftp.sftp.context import Context
from swftp.sftp.handles import FileHandle
from swftp.sftp.wire import STRING, UINT64, Reply, end_reply

SLICE = 256 * 1024
"""Bytes moved between two looks at anything else."""
LEAST = 1 << 20
"""Bytes below which the store's copy costs more requests than it saves."""


def copy_data(
    context: Context, request: int, source: bytes, offset: int, length: int, target: bytes, target_offset: int
) -> None:
    """
    Copy *length* bytes, 0: all there are, when it is its turn on both handles.

    :raises InvalidRequest: a handle is none, or both are of one file, which OpenSSH refuses too.
    """
    reading = context.table.find(source, FileHandle)
    writing = context.table.find(target, FileHandle)
    if reading.path == writing.path:
        raise errors.InvalidRequest("source and target are one file")
    reading.task(request, lambda: _copy(context, reading, offset, length, writing, target_offset), writing)


async def _copy(
    context: Context, source: FileHandle, offset: int, length: int, target: FileHandle, target_offset: int
) -> Reply | None:
    await target.fill()
    if not offset and not target_offset and await _is_whole(context, source, length, target):
        target.twin = _Twin(context, source, target)
        return None
    left = length or None
    while data := await source.fetch(offset, SLICE if left is None else min(SLICE, left)):
        await target.store(target_offset, data)
        offset += len(data)
        target_offset += len(data)
        if left is not None:
            left -= len(data)
        await deferLater(context.clock, 0)
    return end_reply("Fewer bytes than asked for") if left else None


async def _is_whole(context: Context, source: FileHandle, length: int, target: FileHandle) -> bool:
    """Whether an object of some size is to be all that a new file holds; links are left to those who follow them."""
    if source.reader is None or target.writer is None or not target.blank or target.error is not None:
        return False
    size = (await source.reader.confirm()).size
    if target.writer.entry.size or size < LEAST or 0 < length != size:
        return False
    for path in (source.path, target.path):
        with suppress(errors.NotFound):
            if (await context.session.stat(path, follow=False)).kind is not Kind.FILE:
                return False
    return True


class _Twin:
    """See `swftp.sftp.handles.ITwin`."""

    def __init__(self, context: Context, source: FileHandle, target: FileHandle) -> None:
        self._context = context
        self._source = source
        self._entry = source.file.entry
        self._target = target
        self.size = self._entry.size

    async def fill(self) -> None:
        """See `ITwin.fill`; the client may have closed the handle it copied from."""
        bell = Bell()
        reader = await self._context.session.open_reader(self._source.path, bell.ring)
        try:
            if (await reader.confirm()).version != self._entry.version:
                raise errors.Changed()
            offset = 0
            while offset < self.size:
                data = await fetch(reader, bell, offset, SLICE)
                if not data:
                    raise errors.Changed()
                await self._target.store(offset, data)
                offset += len(data)
                await deferLater(self._context.clock, 0)
        finally:
            reader.close()

    async def commit(self) -> None:
        """See `ITwin.commit`.

        :raises Changed: the source is no longer what it was.
        """
        if self._target.writer is None:
            raise errors.Interrupted()
        await self._context.session.close_as_copy(self._target.writer, self._source.path, self._entry)


COPY_DATA: Command = plain(copy_data, STRING, UINT64, UINT64, STRING, UINT64)
