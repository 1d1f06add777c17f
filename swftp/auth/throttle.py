"""
Sources that fail to log in are refused for a while, as OpenSSH's PerSourcePenalties does (sshd_config(5)).

Only what a client did counts: a store or an identity service that is down never does.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address

from twisted.internet.interfaces import IReactorTime

from swftp.auth.limits import networks


class Offence(Enum):
    """What a client did."""

    BAD_LOGIN = "bad login"
    """A wrong name, password or signature."""
    NO_LOGIN = "no login"
    """It left without trying to log in."""
    LOGIN_TIMEOUT = "login timeout"
    """It did not log in within the time for that."""
    BROKEN_PROTOCOL = "broken protocol"
    """It sent what no client sends before it is logged in."""


PENALTIES = {
    Offence.BAD_LOGIN: 5.0,
    Offence.NO_LOGIN: 1.0,
    Offence.LOGIN_TIMEOUT: 10.0,
    Offence.BROKEN_PROTOCOL: 10.0,
}
"""Seconds: OpenSSH's authfail, noauth and grace-exceeded."""
SLACK = 64
"""Outdated entries that are not worth clearing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThrottleSettings:
    """Durations are in seconds."""

    least: float = 15.0
    """Penalty from which on a source is refused, until it has passed."""
    most: float = 600.0
    """The largest penalty; 0: nobody is ever refused."""
    sources: int = 65536
    """Sources that are remembered."""
    ipv4_prefix: int = 32
    ipv6_prefix: int = 64
    """Bits of an address that make one source."""
    exempt: tuple[str, ...] = ()
    """Networks that are never refused, as in ``10.0.0.0/8``."""


@dataclass(slots=True, eq=False)
class Penalty:
    """What one source has to wait for."""

    until: float
    enforced: bool = field(default=False)


class Throttle:
    """The penalties of all sources; one table for both protocols."""

    def __init__(self, settings: ThrottleSettings, clock: IReactorTime) -> None:
        """
        :raises ValueError: ``exempt`` holds something that is no network.
        """
        self._settings = settings
        self._clock = clock
        self._exempt = networks(settings.exempt)
        self._penalties: dict[str, Penalty] = {}
        self._ends: list[tuple[float, str]] = []  # a heap; holds outdated ends, too

    def __len__(self) -> int:
        """Sources that are remembered."""
        return len(self._penalties)

    def change(self, settings: ThrottleSettings) -> None:
        """
        Go by *settings* from now on; what was done before stays done.

        :raises ValueError: ``exempt`` holds something that is no network; nothing has changed.
        """
        self._exempt = networks(settings.exempt)
        self._settings = settings

    def refused(self, peer: str) -> bool:
        """Whether nothing is to be had by *peer*, the text of an address, now."""
        source = self._source(peer)
        penalty = self._penalties.get(source) if source is not None else None
        return penalty is not None and penalty.enforced and self._clock.seconds() < penalty.until

    def failed(self, peer: str, offence: Offence) -> None:
        """*peer* did *offence*."""
        source, now, settings = self._source(peer), self._clock.seconds(), self._settings
        if source is None or settings.most <= 0:
            return
        self._forget(now)
        penalty = self._penalties.get(source)
        if penalty is None:
            self._make_room()
            penalty = self._penalties[source] = Penalty(now)
        penalty.until = min(max(penalty.until, now) + PENALTIES[offence], now + settings.most)
        penalty.enforced = penalty.enforced or penalty.until - now >= min(settings.least, settings.most)
        self._note(penalty.until, source)

    def _source(self, peer: str) -> str | None:
        """What *peer* is counted as; None: not at all."""
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return None  # a UNIX socket has no address, and its clients are ours
        address = getattr(address, "ipv4_mapped", None) or address
        if any(address in network for network in self._exempt):
            return None
        if address.version == 4:
            return f"4:{int(address) >> (32 - self._settings.ipv4_prefix)}"
        return f"6:{int(address) >> (128 - self._settings.ipv6_prefix)}"

    def _note(self, until: float, source: str) -> None:
        heapq.heappush(self._ends, (until, source))
        if len(self._ends) > 2 * len(self._penalties) + SLACK:  # mostly ends that were put off since
            self._ends = [(penalty.until, source) for source, penalty in self._penalties.items()]
            heapq.heapify(self._ends)

    def _forget(self, now: float) -> None:
        """Drop what has passed."""
        while self._ends and self._ends[0][0] <= now:
            self._drop_soonest()

    def _make_room(self) -> None:
        """At the limit, whoever had least left to wait is let off."""
        while len(self._penalties) >= self._settings.sources:
            self._drop_soonest()

    def _drop_soonest(self) -> None:
        until, source = heapq.heappop(self._ends)
        penalty = self._penalties.get(source)
        if penalty is not None and penalty.until == until:
            del self._penalties[source]
