"""The line of ``ls -l`` that READDIR gives with each name; version 3 leaves its form open."""

from __future__ import annotations

from swftp.session.shown import ls_line
from swftp.sftp.wire import Attrs


def longname(name: bytes, attrs: Attrs, now: float) -> bytes:
    """
    The line for *name*.

    :param now: seconds since the epoch.
    """
    return ls_line(attrs.permissions or 0, attrs.size or 0, attrs.mtime or 0, name, now)
