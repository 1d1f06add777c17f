"""
The clocks of one connection: login grace, idleness, keepalive, age of keys.

All of them are one call in a batched timer (`swftp.timers`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp.auth.throttle import Offence
from swftp.ssh.connection import Connection
from swftp.ssh.settings import Settings
from swftp.ssh.wire import Reason
from swftp.timers import BUCKET, Timer

if TYPE_CHECKING:
    from swftp.ssh.transport import Transport

log = Logger()

EXCHANGE_TIMEOUT = 120.0
"""
Seconds that a client which owes us its part of a key exchange may be silent.

One that is heard is given time: on a slow line our question stands behind megabytes of a download, and its answer
behind those of an upload.
"""


class Watch:
    """Hangs up, asks, or changes keys when it is time."""

    def __init__(self, transport: Transport, clock: IReactorTime, timer: Timer, settings: Settings) -> None:
        self._transport: Transport | None = transport
        self._clock = clock
        self._timer = timer
        self._settings = settings
        now = clock.seconds()
        self._grace: float | None = now + settings.login_grace if settings.login_grace else None
        self._active = self._asked = self._keyed = now
        self._silent = 0  # questions since the client was last heard
        self._blocked: float | None = None  # since when the client has owed us a step of a key exchange
        self._arm()

    def logged_in(self) -> None:
        """The grace period is over."""
        self._grace = None
        self._active = self._clock.seconds()

    def new_keys(self) -> None:
        """The keys are fresh."""
        self._keyed = self._clock.seconds()

    def stop(self) -> None:
        """The connection is gone."""
        self._transport = None

    def _arm(self) -> None:
        settings = self._settings
        limits = (settings.login_grace, settings.idle_timeout, settings.keepalive_interval, settings.rekey_seconds)
        every = min([limit for limit in limits if limit], default=0.0)
        if every:
            self._timer.call_later(max(every / 4, BUCKET + 1), self._look)

    def _look(self) -> None:
        transport = self._transport
        if transport is None:
            return
        now = self._clock.seconds()
        if self._grace is not None:
            if now >= self._grace:
                if transport.place is not None:
                    transport.place.blame(Offence.LOGIN_TIMEOUT)
                self._end(transport, "login took too long")
                return
        elif isinstance(transport.service, Connection):
            self._look_at_session(transport, transport.service, now)
        if self._transport is not None:
            self._arm()

    def _look_at_session(self, transport: Transport, connection: Connection, now: float) -> None:
        settings = self._settings
        if connection.stirred or connection.waiting:
            connection.stirred = False
            self._active = now
        if settings.idle_timeout and now - self._active >= settings.idle_timeout:
            self._end(transport, "idle for too long")
            return
        if not self._alive(transport, connection, now):
            log.info("{peer}: client does not answer", event="ssh_dead", peer=transport.peer)
            transport.abort()
            return
        if settings.rekey_seconds and now - self._keyed >= settings.rekey_seconds:
            self._keyed = now
            transport.rekey()

    def _alive(self, transport: Transport, connection: Connection, now: float) -> bool:
        if transport.heard >= self._asked:
            self._silent = 0
        if transport.exchange.idle:
            self._blocked = None
        elif self._blocked is None:
            self._blocked = now
        elif now - max(self._blocked, transport.heard) >= EXCHANGE_TIMEOUT:
            return False
        interval = self._settings.keepalive_interval
        if interval and now - max(transport.heard, self._asked) >= interval:
            if self._silent >= self._settings.keepalive_count:
                return False
            self._asked = now
            self._silent += 1
            connection.ask_alive()
        return True

    def _end(self, transport: Transport, text: str) -> None:
        log.info("{peer}: {text}", event="ssh_timeout", peer=transport.peer, text=text)
        transport.sendDisconnect(Reason.BY_APPLICATION, text.encode())
