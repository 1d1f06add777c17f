"""
The audit stream: who logged in, was refused, read, wrote or changed what; one JSON object a line, in its own file.

Everything else stays out of it, and no level keeps anything out.  A file that is moved away is made anew.
"""

from __future__ import annotations

import logging
import os
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path

from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from swftp import logs

LOGINS = frozenset(("login", "login_failed", "logout"))
FILES = frozenset(("upload", "download"))
CHANGES = frozenset(
    ("remove", "mkdir", "rmdir", "rename", "copy", "combine", "truncate", "symlink", "setstat"),
)
REFUSALS = frozenset(
    ("ssh_turned_away", "ssh_refused", "ssh_timeout", "ftp_turned_away", "ftp_refused", "ftp_timeout", "given_up")
)
AUDITED = LOGINS | FILES | CHANGES | REFUSALS


class _File(WatchedFileHandler):
    """Whenever it is made, it is made for us alone."""

    def _open(self) -> TextIOWrapper:
        """See `logging.FileHandler`."""
        return open(self.baseFilename, "a", encoding=self.encoding, opener=_private)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


@implementer(ILogObserver)
class Audit:
    """One file."""

    def __init__(self, path: Path) -> None:
        """
        :raises OSError: it cannot be written to.
        """
        self._handler = _File(path, encoding="utf-8")

    def __call__(self, event: LogEvent) -> None:
        """See `ILogObserver`."""
        if event.get("event") in AUDITED:
            self._handler.emit(logging.makeLogRecord({"msg": logs.as_json(event)}))

    def close(self) -> None:
        """Nothing more is written."""
        self._handler.close()
