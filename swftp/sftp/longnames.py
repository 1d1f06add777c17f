"""
The line of ``ls -l`` that READDIR gives with each name.

Version 3 leaves its form open; FileZilla, lftp, mc and WinSCP all parse it as what OpenSSH's server prints, and so it
is that: English months whatever the locale, UTC, the year instead of the hour where the time is not of the last half
year.
"""

from __future__ import annotations

import stat
import time

from swftp.sftp.attributes import GROUP_NAME, OWNER_NAME
from swftp.sftp.wire import Attrs

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HALF_YEAR = 365 * 86400 // 2


def longname(name: bytes, attrs: Attrs, now: float) -> bytes:
    """
    The line for *name*.

    :param now: seconds since the epoch.
    """
    mtime = attrs.mtime or 0
    when = time.gmtime(mtime)
    recent = now - _HALF_YEAR < mtime <= now
    tail = f"{when.tm_hour:02}:{when.tm_min:02}" if recent else f" {when.tm_year:04}"
    mode = stat.filemode(attrs.permissions or 0)
    head = f"{mode}    1 {OWNER_NAME.decode():<8} {GROUP_NAME.decode():<8} {attrs.size or 0:>8} "
    return f"{head}{_MONTHS[when.tm_mon - 1]} {when.tm_mday:>2} {tail} ".encode() + name
