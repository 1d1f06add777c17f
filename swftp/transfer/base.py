"""The object that stood there when a file was opened for writing, as far as the file still has its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swftp import errors
from swftp.entries import Entry
from swftp.interfaces import IByteSink
from swftp.transfer.collecting import collect
from swftp.transfer.extents import Remote

if TYPE_CHECKING:
    from swftp.transfer.upload import Upload


def remains(upload: Upload) -> list[tuple[int, Remote]]:
    """The ranges of *upload* that still are ranges of its base, each with its offset in the file."""
    pieces = upload.table.pieces(0, upload.table.size)
    return [(at, item) for at, _, item in pieces if isinstance(item, Remote) and isinstance(item.origin, Entry)]


def onto(upload: Upload) -> Entry | None:
    """What has to stand there still at CLOSE: bytes of it are in the file, or it had none, and all of it is."""
    kept = upload.loaded or (upload.base is not None and not upload.base.size) or remains(upload)
    return upload.base if kept else None


async def fetch_range(upload: Upload, base: Entry, offset: int, length: int) -> bytes:
    """*length* bytes at *offset* of *base*.

    :raises Changed: it is no longer the object at the path.
    """

    async def fetch(sink: IByteSink) -> object:
        return await upload.engine.storage.fetch(upload.path, sink, offset, length, base.version)

    try:
        return await collect(fetch, length)
    except errors.NotFound as error:
        raise errors.Changed() from error


def fits(upload: Upload) -> bool:
    """Whether what remains of the base may be brought into memory: with room left for others."""
    budget, group = upload.engine.budget, upload.engine.group
    first, last = _span(remains(upload))
    count = last - first
    return not count or (count <= min(upload.part_size, budget.room // 4) and group.used + count <= group.limit)


def _span(ranges: list[tuple[int, Remote]]) -> tuple[int, int]:
    """The range of the base that *ranges* are in."""
    if not ranges:
        return 0, 0
    return min(item.offset for _, item in ranges), max(item.offset + item.length for _, item in ranges)


async def load(upload: Upload) -> None:
    """Bring what remains of the base into memory, in one request."""
    first, last = _span(remains(upload))
    if first == last or upload.base is None:
        return
    upload.share.take(last - first)  # before it is here: others may be about to do the same
    try:
        data = memoryview(await fetch_range(upload, upload.base, first, last - first))
    finally:
        if upload.alive:
            upload.share.give(last - first)
    if not upload.alive:
        return
    for at, item in remains(upload):  # the client may have written meanwhile
        start = item.offset - first
        upload.hold(at, data[start : start + item.length])
    upload.loaded = True


async def check(upload: Upload) -> None:
    """
    See that what the file has bytes of, or had when it was empty, still is what stands there.

    :raises Changed: it is not.
    """
    kept = onto(upload)
    if kept is None:
        return
    try:
        now = await upload.engine.storage.stat(upload.path)
    except errors.NotFound as error:
        raise errors.Changed() from error
    if now.version != kept.version:
        raise errors.Changed()
