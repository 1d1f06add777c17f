"""
The metrics of many processes as those of one.

The law: what Prometheus was told of a counter never goes back, whoever dies: what a dead worker had counted stays in
the sum, and of one that does not answer the last that it said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from swftp.metrics.instruments import LOGINS, OTHERS

GROWING = frozenset(("counter", "histogram", "summary"))
LARGEST = frozenset(("gw_build_info", "gw_accepting", "gw_penalised_sources", "python_info", "process_max_fds"))
"""Gauges that are not sums: what all say alike, and what is so if one says so."""
BY_LOGIN = "gw_login_transfer_bytes"
"""The family that has a label for each login; see `Logins`."""
OF_STORE = ("gw_shard_", "gw_zerostor_")
"""How the names of gauges begin that all tell of one store."""
OF_PROCESS = frozenset(("gw_zerostor_repairs_waiting",))
EARLIEST = ("_created", "process_start_time_seconds")
"""How the names of samples end that are times."""

Sample = tuple[str, Mapping[str, str], float]
Family = tuple[str, str, str, Sequence[Sample]]
"""Name, type, meaning and samples."""
Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""Family, sample and labels."""


def told(registry: CollectorRegistry) -> list[Family]:
    """All of *registry*, as a link carries it."""
    return [
        (metric.name, metric.type, metric.documentation, [(s.name, s.labels, s.value) for s in metric.samples])
        for metric in registry.collect()
    ]


class Past:
    """What dead workers had counted."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, str]] = {}
        self._counted: Counter[Key] = Counter()

    def add(self, families: Iterable[Family]) -> None:
        """Of one more of them."""
        for name, kind, about, samples in families:
            if kind not in GROWING:
                continue
            self._families[name] = kind, about
            for sample, labels, value in samples:
                if not sample.endswith(EARLIEST):
                    self._counted[name, sample, tuple(sorted(labels.items()))] += value  # type: ignore[assignment]

    def families(self) -> list[Family]:
        """All of them together."""
        found: dict[str, list[Sample]] = {name: [] for name in self._families}
        for (name, sample, labels), value in self._counted.items():
            found[name].append((sample, dict(labels), value))
        return [(name, *self._families[name], samples) for name, samples in found.items()]


class Logins:
    """
    Which logins have series of their own in the sum: as many as in one process, whoever came first.

    Who has one keeps it and who has not gets none, or a counter would go back.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()

    def folded(self, families: Iterable[Family]) -> Iterator[Family]:
        """*families*, in which all other logins are one."""
        for name, kind, about, samples in families:
            if name == BY_LOGIN:
                samples = [(sample, self._folded(labels), value) for sample, labels, value in samples]
            yield name, kind, about, samples

    def _folded(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        login = labels["login"]
        if login not in self._names:
            if len(self._names) >= LOGINS:
                return {**labels, "login": OTHERS}
            self._names.add(login)
        return labels


def growing(families: Iterable[Family]) -> list[Family]:
    """Those of *families* that stay true of a process that has said nothing since."""
    return [family for family in families if family[1] in GROWING]


def merged(parts: Iterable[Iterable[Family]]) -> list[Metric]:
    """The families of all *parts*, each once."""
    metrics: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for part in parts:
        for name, kind, about, samples in part:
            metrics.setdefault(name, Metric(name, about, kind))
            found = values.setdefault(name, {})
            for sample, labels, value in samples:
                key = sample, tuple(sorted(labels.items()))
                found[key] = _together(name, kind, sample, found[key], value) if key in found else value
    for name, metric in metrics.items():
        for (sample, pairs), value in values[name].items():
            metric.add_sample(sample, dict(pairs), value)
    return list(metrics.values())


def _together(family: str, kind: str, sample: str, one: float, other: float) -> float:
    if sample.endswith(EARLIEST):
        return min(one, other)
    alike = family in LARGEST or (kind == "gauge" and family.startswith(OF_STORE) and family not in OF_PROCESS)
    return max(one, other) if alike else one + other


def summed(parts: Iterable[Mapping[str, float]], largest: Iterable[str] = ()) -> dict[str, float]:
    """Numbers of many by name; of those in *largest* the largest."""
    found: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            found[name] = max(found.get(name, value), value) if name in largest else found.get(name, 0) + value
    return found


def listed(parts: Iterable[Iterable[Any]], key: str, most: int) -> list[Any]:
    """What is in the lists of all, by *key*, *most* of it."""
    return sorted((each for part in parts for each in part), key=lambda each: each[key])[:most]
