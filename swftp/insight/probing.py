"""Whether the store is there: asked when somebody wants to know, by one request however many do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp.errors import StorageError
from swftp.flight import Flight

AGE = 10.0
"""Seconds for which an answer is good."""
TIMEOUT = 5.0
"""Seconds after which no answer is one, too."""

log = Logger()


class Probing:
    """What the store said last."""

    def __init__(self, probe: Callable[[], Awaitable[object]], clock: IReactorTime) -> None:
        """
        :param probe: raises `StorageError` where the store is not there.
        """
        self._probe, self._clock = probe, clock
        self._flight: Flight[str] = Flight()
        self._until, self._trouble = 0.0, ""

    async def trouble(self) -> str:
        """Why nobody should be sent here; "": the store is there."""
        if self._clock.seconds() >= self._until:
            self._trouble = await self._flight.join(self._start)
        return self._trouble

    def _start(self) -> Deferred[str]:
        asked: Deferred[Any] = Deferred.fromCoroutine(self._ask())
        return asked.addTimeout(TIMEOUT, self._clock, lambda *_: "the store does not answer").addCallback(self._told)

    async def _ask(self) -> str:
        try:
            await self._probe()
        except StorageError as error:
            return f"the store is not there: {error}"
        except CancelledError:
            raise
        except Exception:
            log.failure("the store could not be asked", event="probe")
            return "the store could not be asked"
        return ""

    def _told(self, trouble: str) -> str:
        self._until = self._clock.seconds() + AGE
        return trouble
