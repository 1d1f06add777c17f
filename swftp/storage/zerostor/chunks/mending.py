"""
What is left of a chunk, and making again what is not.

The law: a fragment is only made from k others whose digests were compared, and only the caller, who records the new
places, may then delete what is at old ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from twisted.internet.interfaces import IReactorTime

from swftp.errors import Corrupt, NotFound, StorageError, Unavailable
from swftp.storage.zerostor.chunks.fleet import Fleet
from swftp.storage.zerostor.chunks.flight import Flight
from swftp.storage.zerostor.chunks.fragments import HEADER, Fragment, cut, digest_of, sealed_of
from swftp.storage.zerostor.chunks.layout import Layout
from swftp.storage.zerostor.chunks.placement import State
from swftp.storage.zerostor.chunks.writing import Writing
from swftp.storage.zerostor.shards import Health
from swftp.storage.zerostor.values import DIGEST_BYTES, MISSING, Chunk

Healths = tuple[Health | None, ...]
"""Of each fragment; None: its shard did not answer."""

InThread = Callable[[Callable[[], dict[int, Fragment]]], Awaitable[dict[int, Fragment]]]


@dataclass(slots=True)
class Found:
    """What shards gave of a chunk.

    :ivar values: as they should be.
    :ivar healths: of each fragment.
    """

    values: dict[int, bytes] = field(default_factory=dict)
    healths: dict[int, Health | None] = field(default_factory=dict)


async def check(fleet: Fleet, clock: IReactorTime, chunk: Chunk) -> Healths:
    """What each shard says of its fragment."""
    flight: Flight[int, Health] = Flight(clock)
    healths: dict[int, Health | None] = {}
    for number, shard in enumerate(chunk.shards):
        if shard == MISSING:
            healths[number] = Health.MISSING
        else:
            flight.start(number, _check(fleet, chunk, number))
    try:
        while flight:
            number, answer = await flight.landed() or (-1, Unavailable())
            healths[number] = _health(answer) if isinstance(answer, StorageError) else answer
    finally:
        flight.end()
    return tuple(healths[number] for number in range(len(chunk.shards)))


async def _check(fleet: Fleet, chunk: Chunk, number: int) -> Health:
    key, digest = chunk.obj.key(number), chunk.digest(number)
    return await fleet.call(chunk.shards[number], "HEAD", lambda shard: shard.check(key, digest))


def _health(error: StorageError) -> Health | None:
    if isinstance(error, NotFound):
        return Health.MISSING
    return Health.DAMAGED if isinstance(error, Corrupt) else None


async def fetch_all(fleet: Fleet, clock: IReactorTime, chunk: Chunk) -> Found:
    """All fragments of *chunk* that shards give; digests are not compared."""
    flight: Flight[int, bytes] = Flight(clock)
    found = Found()
    for number, shard in enumerate(chunk.shards):
        if shard == MISSING:
            found.healths[number] = Health.MISSING
        else:
            flight.start(number, _get(fleet, chunk, number))
    try:
        while flight:
            number, answer = await flight.landed() or (-1, Unavailable())
            if isinstance(answer, StorageError):
                found.healths[number] = _health(answer)
            else:
                found.values[number] = answer
    finally:
        flight.end()
    return found


async def _get(fleet: Fleet, chunk: Chunk, number: int) -> bytes:
    key = chunk.obj.key(number)
    return await fleet.call(chunk.shards[number], "GET", lambda shard: shard.get(key))


def sort_out(chunk: Chunk, found: Found) -> None:
    """Compare digests."""
    for number, value in list(found.values.items()):
        good = digest_of((value,)) == chunk.digest(number)
        found.healths[number] = Health.OK if good else Health.DAMAGED
        if not good:
            del found.values[number]


def made_again(chunk: Chunk, values: Mapping[int, bytes], lost: Mapping[int, Health]) -> dict[int, Fragment]:
    """
    The fragments *lost* of *chunk*, from *values*: those that are good are taken as they are.

    :raises Corrupt: too few are good.
    """
    layout = Layout.parse(chunk.layout)
    again = {number: values[number] for number in lost if number in values}
    fragments = {}
    for number, value in again.items():
        view = memoryview(value)
        parts = (bytes(view[: HEADER.size]), bytes(view[HEADER.size :]))
        fragments[number] = Fragment(chunk.obj.key(number), parts, chunk.digest(number))
    if len(again) < len(lost):
        if len(values) < layout.k:
            raise Corrupt("too little is left of what was stored")
        chosen = {number: values[number] for number in sorted(values)[: layout.k]}
        made = cut(sealed_of(chunk, chosen), chunk.stored_len, chunk.obj, layout, chunk.plain_len)
        fragments |= {number: made.fragments[number] for number in lost if number not in again}
    return fragments


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of a chunk."""

    chunk: Chunk
    """Where it is now."""
    made: int
    """Fragments that were stored again, if only in their old places."""


class Mending:
    """Of one chunk."""

    def __init__(self, fleet: Fleet, clock: IReactorTime, chunk: Chunk) -> None:
        self._fleet = fleet
        self._clock = clock
        self._chunk = chunk

    async def run(self, in_thread: InThread) -> Mended:
        """
        The chunk with every fragment stored that can be; one whose shard merely does not answer is left alone.

        :raises Corrupt: too little is left.
        :raises Unavailable: too few shards answer.
        """
        chunk = self._chunk
        found = await fetch_all(self._fleet, self._clock, chunk)
        lost: dict[int, Health] = {}
        fragments = await in_thread(partial(_again, chunk, found, self._moving(), lost))
        placed = await self._place(fragments) if fragments else {}
        return Mended(self._with(placed, lost, fragments), len(placed))

    def _moving(self) -> set[int]:
        """Fragments that stand where nothing is to stay."""
        leaving = (State.DRAIN, State.GONE)
        return {n for n, shard in enumerate(self._chunk.shards) if self._fleet.state(shard) in leaving}

    async def _place(self, fragments: dict[int, Fragment]) -> dict[int, int]:
        size = max(fragment.size for fragment in fragments.values())
        staying = [shard for number, shard in enumerate(self._chunk.shards) if number not in fragments]
        spots, _ = self._fleet.spots(self._chunk.obj, size, [shard for shard in staying if shard != MISSING])
        home = {n: self._chunk.shards[n] for n in fragments if self._chunk.shards[n] in spots}
        order = {n: fragments[n] for n in (*home, *(n for n in fragments if n not in home))}
        others = [spot for spot in spots if spot not in home.values()]
        writing = Writing(self._fleet, self._clock, order, 0)
        await writing.run([*home.values(), *others])  # where it was, if that shard takes it again
        return writing.placed

    def _with(self, placed: dict[int, int], lost: Mapping[int, Health], fragments: Mapping[int, Fragment]) -> Chunk:
        chunk = self._chunk
        shards, digests = list(chunk.shards), bytearray(chunk.digests)
        for number, health in lost.items():
            if number in placed:
                shards[number] = placed[number]
            elif health is not Health.OK:
                shards[number] = MISSING
        for number, fragment in fragments.items():
            digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES] = fragment.digest
        return replace(chunk, shards=tuple(shards), digests=bytes(digests))


def _again(chunk: Chunk, found: Found, moving: set[int], lost: dict[int, Health]) -> dict[int, Fragment]:
    """Compare digests, find out what is *lost* or *moving*, and make it again."""
    sort_out(chunk, found)
    for number, health in found.healths.items():
        if health in (Health.MISSING, Health.DAMAGED) or (number in moving and health is Health.OK):
            lost[number] = health
    try:
        return made_again(chunk, found.values, lost)
    except Corrupt:
        silent = sum(health is None for health in found.healths.values())
        if len(found.values) + silent >= Layout.parse(chunk.layout).k:
            raise Unavailable("too few shards answer, try again") from None
        raise
