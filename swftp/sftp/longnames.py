"""
The line of ``ls -l`` that READDIR gives with each name.

Version 3 leaves its form open; FileZilla, lftp, mc and WinSCP all parse it as what OpenSSH's server prints, and so it
is that: English months whatever the locale, UTC, the year instead of the hour where the time is not of the last half
year.
"""

from __future__ import annotations

import functools
import stat
import time

from swftp.sftp.attributes import GROUP_NAME, OWNER_NAME
from swftp.sftp.wire import Attrs

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HALF_YEAR = 365 * 86400 // 2


_LINE = b"%%s    1 %-8s %-8s %%8d %%s %%s" % (OWNER_NAME, GROUP_NAME)


@functools.lru_cache(maxsize=64)
def _filemode(permissions: int) -> bytes:
    return stat.filemode(permissions).encode()


@functools.lru_cache(maxsize=4096)
def _date(minute: int, recent: bool) -> bytes:
    """*minute* of the epoch; many files are of the same."""
    when = time.gmtime(minute * 60)
    tail = f"{when.tm_hour:02}:{when.tm_min:02}" if recent else f" {when.tm_year:04}"
    return f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday:>2} {tail}".encode()


def longname(name: bytes, attrs: Attrs, now: float) -> bytes:
    """
    The line for *name*.

    :param now: seconds since the epoch.
    """
    mtime = attrs.mtime or 0
    date = _date(mtime // 60, now - _HALF_YEAR < mtime <= now)
    return _LINE % (_filemode(attrs.permissions or 0), attrs.size or 0, date, name)
