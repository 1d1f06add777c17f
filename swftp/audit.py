"""
The audit stream: who logged in, was refused, read, wrote or changed what; one JSON object a line, in its own file.

Everything else stays out of it, and no level keeps anything out.  A file that is moved away is made anew.
"""

from __future__ import annotations

import logging
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


@implementer(ILogObserver)
class Audit:
    """One file."""

    def __init__(self, path: Path) -> None:
        """
        :raises OSError: it cannot be written to.
        """
        path.touch(0o600)
        self._handler = WatchedFileHandler(path, encoding="utf-8")

    def __call__(self, event: LogEvent) -> None:
        """See `ILogObserver`."""
        if event.get("event") in AUDITED:
            self._handler.emit(logging.makeLogRecord({"msg": logs.as_json(event)}))

    def close(self) -> None:
        """Nothing more is written."""
        self._handler.close()
