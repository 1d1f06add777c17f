"""
Paths as clients say them, which may lead over symbolic links, to paths as they are.

A link leads nowhere but below the root of the login that follows it.
"""

from __future__ import annotations

from collections.abc import Callable

from swftp import errors
from swftp.entries import Kind
from swftp.paths import Path, resolve
from swftp.storage.zerostor.meta import Namespace
from swftp.storage.zerostor.meta.values import Node

HOPS = 8
"""Symbolic links followed on the way to one name."""


def anybody() -> None:
    """Of logins that nobody asks about."""


class Finding:
    """In one account, for one login."""

    def __init__(self, names: Namespace, root: Path, check: Callable[[], None] = anybody) -> None:
        self._names = names
        self._root = root
        self._check = check

    async def find(self, path: Path, follow: bool = True) -> tuple[Path, Node]:
        """
        Where *path* leads, and what stands there.

        :param follow: where a link stands at its end, too.
        :raises NotFound: nothing does.
        :raises NotDirectory: a file stands in the way.
        :raises InvalidRequest: there are too many links.
        """
        self._check()
        for _ in range(HOPS + 1):
            try:
                node = await self._names.lookup(path.parts)
            except errors.NotDirectory:
                path = await self._around(path)
                continue
            if not follow or node.kind is not Kind.SYMLINK:
                return path, node
            path = self._led(node)
        raise errors.InvalidRequest("too many symbolic links")

    async def file(self, path: Path) -> Node:
        """
        The file that *path* leads to.

        :raises IsDirectory: it is none.
        """
        _, node = await self.find(path)
        if node.is_directory:
            raise errors.IsDirectory()
        return node

    async def place(self, path: Path) -> Path:
        """
        Where something that is made at *path* will be: in a directory that is there.

        :raises NotFound: it is not.
        :raises NotDirectory: it is something else.
        """
        self._check()
        if path.is_root or path.parent.is_root:  # which is a directory, and there for as long as its account is
            return path
        parent, node = await self.find(path.parent)
        if not node.is_directory:
            raise errors.NotDirectory()
        return parent.child(path.name)

    async def _around(self, path: Path) -> Path:
        """*path*, with the first link on its way replaced by where it leads."""
        for count in range(1, len(path.parts)):
            node = await self._names.lookup(path.parts[:count])
            if node.kind is Kind.SYMLINK:
                return self._led(node).join(Path(path.parts[count:]))
            if not node.is_directory:
                break
        raise errors.NotDirectory()

    def _led(self, link: Node) -> Path:
        target = resolve(link.target or "")
        if not self._root.covers(target):
            raise errors.PermissionDenied("the link leads outside")
        return target
