"""
How an entry looks in a listing, whatever the protocol: the line of ``ls -l``, and what stands for what is not known.

FileZilla, lftp, mc, WinSCP, Java's commons-net and Windows Explorer all parse the line as what OpenSSH's server and
the usual FTP servers print, and so it is that: English months whatever the locale, UTC, the year instead of the hour
where the time is not of the last half year.
"""

from __future__ import annotations

import posixpath
import stat
import time
from functools import lru_cache

from swftp.entries import Entry, Kind
from swftp.paths import Path

OWNER_NAME = b"owner"
GROUP_NAME = b"group"
UNDATED = 946_684_800
"""
Seconds since the epoch shown where the store knows no time (the account, implied directories): 2000-01-01 UTC.

Always the same, so that nothing that compares listings sees a change, and no 1970 that looks like a fault.
"""
TYPE_BITS = {Kind.FILE: 0o100000, Kind.DIRECTORY: 0o040000, Kind.SYMLINK: 0o120000}
DEFAULT_MODE = {Kind.FILE: 0o644, Kind.DIRECTORY: 0o755, Kind.SYMLINK: 0o777}
_OWNERS = f"{OWNER_NAME.decode():<8} {GROUP_NAME.decode():<8}".encode()
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HALF_YEAR = 365 * 86400 // 2
_LATEST = 253_402_300_799
"""Seconds since the epoch at the end of the year 9999."""


def mode(entry: Entry) -> int:
    """Permission bits of *entry*: those that were set, or the usual ones of its kind."""
    return DEFAULT_MODE[entry.kind] if entry.mode is None else entry.mode & 0o7777


def seconds(mtime: float | None) -> int:
    """*mtime* in whole seconds since the epoch that the calendar has a year of four digits for; never before 1970."""
    return UNDATED if mtime is None else max(0, min(int(mtime), _LATEST))


def link_text(entry: Entry, at: Path) -> str:
    """
    Where the link *entry* that stands at *at* leads.

    The store keeps where a link leads, not how that was spelled.  Inside one container it is relative: only such a
    link leads to the same place where a client mounts us below another root.
    """
    target = entry.target or "/"
    if target.split("/")[1:2] == [at.container]:
        target = posixpath.relpath(target, str(at.parent))
    return target


def ls_line(permissions: int, size: int, mtime: int, name: bytes, now: float) -> bytes:
    """
    The line of ``ls -l`` for *name*, without its end.

    :param permissions: with the bits of the type.
    :param mtime: seconds since the epoch.
    :param now: as *mtime*.
    """
    day, hour, year = _when(mtime // 60)
    when = hour if now - _HALF_YEAR < mtime <= now else year
    return b"%s    1 %s %8d %s %s %s" % (_filemode(permissions), _OWNERS, size, day, when, name)


@lru_cache(1024)
def _filemode(permissions: int) -> bytes:
    return stat.filemode(permissions).encode()


@lru_cache(1024)
def _when(minutes: int) -> tuple[bytes, bytes, bytes]:
    when = time.gmtime(minutes * 60)
    day = f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday:>2}"
    return day.encode(), b"%02d:%02d" % (when.tm_hour, when.tm_min), b" %04d" % when.tm_year
