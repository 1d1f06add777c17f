"""
Extended requests: OpenSSH's (its PROTOCOL file, section 4) and those of draft-ietf-secsh-filexfer-extensions-00.

What a store of objects cannot do (``hardlink@openssh.com``) is not advertised and answered with OP_UNSUPPORTED, as is
every name not in the table.
"""

from __future__ import annotations

from swftp import errors
from swftp.entries import Usage
from swftp.paths import Path, parse
from swftp.session.shown import GROUP_NAME, OWNER_NAME
from swftp.sftp import checksums, copying, files, names
from swftp.sftp.attributes import OWNER_ID
from swftp.sftp.commands import Command, on_handle, on_path
from swftp.sftp.context import Context
from swftp.sftp.handles import FileHandle
from swftp.sftp.wire import (
    ATTRS,
    DATA_LIMIT,
    PACKET_LIMIT,
    STRING,
    U32,
    U64,
    UINT8,
    Reply,
    extended_reply,
    string,
)

_BLOCK = 4096
_BYTES_UNLIMITED = 1 << 50
"""What ``df`` shows as free where there is no quota: a pebibyte."""
_FILES_UNLIMITED = 1 << 32
_NAME_MAX = 255


async def limits(context: Context) -> Reply:
    """``limits@openssh.com``: OpenSSH's own figures, the only ones all its clients take (proftpd #1798)."""
    figures = (PACKET_LIMIT, DATA_LIMIT, DATA_LIMIT, context.table.limit)
    return extended_reply(*map(U64.pack, figures))


async def statvfs(context: Context, raw: bytes) -> Reply:
    """``statvfs@openssh.com``."""
    return await _statvfs(context, parse(raw, context.cwd))


async def fstatvfs(context: Context, handle: FileHandle) -> Reply:
    """``fstatvfs@openssh.com``."""
    return await _statvfs(context, handle.path)


async def _statvfs(context: Context, path: Path) -> Reply:
    try:
        usage = await context.session.usage(path)
    except errors.Unsupported:
        usage = Usage(0, None, 0, None)
    total = usage.used_bytes + _BYTES_UNLIMITED if usage.quota_bytes is None else usage.quota_bytes
    count = usage.used_files + _FILES_UNLIMITED if usage.quota_files is None else usage.quota_files
    free = max(0, total - usage.used_bytes) // _BLOCK
    left = max(0, count - usage.used_files)
    figures = (_BLOCK, _BLOCK, total // _BLOCK, free, free, count, left, left, 0, 0, _NAME_MAX)
    return extended_reply(*map(U64.pack, figures))


async def expand_path(context: Context, raw: bytes) -> Reply:
    """``expand-path@openssh.com``: as REALPATH, and ``~`` and ``~user`` are the one home there is."""
    if raw.startswith(b"~"):
        raw = b"/" + raw.partition(b"/")[2]
    return await names.realpath(context, raw)


async def home_directory(context: Context, user: bytes) -> Reply:
    """``home-directory``."""
    return await names.realpath(context, b"")


async def users_groups(context: Context, users: bytes, groups: bytes) -> Reply:
    """``users-groups-by-id@openssh.com``: unknown ids have empty names."""
    return extended_reply(_named(users, OWNER_NAME), _named(groups, GROUP_NAME))


def _named(ids: bytes, name: bytes) -> bytes:
    if len(ids) % U32.size:
        raise errors.Malformed()
    return string(b"".join(string(name if number == OWNER_ID else b"") for (number,) in U32.iter_unpack(ids)))


EXTENSIONS: dict[bytes, Command] = {
    b"posix-rename@openssh.com": on_path(names.posix_rename, STRING, STRING, names=2),
    b"statvfs@openssh.com": on_path(statvfs, STRING),
    b"fstatvfs@openssh.com": on_handle(FileHandle, fstatvfs),
    b"fsync@openssh.com": on_handle(FileHandle, files.fsync),
    b"lsetstat@openssh.com": on_path(names.lsetstat, STRING, ATTRS),
    b"limits@openssh.com": on_path(limits),
    b"expand-path@openssh.com": on_path(expand_path, STRING),
    b"home-directory": on_path(home_directory, STRING, names=0),
    b"users-groups-by-id@openssh.com": on_path(users_groups, STRING, STRING, names=0),
    b"copy-data": copying.COPY_DATA,
    b"copy-file": on_path(names.copy_file, STRING, STRING, UINT8, names=2),
    b"check-file": on_handle(
        FileHandle, checksums.check_handle, *checksums.FIELDS, bulky=True
    ),  # what paramiko calls it
    b"check-file-handle": on_handle(FileHandle, checksums.check_handle, *checksums.FIELDS, bulky=True),
    b"check-file-name": on_path(checksums.check_name, STRING, *checksums.FIELDS),
}
"""By name."""

ADVERTISED = (
    (b"posix-rename@openssh.com", b"1"),
    (b"statvfs@openssh.com", b"2"),
    (b"fstatvfs@openssh.com", b"2"),
    (b"fsync@openssh.com", b"1"),
    (b"lsetstat@openssh.com", b"1"),
    (b"limits@openssh.com", b"1"),
    (b"expand-path@openssh.com", b"1"),
    (b"copy-data", b"1"),
    (b"home-directory", b"1"),
    (b"users-groups-by-id@openssh.com", b"1"),
    (b"copy-file", b"1"),
    (b"check-file", b"1"),
)
"""Names and data of the extensions in VERSION."""
