"""
Events: a POST to a URL when a file has arrived, was taken, changed or removed, or when somebody logged in.

The law: nothing waits for it.  What the receiver does not take in time is tried again, and what there is no room for
is dropped and counted; no transfer is any the slower, and none fails.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer
from zope.interface import implementer

from swftp import logs
from swftp.storage.swift.bodies import Hangup

FIELDS = ("user", "peer", "session", "protocol", "path", "target", "bytes", "seconds", "method", "transaction")
TIMEOUT = 10.0
"""Seconds that the receiver may take."""
PAUSES = (1.0, 5.0, 30.0, 120.0)
"""Seconds before each repetition; after the last, an event is given up."""
ROOM = 1000
"""Events that may wait."""

log = Logger()


@implementer(IBodyProducer)
class _Body:
    """Bytes that are there already."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        """See `IBodyProducer`."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """See `IBodyProducer`: all was said."""

    def resumeProducing(self) -> None:
        """See `IBodyProducer`: all was said."""

    def stopProducing(self) -> None:
        """See `IBodyProducer`: all was said."""


@implementer(ILogObserver)
class Events(Service):
    """
    One receiver; it gets one event at a time, in their order.

    :ivar lost: events that were dropped or given up.
    """

    def __init__(
        self,
        agent: IAgent,
        clock: Any,
        url: str,
        kinds: frozenset[str],
        *,
        secret: bytes,
        wall: Callable[[], float],
        name: Callable[[], str],
    ) -> None:
        """
        :param kinds: names of events that are told.
        :param secret: what signs them; b"": they are not signed.
        :param wall: seconds since the epoch.
        :param name: a new name at each call, so that a receiver knows what it got twice.
        """
        self._agent, self._clock, self._url, self._kinds = agent, clock, url.encode("ascii"), kinds
        self._secret, self._wall, self._name = secret, wall, name
        self._waiting: deque[dict[str, Any]] = deque()
        self._delivering: Deferred[None] | None = None
        self.lost = 0

    def __call__(self, event: LogEvent) -> None:
        """See `ILogObserver`; what failed is none."""
        kind = event.get("event")
        if kind not in self._kinds or event.get("outcome", "ok") != "ok" or not self.running:
            return
        if len(self._waiting) >= ROOM:
            self._dropped("too many wait")
            return
        told = {field: logs.plain(event[field]) for field in FIELDS if event.get(field) not in (None, "")}
        self._waiting.append({"event": kind, "id": self._name(), "time": round(self._wall(), 3), **told})
        if self._delivering is None:
            self._delivering = Deferred.fromCoroutine(self._deliver())
            self._delivering.addBoth(self._delivered)

    def _delivered(self, result: object) -> None:
        self._delivering = None
        if isinstance(result, Failure) and not isinstance(result.value, CancelledError):
            log.failure("telling events failed", result)

    async def _deliver(self) -> None:
        while self._waiting:
            body = json.dumps(self._waiting[0]).encode()
            trouble = await self._told(body)
            if trouble:
                self._dropped(trouble)
            self._waiting.popleft()

    async def _told(self, body: bytes) -> str:
        """Why *body* was given up; "": it was taken."""
        trouble = ""
        for pause in (0.0, *PAUSES):
            if pause:
                await deferLater(self._clock, pause)
            try:
                status = await self._posted(body)
            except CancelledError:
                raise
            except Exception as error:  # whatever a name, a socket or a certificate has against it
                trouble = f"no answer: {type(error).__name__}"
                continue
            if status < 300:
                return ""
            trouble = f"answered {status}"
            if status < 500 and status not in (408, 425, 429):
                break  # it would say so again
        return trouble

    async def _posted(self, body: bytes) -> int:
        stamp = str(int(self._wall()))
        headers = {"Content-Type": ["application/json"], "User-Agent": ["SwFTP"], "X-SwFTP-Timestamp": [stamp]}
        if self._secret:
            headers["X-SwFTP-Signature"] = [f"sha256={signature(self._secret, stamp, body)}"]
        asked: Any = self._agent.request(b"POST", self._url, Headers(headers), _Body(body))
        response = await asked.addTimeout(TIMEOUT, self._clock)
        response.deliverBody(Hangup())
        code: int = response.code
        return code

    def _dropped(self, trouble: str) -> None:
        self.lost += 1
        log.warn("an event was not told: {trouble}", event="event_lost", trouble=trouble, lost=self.lost)

    def stopService(self) -> None:
        """See `IService`; what waits is dropped."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self._delivering is not None:
            self._delivering.cancel()
        if self._waiting:
            self.lost += len(self._waiting)
            log.warn("{count} events were not told", event="event_lost", count=len(self._waiting), lost=self.lost)
            self._waiting.clear()


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """What a receiver compares: HMAC-SHA256 of the time, a dot and the body."""
    return hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
