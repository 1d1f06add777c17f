"""
One process's way to Swift.

What a store can do is asked by the first login that needs to know, and never stands in the way of one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, DeferredLock, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp.errors import StorageError
from swftp.interfaces import IAccess
from swftp.storage.swift import Connections, Limits, Options, Policy, SwiftClient, SwiftStorage, discover
from swftp.storage.swift.features import KINDS
from swftp.storage.swift.underway import Underway
from swftp.traces import UNNOTICED, Scrutiny

DISCOVERY_TIMEOUT = 5.0
"""Seconds a login waits for ``/info``."""
DISCOVERY_AGE = 600.0
"""Seconds after which a store is asked again: it may have been upgraded."""

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """How Swift is talked to."""

    clock: IReactorTime
    """For what lasts: nobody sets it."""
    wall: Callable[[], float]
    """Seconds since the epoch, as this machine believes."""
    connections: Connections
    policy: Policy
    options: Options


class SwiftStores:
    """The storage of each login."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self._underway = Underway()
        self._known: dict[str, tuple[float, Limits]] = {}
        self._asking: defaultdict[str, DeferredLock] = defaultdict(DeferredLock)

    async def open(self, access: IAccess, session: str, scrutiny: Scrutiny = UNNOTICED) -> SwiftStorage:
        """
        The account that *access* is for.

        :param session: names the login in the store's log; *scrutiny*: how closely it is looked at.
        """
        limits = await self._limits(access)
        kind = KINDS[limits.slo and self.reach.options.layout == "slo", limits.symlink]
        return kind(self._client(access, session, scrutiny), self.reach.options, limits, self._underway)

    def _client(self, access: IAccess, session: str, scrutiny: Scrutiny = UNNOTICED) -> SwiftClient:
        return SwiftClient(
            self.reach.clock,
            self.reach.connections,
            access,
            self.reach.policy,
            wall=self.reach.wall,
            session=session,
            scrutiny=scrutiny,
        )

    async def _limits(self, access: IAccess) -> Limits:
        """What the store can do; the usual where it does not say so in time."""
        try:
            host = urlsplit((await access.get()).url).netloc
        except StorageError:
            return Limits()  # whatever is wrong, the client's first request will say it
        now = self.reach.clock.seconds()
        until, limits = self._known.get(host, (0.0, Limits()))
        return await self._asking[host].run(self._renewed, access, host) if until <= now else limits

    async def _renewed(self, access: IAccess, host: str) -> Limits:
        """Asked for, unless another login that came at the same time has just done so."""
        now = self.reach.clock.seconds()
        until, limits = self._known.get(host, (0.0, Limits()))
        if until <= now:
            limits = await self._ask(access, host)
            self._known[host] = (now + DISCOVERY_AGE, limits)
        return limits

    async def _ask(self, access: IAccess, host: str) -> Limits:
        asked: Deferred[Limits] = Deferred.fromCoroutine(discover(self._client(access, "")))
        asked.addTimeout(DISCOVERY_TIMEOUT, self.reach.clock)
        try:
            limits = await asked
        except TimeoutError:
            log.warn("store {host} does not tell its limits in time", event="store_limits", host=host)
            return Limits()
        if not limits.slo:
            words = "store {host} has no static large objects: files have {size} bytes at most"
            log.warn(words, event="store_limits", host=host, size=limits.max_file_size)
        return limits
