"""Directories and files, without any of what makes them hard."""

from __future__ import annotations

from typing import Generic, TypeVar

from swftp import errors

Content = TypeVar("Content")
Path = tuple[str, ...]


class Tree(Generic[Content]):
    """
    A file system as clients imagine it.

    :ivar entries: what there is; None: a directory.
    """

    def __init__(self, entries: dict[Path, Content | None] | None = None) -> None:
        self.entries: dict[Path, Content | None] = {(): None} if entries is None else entries

    def check_parent(self, path: Path) -> None:
        """The directory that *path* would be in."""
        for i in range(1, len(path)):
            if path[:i] not in self.entries:
                raise errors.NotFound
            if self.entries[path[:i]] is not None:
                raise errors.NotDirectory

    def get(self, path: Path) -> Content | None:
        """What stands there."""
        self.check_parent(path)
        if path not in self.entries:
            raise errors.NotFound
        return self.entries[path]

    def below(self, path: Path) -> list[Path]:
        """All in it, at any depth."""
        return [p for p in self.entries if p[: len(path)] == path and p != path]

    def mkdir(self, path: Path) -> None:
        """Make a directory."""
        self.check_parent(path)
        if path in self.entries:
            raise errors.AlreadyExists
        self.entries[path] = None

    def store(self, path: Path, content: Content, exclusive: bool = False) -> None:
        """Make or replace a file."""
        self.check_parent(path)
        if path in self.entries:
            if exclusive:
                raise errors.AlreadyExists
            if self.entries[path] is None:
                raise errors.IsDirectory
        self.entries[path] = content

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
