"""
A file system as clients imagine it, and what is done to it as steps that are atomic: what two gateways did at once
is right if some order of their steps explains what both were told, and what is there afterwards.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from swftp import errors
from tests.storage.zerostor.tree import Path, Tree


@dataclass(eq=False, frozen=True)
class File:
    """One version of a file: another one with the same bytes is another."""

    data: bytes


Outcome = type[Exception] | bytes | None
"""What somebody was told: an error, or what was read, or that it is done."""


class Model(Tree[File]):
    """One whose files have versions."""

    def copied(self) -> Model:
        """One that goes its own way."""
        return Model(copy.copy(self.entries))

    def seen(self) -> dict[Path, bytes | None]:
        """What a client can see of it."""
        return {path: None if file is None else file.data for path, file in self.entries.items()}

    def file(self, path: Path) -> File:
        """The file there."""
        found = self.get(path)
        if found is None:
            raise errors.IsDirectory
        return found

    def put(self, path: Path, data: bytes, exclusive: bool = False) -> None:
        """Make or replace a file."""
        self.store(path, File(data), exclusive)

    def exchange(self, path: Path, old: File, data: bytes) -> None:
        """Replace the file *old*, and no other."""
        self.check_parent(path)
        found = self.entries.get(path, old) if path in self.entries else File(b"")
        if found is None:
            raise errors.IsDirectory
        if found is not old:
            raise errors.Changed
        self.entries[path] = File(data)


@dataclass
class Memo:
    """What one client remembers from one step to the next."""

    file: File = field(default_factory=lambda: File(b""))
    told: Outcome = None


Action = Callable[[Model, Memo], None]


def _orders(one: int, two: int) -> Iterator[list[int]]:
    """All ways in which *one* steps of the first and *two* of the second can follow each other."""
    if not one or not two:
        yield [0] * one + [1] * two
        return
    for rest in _orders(one - 1, two):
        yield [0, *rest]
    for rest in _orders(one, two - 1):
        yield [1, *rest]


def outcomes(model: Model, *clients: Sequence[Action]) -> list[tuple[Model, list[Outcome]]]:
    """All that can come of it when one or two *clients* do that at the same time."""
    found = []
    for order in _orders(len(clients[0]), len(clients[1]) if len(clients) > 1 else 0):
        after, memos = model.copied(), [Memo() for _ in clients]
        left = [list(actions) for actions in clients]
        for who in order:
            if not left[who]:
                continue  # it was refused before
            action = left[who].pop(0)
            try:
                action(after, memos[who])
            except errors.StorageError as error:
                memos[who].told = type(error)
                left[who].clear()
        found.append((after, [memo.told for memo in memos]))
    return found


def only(change: Callable[[Model], Any]) -> Sequence[Action]:
    """What is one step."""
    return [lambda model, memo: change(model)]


def reading(path: Path) -> Action:
    """Look at the file there."""

    def read(model: Model, memo: Memo) -> None:
        memo.file = model.file(path)
        memo.told = memo.file.data

    return read


def replacing(path: Path, make: Callable[[bytes], bytes]) -> Sequence[Action]:
    """Replace a file by what *make* makes of it."""

    def replace(model: Model, memo: Memo) -> None:
        model.exchange(path, memo.file, make(memo.file.data))
        memo.told = None

    return [reading(path), replace]


def copying(source: Path, target: Path) -> Sequence[Action]:
    """Copy a file."""

    def write(model: Model, memo: Memo) -> None:
        if source != target:
            model.put(target, memo.file.data)
        memo.told = None

    return [reading(source), *only(lambda m: m.check_parent(target)), reading(source), write]


def renaming(source: Path, target: Path, exclusive: bool) -> Sequence[Action]:
    """Give something another name: both places are looked at first."""
    places = [only(lambda m, path=path: m.check_parent(path)) for path in (source, target)]  # type: ignore[misc]
    return [*places[0], *places[1], *only(lambda m: m.rename(source, target, exclusive))]
