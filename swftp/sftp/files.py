"""
OPEN, CLOSE, and what is asked of an open file but for its bytes.

The law here: only a CLOSE that the client sent commits anything (`Writer.close`); every other end is `Writer.lost`.
"""

from __future__ import annotations

from dataclasses import replace

from swftp import errors
from swftp.entries import Attributes, Entry
from swftp.paths import Path, parse
from swftp.session import OpenMode
from swftp.sftp import attributes
from swftp.sftp.context import Context
from swftp.sftp.handles import FileHandle, Handle
from swftp.sftp.wire import Attrs, Flag, Reply, attrs_reply, handle_reply


async def open_file(context: Context, raw: bytes, bits: int, attrs: Attrs) -> Reply:
    """OPEN, section 6.3."""
    flags = _checked(Flag(bits & 0x3F))
    path = parse(raw, context.cwd)
    handle = FileHandle(context.replies, path, readable=Flag.READ in flags, writable=Flag.WRITE in flags)
    context.table.reserve(handle)
    try:
        await _open(context, handle, flags, attrs)
        handle.blank = flags & ~(Flag.WRITE | Flag.CREAT) == Flag.TRUNC
        name = context.table.add(handle)
    except BaseException:
        handle.abandon()
        context.table.release(handle)
        raise
    return handle_reply(name)


def _checked(flags: Flag) -> Flag:
    """
    *flags* with what they imply.

    As on POSIX, EXCL without CREAT means nothing, TRUNC needs no CREAT (sshfs sends it so), and who asks for neither
    READ nor WRITE reads, or with APPEND writes.

    :raises InvalidRequest: TRUNC of what is not to be written.
    """
    if Flag.APPEND in flags:
        flags |= Flag.WRITE
    if Flag.WRITE not in flags:
        flags |= Flag.READ
        if Flag.TRUNC in flags:
            raise errors.InvalidRequest("TRUNC without WRITE")
    return flags


async def _open(context: Context, handle: FileHandle, flags: Flag, attrs: Attrs) -> None:
    session = context.session
    if Flag.WRITE not in flags:
        try:
            if Flag.CREAT not in flags or Flag.EXCL not in flags:
                handle.reader = await session.open_reader(handle.path, handle.wake)
                return
        except errors.NotFound:
            if Flag.CREAT not in flags:
                raise
    mode = OpenMode(
        create=Flag.CREAT in flags,
        exclusive=Flag.CREAT in flags and Flag.EXCL in flags,
        truncate=Flag.TRUNC in flags,
        append=Flag.APPEND in flags,
    )
    initial = _initial(flags, attributes.wanted(attrs))
    handle.writer = await session.open_writer(handle.path, mode, initial, handle.wake)
    if attrs.size and not handle.writer.entry.size:
        await _truncate(handle, attrs.size)


def _initial(flags: Flag, wanted: Attributes) -> Attributes:
    """
    What OPEN says of a new file.

    It says nothing of one that exists: sshfs then sends permissions of 0, which nobody creates a file with.
    """
    if Flag.CREAT not in flags:
        return Attributes()
    return wanted if wanted.mode else replace(wanted, mode=None)


async def _truncate(handle: FileHandle, size: int) -> None:
    if handle.writer is None or not handle.writable:
        raise errors.PermissionDenied("not open for writing")
    await handle.fill()
    await handle.writer.truncate(size)


def close(context: Context, request: int, name: bytes) -> None:
    """CLOSE, section 6.3: the name is gone at once, the handle when what it holds is stored or given up."""
    handle = context.table.find(name, Handle)
    context.table.unname(name)
    if isinstance(handle, FileHandle):
        handle.close(request, lambda: _close(context, handle))
    else:
        handle.task(request, lambda: _release(context, handle))


async def _close(context: Context, handle: FileHandle) -> None:
    try:
        if handle.reader is not None:
            handle.reader.close()
        if handle.error is not None:
            raise handle.error
        if handle.twin is not None:
            await handle.twin.commit()
        elif handle.writer is not None:
            await handle.writer.close()
    finally:
        if handle.writer is not None:
            handle.writer.lost()
        handle.twin = handle.error = None
        context.table.release(handle)


async def _release(context: Context, handle: Handle) -> None:
    handle.end()
    context.table.release(handle)


async def fstat(context: Context, handle: FileHandle) -> Reply:
    """FSTAT, section 6.8."""
    return attrs_reply(context.attrs(as_copied(handle, await handle.confirm()), handle.path))


def as_copied(handle: FileHandle, entry: Entry) -> Entry:
    """*entry*, which is of *handle*, with what is yet to be copied into that."""
    return entry if handle.twin is None else replace(entry, size=handle.twin.size)


async def fsetstat(context: Context, handle: FileHandle, attrs: Attrs) -> None:
    """FSETSTAT, section 6.9; what a writer is told takes effect with its CLOSE."""
    if attrs.size is not None:
        await _truncate(handle, attrs.size)
    wanted = attributes.wanted(attrs)
    if wanted == Attributes():
        return
    context.was_set(handle.path, attrs)
    if handle.writer is not None:
        handle.writer.set(wanted)
    elif handle.reader is not None:
        await context.session.update_open(handle.reader, wanted)


async def truncate_path(context: Context, path: Path, size: int, wanted: Attributes) -> None:
    """Make the file at *path* *size* bytes long, and set what is *wanted*, in one step."""
    for handle in context.table.twins(path):  # this was put behind all that was asked of them
        await handle.fill()
    await context.session.truncate(path, size, wanted)


async def fsync(context: Context, handle: FileHandle) -> None:
    """
    ``fsync@openssh.com``: all that was on its way has come to the store, or it is said why not.

    The rest stays in memory, and nothing is seen or kept before CLOSE: only its reply says that the file is stored.
    """
    if handle.writer is not None:
        await handle.writer.sync()
