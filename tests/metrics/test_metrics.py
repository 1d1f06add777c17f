"""Counters, the last minutes, and the numbers of 2014."""

from __future__ import annotations

import errno
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import succeed
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from swftp.metrics import Counting, History, Metrics, Sample
from swftp.metrics.classic import COMMANDS, totals
from swftp.metrics.instruments import LOGINS, OTHERS, buckets, quantile, total
from swftp.metrics.statsd import DATAGRAM, Statsd, datagrams


class MetricsTests(SynchronousTestCase):
    """What Prometheus is told."""

    def setUp(self) -> None:
        self.metrics = Metrics()

    def test_readable(self) -> None:
        """All of it is in the format of Prometheus, under one prefix."""
        self.metrics.did("sftp", "stat", "ok", 0.01)
        text = generate_latest(self.metrics.registry).decode()
        names = {family.name for family in text_string_to_metric_families(text)}
        self.assertEqual({name for name in names if not name.startswith(("gw_", "process_", "python_"))}, set())
        self.assertIn('gw_requests_total{op="stat",proto="sftp",result="ok"} 1.0', text)

    def test_store_cannot_make_labels(self) -> None:
        """Whatever statuses and verbs there are, series are few."""
        for status in range(-5, 2000):
            self.metrics.asked()
            self.metrics.answered(f"VERB{status}", status, 0.1)
        (family,) = self.metrics.backend_requests.collect()
        self.assertLessEqual(len(family.samples), 2 * 502)
        self.assertEqual(total(self.metrics.backend_inflight), 0)

    def test_no_answer(self) -> None:
        """A request without an answer has no status."""
        self.metrics.asked()
        self.metrics.answered("GET", 0, 60.0)
        self.assertEqual(total(self.metrics.backend_requests, code_class="none", code="none"), 1)

    def test_logins_are_bounded(self) -> None:
        """The login after the hundredth shares a series with all others, and none is lost."""
        for n in range(LOGINS + 50):
            self.metrics.carried(f"user {n}", "in", 10)
        self.assertEqual(total(self.metrics.login_bytes), 10 * (LOGINS + 50))
        self.assertEqual(total(self.metrics.login_bytes, login=OTHERS), 500)

    def test_odd_logins(self) -> None:
        """Whatever a name holds, it is one label and ends no line."""
        names = ['a"} 1', "back\\slash", "two\nlines", "\u202e\u2028", "\x00"]
        for name in names:
            self.metrics.carried(name, "in", 1)
        said = generate_latest(self.metrics.registry).decode()
        (family,) = [f for f in text_string_to_metric_families(said) if f.name == "gw_login_transfer_bytes"]
        found = {sample.labels["login"] for sample in family.samples if sample.name.endswith("_total")}
        self.assertEqual(found, set(names))

    def test_quantile(self) -> None:
        """It is of what came between, not of all time; of nothing there is none."""
        before = buckets(self.metrics.backend_seconds)
        self.assertIsNone(quantile(0.5, before, before))
        for seconds in (0.004, 0.004, 0.004, 20.0):
            self.metrics.asked()
            self.metrics.answered("GET", 200, seconds)
        after = buckets(self.metrics.backend_seconds)
        self.assertEqual((quantile(0.5, before, after), quantile(0.95, before, after)), (0.005, 30.0))


class CountingTests(SynchronousTestCase):
    """From the log to counters."""

    def test_events(self) -> None:
        """What is logged is counted; what has no event, or another one, is not."""
        metrics = Metrics()
        counting = Counting(metrics)
        for event in ("ssh_turned_away", "ftp_timeout", "ambiguous_commit", "etag_mismatch", "logout", None, "else"):
            counting({"event": event, "protocol": "sftp"})
        counting({"event": "login_failed", "result": "busy"})
        counting({"event": "abandoned_segments", "count": 3})
        self.assertEqual(total(metrics.rejected), 3)
        self.assertEqual(total(metrics.rejected, reason="too_many_connections"), 1)
        self.assertEqual(counting.turned_away, {"sftp": 1, "ftp": 0})
        self.assertEqual((total(metrics.ambiguous_commits), total(metrics.etag_mismatches)), (1, 1))
        self.assertEqual((total(metrics.orphan_segments), total(metrics.ended_sessions, proto="sftp")), (3, 1))

    def test_every_event_is_logged_somewhere(self) -> None:
        """What is counted here is the name of an event that some module logs."""
        from swftp.metrics.counting import REJECTIONS

        root = Path(__file__).parents[2] / "swftp"
        source = "\n".join(path.read_text() for path in root.rglob("*.py") if path.stem != "counting")
        for name in (*REJECTIONS, "etag_mismatch", "ambiguous_commit", "abandoned_segments", "logout"):
            self.assertRegex(source, rf'event="{name}"')


class HistoryTests(SynchronousTestCase):
    """Second by second."""

    def sample(self, at: float, count: float) -> Sample:
        """One."""
        return Sample(time=at, at=at, levels={"level": at}, totals={"count": count})

    def test_gains(self) -> None:
        """A point says what its second brought; the first sample is none."""
        history = History()
        for at, count in ((0, 100), (1, 110), (3, 120)):
            history.add(self.sample(at, count))
        self.assertEqual([(p.number, p.gains["count"]) for p in history.since(0)], [(1, 10.0), (2, 5.0)])
        self.assertEqual([p.number for p in history.since(1)], [2])

    def test_bounded(self) -> None:
        """Only the last are kept; who asks with a number of before a restart gets them all."""
        history = History(5)
        for at in range(20):
            history.add(self.sample(at, at))
        self.assertEqual([p.number for p in history.since(0)], [15, 16, 17, 18, 19])
        self.assertEqual(len(list(history.since(900))), 5)

    def test_rates(self) -> None:
        """The mean of the last eleven, as in 2014; of nothing, nothing."""
        history = History()
        self.assertEqual(history.rates(), {})
        for at in range(30):
            history.add(self.sample(at, at * 7))
        self.assertEqual(history.rates(), {"count": 7.0})

    def test_clock_is_set(self) -> None:
        """The time of day may jump: what was gained a second does not."""
        history = History()
        history.add(Sample(time=1000.0, at=1.0, totals={"count": 0}))
        history.add(Sample(time=10.0, at=2.0, totals={"count": 8}))
        self.assertEqual([p.gains["count"] for p in history.since(0)], [8.0])


class ClassicTests(SynchronousTestCase):
    """The numbers of 2014."""

    def test_names(self) -> None:
        """Every name of then is there, and counts what it did."""
        metrics = Metrics()
        metrics.auth_attempts.labels("sftp", "password", "ok").inc(3)
        metrics.auth_attempts.labels("sftp", "password", "bad").inc(2)
        metrics.did("sftp", "open_read", "ok", 0.1)
        metrics.did("sftp", "open_write", "refused", 0.1)
        metrics.did("ftp", "open_write", "ok", 0.1)
        moved = {("sftp", "in"): 5, ("sftp", "out"): 6, ("ftp", "in"): 7, ("ftp", "out"): 8}
        found = totals(metrics, moved)
        self.assertEqual((found["sftp"]["auth.succeed"], found["sftp"]["auth.fail"]), (3, 2))
        self.assertEqual((found["sftp"]["command.openFile"], found["ftp"]["command.openForWriting"]), (2, 1))
        self.assertEqual((found["sftp"]["transfer.ingress_bytes"], found["ftp"]["transfer.egress_bytes"]), (5, 8))
        self.assertEqual(len(found["sftp"]), 6 + len(COMMANDS["sftp"]))


class Udp:
    """Notes what is sent."""

    def __init__(self, sent: list[tuple[bytes, tuple[str, int]]]) -> None:
        self.sent = sent

    def write(self, data: bytes, to: tuple[str, int]) -> None:
        """As of `IUDPTransport`."""
        self.sent.append((data, to))

    def stopListening(self) -> None:
        """As of `IUDPTransport`."""


class Away(Udp):
    """One of a machine without a network."""

    def __init__(self) -> None:
        super().__init__([])

    def write(self, data: bytes, to: tuple[str, int]) -> None:
        """As of `IUDPTransport`."""
        raise OSError(errno.ENETUNREACH, "Network is unreachable")


class StatsdTests(SynchronousTestCase):
    """What StatsD is told."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.counted = {"auth.succeed": 1.0, "command.stat": 0.0}
        self.service = Statsd(
            self.reactor, ("127.0.0.1", 8125), 10.0, "swftp.sftp", lambda: (self.counted, {"num_clients": 2.0})
        )
        self.reactor.listenUDP = lambda port, protocol, interface: None  # type: ignore[attr-defined]
        self.reactor.resolve = lambda name: succeed(name)  # type: ignore[attr-defined]
        self.service.startService()
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.service._protocol.transport = Udp(self.sent)

    def test_gains(self) -> None:
        """Every ten seconds, what came since the last time as counters, what is as gauges; nothing else."""
        self.reactor.advance(9.9)
        self.assertEqual(self.sent, [])
        self.reactor.advance(0.1)
        self.assertEqual(
            self.sent, [(b"swftp.sftp.auth.succeed:1|c\nswftp.sftp.num_clients:2|g", ("127.0.0.1", 8125))]
        )
        self.counted["command.stat"] = 7.0
        self.reactor.advance(10)
        self.assertEqual(self.sent[-1][0], b"swftp.sftp.command.stat:7|c\nswftp.sftp.num_clients:2|g")

    def test_network_is_away(self) -> None:
        """What cannot be sent is lost, and nothing else: the next telling goes out as ever."""
        transport = self.service._protocol.transport
        self.service._protocol.transport = Away()
        self.reactor.advance(10)
        self.service._protocol.transport = transport
        self.counted["command.stat"] = 7.0
        self.reactor.advance(10)
        self.assertIn(b"command.stat:7|c", self.sent[-1][0])

    def test_end(self) -> None:
        """What is left is told at the end."""
        self.service.stopService()
        self.assertIn(b"auth.succeed:1|c", self.sent[-1][0])
        self.assertEqual([call for call in self.reactor.getDelayedCalls() if call.active()], [])

    def test_datagrams(self) -> None:
        """No datagram is longer than what one frame carries, and no line is cut or lost."""
        lines = [f"name{n}:{n}|c" for n in range(1000)]
        sent = list(datagrams(iter(lines)))
        self.assertLessEqual(max(map(len, sent)), DATAGRAM)
        self.assertEqual(b"\n".join(sent).decode().split("\n"), lines)
