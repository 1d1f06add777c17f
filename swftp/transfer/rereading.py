"""
READ on a file that is being written: its own unfinished bytes, wherever they are just now.

An object at OPEN for which there is room in memory is fetched once, whole; the rest is read ahead in ranges.
The law: what one READ has got from one place is kept until all its places have given theirs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from swftp import errors
from swftp.entries import Entry
from swftp.interfaces import IByteSink, IComposes, IPart
from swftp.transfer.base import fits, load
from swftp.transfer.extents import Remote
from swftp.transfer.readahead import LARGEST_READ, Pace, ReadAhead
from swftp.transfer.staging import Segment
from swftp.transfer.window import Fetch

if TYPE_CHECKING:
    from swftp.transfer.upload import Upload

ORIGINS = 4
"""Stored pieces of one file that are read ahead at the same time."""


class Rereader:
    """One upload's."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._readers: dict[object, ReadAhead] = {}
        """By what is read, which so stays alive: the address of one that is gone is soon another's."""
        self._got: dict[Remote, bytes | memoryview] = {}
        """What the READ that waits has got so far: read-ahead forgets what it gave."""
        self._loading = False
        self._error: errors.StorageError | None = None

    def read(self, offset: int, length: int) -> bytes | memoryview | None:
        """See `Upload.read`."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        parts: list[bytes | memoryview] = []
        missing = 0
        before, self._got = self._got, {}
        for _, size, item in self._upload.table.pieces(offset, offset + min(length, LARGEST_READ)):
            data = self._piece(item, size, before)
            if data is not None:
                parts.extend(data)
            elif (missing := missing + 1) == ORIGINS:  # more at a time would take each other's place
                return None
        if missing:
            return None
        self._got = {}
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _piece(
        self, item: object, size: int, before: dict[Remote, bytes | memoryview]
    ) -> list[bytes | memoryview] | None:
        if item is None:
            return [bytes(size)]
        if not isinstance(item, Remote):
            return [item]  # type: ignore[list-item]
        origin = item.origin
        if isinstance(origin, Segment) and origin.content is not None:
            return origin.content.blocks(item.offset, item.offset + item.length)
        if isinstance(origin, Entry) and (self._loading or fits(self._upload)):
            self._load()
            return None
        data = before.get(item)
        if data is None:
            data = self._reader(origin).read(item.offset, item.length)
        if data is None:
            return None
        self._got[item] = data
        return [data]

    def _load(self) -> None:
        if not self._loading:
            self._loading = True
            self._upload.engine.background(self._loaded())

    async def _loaded(self) -> None:
        try:
            await load(self._upload)
        except errors.StorageError as error:
            self._error = error
        except BaseException:
            self._error = errors.Unavailable("internal error")
            raise
        finally:
            self._loading = False
            self._upload.ready()

    def _reader(self, origin: object) -> ReadAhead:
        reader = self._readers.pop(origin, None)
        if reader is None:
            while len(self._readers) >= ORIGINS:
                self._readers.pop(next(iter(self._readers))).close()
            reader = self._make(origin)
        self._readers[origin] = reader
        return reader

    def _make(self, origin: object) -> ReadAhead:
        upload = self._upload
        composes = upload.engine.composes
        fetch: Fetch
        if isinstance(origin, Segment) and origin.part is not None and composes is not None:
            fetch, size = partial(_fetch_part, composes, origin.part), origin.length
        elif isinstance(origin, Entry):
            fetch, size = partial(self._fetch_base, origin), origin.size
        else:
            raise errors.Unsupported("what was sent to this storage cannot be read before it is closed")
        return ReadAhead(
            fetch,
            size,
            lambda: upload.ready(),
            budget=upload.engine.budget,
            group=upload.engine.group,
            clock=upload.engine.clock,
            pace=Pace(upload.engine.limits.read_ahead),
        )

    async def _fetch_base(self, base: Entry, sink: IByteSink, offset: int, length: int) -> None:
        upload = self._upload
        await upload.engine.storage.fetch(upload.path, sink, offset, length, base.version)

    def close(self) -> None:
        """Read no more."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        self._got.clear()


async def _fetch_part(composes: IComposes, part: IPart, sink: IByteSink, offset: int, length: int) -> None:
    await composes.read_part(part.slice(offset, length), sink)
