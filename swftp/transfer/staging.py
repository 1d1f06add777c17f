"""
Segments: runs of a file that the store already has and that nobody sees yet.

A segment's bytes stay in memory, readable, until the store confirmed them; after `Stager.abort` none is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.interfaces import IComposes, IPart
from swftp.paths import Path
from swftp.transfer.budget import Share
from swftp.transfer.engine import Engine
from swftp.transfer.extents import Extents
from swftp.transfer.hashing import Block, RunningDigest, digest
from swftp.transfer.sources import MemorySource


class Segment:
    """
    One run.

    :ivar content: its bytes while they are in memory.
    :ivar part: where they are afterwards.
    """

    __slots__ = ("content", "length", "part")

    def __init__(self, blocks: Sequence[Block]) -> None:
        content = Extents()
        content.append(blocks, sum(len(block) for block in blocks))
        self.content: Extents | None = content
        self.length = content.size
        self.part: IPart | None = None


class Stager:
    """
    Sends the segments of one file.

    :ivar busy: segments on their way.
    :ivar hashes: whether the MD5 of segments is wanted.
    :ivar parts: all that the store has confirmed.
    """

    def __init__(self, engine: Engine, composes: IComposes, share: Share, changed: Callable[[], None]) -> None:
        """
        :param changed: called when a segment was stored or refused.
        """
        self._engine = engine
        self._composes = composes
        self._share = share
        self._changed = changed
        self._sources: set[MemorySource] = set()
        self._waiting: list[Deferred[None]] = []
        self._aborted = False
        self.error: errors.StorageError | None = None
        self.hashes = composes.digests
        self.busy = 0
        self.parts: list[IPart] = []

    def send(self, path: Path, segment: Segment, cost: int, running: RunningDigest | None = None) -> None:
        """
        Stage *segment*, which holds *cost* bytes of the budget.

        :param running: a digest that was fed exactly its bytes.
        """
        self.busy += 1
        self._share.depart(cost)
        self._engine.background(self._send(path, segment, cost, running))

    async def _send(self, path: Path, segment: Segment, cost: int, running: RunningDigest | None) -> None:
        blocks = segment.content.blocks(0, segment.length) if segment.content is not None else []
        try:
            part = await self._put(path, MemorySource(blocks, await self._digest(blocks, running)))
            if part.size != segment.length:
                raise errors.Corrupt()
            segment.part = part
        except errors.StateUnknown:  # whether it is there or not: of the file nothing is
            self.error = self.error or errors.Unavailable()
        except errors.StorageError as error:
            self.error = self.error or error
        except Exception:
            self.error = self.error or errors.Unavailable("internal error")
            raise
        finally:
            self._sent(segment, cost)

    async def _digest(self, blocks: Sequence[Block], running: RunningDigest | None) -> str | None:
        if not self.hashes:
            return None
        return await (running.finish() if running is not None else digest(self._engine.offload, blocks))

    async def _put(self, path: Path, source: MemorySource) -> IPart:
        if self._aborted:
            raise errors.Interrupted()
        self._sources.add(source)
        try:
            part = await self._composes.stage(path, source)
        finally:
            self._sources.discard(source)
            source.release()
        if self._aborted:
            await self._composes.discard([part])
            raise errors.Interrupted()
        self.parts.append(part)
        return part

    def _sent(self, segment: Segment, cost: int) -> None:
        segment.content = None
        self.busy -= 1
        if not self._aborted:
            self._share.give(cost, departed=True)
            self._changed()
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None)

    async def room(self, most: int) -> None:
        """
        Wait until fewer than *most* segments are on their way.

        :raises StorageError: why one could not be staged.
        """
        while self.busy >= most and self.error is None:
            waiter: Deferred[None] = Deferred()
            self._waiting.append(waiter)
            await waiter
        if self.error is not None:
            raise self.error

    def abort(self) -> None:
        """Stop sending; what was or will be staged is discarded."""
        self._aborted = True
        for source in list(self._sources):
            source.abort(errors.Interrupted())
        self.discard(())

    def leave(self) -> None:
        """The store may use the parts, or may not: only who looks at its manifests later can tell."""
        self.parts = []

    def discard(self, keep: Sequence[IPart]) -> None:
        """Discard the parts that are not among *keep*."""
        kept = {id(part) for part in keep}
        unused = [part for part in self.parts if id(part) not in kept]
        self.parts = [part for part in self.parts if id(part) in kept]
        if unused:
            self._engine.background(self._composes.discard(unused))
