"""
Which parts an object is to be put together from.

A pure function.  The law: the stretches of all groups, one after the other, are those that came in; and parts
smaller than *least* are rare, because stores slow down the reading of objects that have many of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

TOLERATED = 8
"""Small parts an object may have: Swift reads ten at full speed, then one a second."""


class Sort(Enum):
    """Where bytes are."""

    MEMORY = "memory"
    ZEROS = "zeros"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Stretch:
    """
    *length* bytes of one sort.

    :ivar origin: of stored ones, what stores them.
    :ivar offset: where they begin in their origin; of those in memory, in the file.
    """

    sort: Sort
    origin: object
    offset: int
    length: int

    def head(self, length: int) -> Stretch:
        """The first *length* bytes."""
        return replace(self, length=length)

    def tail(self, length: int) -> Stretch:
        """All but the first *length* bytes."""
        return replace(self, offset=self.offset + length, length=self.length - length)


Group = list[Stretch]
"""Stretches that become one part."""


def plan(stretches: Iterable[Stretch], least: int, most: int, tolerated: int = TOLERATED) -> list[Group]:
    """
    Group *stretches* into parts.

    :param least: bytes below which a part is small.
    :param most: bytes of the largest part that is made of something in memory.
    """
    split = [part for stretch in stretches for part in _split(stretch, most)]
    plain = [[stretch] for stretch in split]
    small = sum(1 for stretch in split[:-1] if stretch.length < least)
    return plain if small <= tolerated else _merge(split, least)


def _split(stretch: Stretch, most: int) -> Iterable[Stretch]:
    if stretch.sort is Sort.STORED:
        yield stretch
        return
    while stretch.length > most:
        yield stretch.head(most)
        stretch = stretch.tail(most)
    yield stretch


def _merge(stretches: list[Stretch], least: int) -> list[Group]:
    groups: list[Group] = []
    group: Group = []
    size = 0
    for stretch in stretches:
        rest: Stretch | None = stretch
        if group and stretch.length >= least:
            missing = least - size
            if stretch.length - missing >= least:
                group.append(stretch.head(missing))
                rest = stretch.tail(missing)
            else:
                group.append(stretch)
                rest = None
            groups.append(group)
            group, size = [], 0
        if rest is None:
            continue
        group.append(rest)
        size += rest.length
        if size >= least:
            groups.append(group)
            group, size = [], 0
    if group:
        groups.append(group)
    return groups
