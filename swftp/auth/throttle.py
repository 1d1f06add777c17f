"""
Sources that fail to log in are refused for a while, as OpenSSH's PerSourcePenalties does (sshd_config(5)).

Only what a client did counts: a store or an identity service that is down never does.  Wrong passwords cost more the
more of them there were: one source makes us ask no more than 20 times in ten minutes.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from ipaddress import ip_address

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from swftp.auth.limits import networks


class Offence(Enum):
    """What a client did."""

    BAD_LOGIN = "bad login"
    """A wrong name, password or signature."""
    NO_LOGIN = "no login"
    """It spoke to us and left without logging in."""
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
HELD_AGAINST = 120.0
"""Seconds after which one wrong password less is held against a source."""
AT_ONCE = 8
"""Logins of one source that are looked at at one time, where nothing is held against it; else one."""
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
    enforced: bool = False
    wrong: float = 0.0
    """Wrong passwords, less those that are forgiven."""
    since: float = 0.0
    """When the last one came."""
    end: float = 0.0
    """When nothing of it is left."""

    def held(self, now: float) -> float:
        """Wrong passwords that are held against the source."""
        return max(self.wrong - (now - self.since) / HELD_AGAINST, 0.0)


Held = tuple[str, float, bool, float, float, float]
"""A source, and its `Penalty`; times are in seconds from now."""


class Throttle:
    """
    The penalties of all sources; one table for both protocols.

    :ivar clock: they pass on it.
    :ivar tell: is called with each offence that was seen here, and whose it was.
    """

    def __init__(self, settings: ThrottleSettings, clock: IReactorTime) -> None:
        """
        :raises ValueError: ``exempt`` holds something that is no network.
        """
        self._settings = settings
        self.clock = clock
        self._exempt = networks(settings.exempt)
        self.tell: Callable[[str, Offence], object] = lambda peer, offence: None
        self._penalties: dict[str, Penalty] = {}
        self._ends: list[tuple[float, str]] = []  # a heap; holds outdated ends, too
        self._asking: Counter[str] = Counter()
        self._waiting: dict[str, deque[Deferred[None]]] = {}

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
        return penalty is not None and penalty.enforced and self.clock.seconds() < penalty.until

    def failed(self, peer: str, offence: Offence) -> None:
        """*peer* did *offence*."""
        self.tell(peer, offence)
        self.failed_elsewhere(peer, offence)

    def held(self) -> Iterator[Held]:
        """What is held against whom."""
        now = self.clock.seconds()
        for source, penalty in self._penalties.items():
            yield source, penalty.until - now, penalty.enforced, penalty.wrong, penalty.since - now, penalty.end - now

    def hold(self, held: Iterable[Held]) -> None:
        """Hold all that against them, as another table does."""
        now = self.clock.seconds()
        for source, until, enforced, wrong, since, end in held:
            self._make_room()
            self._penalties[source] = Penalty(now + until, enforced, wrong, now + since, now + end)
            self._note(now + end, source)

    def failed_elsewhere(self, peer: str, offence: Offence) -> None:
        """*peer* did *offence* at another process."""
        source, now, settings = self._source(peer), self.clock.seconds(), self._settings
        if source is None or settings.most <= 0:
            return
        self._forget(now)
        penalty = self._penalties.get(source)
        if penalty is None:
            self._make_room()
            penalty = self._penalties[source] = Penalty(now)
        if now >= penalty.until:
            penalty.enforced = False
        penalty.until = min(max(penalty.until, now) + _cost(penalty, offence, now), now + settings.most)
        penalty.enforced = penalty.enforced or penalty.until - now >= min(settings.least, settings.most)
        penalty.end = max(penalty.until, penalty.since + penalty.wrong * HELD_AGAINST)
        self._note(penalty.end, source)

    @asynccontextmanager
    async def turn(self, peer: str) -> AsyncIterator[None]:
        """Within it, a password that *peer* gave is looked at: who guesses waits for the verdict of each."""
        source = self._source(peer)
        if source is None:
            yield
            return
        while not self._is_free(source):
            waiter: Deferred[None] = Deferred(partial(self._given_up, source))
            self._waiting.setdefault(source, deque()).append(waiter)
            await waiter
        self._asking[source] += 1
        try:
            yield
        finally:
            self._asking[source] -= 1
            self._wake(source)

    def _given_up(self, source: str, waiter: Deferred[None]) -> None:
        waiting = self._waiting.get(source)
        if waiting is None or waiter not in waiting:
            return  # `_wake` has them in its hands
        waiting.remove(waiter)
        if not waiting:
            del self._waiting[source]

    def _is_free(self, source: str) -> bool:
        return self._asking[source] < (1 if source in self._penalties else AT_ONCE)

    def _wake(self, source: str) -> None:
        waiting = self._waiting.pop(source, None)
        if waiting is None:  # nobody waits, or whoever woke us goes on when we are done
            self._forget_turns(source)
            return
        while waiting and self._is_free(source):
            waiter = waiting.popleft()
            if not waiter.called:  # else it was cancelled
                waiter.callback(None)
        waiting.extend(self._waiting.pop(source, ()))
        if waiting:
            self._waiting[source] = waiting
        self._forget_turns(source)

    def _forget_turns(self, source: str) -> None:
        if not self._asking[source]:
            del self._asking[source]

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

    def _note(self, end: float, source: str) -> None:
        heapq.heappush(self._ends, (end, source))
        if len(self._ends) > 2 * len(self._penalties) + SLACK:  # mostly ends that were put off since
            self._ends = [(penalty.end, source) for source, penalty in self._penalties.items()]
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
        end, source = heapq.heappop(self._ends)
        penalty = self._penalties.get(source)
        if penalty is not None and penalty.end == end:
            del self._penalties[source]


def _cost(penalty: Penalty, offence: Offence, now: float) -> float:
    """Seconds: twice as many for every second wrong password after the third."""
    if offence is not Offence.BAD_LOGIN:
        return PENALTIES[offence]
    held = penalty.held(now)
    penalty.wrong, penalty.since = held + 1, now
    return PENALTIES[offence] * float(1 << min(max(int(held) - 1, 0) // 2, 16))
