"""What Prometheus is told of a zerostor, looked at only when it asks: labels are numbers of shards, which are few."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from swftp.storage.zerostor.chunks import ShardLevel
from swftp.storage.zerostor.meta.values import Totals
from swftp.storage.zerostor.opening import Opened

SHOWN = 256
"""Shards that have series of their own, those with the lowest numbers."""


def measured(opened: Opened, totals: Totals | None) -> Iterator[Metric]:
    """
    :param totals: as of not long ago; None: not counted yet.
    """
    yield from _shards(dict(islice(sorted(opened.chunks.levels().items()), SHOWN)))
    waiting = "Chunks that readers found damaged and that nobody has seen to yet"
    yield GaugeMetricFamily("gw_zerostor_repairs_waiting", waiting, opened.mender.waiting)
    yield CounterMetricFamily("gw_zerostor_repairs", "Chunks that were made whole again", opened.mender.mended)
    if totals is not None:
        gauges = {
            "used_bytes": (totals.used_bytes, "Bytes of all files"),
            "files": (totals.files, "Files"),
            "degraded_chunks": (totals.degraded, "Chunks that lack a fragment"),
            "garbage_objects": (totals.garbage, "Objects that are to be deleted from the shards"),
        }
        for name, (value, about) in gauges.items():
            yield GaugeMetricFamily(f"gw_zerostor_{name}", about, value)


def _shards(levels: dict[int, ShardLevel]) -> Iterator[Metric]:
    up = GaugeMetricFamily("gw_shard_up", "Whether a shard answers", labels=["shard"])
    size = GaugeMetricFamily("gw_shard_size_bytes", "Bytes that a shard has room for in all", labels=["shard"])
    free = GaugeMetricFamily("gw_shard_free_bytes", "Bytes that it has room for now", labels=["shard"])
    took = SummaryMetricFamily("gw_shard_request_seconds", "Seconds that calls to a shard took", labels=["shard"])
    for number, level in levels.items():
        labels = [str(number)]
        up.add_metric(labels, int(level.up))
        took.add_metric(labels, level.calls, level.seconds)
        if level.room is not None:
            size.add_metric(labels, level.room.total_bytes)
            free.add_metric(labels, level.room.free_bytes)
    yield from (up, size, free, took)
