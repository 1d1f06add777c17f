"""
Large objects read segment by segment.

For who reads a manifest Swift's proxy hashes each segment that it passes on, which costs the store as much again as
the rest of the download; asked for the segments themselves it has nothing to check.  The law: bytes come from the
segments that the manifest of the wanted version lists, as it was found after the file was opened, each pinned by its
own ETag.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IProducer, IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from swftp import errors
from swftp.entries import Entry, Opened
from swftp.interfaces import IByteSink
from swftp.storage.swift.describe import version_of
from swftp.storage.swift.fetching import Fetch
from swftp.storage.swift.ledger import Ledger
from swftp.storage.swift.manifests import MIN_SIZE, Segment, manifest_etag
from swftp.storage.swift.objects import Names, Objects

log = Logger()

WORTHWHILE = 8 << 20
"""Bytes of a read from which on it is worth to ask for the manifest first."""


async def segments_of(ledger: Ledger, names: Names, opened: Opened, length: int) -> Sequence[Segment]:
    """
    What the large object *opened* at *names* consists of; nothing where it is better read in one.

    :param length: bytes that are wanted now.
    :raises Changed: it is another one by now.
    """
    entry = opened.entry
    if opened.memo is None and length >= WORTHWHILE and entry.detail.get("large") == "slo" and entry.version:
        segments, nested = await ledger.read(names, newest=False)
        whole = not nested and sum(segment.size for segment in segments) == entry.size
        if whole and manifest_etag(segments) != entry.version:
            raise errors.Changed()
        opened.memo = tuple(segments) if whole and entry.size >= len(segments) * MIN_SIZE else ()
    return opened.memo or ()


def cut(segments: Sequence[Segment], offset: int, length: int) -> list[Segment]:
    """*segments* cut down to the *length* bytes at *offset*."""
    found = []
    for segment in segments:
        first, last = max(offset, 0), min(offset + length, segment.size)
        if first < last:
            found.append(segment.slice(first, last - first))
        offset -= segment.size
    return found


@implementer(IByteSink)
class _Inlet:
    """Passes one segment's bytes on: who takes them knows of the whole only."""

    def __init__(self, sink: IByteSink) -> None:
        self.write = sink.write

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """`Piecewise` is the producer."""

    def unregisterProducer(self) -> None:
        """See `registerProducer`."""

    def started(self, entry: Entry) -> None:
        """The segment's answer is there."""


@implementer(IPushProducer)
class Piecewise:
    """Segments into one sink, one after the other."""

    def __init__(self, objects: Objects, names: Names, entry: Entry, sink: IByteSink) -> None:
        """
        :param entry: of the whole object, which stands at *names*.
        """
        self._objects = objects
        self._names = names
        self._entry = entry
        self._sink = sink
        self._fetch: Fetch | None = None
        self._paused = False
        self._stopped = False

    def pauseProducing(self) -> None:
        """See `IPushProducer`."""
        self._paused = True
        if self._fetch is not None:
            self._fetch.pauseProducing()

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""
        self._paused = False
        if self._fetch is not None:
            self._fetch.resumeProducing()

    def stopProducing(self) -> None:
        """See `IPushProducer`."""
        self._stopped = True
        if self._fetch is not None:
            self._fetch.stopProducing()

    async def run(self, segments: Sequence[Segment]) -> Entry:
        """
        Fetch *segments*; the object's entry when the last byte was written.

        :raises StorageError: anything less.
        """
        self._sink.registerProducer(self, True)
        try:
            self._sink.started(self._entry)
            for segment in segments:
                await self._one(segment)
        finally:
            self._sink.unregisterProducer()
        return self._entry

    async def _one(self, segment: Segment) -> None:
        if self._stopped:
            raise errors.Interrupted()
        fetch = self._fetch = Fetch(
            self._objects.client,
            segment.names,
            _Inlet(self._sink),
            offset=segment.offset,
            length=segment.size,
            version=segment.etag,
        )
        if self._paused:
            fetch.pauseProducing()
        try:
            await fetch.run()
        except (errors.NotFound, errors.Changed, errors.InvalidRequest) as error:
            raise await self._missing() from error
        finally:
            self._fetch = None

    async def _missing(self) -> errors.StorageError:
        """What it means that a segment is not there, or another one is: the file was replaced, or it is broken."""
        headers = await self._objects.head(self._names)
        if headers is None or version_of(headers) != self._entry.version:
            return errors.Changed()
        log.error("{names}: a segment is missing", names=self._names)
        return errors.Corrupt("a part of this file is missing in storage")
