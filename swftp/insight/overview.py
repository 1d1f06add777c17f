"""
What is going on in a gateway, gathered from those who know: nothing here is told, everything is looked at.

A second's look costs what is open, not what is moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from twisted.internet.interfaces import IReactorTime

from swftp import __version__
from swftp.auth.login import SessionCounter
from swftp.auth.throttle import Throttle
from swftp.metrics import Counting, History, Sample, classic
from swftp.metrics.history import MEAN
from swftp.metrics.instruments import buckets, quantile, total
from swftp.session import Moving, Writer
from swftp.stores.accounts import Account, Shared

SHOWN = 200
"""Logins that are described, and open files of each: a page is read by somebody."""
BAD = ("backend_error", "integrity")


class Sees(Protocol):
    """What of a gateway is looked at."""

    @property
    def doors(self) -> Sequence[Any]:
        """Its servers."""

    @property
    def listens(self) -> bool:
        """Whether people are let in."""


class Overview:
    """
    See the module.

    :ivar history: the last minutes.
    """

    def __init__(
        self, logins: Shared, throttle: Throttle, counter: SessionCounter, counting: Counting, sees: Sees
    ) -> None:
        self._logins, self._throttle, self._counter = logins, throttle, counter
        self._counting, self._sees = counting, sees
        self._clock: IReactorTime = logins.clock
        self._begun = self._looked = logins.clock.seconds()
        self._metrics = logins.metrics
        self._store = buckets(self._metrics.backend_seconds)
        self.history, self._classic = History(), History(MEAN)
        self._metrics.registry.register(self)

    # -- what is open ------------------------------------------------------------------------------------------

    def _accounts(self) -> list[Account]:
        return sorted(self._logins.accounts, key=lambda account: account.since)

    def _open(self) -> Iterator[tuple[str, Moving]]:
        """The protocol of each open file, and the file."""
        for account in self._logins.accounts:
            for session in account.sessions:
                for moving in session.moving.values():
                    yield account.login.protocol, moving

    def moved(self) -> Counter[tuple[str, str]]:
        """Bytes so far, by protocol and direction."""
        found = Counter({(protocol, way): 0 for protocol in ("sftp", "ftp") for way in ("in", "out")})
        found.update(self._metrics.moved)
        for protocol, moving in self._open():
            found[protocol, moving.file.direction] += moving.file.count
        return found

    def connections(self) -> dict[str, int]:
        """By the name of a server."""
        found: Counter[str] = Counter()
        for door in self._sees.doors:
            found[door.protocol_name.lower()] += len(door.connections)
        return dict(found)

    # -- once a second -----------------------------------------------------------------------------------------

    def look(self, lag: float) -> None:
        """
        A second has passed.

        :param lag: seconds by which this came late.
        """
        now = self._clock.seconds()
        elapsed, self._looked = max(now - self._looked, 0.001), now
        for _, moving in self._open():
            moving.look(elapsed)
        self._metrics.lag.observe(lag)
        moved = self.moved()
        self.history.add(self._sample(now, lag, moved))
        numbers = {
            f"{protocol} {name}": value
            for protocol, found in classic.totals(self._metrics, moved).items()
            for name, value in found.items()
        }
        self._classic.add(Sample(time=self._logins.wall(), at=now, totals=numbers))

    def classic(self, protocol: str) -> tuple[dict[str, float], dict[str, float]]:
        """Totals and rates of 2014."""
        rates = {
            name.removeprefix(f"{protocol} "): rate
            for name, rate in self._classic.rates().items()
            if name.startswith(f"{protocol} ")
        }
        found = classic.totals(self._metrics, self.moved())[protocol]
        clients = sum(count for name, count in self.connections().items() if name.rstrip("s") == protocol)
        return {**found, "num_clients": clients}, rates

    def _sample(self, now: float, lag: float, moved: Mapping[tuple[str, str], int]) -> Sample:
        metrics = self._metrics
        before, self._store = self._store, buckets(metrics.backend_seconds)
        levels = {
            "connections": sum(self.connections().values()),
            "sessions": len(self._counter),
            "transfers": sum(1 for _ in self._open()),
            "memory": self._logins.budget.used,
            "lag": lag,
            "store_inflight": total(metrics.backend_inflight),
        }
        for name, share in (("store_p50", 0.5), ("store_p95", 0.95)):
            found = quantile(share, before, self._store)
            if found is not None:
                levels[name] = found
        totals = {
            "in": moved["sftp", "in"] + moved["ftp", "in"],
            "out": moved["sftp", "out"] + moved["ftp", "out"],
            "requests": total(metrics.requests),
            "logins": total(metrics.auth_attempts, result="ok"),
            "refused": total(metrics.auth_attempts) - total(metrics.auth_attempts, result="ok"),
            "errors": sum(total(kind, result=word) for kind in (metrics.requests, metrics.transfers) for word in BAD),
            "aborted": total(metrics.transfers, result="client_abort"),
            "transfers": total(metrics.transfers),
            "rejected": total(metrics.rejected),
            "store_requests": total(metrics.backend_requests),
            "store_errors": total(metrics.backend_requests, code_class="5xx")
            + total(metrics.backend_requests, code_class="none"),
        }
        return Sample(time=self._logins.wall(), at=now, levels=levels, totals=totals)

    # -- what is told ------------------------------------------------------------------------------------------

    def sessions(self) -> list[dict[str, Any]]:
        """Who is logged in, since when, and what is open."""
        return [self._described(account) for account in islice(self._accounts(), SHOWN)]

    def _described(self, account: Account) -> dict[str, Any]:
        login, now = account.login, self._clock.seconds()
        moving = [each for session in account.sessions for each in session.moving.values()]
        return {
            "session": login.session,
            "protocol": login.protocol,
            "user": login.name,
            "peer": login.peer,
            "method": login.method,
            "since": account.since,
            "bytes_in": account.moved["in"] + sum(e.file.count for e in moving if e.file.direction == "in"),
            "bytes_out": account.moved["out"] + sum(e.file.count for e in moving if e.file.direction == "out"),
            "transfers": [_transfer(each, now) for each in islice(moving, SHOWN)],
        }

    def status(self, since: int) -> dict[str, Any]:
        """
        All that the status page shows.

        :param since: number of the last point of the history that is known already.
        """
        return {**self.now(), **shown_history(self.history, since)}

    def now(self) -> dict[str, Any]:
        """All of it but the history."""
        budget = self._logins.budget
        return {
            "version": __version__,
            "now": self._logins.wall(),
            "uptime": self._clock.seconds() - self._begun,
            "state": "serving" if self._sees.listens else "draining",
            "servers": self.connections(),
            "memory": {"used": budget.used, "limit": budget.limit},
            "penalised": len(self._throttle),
            "logins": len(self._logins.accounts),
            "sessions": self.sessions(),
        }

    def collect(self) -> Iterable[Metric]:
        """What Prometheus is told that is looked at only when it asks."""
        connections = GaugeMetricFamily("gw_connections", "Connections", labels=["proto"])
        for name, count in self.connections().items():
            connections.add_metric([name], count)
        yield connections
        opened: Counter[str] = Counter()
        for door in self._sees.doors:
            opened[door.protocol_name.lower().replace("ftps", "ftp")] += door.opened
        every = CounterMetricFamily("gw_connections", "Connections so far", labels=["proto", "result"])
        for name, count in opened.items():
            refused = self._counting.turned_away[name]
            every.add_metric([name, "ok"], max(0, count - refused))
            every.add_metric([name, "refused"], refused)
        yield every
        carried = CounterMetricFamily(
            "gw_transfer_bytes", "Bytes of files, in (uploads) and out (downloads)", labels=["proto", "dir"]
        )
        for labels, count in sorted(self.moved().items()):
            carried.add_metric(labels, count)
        yield carried
        budget = self._logins.budget
        levels = {
            "gw_sessions": (len(self._counter), "Logins that are there"),
            "gw_open_handles": (sum(1 for _ in self._open()), "Files that are open"),
            "gw_upload_buffer_bytes": (budget.used, "Bytes of files in memory, in both directions"),
            "gw_upload_buffer_limit_bytes": (budget.limit, "Bytes of files that may be in memory"),
            "gw_penalised_sources": (len(self._throttle), "Addresses with a penalty"),
            "gw_accepting": (int(self._sees.listens), "Whether clients are let in"),
        }
        for name, (value, about) in levels.items():
            yield GaugeMetricFamily(name, about, value)


def shown_history(history: History, since: int) -> dict[str, Any]:
    """What the status page shows of *history*, see `Overview.status`."""
    last, points = history.last, list(history.since(since))
    return {
        "levels": dict(last.levels) if last is not None else {},
        "totals": dict(last.totals) if last is not None else {},
        "number": points[-1].number if points else since,
        "points": [{"time": point.time, **point.levels, **_gains(point.gains)} for point in points],
    }


def _gains(gains: Any) -> dict[str, float]:
    return {f"{name}_rate": round(value, 3) for name, value in gains.items()}


def _transfer(moving: Moving, now: float) -> dict[str, Any]:
    file = moving.file
    return {
        "path": str(file.shown),
        "direction": file.direction,
        "bytes": file.count,
        "size": None if isinstance(file, Writer) else file.entry.size,
        "rate": round(moving.rate),
        "seconds": round(now - moving.begun, 3),
        "closing": file.closing is not None,
    }
