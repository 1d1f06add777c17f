"""
``check-file-handle`` and ``check-file-name``: checksums without a download (draft-ietf-secsh-filexfer-extensions-00).

Free where the store knows the MD5 of the whole file; else the bytes are read here, a slice at a time.
"""

from __future__ import annotations

import hashlib

from twisted.internet.task import deferLater

from swftp import errors
from swftp.entries import Entry
from swftp.paths import parse
from swftp.session.bell import Bell, fetch
from swftp.session.summing import Fetch, known, summed
from swftp.sftp.context import Context
from swftp.sftp.handles import FileHandle
from swftp.sftp.wire import STRING, UINT32, UINT64, Reply, extended_reply, string

ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
"""What the draft names and a security-minded build of hashlib still has."""
FIELDS = (STRING, UINT64, UINT64, UINT32)
"""Algorithms in order of preference, offset, length (0: to the end), block size (0: one block)."""
_BLOCK_MINIMUM = 256
_REPLY_LIMIT = 128 * 1024
"""Bytes of checksums in one reply."""


async def check_handle(
    context: Context, handle: FileHandle, algorithms: bytes, offset: int, length: int, block: int
) -> Reply:
    """``check-file-handle``."""
    return await _check(context, handle.fetch, await handle.confirm(), algorithms, offset, length, block)


async def check_name(context: Context, raw: bytes, algorithms: bytes, offset: int, length: int, block: int) -> Reply:
    """``check-file-name``."""
    bell = Bell()
    reader = await context.session.open_reader(parse(raw, context.cwd), bell.ring)

    async def take(position: int, count: int) -> bytes | memoryview:
        return await fetch(reader, bell, position, count)

    try:
        return await _check(context, take, await reader.confirm(), algorithms, offset, length, block)
    finally:
        reader.close()


async def _check(
    context: Context, take: Fetch, entry: Entry, algorithms: bytes, offset: int, length: int, block: int
) -> Reply:
    algorithm = next((name for name in algorithms.decode("ascii", "replace").split(",") if name in ALGORITHMS), None)
    if algorithm is None:
        raise errors.Unsupported("no such checksum")
    if offset > entry.size:
        raise errors.InvalidRequest("offset beyond the end")
    end = min(offset + length, entry.size) if length else entry.size
    block = block or max(end - offset, 1)
    if block < _BLOCK_MINIMUM and block < end - offset:
        raise errors.InvalidRequest("blocks are too small")
    if (end - offset) // block * hashlib.new(algorithm, usedforsecurity=False).digest_size > _REPLY_LIMIT:
        raise errors.InvalidRequest("too many blocks")
    whole = known(entry, algorithm, offset, min(offset + block, end))
    found = [whole] if whole is not None else []
    if not found:
        for start in range(offset, max(end, offset + 1), block):
            if found:  # blocks may be small and many
                await deferLater(context.clock, 0)
            found.append(await summed(take, context.session.offload, algorithm, start, min(start + block, end)))
    return extended_reply(string(b"check-file"), string(algorithm.encode()), *found)
