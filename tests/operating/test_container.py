"""Rules of ``etc/container``: an image can hardly be built in a test, what it is made of can be looked at."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from swftp.config import load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "etc/container"


class ContainerTests(SynchronousTestCase):
    """The image."""

    def setUp(self) -> None:
        """Read what it is made of; continued lines are one."""
        text = (FOLDER / "Containerfile").read_text("utf-8").replace("\\\n", " ")
        self.steps = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] != "#"]

    def those(self, name: str) -> list[str]:
        """What stands behind each *name*."""
        return [rest for step, rest in self.steps if step == name]

    def test_sources(self) -> None:
        """What is copied is there, and setup.py finds all that it reads."""
        for line in self.those("COPY"):
            if not line.startswith("--from"):
                for source in line.split()[:-1]:
                    self.assertTrue((ROOT / source).exists(), source)
        copied = " ".join(self.those("COPY"))
        for name in re.findall(r'HERE / "([^"/]+)', (ROOT / "setup.py").read_text("utf-8")):
            self.assertIn(name, copied)

    def test_ports(self) -> None:
        """Those that the configuration in it listens on are exposed."""
        config, warnings = load(str(FOLDER / "swftp.conf"), protocols=None)
        self.assertEqual((warnings, config.protocols), ([], ("sftp", "ftp")))
        wanted = {str(config.sftp.port), str(config.ftp.port), config.ftp.passive_ports}
        self.assertEqual(set(self.those("EXPOSE")[0].split()), wanted)

    def test_nobody_special(self) -> None:
        """It runs as a user that is not root, and ends as the gateway wants to be ended."""
        self.assertEqual(self.those("USER"), ["10001:10001"])
        self.assertEqual(self.those("STOPSIGNAL"), ["SIGTERM"])
