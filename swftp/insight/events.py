"""
Events: somebody is told when a file has arrived, was taken, changed or removed, or when a client logged in.

The law: nothing waits for it.  What the receiver does not take in time is tried again, and what there is no room for
is dropped and counted; no transfer is any the slower, and none fails.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from swftp.insight.receivers import NotTaken, Receiver

FIELDS = ("user", "peer", "session", "protocol", "path", "target", "bytes", "seconds", "method", "transaction")
PAUSES = (1.0, 5.0, 30.0, 120.0)
"""Seconds before each repetition; after the last, an event is given up."""
ROOM = 1000
"""Events that may wait, with those that are being told."""

log = Logger()


@implementer(ILogObserver)
class Events(Service):
    """
    One receiver; told one event at a time, it gets them in their order.

    :ivar lost: events that were dropped or given up.
    """

    def __init__(
        self,
        receiver: Receiver,
        clock: Any,
        kinds: frozenset[str],
        *,
        at_once: int = 1,
        wall: Callable[[], float],
        name: Callable[[], str],
    ) -> None:
        """
        :param kinds: names of events that are told.
        :param at_once: how many may be told at one time.
        :param wall: seconds since the epoch.
        :param name: a new name at each call, so that a receiver knows what it got twice.
        """
        self._receiver, self._clock, self._kinds, self._at_once = receiver, clock, kinds, at_once
        self._wall, self._name = wall, name
        self._waiting: deque[dict[str, Any]] = deque()
        self._telling: set[Deferred[None]] = set()
        self.lost = 0

    @property
    def pending(self) -> int:
        """Events that were not taken yet."""
        return len(self._waiting) + len(self._telling)

    def __call__(self, event: LogEvent) -> None:
        """See `ILogObserver`; what failed is none."""
        kind = event.get("event")
        if kind not in self._kinds or event.get("outcome", "ok") != "ok" or not self.running:
            return
        if self.pending >= ROOM:
            self._dropped("too many wait")
            return
        told = {field: _exact(event[field]) for field in FIELDS if event.get(field) not in (None, "")}
        self._waiting.append({"event": kind, "id": self._name(), "time": round(self._wall(), 3), **told})
        if len(self._telling) < self._at_once:
            telling = Deferred.fromCoroutine(self._tell_all())
            self._telling.add(telling)
            telling.addBoth(self._told_all, telling)

    def _told_all(self, result: object, telling: Deferred[None]) -> None:
        self._telling.discard(telling)
        if isinstance(result, Failure) and not isinstance(result.value, CancelledError):
            log.failure("telling events failed", result)

    async def _tell_all(self) -> None:
        while self._waiting:
            trouble = await self._told(json.dumps(self._waiting.popleft()).encode())
            if trouble:
                self._dropped(trouble)

    async def _told(self, body: bytes) -> str:
        """Why *body* was given up; "": it was taken."""
        trouble = ""
        for pause in (0.0, *PAUSES):
            if pause:
                await deferLater(self._clock, pause)
            try:
                await self._receiver.tell(body)
            except CancelledError:
                raise
            except NotTaken as refusal:
                trouble = str(refusal)
                if refusal.final:
                    break
            except Exception as error:  # whatever a name, a socket or a certificate has against it
                trouble = f"no answer: {type(error).__name__}"
            else:
                return ""
        return trouble

    def _dropped(self, trouble: str) -> None:
        self.lost += 1
        log.warn("an event was not told: {trouble}", event="event_lost", trouble=trouble, lost=self.lost)

    def stopService(self) -> None:
        """See `IService`; what waits is dropped."""
        super().stopService()  # type: ignore[no-untyped-call]
        left = self.pending
        self._waiting.clear()
        for telling in list(self._telling):
            telling.cancel()
        if left:
            self.lost += left
            log.warn("{count} events were not told", event="event_lost", count=left, lost=self.lost)


def _exact(value: Any) -> Any:
    """*value* for JSON, whole and unchanged, unlike in a log: a receiver opens the files that it is told of."""
    return value if isinstance(value, bool | int | float) else str(value)
