"""
CLOSE: one object of all that a file consists of.

What fits in memory is stored in one request; anything else is put together by the store from parts, the last of which
are staged here, and published in one request.  Nothing is written over an object that changed since OPEN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from swftp import errors
from swftp.entries import Entry
from swftp.interfaces import IByteSink, IComposes, IPart
from swftp.transfer import base
from swftp.transfer.budget import LEAST_PART, STUCK, TICK
from swftp.transfer.collecting import collect
from swftp.transfer.extents import Remote, zeros
from swftp.transfer.hashing import Block, digest
from swftp.transfer.plan import Group, Sort, Stretch, plan
from swftp.transfer.sources import MemorySource
from swftp.transfer.staging import Segment, Stager
from swftp.transfer.streaming import Stream

if TYPE_CHECKING:
    from swftp.transfer.upload import Upload

Sure = Deferred[None] | None
"""See `Upload.close`."""
LONG = 0.1
"""Seconds after which it is looked again at what stands there, before another object takes its place."""


async def commit(upload: Upload, sure: Sure = None) -> Entry:
    """
    Make the content of *upload* that of its path.

    :param sure: see `Upload.close`.
    :raises Changed: the object it began with is no longer there.
    """
    if not upload.changed and upload.base is not None:
        await _wait(sure)
        return await _update(upload, upload.base)
    upload.share.conclude()
    size = upload.table.size
    try:
        entry = await _send(upload, size, sure)
    except errors.AlreadyExists as error:
        if not upload.absent:
            raise
        raise errors.Changed() from error
    if entry.size != size:
        raise errors.Corrupt("storage has another length than was sent")
    return entry


async def _send(upload: Upload, size: int, sure: Sure) -> Entry:
    if upload.stream is not None:
        await _wait(sure)
        return await upload.stream.finish()
    if size <= upload.part_size and not _segments(upload) and (upload.stager is None or base.fits(upload)):
        return await _store(upload, sure)
    if upload.engine.composes is None or upload.stager is None:
        return await _stream(upload, sure)
    return await _Composition(upload, upload.engine.composes, upload.stager, sure).publish()


async def _wait(sure: Sure) -> None:
    if sure is not None:
        await sure


async def _update(upload: Upload, entry: Entry) -> Entry:
    """Nothing was written: set what was asked for, if anything was."""
    if not upload.told.set_since:
        return entry
    await upload.engine.storage.update(upload.path, upload.told.attributes)
    seen = upload.entry
    return replace(entry, mtime=seen.mtime, mode=seen.mode)


def _segments(upload: Upload) -> list[Segment]:
    """The staged segments that the file consists of."""
    pieces = upload.table.pieces(0, upload.table.size)
    remotes = [item.origin for _, _, item in pieces if isinstance(item, Remote)]
    return [origin for origin in remotes if isinstance(origin, Segment)]


async def _store(upload: Upload, sure: Sure) -> Entry:
    """All of it from memory, in one request."""
    if base.remains(upload):
        await _room(upload)
        await base.load(upload)
    else:
        await base.check(upload)
    size = upload.table.size
    running = upload.front.digest(0, size)
    pieces = upload.table.pieces(0, size)
    blocks: list[Block] = []
    for _, length, item in pieces:
        blocks += zeros(length) if item is None else [item]  # type: ignore[list-item]
    md5 = await (running.finish() if running is not None else digest(upload.engine.offload, blocks))
    if not blocks:
        await _wait(sure)
    source = MemorySource(blocks, md5, held=sure is not None)
    if sure is not None:
        sure.addCallbacks(lambda _: source.let_go(), lambda failure: source.abort(failure.value))
    try:
        entry = await upload.engine.storage.store(
            upload.path, source, upload.told.attributes, upload.exclusive, upload.replaces(), base.onto(upload)
        )
    finally:
        source.release()
    if entry.digest not in (None, md5):
        raise errors.Corrupt()
    if upload.stager is not None:  # what was staged and then cut off again
        upload.stager.abort()
    return entry


async def _room(upload: Upload) -> None:
    """
    Wait until the base may be loaded.

    :raises Busy: that took too long, and those who hold the memory may be waiting for us.
    """
    seconds = 0.0
    while upload.engine.budget.pressed:
        if seconds >= STUCK:
            raise errors.Busy("out of memory for transfers")
        seconds += TICK
        await deferLater(upload.engine.clock, TICK)


async def _stream(upload: Upload, sure: Sure) -> Entry:
    """Larger than memory should hold, and the store cannot put it together: in one request, from front to back."""
    if base.remains(upload):
        raise errors.TooLarge("this storage cannot change large files in place")
    await base.check(upload)
    await _wait(sure)
    upload.stream = Stream.begin(upload)
    return await upload.stream.finish()


class _Composition:
    """One upload that the store puts together."""

    def __init__(self, upload: Upload, composes: IComposes, stager: Stager, sure: Sure) -> None:
        self._upload = upload
        self._sure = sure
        self._composes = composes
        self._stager = stager
        self._path = upload.path
        self._zeros: dict[int, Segment] = {}

    async def publish(self) -> Entry:
        upload, clock = self._upload, self._upload.engine.clock
        begun = clock.seconds()
        if not base.remains(upload):
            await base.check(upload)
        groups = plan(await self._stretches(), LEAST_PART, upload.part_size)
        segments = [await self._segment(group) for group in groups]
        await self._stager.room(1)
        await _wait(self._sure)
        if clock.seconds() - begun > LONG:
            await base.check(upload)
        parts = [
            _slice(group[0] if segment is None else Stretch(Sort.STORED, segment, 0, segment.length))
            for group, segment in zip(groups, segments, strict=True)
        ]
        entry = await self._publish(parts)
        used: list[object] = [segment for segment in segments if segment is not None]
        used += [stretch.origin for group in groups for stretch in group if len(group) == 1]
        self._stager.discard([_part(origin) for origin in used if origin is not None])
        self._stager.leave()
        return entry

    async def _publish(self, parts: Sequence[IPart]) -> Entry:
        upload = self._upload
        try:
            return await self._composes.publish(
                self._path, parts, upload.told.attributes, upload.exclusive, upload.replaces(), base.onto(upload)
            )
        except BaseException as error:
            if not errors.published_nothing(error):
                self._stager.leave()
            raise

    async def _stretches(self) -> list[Stretch]:
        upload = self._upload
        adopted: Sequence[IPart] = ()
        if base.remains(upload) and upload.base is not None:
            adopted = await self._adopt(upload.base)
        stretches: list[Stretch] = []
        for run in upload.table.runs():
            if run.hole:
                stretches.append(Stretch(Sort.ZEROS, None, 0, run.length))
            elif run.remote is None:
                stretches.append(Stretch(Sort.MEMORY, None, run.start, run.length))
            elif isinstance(run.remote.origin, Segment):
                stretches.append(Stretch(Sort.STORED, run.remote.origin, run.remote.offset, run.length))
            else:
                stretches += _ranges(adopted, run.remote.offset, run.length)
        return stretches

    async def _adopt(self, entry: Entry) -> Sequence[IPart]:
        try:
            adopted = await self._composes.adopt(self._path, entry)
        except errors.NotFound as error:
            raise errors.Changed() from error
        self._stager.parts.extend(adopted)
        if sum(part.size for part in adopted) != entry.size:
            raise errors.Changed()
        return adopted

    async def _segment(self, group: Group) -> Segment | None:
        """Stage *group*; None: it is stored already."""
        first = group[0]
        if len(group) == 1 and first.sort is Sort.STORED:
            return None
        if len(group) == 1 and first.sort is Sort.ZEROS and first.length in self._zeros:
            return self._zeros[first.length]
        running = None
        if len(group) == 1 and first.sort is Sort.MEMORY:
            running = self._upload.front.digest(first.offset, first.offset + first.length)
        await self._stager.room(self._upload.engine.limits.in_flight)
        fetched = sum(stretch.length for stretch in group if stretch.sort is Sort.STORED)
        self._upload.share.take(fetched)
        segment = Segment([block for stretch in group for block in await self._blocks(stretch)])
        self._stager.send(self._path, segment, fetched, running)
        if len(group) == 1 and first.sort is Sort.ZEROS:
            self._zeros[first.length] = segment
        return segment

    async def _blocks(self, stretch: Stretch) -> Sequence[Block]:
        """The bytes of *stretch*, from wherever they are."""
        if stretch.sort is Sort.ZEROS:
            return zeros(stretch.length)
        if stretch.sort is Sort.MEMORY:
            return self._upload.table.blocks(stretch.offset, stretch.offset + stretch.length)
        if isinstance(stretch.origin, Segment) and stretch.origin.content is not None:
            return stretch.origin.content.blocks(stretch.offset, stretch.offset + stretch.length)
        part = _slice(stretch)

        async def fetch(sink: IByteSink) -> None:
            await self._composes.read_part(part, sink)

        return [await collect(fetch, stretch.length)]


def _part(origin: object) -> IPart:
    """What *origin* stored."""
    part: IPart | None = origin.part if isinstance(origin, Segment) else origin  # type: ignore[assignment]
    if part is None:
        raise errors.Unavailable("a segment was not stored")
    return part


def _slice(stretch: Stretch) -> IPart:
    part = _part(stretch.origin)
    if stretch.offset == 0 and stretch.length == part.size:
        return part
    return part.slice(stretch.offset, stretch.length)


def _ranges(parts: Sequence[IPart], offset: int, length: int) -> list[Stretch]:
    """``[offset, offset + length)`` of the concatenation of *parts*."""
    found = []
    for part in parts:
        if length and offset < part.size:
            taken = min(length, part.size - offset)
            found.append(Stretch(Sort.STORED, part, offset, taken))
            length -= taken
            offset = 0
        else:
            offset -= part.size
    return found
