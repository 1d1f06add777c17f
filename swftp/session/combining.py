"""
Files copied and put behind one another by the store, without moving bytes through us.

All or nothing: until the one publishing request, nobody sees anything of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from swftp import errors
from swftp.entries import Attributes, Entry, Kind
from swftp.interfaces import IComposes, IPart, IStorage
from swftp.paths import Path

Able = TypeVar("Able")


def able(optional: type[Able], storage: IStorage, words: str) -> Able:
    """
    *storage* by an interface that only some have.

    :raises Unsupported: in these *words*: it has not.
    """
    found: Able | None = optional(storage, None)  # type: ignore[call-arg]
    if found is None:
        raise errors.Unsupported(words)
    return found


async def combine(storage: IStorage, target: Path, sources: Sequence[Path], now: float) -> Entry:
    """
    Put the content of *sources* behind that of *target*, which is made if it is not there.

    :param now: the time of modification, in seconds since the epoch.
    :raises Unsupported: this store cannot.
    """
    composes = able(IComposes, storage, "this storage cannot combine files")
    if target in sources:
        raise errors.InvalidRequest("a file cannot be a part of itself")
    base: Entry | None
    try:
        base = await _file(storage, target)
    except errors.NotFound:
        base = None
    entries = [await _file(storage, source) for source in sources]
    parts: list[IPart] = []
    try:
        if base is not None:
            parts += await composes.adopt(target, base)
        for source, entry in zip(sources, entries, strict=True):
            parts += await composes.copies(source, entry, target)
        size = sum(entry.size for entry in entries) + (base.size if base is not None else 0)
        if sum(part.size for part in parts) != size:
            raise errors.Changed()
        mode = base.mode if base is not None else None
        return await composes.publish(target, parts, Attributes(mtime=now, mode=mode), base is None, onto=base)
    except errors.StorageError as error:
        if errors.published_nothing(error):  # else *target* may be made of them
            await composes.discard(parts)
        raise


async def _file(storage: IStorage, path: Path) -> Entry:
    entry = await storage.stat(path)
    if entry.kind is Kind.DIRECTORY:
        raise errors.IsDirectory()
    return entry


async def copy_seen(storage: IStorage, source: Path, seen: Entry, target: Path, *, exclusive: bool) -> None:
    """
    Make *target* a copy of *seen*, which stands at *source*.

    :raises Changed: it does not any more.
    """
    if (await storage.stat(source)).version != seen.version:
        raise errors.Changed("source changed before it was copied")
    stored = await storage.copy(source, target, exclusive)
    if stored.size != seen.size or None is not stored.digest != seen.digest is not None:
        raise errors.Changed("source changed while it was copied")
