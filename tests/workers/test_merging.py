"""Rules of `swftp.workers.merging`: many processes' metrics are one's, and counters never go back."""

from __future__ import annotations

import json
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric
from twisted.trial.unittest import SynchronousTestCase

from swftp.metrics import Metrics
from swftp.metrics.instruments import LOGINS
from swftp.workers.merging import Family, Logins, Past, growing, listed, merged, summed, told


def process(count: float, level: float, *seconds: float) -> list[Family]:
    """What one process tells, as it comes out of a link."""
    registry = CollectorRegistry()
    Counter("c", "counted", ["way"], registry=registry).labels("in").inc(count)
    Gauge("g", "a level", registry=registry).set(level)
    Gauge("gw_accepting", "whether", registry=registry).set(1)
    Gauge("gw_shard_free_bytes", "of a store", registry=registry).set(7)
    histogram = Histogram("h", "seconds", buckets=(1.0, 2.0), registry=registry)
    for value in seconds:
        histogram.observe(value)
    families: list[Any] = json.loads(json.dumps(told(registry)))
    return families


def value(metrics: list[Metric], name: str, **labels: str) -> float | None:
    """Of one sample."""
    found = [s.value for metric in metrics for s in metric.samples if s.name == name and s.labels == labels]
    return found[0] if found else None


class MergingTests(SynchronousTestCase):
    """Two processes."""

    def test_sums(self) -> None:
        """Counters, levels and histograms are added up; what is so or not is so once."""
        metrics = merged([process(2, 5, 0.5, 1.5), process(3, 1, 0.7)])
        self.assertEqual(value(metrics, "c_total", way="in"), 5)
        self.assertEqual(value(metrics, "g"), 6)
        self.assertEqual(value(metrics, "gw_accepting"), 1)
        self.assertEqual(value(metrics, "gw_shard_free_bytes"), 7)
        self.assertEqual(value(metrics, "h_bucket", le="1.0"), 2)
        self.assertEqual(value(metrics, "h_count"), 3)

    def test_dead(self) -> None:
        """What a dead process had counted stays, what it held does not; again and again."""
        past = Past()
        past.add(process(2, 5, 0.5))
        past.add(process(4, 9))
        metrics = merged([past.families(), process(3, 1)])
        self.assertEqual(value(metrics, "c_total", way="in"), 9)
        self.assertEqual(value(metrics, "g"), 1)
        self.assertEqual(value(metrics, "h_count"), 1)

    def test_logins(self) -> None:
        """However many workers there were, so many logins have series of their own; no series ever goes back."""
        past, own, told_before = Past(), Logins(), dict[tuple[Any, ...], float]()
        for worker in range(5):
            metrics = Metrics()
            for number in range(LOGINS):
                metrics.carried(f"user {worker}-{number}", "in", 1)
                metrics.carried("everywhere", "out", 1)
            past.add(own.folded(told(metrics.registry)))
            found = merged([past.families()])
            (family,) = [metric for metric in found if metric.name == "gw_login_transfer_bytes"]
            now = {tuple(s.labels.values()): s.value for s in family.samples if s.name.endswith("_total")}
            self.assertLessEqual(len({login for login, _ in now}), LOGINS + 1)
            self.assertEqual(sum(now.values()), 2 * LOGINS * (worker + 1))
            self.assertTrue(all(now[key] >= value for key, value in told_before.items()))
            told_before = now

    def test_silent(self) -> None:
        """Of a process that does not answer, what it had counted stays."""
        metrics = merged([growing(process(2, 5)), process(3, 1)])
        self.assertEqual((value(metrics, "c_total", way="in"), value(metrics, "g")), (5, 1))

    def test_born_first(self) -> None:
        """A counter is as old as the oldest part of it."""
        one, two = process(1, 1), process(1, 1)
        born = [value(merged([part]), "c_created", way="in") or 0 for part in (one, two)]
        self.assertEqual(value(merged([one, two]), "c_created", way="in"), min(born))

    def test_numbers(self) -> None:
        """Numbers by name are sums, or the largest where that is asked for."""
        self.assertEqual(
            summed([{"a": 1, "lag": 3}, {"a": 2, "b": 1, "lag": 2}], {"lag"}), {"a": 3, "b": 1, "lag": 3}
        )

    def test_lists(self) -> None:
        """Lists become one, in order, and no longer than a page."""
        self.assertEqual(listed([[{"k": 3}, {"k": 1}], [{"k": 2}]], "k", 2), [{"k": 1}, {"k": 2}])
