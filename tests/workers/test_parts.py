"""Rules of `swftp.workers.parts`: all parts together are what was configured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from swftp.config import (
    Config,
    ConfigError,
    FtpConfig,
    ProcessConfig,
    SftpConfig,
    StorageConfig,
    TransferConfig,
    WebConfig,
    ZerostorConfig,
)
from swftp.config.fields import ports
from swftp.workers.parts import part_of, passive, workers_of
from swftp.workers.worker import packed, unpacked

MIB = 1 << 20


class PartTests(SynchronousTestCase):
    """Of one configuration."""

    def refused(self, count: int = 2, **sections: Any) -> str:
        """Why there cannot be *count* workers."""
        return str(self.assertRaises(ConfigError, part_of, Config(**sections), 0, count))

    def test_passive_ports(self) -> None:
        """Every port is one worker's, and none has two more than another."""
        for first, last, count in ((50000, 50999, 3), (1, 2, 2), (7, 13, 4)):
            config = Config(ftp=FtpConfig(passive_ports=f"{first}-{last}"))
            spans = [ports(passive(config, number, count)) for number in range(count)]
            every = [port for span in spans if span for port in range(span[0], span[1] + 1)]
            self.assertEqual(every, list(range(first, last + 1)))
            sizes = [span[1] - span[0] for span in spans if span]
            self.assertLessEqual(max(sizes) - min(sizes), 1)

    def test_too_few_passive_ports(self) -> None:
        """A worker without a port could transfer nothing."""
        words = self.refused(3, ftp=FtpConfig(passive_ports="50000-50001"))
        self.assertIn("[ftp] passive_ports: 2 ports are too few for 3 workers", words)

    def test_memory(self) -> None:
        """Memory of all transfers is that of all workers together, each of which needs some."""
        part = part_of(Config(), 1, 4)
        self.assertEqual(part.transfer.transfer_memory, Config().transfer.transfer_memory // 4)
        words = self.refused(3, transfer=TransferConfig(transfer_memory=32 * MIB))
        self.assertIn("[transfer] transfer_memory", words)

    def test_zerostor(self) -> None:
        """Connections to the database and names in memory are of all together, and one worker scrubs for all."""
        config = Config(zerostor=ZerostorConfig(connections=12, cache_names=1000, scrub_every=3600.0))
        parts = [part_of(config, number, 4).zerostor for number in range(4)]
        self.assertEqual([(part.connections, part.cache_names) for part in parts], [(3, 250)] * 4)
        self.assertEqual([part.scrub_every for part in parts], [3600.0, 0.0, 0.0, 0.0])
        few = part_of(Config(zerostor=ZerostorConfig(connections=4)), 1, 4)
        self.assertEqual(few.zerostor.connections, 2)

    def test_zerostor_alone(self) -> None:
        """Names that one process keeps for itself cannot be many processes'."""
        own = ZerostorConfig(cache_mode="exclusive")
        words = self.refused(storage=StorageConfig(storage="zerostor"), zerostor=own)
        self.assertIn("[zerostor] cache_mode: exclusive is for one process", words)
        self.assertEqual(part_of(Config(zerostor=own), 0, 2).zerostor.cache_mode, "exclusive")

    def test_endpoints(self) -> None:
        """Only sockets can be shared."""
        words = self.refused(sftp=SftpConfig(listen=("ssl:5022",)))
        self.assertIn("[sftp] listen: ssl:5022: workers can share only", words)

    def test_supervisor_tells(self) -> None:
        """A worker listens for nobody but clients."""
        web = WebConfig(port=9, per_login=True)
        config = Config(web=web, sftp=SftpConfig(stats_host="::1"), ftp=FtpConfig(log_statsd_host="x"))
        part = part_of(config, 0, 2)
        self.assertEqual((part.web, part.sftp.stats_host), (WebConfig(per_login=True), ""))
        self.assertEqual(part.ftp.log_statsd_host, "")

    def test_number(self) -> None:
        """One is one; none said is one a core."""
        self.assertEqual(workers_of(Config()), 1)
        self.assertGreaterEqual(workers_of(Config(process=ProcessConfig(workers=0))), 1)

    def test_carried(self) -> None:
        """A worker gets what its supervisor has, places for messages included."""
        config = Config(logins=(("a*", {"read_only": True}),), protocols=("ftp",), places={("ftp", "port"): "x:1"})
        again = unpacked(packed(config))
        self.assertEqual(again, config)
        self.assertEqual(again.places, config.places)
        self.assertEqual(replace(again, protocols=("sftp",)).protocols, ("sftp",))
