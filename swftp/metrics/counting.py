"""
From lines of the log to counters: whoever logs that something happened need not count it, too.

Add it to the publisher of `twisted.logger`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from swftp.metrics.instruments import Metrics

REJECTIONS = {
    "ssh_turned_away": "too_many_connections",
    "ftp_turned_away": "too_many_connections",
    "ssh_refused": "broken_protocol",
    "ftp_refused": "broken_protocol",
    "ssh_timeout": "timeout",
    "ftp_timeout": "timeout",
    "ssh_dead": "no_answer",
}
"""Event -> why a client was turned away."""


@implementer(ILogObserver)
class Counting:
    """
    Counts what is logged with an ``event``.

    :ivar turned_away: protocol -> connections that were refused at the door.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.turned_away: dict[str, int] = {"sftp": 0, "ftp": 0}

    def __call__(self, event: LogEvent) -> None:
        """See `ILogObserver`."""
        kind = event.get("event")
        if kind is None:
            return
        if kind in REJECTIONS:
            self._rejected(str(kind))
        elif kind == "login_failed" and event.get("result") == "busy":
            self._metrics.rejected.labels("too_many_sessions").inc()
        elif kind == "logout":
            self._metrics.ended_sessions.labels(event.get("protocol") or "none").inc()
        elif kind == "etag_mismatch":
            self._metrics.etag_mismatches.inc()
        elif kind == "ambiguous_commit":
            self._metrics.ambiguous_commits.inc()
        elif kind == "abandoned_segments":
            self._orphans(event)

    def _rejected(self, kind: str) -> None:
        self._metrics.rejected.labels(REJECTIONS[kind]).inc()
        if kind.endswith("_turned_away"):
            self.turned_away["sftp" if kind.startswith("ssh") else "ftp"] += 1

    def _orphans(self, event: Mapping[str, Any]) -> None:
        self._metrics.orphan_segments.inc(event.get("count", 1))
