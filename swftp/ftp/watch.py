"""
The clocks of one control connection: login grace, idleness, no transfer.

All of them are one call in a batched timer (`swftp.timers`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp.auth.throttle import Offence
from swftp.ftp.settings import Settings
from swftp.timers import BUCKET, Timer

if TYPE_CHECKING:
    from swftp.ftp.control import Control

log = Logger()


class Watch:
    """Hangs up when it is time."""

    def __init__(self, control: Control, clock: IReactorTime, timer: Timer, settings: Settings) -> None:
        self._control: Control | None = control
        self._clock = clock
        self._timer = timer
        self._settings = settings
        now = clock.seconds()
        self._stirred = self._transferred = now
        self._nobody: float | None = now  # since when nobody is logged in
        self._arm()

    def stir(self, transfer: bool = False) -> None:
        """
        A command came, or was answered.

        :param transfer: one that used the data connection.
        """
        self._stirred = self._clock.seconds()
        if transfer:
            self._transferred = self._stirred
        if self._control is not None:
            there = self._control.context.login.session is not None
            if there and self._nobody is not None:
                self._nobody, self._transferred = None, self._stirred
            elif not there and self._nobody is None:
                self._nobody = self._stirred

    def stop(self) -> None:
        """The connection is gone."""
        self._control = None

    def _arm(self) -> None:
        settings = self._settings
        limits = (settings.login_grace, settings.session_timeout, settings.no_transfer_timeout)
        every = min([limit for limit in limits if limit], default=0.0)
        if every:
            self._timer.call_later(max(every / 4, BUCKET + 1), self._look)

    def _look(self) -> None:
        if self._control is None:
            return
        if text := self._over(self._control):
            log.info("{peer}: {text}", event="ftp_timeout", peer=self._control.peer, text=text)
            if self._nobody is not None and self._control.place is not None:
                self._control.place.blame(Offence.LOGIN_TIMEOUT)
            self._control.hang_up(text)
        else:
            self._arm()

    def _over(self, control: Control) -> str:
        """Why it is time to hang up; empty: it is not."""
        settings, now = self._settings, self._clock.seconds()
        if self._nobody is not None:
            return "Login took too long." if _passed(settings.login_grace, now - self._nobody) else ""
        if control.working:
            return ""
        if _passed(settings.session_timeout, now - self._stirred):
            return "Idle for too long."
        if _passed(settings.no_transfer_timeout, now - self._transferred):
            return "No transfer for too long."
        return ""


def _passed(limit: float, seconds: float) -> bool:
    return 0 < limit <= seconds
