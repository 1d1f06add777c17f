"""What the transfers of one session work with, and how much they may take."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime

from swftp.interfaces import IComposes, IStorage
from swftp.transfer.budget import LEAST_PART, Budget, Group
from swftp.transfer.hashing import Offload

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLimits:
    """Sizes in bytes, durations in seconds."""

    segment_size: int = 32 * MIB
    """Files up to this size stay in memory until CLOSE; larger ones are staged in parts of this size."""
    reorder_window: int = 8 * MIB
    """How far ahead of a gap a client may write: always where the store cannot put objects together, else as far
    as `segment_size` allows."""
    in_flight: int = 2
    """Parts of one file on their way to the store at the same time."""
    stall: float = 20.0
    """A client that sends nothing for so long has what he sent staged."""
    sparse: int = 64 * 1024 * MIB
    """Bytes of holes a file may have."""
    read_ahead: int = 4 * MIB
    """How far ahead of a fast reader a file is fetched."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Engine:
    """One a session."""

    storage: IStorage
    composes: IComposes | None
    """The same storage where it can put objects together."""
    budget: Budget
    group: Group
    clock: IReactorTime
    """For what lasts."""
    wall: Callable[[], float]
    """Seconds since the epoch."""
    offload: Offload
    limits: TransferLimits
    background: Callable[[Coroutine[Any, Any, object]], None]
    """Runs what nobody waits for."""

    @property
    def part_size(self) -> int:
        """Bytes of a part as it should be: what the memory of the process and of the session allows."""
        most = min(self.limits.segment_size, self.budget.limit // 8, self.group.limit // 2)
        if self.composes is not None:
            most = min(most, self.composes.part_limit // 2)
        return max(most, min(LEAST_PART, self.limits.segment_size))


def nobody_waits() -> None:
    """What is told that a `read` is worth repeating, where nobody repeats one."""
