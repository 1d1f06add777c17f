"""What other tools of an administrator read: the audit stream, queries of Grafana and Prometheus."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from twisted.logger import LogLevel, capturedLogs

from swftp.config import Config, ConfigError, LogConfig
from swftp.insight.audit import AUDITED, LOGINS, REFUSALS, Audit
from swftp.paths import resolve
from swftp.storage.zerostor.chunks import ShardLevel
from swftp.storage.zerostor.meta.values import Totals
from swftp.storage.zerostor.shards import Capacity
from swftp.stores.zerometrics import measured
from tests.insight.test_insight import IDENTITY, InsightCase, gateway_of

ETC = Path(__file__).parents[2] / "etc"
OF_SUPERVISORS = {"gw_workers_unanswered_total"}
"""Metrics that one process alone has not."""
METRIC = re.compile(r"\b((?:gw|process)_[a-z_]+)\b")


class AuditTests(InsightCase):
    """The file."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        super().setUp()

    def config(self) -> Config:
        """As of `InsightCase`."""
        return Config(auth=IDENTITY, log=LogConfig(audit=str(self.path), level="error"), protocols=("ftp",))

    def lines(self) -> list[dict[str, Any]]:
        """What is in it."""
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def test_who_did_what(self) -> None:
        """Each change is one object with who, from where, as which session, what and how; whatever the level."""
        session = self.account.session()
        self.do(session.stat(resolve("/box/a")))
        self.do(session.remove(resolve("/box/a")))
        self.successResultOf(self.account.logout())
        removed, left = self.lines()
        wanted = {"event": "remove", "user": "me", "peer": "192.0.2.1", "session": "sftp-me", "path": "/box/a"}
        self.assertEqual({name: removed[name] for name in wanted}, wanted)
        self.assertEqual((removed["outcome"], left["event"], left["session"]), ("ok", "logout", "sftp-me"))

    def test_nobody_else_reads_it(self) -> None:
        """It has names of files and of people in it."""
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_moved_away(self) -> None:
        """A file that was rotated is made anew, for nobody else to read either."""
        session = self.account.session()
        self.do(session.make_directory(resolve("/box/one")))
        self.path.rename(self.path.with_suffix(".1"))
        self.do(session.make_directory(resolve("/box/two")))
        self.assertEqual([line["path"] for line in self.lines()], ["/box/two"])
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_cannot_be_written(self) -> None:
        """That is found before anybody is let in."""
        config = Config(auth=IDENTITY, log=LogConfig(audit="/nonexistent/audit"), protocols=("ftp",))
        self.assertIn("[log] audit: ", str(self.assertRaises(ConfigError, gateway_of, config, self.reactor, "x")))

    def test_pipe(self) -> None:
        """A pipe that nobody reads is refused, not waited for; what finds it full is lost, which is told once."""
        pipe = Path(self.mktemp())
        os.mkfifo(pipe)
        self.assertRaises(OSError, Audit, pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        audit = Audit(pipe)
        self.addCleanup(audit.close)
        event: Any = {"event": "login", "log_format": "x" * 1000, "log_time": 0.0, "log_level": LogLevel.info}
        with capturedLogs() as logs:
            for _ in range(200):
                audit(event)
            while len(os.read(reader, 1 << 16)) == 1 << 16:
                pass
            audit(event)
        self.assertEqual([one["event"] for one in logs], ["audit_lost", "audit_written"])
        self.assertEqual(json.loads(os.read(reader, 1 << 16).splitlines()[-1])["event"], "login")

    def test_disk_full(self) -> None:
        """When there is no room lines are lost, which is told once, and nothing of them comes later."""
        event: Any = {"event": "login", "log_format": "x", "log_time": 0.0, "log_level": LogLevel.info}
        link = Path(self.mktemp())
        link.symlink_to("/dev/full")
        audit = Audit(link)
        self.addCleanup(audit.close)
        with capturedLogs() as logs:
            for _ in range(3):
                audit(event)
            link.unlink()
            audit(event)
        self.assertEqual([one["event"] for one in logs], ["audit_lost", "audit_written"])
        self.assertEqual((logs[1]["lost"], len(link.read_text().splitlines())), (3, 1))

    def test_every_event_is_logged_somewhere(self) -> None:
        """What is audited is what some module logs."""
        root = Path(__file__).parents[2] / "swftp"
        source = "\n".join(path.read_text() for path in root.rglob("*.py") if path.stem not in ("audit", "counting"))
        for name in LOGINS | REFUSALS:
            self.assertRegex(source, rf'event="{name}"')
        for name in AUDITED - LOGINS - REFUSALS:
            self.assertIn(f'"{name}"', source)


class OfZerostor:
    """A collector, of one shard."""

    mended = waiting = 0

    def levels(self) -> dict[int, ShardLevel]:
        """See `Chunks.levels`."""
        return {1: ShardLevel(room=Capacity(1, 2))}

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client.registry.Collector`."""
        opened: Any = SimpleNamespace(chunks=self, mender=self)
        return measured(opened, Totals(1, 2, 3, 4))


class QueryTests(InsightCase):
    """Dashboard and alerts."""

    def setUp(self) -> None:
        super().setUp()
        self.metrics.registry.register(OfZerostor())

    def known(self) -> set[str]:
        """Names that a query may have."""
        for operation in ("stat", "open_read"):
            self.metrics.did("sftp", operation, "ok", 0.1)
        text = self.text()
        names = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
        families = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
        kinds = {
            line.split()[2] for line in text.splitlines() if line.startswith("# TYPE") and line.endswith("histogram")
        }
        return names | families | {f"{name}_bucket" for name in kinds}

    def test_dashboard(self) -> None:
        """Every panel asks for metrics that there are."""
        board = json.loads((ETC / "grafana/swftp.json").read_text())
        asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
        self.assertGreater(len(asked), 12)
        for query in asked:
            self.assertEqual(set(METRIC.findall(query)) - self.known(), set(), query)
            self.assertTrue(METRIC.search(query), query)

    def test_alerts(self) -> None:
        """So does every alert, and each says how bad it is and what it is."""
        (group,) = yaml.safe_load((ETC / "prometheus/swftp.rules.yml").read_text())["groups"]
        for rule in group["rules"]:
            self.assertEqual(set(METRIC.findall(rule["expr"])) - self.known(), set(), rule["alert"])
            self.assertIn(rule["labels"]["severity"], ("info", "warning", "critical"))
            self.assertTrue(rule["annotations"]["summary"])

    def test_documented(self) -> None:
        """The documentation names every metric of ours, and no other."""
        text = (ETC.parent / "docs/insight.md").read_text()
        named = set(re.findall(r"`(gw_[a-z_]+)`", text))
        families = {line.split()[2] for line in self.text().splitlines() if line.startswith("# TYPE gw_")}
        families = {name for name in families if not name.endswith("_created")} | OF_SUPERVISORS
        self.assertEqual(named ^ families, set())
