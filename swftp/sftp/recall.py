"""
What a client set and the store does not keep: the time of last access, and how a link was spelled.

Programs that set these look whether it worked.  The law here: they are told what they set only while all that the
store does keep is as it was then; to everybody else, and later, it is as if it had never been set.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

from swftp.paths import Path

T = TypeVar("T")

CAPACITY = 1024
"""Names remembered of each kind; the oldest are forgotten first."""


class Recall:
    """The memory of one channel."""

    def __init__(self) -> None:
        self._atimes: OrderedDict[Path, tuple[int, int]] = OrderedDict()
        self._links: OrderedDict[Path, tuple[str, bytes]] = OrderedDict()

    @property
    def knows_times(self) -> bool:
        """Whether any time of last access was set."""
        return bool(self._atimes)

    def accessed(self, path: Path, mtime: int, atime: int) -> None:
        """*path*, last changed at *mtime*, was last read at *atime*; seconds since the epoch."""
        _put(self._atimes, path, (mtime, atime))

    def atime(self, path: Path, mtime: int) -> int:
        """The time of last access of *path*: *mtime* unless another was set."""
        found = self._atimes.get(path)
        return found[1] if found is not None and found[0] == mtime else mtime

    def linked(self, path: Path, target: str, text: bytes) -> None:
        """The link *path* to *target* was made as *text*."""
        _put(self._links, path, (target, text))

    def text(self, path: Path, target: str) -> bytes | None:
        """How the link *path* to *target* was made, if that is known."""
        found = self._links.get(path)
        return found[1] if found is not None and found[0] == target else None


def _put(known: OrderedDict[Path, T], path: Path, value: T) -> None:
    known[path] = value
    known.move_to_end(path)
    if len(known) > CAPACITY:
        known.popitem(last=False)
