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


async def fetch_range(upload: Upload, base: Entry, offset: int, length: int) -> bytes:
    """*length* bytes at *offset* of *base*.

    :raises Changed: it is no longer the object at the path.
    """

    async def fetch(sink: IByteSink) -> object:
        return await upload.engine.storage.fetch(upload.source, sink, offset, length, base.version)

    try:
        return await collect(fetch, length)
    except errors.NotFound as error:
        raise errors.Changed() from error


async def load(upload: Upload) -> None:
    """Bring what remains of the base into memory, in one request."""
    ranges = remains(upload)
    if not ranges or upload.base is None:
        return
    first = min(item.offset for _, item in ranges)
    last = max(item.offset + item.length for _, item in ranges)
    data = memoryview(await fetch_range(upload, upload.base, first, last - first))
    for at, item in remains(upload):  # the client may have written meanwhile
        start = item.offset - first
        upload.hold(at, data[start : start + item.length])
    upload.loaded = True


async def check(upload: Upload) -> None:
    """
    See that what was loaded earlier still is what stands there.

    :raises Changed: it is not.
    """
    if not upload.loaded or upload.base is None:
        return
    try:
        now = await upload.engine.storage.stat(upload.source)
    except errors.NotFound as error:
        raise errors.Changed() from error
    if now.version != upload.base.version:
        raise errors.Changed()
