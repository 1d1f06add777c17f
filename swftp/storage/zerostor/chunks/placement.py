"""
Which shards an object goes to: computed from its name, so objects spread evenly, and recorded, so nothing ever has to
be computed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from xxhash import xxh3_64_intdigest

from swftp.storage.zerostor.shards import IShard
from swftp.storage.zerostor.values import ObjectId


class State(Enum):
    """What a shard is used for; its values stand in the database."""

    RW = "rw"
    RO = "ro"
    """Nothing new goes there."""
    DRAIN = "drain"
    """What is there is to move elsewhere."""
    GONE = "gone"
    """It will never answer again."""


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """One shard of a fleet."""

    id: int
    shard: IShard
    group: str = ""
    """Shards that fail together (a machine, a rack) have one name; empty: it fails alone."""
    state: State = State.RW

    @property
    def fails_with(self) -> str:
        """What a loss would take with it."""
        return self.group or f"#{self.id}"


def ranked(obj: ObjectId, shards: Iterable[ShardInfo], beside: Iterable[ShardInfo] = ()) -> list[ShardInfo]:
    """
    *shards* in the order in which *obj* would have them (rendezvous hashing): no group a second time before every
    group had its turn.

    :param beside: have fragments of it already.
    """
    name = obj.packed()
    order = sorted(shards, key=lambda info: (-xxh3_64_intdigest(name + info.id.to_bytes(4, "big")), info.id))
    turns = Counter(info.fails_with for info in beside)
    rounds = []
    for info in order:
        rounds.append(turns[info.fails_with])
        turns[info.fails_with] += 1
    return [order[at] for at in sorted(range(len(order)), key=rounds.__getitem__)]
