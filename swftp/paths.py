"""
Client bytes -> `Path`: refuse, canonicalise, quote.  The only place that does.

A path is resolved purely by its text: ``.`` and empty components vanish, ``..`` takes away one component and
never leaves the root.  What stays is what the store is asked for, so no two layers can disagree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from swftp.errors import InvalidName

CONTAINER_LIMIT = 256
"""Bytes of a container's name (Swift's max_container_name_length)."""
OBJECT_LIMIT = 1024
"""Bytes of an object's name (Swift's max_object_name_length)."""
COMPONENT_LIMIT = 255
"""Bytes of one component that we create: what every client's own file system takes (NAME_MAX)."""
_AWKWARD = re.compile("[/\0\r\n]")


@dataclass(frozen=True, slots=True, order=True)
class Path:
    """A canonical absolute path: no ``.``, ``..`` or empty component.  ``Path(())`` is the account."""

    parts: tuple[str, ...] = ()

    @property
    def is_root(self) -> bool:
        """Whether this is the account."""
        return not self.parts

    @property
    def is_container(self) -> bool:
        """Whether this is a container."""
        return len(self.parts) == 1

    @property
    def container(self) -> str:
        """Name of the container; ``""`` at the root."""
        return self.parts[0] if self.parts else ""

    @property
    def object(self) -> str:
        """Name of the object inside the container; ``""`` for the root and containers."""
        return "/".join(self.parts[1:])

    @property
    def name(self) -> str:
        """Last component; ``""`` at the root."""
        return self.parts[-1] if self.parts else ""

    @property
    def parent(self) -> Path:
        """The directory this is in; the root is its own parent."""
        return Path(self.parts[:-1])

    def child(self, name: str) -> Path:
        """The entry *name*, one component as a listing gave it, of this directory."""
        return Path((*self.parts, name))

    def join(self, inner: Path) -> Path:
        """*inner* taken from here instead of from the root."""
        return Path(self.parts + inner.parts)

    def covers(self, other: Path) -> bool:
        """Whether *other* is this path or lies below it."""
        return other.parts[: len(self.parts)] == self.parts

    def relative_to(self, root: Path) -> Path:
        """This path as seen from *root*, which covers it.

        :raises InvalidName: it does not.
        """
        if not root.covers(self):
            raise InvalidName()
        return Path(self.parts[len(root.parts) :])

    def __str__(self) -> str:
        return "/" + "/".join(self.parts)


ROOT = Path()


def parse(raw: bytes, cwd: Path = ROOT) -> Path:
    """
    The path a client means by *raw*, taken from *cwd* unless it begins with ``/``.

    :raises InvalidName: not UTF-8, or it holds NUL, CR or LF, or a name is longer than any store takes.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidName("file name is not UTF-8") from None
    return resolve(text, cwd)


def resolve(text: str, cwd: Path = ROOT) -> Path:
    """As `parse`, of text."""
    if any(c in text for c in "\0\r\n"):
        raise InvalidName("file name holds NUL, CR or LF")
    parts: list[str] = [] if text.startswith("/") else list(cwd.parts)
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    path = Path(tuple(parts))
    if len(path.container.encode()) > CONTAINER_LIMIT or len(path.object.encode()) > OBJECT_LIMIT:
        raise InvalidName("file name too long")
    return path


def exact(text: str) -> Path:
    """
    The absolute path that is spelled *text*, as a store tells it.

    :raises InvalidName: no client could mean it: it would come to another one.
    """
    path = resolve(text)
    if str(path) != text:
        raise InvalidName()
    return path


def check_new(path: Path) -> None:
    """
    Refuse to create *path* where a client could never fetch it back.

    :raises InvalidName: its last component is longer than `COMPONENT_LIMIT` bytes.
    """
    if len(path.name.encode()) > COMPONENT_LIMIT and not path.is_container:
        raise InvalidName("file name too long")


def is_plain(name: str) -> bool:
    """Whether a client could name the component *name* of a listing back to us."""
    return name not in ("", ".", "..") and _AWKWARD.search(name) is None


def quoted(*names: str) -> str:
    """*names* as percent-encoded URL path segments, each with its leading ``/``; a ``/`` inside is kept."""
    return "".join("/" + quote(name.encode("utf-8", "surrogatepass"), safe="/~") for name in names)
