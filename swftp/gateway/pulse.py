"""
Tells systemd that we live, and in a line how we are.

The law: only a turn of the reactor feeds the watchdog.  A reactor that is stuck for longer than ``WatchdogSec``
serves nobody, and systemd starts another process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from swftp.gateway.notify import notify

INTERVAL = 5.0
"""Seconds between beats where nobody watches."""
PART = 4
"""Beats within the time that the watchdog waits for one."""
LATE = 1.0
"""Seconds that a turn of the reactor may come late before that is worth a line."""

log = Logger()


class Pulse(Service):
    """Beats while the gateway runs, and while it drains."""

    def __init__(
        self, clock: IReactorTime, status: Callable[[], str], environ: Mapping[str, str] = os.environ
    ) -> None:
        """
        :param status: how we are, in a line.
        :param environ: as systemd gives it.
        """
        self._environ = environ
        self._status = status
        self._clock = clock
        self._said = ""
        self.interval = patience(environ) / PART or INTERVAL
        self._beating = LoopingCall(self._beat)
        self._beating.clock = clock
        self._due = 0.0

    def startService(self) -> None:
        """See `IService`; without systemd there is nothing to do."""
        super().startService()  # type: ignore[no-untyped-call]
        if self._environ.get("NOTIFY_SOCKET"):
            self._due = self._clock.seconds()
            self._beating.start(self.interval)

    def stopService(self) -> None:
        """See `IService`."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self._beating.running:
            self._beating.stop()

    def _beat(self) -> None:
        now = self._clock.seconds()
        lag, self._due = now - self._due, now + self.interval
        if lag > LATE:
            log.warn("the reactor was {lag:.1f} s late", event="lag", lag=lag)
        lines, status = ["WATCHDOG=1"], self._status()
        if status != self._said:
            lines.append(f"STATUS={status}")
            self._said = status
        notify("\n".join(lines), self._environ)


def patience(environ: Mapping[str, str]) -> float:
    """Seconds after which the watchdog takes us for dead (sd_watchdog_enabled(3)); 0: there is none."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdecimal() else 0.0
