"""Rules of ``etc/container``: an image can hardly be built in a test, what it is made of can be looked at."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import dockerfile
from twisted.trial.unittest import SynchronousTestCase

from swftp import cli
from swftp.config import load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "etc/container"
KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"} | {
    "ENTRYPOINT",
    "CMD",
}


class ContainerTests(SynchronousTestCase):
    """The image."""

    def setUp(self) -> None:
        """Read what it is made of, as BuildKit does."""
        self.steps = dockerfile.parse_file(str(FOLDER / "Containerfile"))

    def those(self, name: str) -> list[list[str]]:
        """The words of each *name*."""
        return [list(step.value) for step in self.steps if step.cmd.upper() == name]

    def test_understood(self) -> None:
        """Every step is one that builders know; what is copied from a stage is from one that was made before."""
        self.assertEqual({step.cmd.upper() for step in self.steps} - KNOWN, set())
        stages: set[str] = set()
        for step in self.steps:
            if step.cmd.upper() == "FROM" and len(step.value) == 3:
                stages.add(step.value[2])
            for flag in step.flags:
                if flag.startswith("--from="):
                    self.assertIn(flag.removeprefix("--from="), stages)

    def test_shell(self) -> None:
        """What is run is a script that a shell understands."""
        shell = shutil.which("sh") or self.fail("no sh")
        for (script,) in self.those("RUN"):
            done = subprocess.run([shell, "-n", "-c", script], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), script)

    def test_sources(self) -> None:
        """What is copied is there, and setup.py finds all that it reads, and has the extras that are installed."""
        copied: list[str] = []
        for step in self.steps:
            if step.cmd.upper() == "COPY" and not any(flag.startswith("--from=") for flag in step.flags):
                copied += step.value[:-1]
        for source in copied:
            self.assertTrue((ROOT / source).exists(), source)
        text = (ROOT / "setup.py").read_text("utf-8")
        for name in re.findall(r'HERE / "([^"/]+)', text):
            self.assertIn(name, copied)
        scripts = " ".join(script for (script,) in self.those("RUN"))
        (extras,) = re.findall(r"\.\[([a-z,]+)\]", scripts)
        for name in extras.split(","):
            self.assertIn(f'"{name}": ', text)

    def test_starts(self) -> None:
        """What it starts is a command line of ours, and the file that it names is copied there."""
        (program,), (words,) = self.those("ENTRYPOINT"), self.those("CMD")
        self.assertEqual(program, ["swftp"])
        options = cli.parser().parse_args(words)
        self.assertIn(options.config_file, [step[-1] for step in self.those("COPY")])

    def test_health(self) -> None:
        """What looks after it is copied there, and is a program."""
        (words,) = self.those("HEALTHCHECK")
        self.assertEqual(words[:2], ["CMD", "python"])
        self.assertIn(words[2], [step[-1] for step in self.those("COPY")])
        ast.parse((FOLDER / Path(words[2]).name).read_text("utf-8"))

    def test_ports(self) -> None:
        """Those that the configuration in it listens on are exposed."""
        config, warnings = load(str(FOLDER / "swftp.conf"), protocols=None)
        self.assertEqual((warnings, config.protocols), ([], ("sftp", "ftp")))
        wanted = {str(config.sftp.port), str(config.ftp.port), config.ftp.passive_ports}
        self.assertEqual(set(self.those("EXPOSE")[0]), wanted)

    def test_nobody_special(self) -> None:
        """It runs as a user that is not root, and ends as the gateway wants to be ended."""
        self.assertEqual(self.those("USER"), [["10001:10001"]])
        self.assertEqual(self.those("STOPSIGNAL"), [["SIGTERM"]])
