"""
The instruments of one process, by the names under which Prometheus asks for them.

The law: labels are of a fixed set, whatever clients and stores do (of logins there are a hundred at most, and only
where somebody wants them); and nothing here is called for a packet.
"""

from __future__ import annotations

from collections import Counter as TallyOf

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

from swftp import __version__

LOGINS = 100
"""Names that have a series of their own; all others share one."""
OTHERS = "(others)"
METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "OPTIONS", "READ", "COMMIT"})
"""See `swftp.interfaces.StoreWatch`."""
QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds: from an answer out of memory to a request that was given up."""
LAG = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """
    All of them.

    :ivar registry: holds them, for whoever asks.
    :ivar moved: bytes of files that were closed, by protocol and direction; those of open ones are added outside.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        build = Gauge("gw_build_info", "The version, as a label; always 1", ["version"], registry=registry)
        build.labels(__version__).set(1)
        self._logins: set[str] = set()
        self._series: dict[tuple[object, ...], tuple[Counter, Histogram]] = {}
        """By all their labels: to look these up costs more than to count."""
        self.moved: TallyOf[tuple[str, str]] = TallyOf()
        self._of_clients(registry)
        self._of_files(registry)
        self._of_store(registry)

    def _of_clients(self, registry: CollectorRegistry) -> None:
        self.auth_attempts = Counter(
            "gw_auth_attempts",
            "Logins that were tried; result: ok, bad, backend_error, throttled",
            ["proto", "method", "result"],
            registry=registry,
        )
        self.auth_seconds = Histogram(
            "gw_auth_seconds", "Seconds that a login took to be let in or refused", buckets=QUICK, registry=registry
        )
        self.rejected = Counter("gw_rejected", "Clients that were turned away", ["reason"], registry=registry)
        self.ended_sessions = Counter("gw_logouts", "Sessions that ended", ["proto"], registry=registry)
        self.requests = Counter(
            "gw_requests",
            "Requests but READ and WRITE; result: ok, not_found, refused, backend_error, integrity, client_abort",
            ["proto", "op", "result"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "gw_request_seconds", "Seconds that a request of a client took", ["op"], buckets=QUICK, registry=registry
        )

    def _of_files(self, registry: CollectorRegistry) -> None:
        self.transfers = Counter(
            "gw_transfers",
            "Files that were closed; dir: in, out; result: ok, client_abort, backend_error, integrity, refused",
            ["dir", "result"],
            registry=registry,
        )
        self.transfer_seconds = Histogram(
            "gw_transfer_seconds",
            "Seconds from opening a file to its end",
            ["dir"],
            buckets=(*QUICK, 300.0, 1800.0, 7200.0),
            registry=registry,
        )
        self.login_bytes = Counter(
            "gw_login_transfer_bytes",
            "Bytes of files that were closed, by login (option per_login)",
            ["login", "dir"],
            registry=registry,
        )
        self.etag_mismatches = Counter(
            "gw_etag_mismatch", "Files that the store kept with another checksum", registry=registry
        )
        self.ambiguous_commits = Counter(
            "gw_ambiguous_commit", "Changes of which the store did not say whether they were made", registry=registry
        )
        self.orphan_segments = Counter(
            "gw_orphan_segments", "Segments of dead uploads that were removed", registry=registry
        )

    def _of_store(self, registry: CollectorRegistry) -> None:
        self.backend_requests = Counter(
            "gw_backend_requests",
            "Requests to the store; code: its HTTP status, or what that would be; none where no answer came",
            ["method", "code_class", "code"],
            registry=registry,
        )
        self.backend_seconds = Histogram(
            "gw_backend_request_seconds",
            "Seconds from a request to the head of its answer; of PUT, with the body that went before",
            ["method"],
            buckets=QUICK,
            registry=registry,
        )
        self.backend_retries = Counter(
            "gw_backend_retries", "Requests that were sent again", ["reason"], registry=registry
        )
        self.backend_inflight = Gauge("gw_backend_inflight", "Requests that wait for an answer", registry=registry)
        self.lag = Histogram(
            "gw_reactor_lag_seconds",
            "Seconds that a timer of the reactor came late, looked at once a second",
            buckets=LAG,
            registry=registry,
        )

    # -- StoreWatch (swftp.interfaces) -------------------------------------------------------------------------

    def asked(self) -> None:
        """A request was sent to the store."""
        self.backend_inflight.inc()

    def answered(self, method: str, status: int, seconds: float) -> None:
        """The store answered one with *status* after *seconds*; 0: it did not."""
        self.backend_inflight.dec()
        key = method if method in METHODS else "other", status if 100 <= status < 600 else 0
        series = self._series.get(key)
        if series is None:
            code, group = (str(status), f"{status // 100}xx") if key[1] else ("none", "none")
            counter = self.backend_requests.labels(key[0], group, code)
            series = self._series[key] = counter, self.backend_seconds.labels(key[0])
        _count(series, seconds)

    def retried(self, status: int) -> None:
        """One is sent again that was answered with *status*; 0: not at all."""
        self.backend_retries.labels(str(status) if status else "no_answer").inc()

    # -- sessions and files ------------------------------------------------------------------------------------

    def did(self, protocol: str, operation: str, result: str, seconds: float) -> None:
        """A client asked for *operation*."""
        key = protocol, operation, result
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self.requests.labels(*key), self.request_seconds.labels(operation)
        _count(series, seconds)

    def transferred(self, direction: str, result: str, seconds: float) -> None:
        """A file was closed."""
        key = direction, result
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self.transfers.labels(*key), self.transfer_seconds.labels(direction)
        _count(series, seconds)

    def carried(self, login: str, direction: str, count: int) -> None:
        """*login* moved *count* bytes."""
        if login not in self._logins and len(self._logins) >= LOGINS:
            login = OTHERS
        self._logins.add(login)
        self.login_bytes.labels(login, direction).inc(count)


def _count(series: tuple[Counter, Histogram], seconds: float) -> None:
    series[0].inc()
    series[1].observe(seconds)


def total(metric: Counter | Gauge, **labels: str) -> float:
    """The sum of all series of *metric* with these *labels*."""
    return sum(
        sample.value
        for family in metric.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
        and all(sample.labels.get(name) == value for name, value in labels.items())
    )


def sums(metric: Counter, *names: str) -> TallyOf[tuple[str, ...]]:
    """The values of *metric* by its labels *names*, added up over all others."""
    found: TallyOf[tuple[str, ...]] = TallyOf()
    for family in metric.collect():
        for sample in family.samples:
            if sample.name.endswith("_total"):
                found[tuple(sample.labels[name] for name in names)] += int(sample.value)
    return found


def buckets(metric: Histogram) -> dict[float, float]:
    """Upper bound -> how many observations are not above it, over all series of *metric*."""
    found: dict[float, float] = {}
    for family in metric.collect():
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                bound = float(sample.labels["le"])
                found[bound] = found.get(bound, 0.0) + sample.value
    return found


def quantile(share: float, before: dict[float, float], after: dict[float, float]) -> float | None:
    """
    The bound below which *share* of the observations between two `buckets` lie; None: there were none.

    What lies above the last finite bound counts as that.
    """
    seen = {bound: count - before.get(bound, 0.0) for bound, count in sorted(after.items())}
    wanted = share * max(seen.values(), default=0.0)
    if not wanted:
        return None
    finite = [bound for bound in seen if bound != float("inf")]
    return next((bound for bound in finite if seen[bound] >= wanted), finite[-1])
