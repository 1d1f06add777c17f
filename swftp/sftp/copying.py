"""
``copy-data``: bytes from one open file to another without the client (draft-ietf-secsh-filexfer-extensions-00).

OpenSSH's ``cp`` is this.  They go through memory a slice at a time, at the pace of the slower side.
"""

from __future__ import annotations

from twisted.internet.task import deferLater

from swftp import errors
from swftp.sftp.commands import Command, plain
from swftp.sftp.context import Context
from swftp.sftp.handles import FileHandle
from swftp.sftp.wire import STRING, UINT64, Reply, end_reply

SLICE = 256 * 1024
"""Bytes moved between two looks at anything else."""


def copy_data(
    context: Context, request: int, source: bytes, offset: int, length: int, target: bytes, target_offset: int
) -> None:
    """
    Copy *length* bytes, 0: all there are, when it is its turn on both handles.

    :raises InvalidRequest: a handle is none, or both are of one file, which OpenSSH refuses too.
    """
    reading = context.table.find(source, FileHandle)
    writing = context.table.find(target, FileHandle)
    if reading is writing or reading.path == writing.path:
        raise errors.InvalidRequest("source and target are one file")
    reading.task(request, lambda: _copy(context, reading, offset, length, writing, target_offset), writing)


async def _copy(
    context: Context, source: FileHandle, offset: int, length: int, target: FileHandle, target_offset: int
) -> Reply | None:
    left = length or None
    while left is None or left > 0:
        data = await source.fetch(offset, SLICE if left is None else min(SLICE, left))
        if not data:
            break
        await target.store(target_offset, data)
        offset += len(data)
        target_offset += len(data)
        if left is not None:
            left -= len(data)
        await deferLater(context.clock, 0)
    return end_reply("Fewer bytes than asked for") if left else None


COPY_DATA: Command = plain(copy_data, STRING, UINT64, UINT64, STRING, UINT64)
