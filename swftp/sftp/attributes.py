"""
Entries as SFTP attributes, and what clients may set of them.

Every attribute of version 3 is always given: clients that do arithmetic on what is missing have been seen.
"""

from __future__ import annotations

import posixpath

from swftp.entries import Attributes, Entry, Kind
from swftp.paths import Path
from swftp.sftp.recall import Recall
from swftp.sftp.wire import Attrs

OWNER_ID = 1000
"""User and group id of everything: a store of objects has neither, and clients only show them."""
OWNER_NAME = b"owner"
GROUP_NAME = b"group"
UNDATED = 946_684_800
"""
Seconds since the epoch shown where the store knows no time (the account, implied directories): 2000-01-01 UTC.

Always the same, so that nothing that compares listings sees a change, and no 1970 that looks like a fault.
"""
TYPE_BITS = {Kind.FILE: 0o100000, Kind.DIRECTORY: 0o040000, Kind.SYMLINK: 0o120000}
DEFAULT_MODE = {Kind.FILE: 0o644, Kind.DIRECTORY: 0o755, Kind.SYMLINK: 0o777}
_PLAIN = TYPE_BITS[Kind.FILE] | DEFAULT_MODE[Kind.FILE]
_TIME_LIMIT = 0xFFFFFFFF


def seconds(mtime: float | None) -> int:
    """*mtime* as the ``uint32`` of the protocol, which can say neither 1969 nor 2107."""
    return UNDATED if mtime is None else max(0, min(int(mtime), _TIME_LIMIT))


def mode(entry: Entry) -> int:
    """Permission bits of *entry*: those that were set, or the usual ones of its kind."""
    return DEFAULT_MODE[entry.kind] if entry.mode is None else entry.mode & 0o7777


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
    mode = None if attrs.permissions is None else attrs.permissions & 0o7777
    return Attributes(mtime=None if attrs.mtime is None else float(attrs.mtime), mode=mode)


def link_text(entry: Entry, at: Path, recall: Recall) -> bytes:
    """
    What READLINK says of the link *entry* that stands at *at*.

    The store keeps where a link leads, not how that was spelled.  Inside one container it is relative: only such a
    link leads to the same place where sshfs mounts us below another root.
    """
    target = entry.target or "/"
    if (spelled := recall.text(at, target)) is not None:
        return spelled
    if target.split("/")[1:2] == [at.container]:
        target = posixpath.relpath(target, str(at.parent))
    return target.encode("utf-8", "surrogatepass")
