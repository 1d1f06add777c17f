"""Rules of `swftp.demo.demonstration`: a demonstration that cannot be is over at once, and says why."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase


class FailingTests(SynchronousTestCase):
    """``swftp demo --storage zerostor``, as it is started by whoever tries it."""

    def fails(self, data: Path, *words: str) -> str:
        """What it said, the log included."""
        code = "import sys; from swftp.cli import main; sys.exit(main())"
        command = [
            sys.executable,
            "-c",
            code,
            "demo",
            "--storage",
            "zerostor",
            "--data",
            str(data),
            "--ftp-port",
            "0",
        ]
        done = subprocess.run([*command, "--ftp-port", "0", *words], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        return done.stderr

    def test_no_place(self) -> None:
        """Where the data cannot be."""
        place = Path(self.mktemp())
        place.touch()
        self.assertRegex(self.fails(place, "--port", "0"), "^swftp demo: .*File exists: '.*'\n$")

    def test_port_taken(self) -> None:
        """Where somebody else has the port."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            said = self.fails(Path(self.mktemp()), "--port", str(taken.getsockname()[1]))
        self.assertIn("Address already in use. Choose another port with --port or --ftp-port.\n", said)
        self.assertNotIn("Traceback", said)
