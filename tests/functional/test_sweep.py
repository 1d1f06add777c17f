"""``swftp reap``: what a killed gateway left is removed, what is used is not."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import ClassVar

from tests.functional.case import MIB, GatewayCase, content
from tests.functional.clients import Flag, Speaker
from tests.functional.processes import ROOT, eventually
from tests.functional.swift import PASSWORD, USER

COMMAND = "import sys; from swftp.cli import main; sys.exit(main())"


class KilledCase(GatewayCase):
    """A gateway that was killed."""

    def whole_and_lost(self) -> bytes:
        """It stored ``whole``, whose content this gives, and was killed in an upload to ``lost``; it is back."""
        whole = content(3 * MIB)
        self.login().put_bytes(self.path("whole"), whole)
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        handle = speaker.open(self.path("lost"), Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
        for _ in speaker.write_all(handle, content(4 * MIB, 1)):
            pass
        self.assertTrue(eventually(lambda: len(self.store.segments(self.container)) > 3, 20.0, 0.2))
        self.gateway.kill()
        self.gateway.start()
        return whole


class SweepTests(KilledCase):
    """``segment_size`` 1 MiB."""

    gateway_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB}

    def sweep(self, *words: str, password: str = PASSWORD) -> tuple[int, str]:
        """Exit status and standard output of ``swftp reap`` with the gateway's own configuration."""
        argv = [sys.executable, "-c", COMMAND, "reap", "-c", str(self.gateway.config), *words]
        environ = {**os.environ, "SWFTP_PASSWORD": password, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(argv, env=environ, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        return done.returncode, done.stdout

    def test_killed_gateway(self) -> None:
        """Young segments stay; old ones of an upload that never ended go; a file that is whole stays whole."""
        whole = self.whole_and_lost()
        self.assertEqual(self.sweep(USER, self.container), (0, f"{self.container}: 0 abandoned segments removed\n"))
        status, said = self.sweep("--dry-run", "--hours", "0", USER, self.container)
        self.assertEqual(status, 0)
        self.assertRegex(said, rf"^{self.container}: [1-9]\d* abandoned segments\n$")
        self.assertGreater(len(self.store.segments(self.container)), 3)
        status, said = self.sweep("--hours", "0", USER, self.container)
        self.assertEqual(status, 0)
        self.assertNotIn(": 0 abandoned", said)
        self.assertSegments(3)
        self.assertStored("whole", whole)
        self.assertStored("lost", None)

    def test_wrong_password(self) -> None:
        """A login that is refused sweeps nothing."""
        self.assertEqual(self.sweep(USER, self.container, password="wrong"), (1, ""))

    def test_no_such_container(self) -> None:
        """A mistyped name is not said to have nothing abandoned; one that cannot be a container's neither."""
        for name in ("nosuch", f"{self.container}/dir", ""):
            self.assertEqual(self.sweep("--dry-run", USER, name), (1, ""))


class ByTheWayTests(KilledCase):
    """A gateway that looks every two seconds, and takes for abandoned what is three seconds old."""

    gateway_options: ClassVar[dict[str, object]] = {
        "transfer.segment_size": MIB,
        "storage.sweep_every": 2,
        "storage.sweep_age": 3,
    }

    def test_killed_gateway(self) -> None:
        """What it left goes while somebody is logged in after its restart; what is whole stays."""
        whole = self.whole_and_lost()
        client = self.login()
        client.stat("/")
        self.assertSegments(3, 60)
        self.assertStored("whole", whole)
        self.assertLogged("abandoned segments of lost/swftp-")
