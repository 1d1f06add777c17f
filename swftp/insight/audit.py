"""
The audit stream: who logged in, was refused, read, wrote or changed what; one JSON object a line, in its own file.

Everything else stays out of it, and no level keeps anything out.  A file that is moved away is made anew.  What
cannot be written, because the disk is full or nobody reads the pipe, is lost: no client waits for it.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path

from twisted.logger import ILogObserver, LogEvent, Logger
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


log = Logger()


class _File(WatchedFileHandler):
    """
    Whenever it is made, it is made for us alone.

    :ivar lost: lines since it could last be written.
    """

    lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        before = self.lost
        try:
            super().emit(record)
        except OSError:  # what was moved away cannot be made anew
            self.handleError(record)
        if before == self.lost > 0:
            log.warn("audit: written again, {lost} lines are lost", event="audit_written", lost=self.lost)
            self.lost = 0

    def handleError(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`: told once, not for each line."""
        self.lost += 1
        if self.lost == 1:
            reason = str(sys.exc_info()[1])
            log.error("audit: cannot be written, lines are lost: {reason}", event="audit_lost", reason=reason)
        stream, self.stream = self.stream, None
        with suppress(OSError):
            if stream is not None:
                stream.close()  # what it still holds is half a line, perhaps

    def _open(self) -> TextIOWrapper:
        """See `logging.FileHandler`."""
        return open(self.baseFilename, "a", encoding=self.encoding, opener=_private)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK, 0o600)  # for pipes


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
