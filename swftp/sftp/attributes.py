"""
Entries as SFTP attributes, and what clients may set of them.

Every attribute of version 3 is always given: clients that do arithmetic on what is missing have been seen.
"""

from __future__ import annotations

from swftp.entries import Attributes, Entry, Kind
from swftp.paths import Path
from swftp.session import shown
from swftp.session.shown import DEFAULT_MODE, TYPE_BITS, UNDATED, mode
from swftp.sftp.recall import Recall
from swftp.sftp.wire import Attrs

OWNER_ID = 1000
"""User and group id of everything: a store of objects has neither, and clients only show them."""
_PLAIN = TYPE_BITS[Kind.FILE] | DEFAULT_MODE[Kind.FILE]
_TIME_LIMIT = 0xFFFFFFFF


def seconds(mtime: float | None) -> int:
    """*mtime* as the ``uint32`` of the protocol, which can say neither 1969 nor 2107."""
    return UNDATED if mtime is None else max(0, min(int(mtime), _TIME_LIMIT))


def of_entry(entry: Entry, at: Path, recall: Recall) -> Attrs:
    """
    ATTRS of *entry*.

    :param at: where it is; a link's size is the length of its text as seen from there.
    """
    mtime = seconds(entry.mtime)
    size = len(link_text(entry, at, recall)) if entry.kind is Kind.SYMLINK else entry.size
    return Attrs(
        size=size,
        uid=OWNER_ID,
        gid=OWNER_ID,
        permissions=TYPE_BITS[entry.kind] | mode(entry),
        atime=recall.atime(at, mtime),
        mtime=mtime,
    )


def of_child(entry: Entry, directory: Path, recall: Recall) -> Attrs:
    """ATTRS of *entry*, which is in *directory*: as `of_entry`, fast where nothing but *entry* matters."""
    if entry.kind is not Kind.FILE or recall.knows_times:
        return of_entry(entry, directory.child(entry.name), recall)
    mtime = seconds(entry.mtime)
    permissions = _PLAIN if entry.mode is None else TYPE_BITS[Kind.FILE] | entry.mode & 0o7777
    return Attrs(entry.size, OWNER_ID, OWNER_ID, permissions, mtime, mtime)


def wanted(attrs: Attrs) -> Attributes:
    """
    What a client asks to be set, without the size.

    Owner, group and the time of last access have no place in a store: they are accepted and dropped.
    """
    bits = None if attrs.permissions is None else attrs.permissions & 0o7777
    return Attributes(mtime=None if attrs.mtime is None else float(attrs.mtime), mode=bits)


def link_text(entry: Entry, at: Path, recall: Recall) -> bytes:
    """
    What READLINK says of the link *entry* that stands at *at*.

    See `swftp.session.shown.link_text`; to whoever made it, as it was spelled.
    """
    if (spelled := recall.text(at, entry.target or "/")) is not None:
        return spelled
    return shown.link_text(entry, at).encode("utf-8", "surrogatepass")
