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

Path = tuple[str, ...]


@dataclass(eq=False, frozen=True)
class File:
    """One version of a file: another one with the same bytes is another."""

    data: bytes


Entries = dict[Path, File | None]
"""None: a directory."""
Outcome = type[Exception] | bytes | None
"""What somebody was told: an error, or what was read, or that it is done."""


class Model:
    """Directories and files, without any of what makes them hard."""

    def __init__(self, entries: Entries | None = None) -> None:
        self.entries: Entries = {(): None} if entries is None else entries

    def copied(self) -> Model:
        """One that goes its own way."""
        return Model(copy.copy(self.entries))

    def seen(self) -> dict[Path, bytes | None]:
        """What a client can see of it."""
        return {path: None if file is None else file.data for path, file in self.entries.items()}

    def check_parent(self, path: Path) -> None:
        """The directory that *path* would be in."""
        for i in range(1, len(path)):
            if path[:i] not in self.entries:
                raise errors.NotFound
            if self.entries[path[:i]] is not None:
                raise errors.NotDirectory

    def get(self, path: Path) -> File | None:
        """What stands there."""
        self.check_parent(path)
        if path not in self.entries:
            raise errors.NotFound
        return self.entries[path]

    def file(self, path: Path) -> File:
        """The file there."""
        found = self.get(path)
        if found is None:
            raise errors.IsDirectory
        return found

    def below(self, path: Path) -> list[Path]:
        """All in it, at any depth."""
        return [p for p in self.entries if p[: len(path)] == path and p != path]

    def mkdir(self, path: Path) -> None:
        """Make a directory."""
        self.check_parent(path)
        if path in self.entries:
            raise errors.AlreadyExists
        self.entries[path] = None

    def store(self, path: Path, data: bytes, exclusive: bool = False) -> None:
        """Make or replace a file."""
        self.check_parent(path)
        if path in self.entries:
            if exclusive:
                raise errors.AlreadyExists
            if self.entries[path] is None:
                raise errors.IsDirectory
        self.entries[path] = File(data)

    def exchange(self, path: Path, old: File, data: bytes) -> None:
        """Replace the file *old*, and no other."""
        self.check_parent(path)
        found = self.entries.get(path, old) if path in self.entries else File(b"")
        if found is None:
            raise errors.IsDirectory
        if found is not old:
            raise errors.Changed
        self.entries[path] = File(data)

    def remove(self, path: Path, directory: bool) -> None:
        """Remove either."""
        found = self.get(path)
        if directory and found is not None:
            raise errors.NotDirectory
        if not directory and found is None:
            raise errors.IsDirectory
        if self.below(path):
            raise errors.NotEmpty
        del self.entries[path]

    def rename(self, source: Path, target: Path, exclusive: bool) -> None:
        """Give a tree another name."""
        moved = self.get(source)
        self.check_parent(target)
        if source == target:
            return
        if target[: len(source)] == source:
            raise errors.InvalidRequest
        if target in self.entries:
            old = self.entries[target]
            if exclusive:
                raise errors.AlreadyExists
            if old is None and moved is not None:
                raise errors.IsDirectory
            if old is not None and moved is None:
                raise errors.NotDirectory
            if self.below(target):
                raise errors.NotEmpty
        for path in [source, *self.below(source)]:
            self.entries[target + path[len(source) :]] = self.entries.pop(path)


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
            model.store(target, memo.file.data)
        memo.told = None

    return [reading(source), *only(lambda m: m.check_parent(target)), reading(source), write]


def renaming(source: Path, target: Path, exclusive: bool) -> Sequence[Action]:
    """Give something another name: both places are looked at first."""
    places = [only(lambda m, path=path: m.check_parent(path)) for path in (source, target)]  # type: ignore[misc]
    return [*places[0], *places[1], *only(lambda m: m.rename(source, target, exclusive))]
