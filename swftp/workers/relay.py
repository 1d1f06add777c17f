"""
Lines of a worker's log on their way to the supervisor, whose log they are in: a file, syslog or standard output, as
whoever started it said.

The law: a log that is not read stops nobody; lines that do not fit are counted, and the number is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

from swftp import logs
from swftp.workers.link import Link


@implementer(ILogObserver)
class Relay:
    """The worker's end."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self._lost = 0

    def __call__(self, event: LogEvent) -> None:
        """See `ILogObserver`."""
        if self.link is None or self.link.flow.full:
            self._lost += 1
            return
        if self._lost:
            words = f"{self._lost} lines of this worker's log were lost"
            self._lost = 0
            self(dict(event, log_format=words, log_level=LogLevel.warn, log_failure=None, event="lines_lost"))
        self.link.tell("log", line=logs.portable(event))


def hear(message: Mapping[str, Any], worker: int, publish: ILogObserver) -> None:
    """The supervisor's end: *publish* what worker *worker* has logged."""
    event = logs.restored(message["line"])
    event["worker"] = worker
    publish(event)
