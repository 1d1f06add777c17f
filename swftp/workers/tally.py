"""
What workers count together: connections and sessions, wherever they are, and who did what before he was logged in.

Each worker tells by how much its own numbers have changed; the supervisor passes that on, and takes back what a dead
worker had.  The law: a worker's numbers are told in the order of their changes and only as sums of them, so no number
that another worker sees was never true, and a worker that does not read costs no memory but that of what has changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable

from twisted.internet.interfaces import IReactorTime

from swftp.auth.limits import Admission
from swftp.auth.login import SessionCounter
from swftp.auth.throttle import Offence, Throttle
from swftp.stores.rules import Rules
from swftp.workers.link import Flow

CONNECTIONS, STARTING, SESSIONS = "connections", "starting", "sessions"
LEVELS = frozenset((CONNECTIONS, STARTING, SESSIONS))
"""What goes up and down; all else are names of an `Offence`."""
TOGETHER = 0.002
"""Seconds within which changes go as one."""
MOST = 65536
"""Changes that wait for a side that does not read; offences beyond are its loss."""
HELD = 50
"""Offences of one kind and source in one telling that are counted: the penalty has long been the largest."""

Entry = tuple[str, str, int]
"""What has changed, of whom, and by how much."""


class Outgoing:
    """Changes on their way to the other side of a link."""

    def __init__(self, clock: IReactorTime, flow: Flow, send: Callable[[list[Entry]], object]) -> None:
        self._clock, self._flow, self._send = clock, flow, send
        self._changes: Counter[tuple[str, str]] = Counter()
        self._armed = False

    def add(self, kind: str, key: str, count: int) -> None:
        """One has happened."""
        if kind not in LEVELS and len(self._changes) >= MOST:
            return
        self._changes[kind, key] += count
        if not self._changes[kind, key]:
            del self._changes[kind, key]
        if not self._armed:
            self._armed = True
            self._clock.callLater(TOGETHER, self._flush)

    def _flush(self) -> None:
        if self._flow.full:
            self._flow.when_room(self._flush)
            return
        self._armed = False
        changes, self._changes = self._changes, Counter()
        entries = [(kind, key, count) for (kind, key), count in changes.items()]
        if entries:
            self._send(entries)


class Replica:
    """A worker's side: tells of its own, and counts those of others."""

    def __init__(
        self, outgoing: Outgoing, admission: Admission, counter: SessionCounter, throttle: Throttle, rules: Rules
    ) -> None:
        self._outgoing = outgoing
        self._admission, self._counter, self._throttle, self._rules = admission, counter, throttle, rules
        admission.tell, counter.tell, throttle.tell = self._connected, self._entered, self._offended
        rules.share = counter.share
        self._own = self._others = 0

    def is_busier(self, workers: int) -> bool:
        """Whether more connections are here than with each of the others of *workers*, on an average."""
        return self._own * (workers - 1) > self._others

    def _connected(self, source: str, connections: int, starting: int) -> None:
        self._own += connections
        for kind, count in ((CONNECTIONS, connections), (STARTING, starting)):
            if count:
                self._outgoing.add(kind, source, count)

    def _entered(self, user: str, count: int) -> None:
        self._outgoing.add(SESSIONS, user, count)
        self._rules.apportion(user)

    def _offended(self, peer: str, offence: Offence) -> None:
        self._outgoing.add(offence.name, peer, 1)

    def hear(self, entries: Iterable[Entry]) -> None:
        """What others have told."""
        for kind, key, count in entries:
            if kind == CONNECTIONS:
                self._others += count
                self._admission.elsewhere(key, count, 0)
            elif kind == STARTING:
                self._admission.elsewhere(key, 0, count)
            elif kind == SESSIONS:
                self._counter.elsewhere(key, count)
                self._rules.apportion(key)
            else:
                hear_offence(self._throttle, kind, key, count)


def hear_offence(throttle: Throttle, kind: str, peer: str, count: int) -> None:
    """*peer* did what is called *kind* at another process, *count* times."""
    for _ in range(min(count, HELD)):
        throttle.failed_elsewhere(peer, Offence[kind])


class Ledger:
    """The supervisor's side: what each worker has, by a name of the worker."""

    def __init__(self, throttle: Throttle) -> None:
        """
        :param throttle: is told of every offence, for workers to come.
        """
        self._throttle = throttle
        self._has: dict[Hashable, Counter[tuple[str, str]]] = {}
        self._outgoing: dict[Hashable, Outgoing] = {}

    def join(self, worker: Hashable, outgoing: Outgoing) -> None:
        """*worker*, which has nothing yet, is told from now on of all that there is."""
        for has in self._has.values():
            for (kind, key), count in has.items():
                outgoing.add(kind, key, count)
        self._has[worker], self._outgoing[worker] = Counter(), outgoing

    def hear(self, worker: Hashable, entries: Iterable[Entry]) -> None:
        """*worker* tells."""
        has = self._has[worker]
        for kind, key, count in entries:
            if kind in LEVELS:
                has[kind, key] += count
                if not has[kind, key]:
                    del has[kind, key]
            else:
                hear_offence(self._throttle, kind, key, count)
            self._pass_on(worker, kind, key, count)

    def leave(self, worker: Hashable) -> None:
        """*worker* is dead, and its clients are gone."""
        self._outgoing.pop(worker, None)
        for (kind, key), count in self._has.pop(worker, Counter()).items():
            self._pass_on(worker, kind, key, -count)

    def _pass_on(self, worker: Hashable, kind: str, key: str, count: int) -> None:
        for other, outgoing in self._outgoing.items():
            if other != worker:
                outgoing.add(kind, key, count)

    def count(self, worker: Hashable, kind: str) -> int:
        """How many of *kind*, one of `LEVELS`, *worker* has."""
        return sum(count for (which, _), count in self._has.get(worker, Counter()).items() if which == kind)
