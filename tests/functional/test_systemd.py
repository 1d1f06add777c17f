"""Under systemd: sockets that it holds, what it is told, and how far its units shut us in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.both import BothCase, BothGateway
from tests.functional.case import need
from tests.functional.processes import ROOT, Child, eventually, scratch

FORWARDED = ("PYTHONPATH", "PYTHONUNBUFFERED", "PATH", "HOME", "NOTIFY_SOCKET")
WATCHDOG = 2.0
"""Seconds that the watchdog waits."""


class Activated(BothGateway):
    """As a service manager starts it when the first client knocks, at sockets that are held for it."""

    def defaults(self) -> dict[str, object]:
        """See `Gateway.defaults`."""
        names = {f"{name}.listen": f"systemd:domain=INET:name={name}" for name in ("sftp", "ftp")}
        return {**super().defaults(), **names}

    def start(self) -> None:
        """Hold the sockets; nothing runs yet."""
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = str(scratch() / f"{self.name}.notify")
        self.manager.bind(address)
        self.manager.settimeout(20)
        argv = [need("systemd-socket-activate"), "--fdname=sftp:ftp"]
        argv += [f"--listen=127.0.0.1:{port}" for port in (self.port, self.ftp_port)]
        argv += [f"--setenv={name}" for name in FORWARDED] + [f"--setenv=WATCHDOG_USEC={WATCHDOG * 1e6:.0f}"]
        program = str(Path(sys.executable).with_name("swftp"))
        argv += [program, "serve", "-c", str(self.config)]
        self.child = Child(self.name, argv, {"NOTIFY_SOCKET": address})
        self.child.wait_for(lambda: "Listening on 127.0.0.1:" + str(self.ftp_port) in self.log())

    def told(self, what: str) -> str:
        """The next message to the service manager that has *what*."""
        while True:
            message = self.manager.recv(4096).decode()
            if what in message.splitlines() or what in message:
                return message


class ActivatedTests(BothCase):
    """A gateway that is started by its first client."""

    gateway: Activated

    def make_gateway(self) -> Activated:
        """See `GatewayCase`."""
        fresh = Activated(self.server.url, self.gateway_options)
        self.addCleanup(fresh.manager.close)
        self.addCleanup(fresh.kill)
        return fresh

    def judge(self) -> None:
        """It ended well."""
        self.assertTrue(eventually(lambda: not self.gateway.child.alive))
        self.assertEqual(self.gateway.complaints(), "")

    def test_life(self) -> None:
        """The client that came before us is served; systemd hears of start, pulse, reload and end."""
        self.login().put_bytes(self.path("a"), b"new")
        self.assertStored("a", b"new")
        self.gateway.told("READY=1")
        self.ftp().nlst("/")
        self.gateway.told("STATUS=2 connections")
        self.gateway.told("WATCHDOG=1")
        self.gateway.reload()
        self.assertIn("MONOTONIC_USEC=", self.gateway.told("RELOADING=1"))
        self.gateway.told("READY=1")
        self.gateway.child.popen.send_signal(signal.SIGTERM)
        self.assertIn("EXTEND_TIMEOUT_USEC=", self.gateway.told("STOPPING=1"))


class UnitTests(SynchronousTestCase):
    """``etc/systemd``."""

    def analyze(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``systemd-analyze``."""
        argv = [need("systemd-analyze"), *words]
        environ = {**os.environ, "SYSTEMD_PAGER": "cat"}
        return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60, check=False)

    def test_exposure(self) -> None:
        """The service is exposed by 2.0 of 10 at most."""
        unit = ROOT / "etc/systemd/swftp.service"
        done = self.analyze("security", "--offline=true", "--threshold=20", str(unit))
        self.assertEqual(done.returncode, 0, done.stdout[-400:] + done.stderr)

    def test_understood(self) -> None:
        """systemd understands every line of the units."""
        folder = self.mktemp()
        Path(folder).mkdir(parents=True)
        units = []
        for unit in sorted((ROOT / "etc/systemd").iterdir()):
            units.append(Path(folder, unit.name))
            units[-1].write_text(unit.read_text("utf-8").replace("/opt/swftp/bin/swftp", sys.executable))
        done = self.analyze("verify", *(str(unit.absolute()) for unit in units))
        complaints = [line for line in done.stderr.splitlines() if folder in line or "swftp" in line]
        self.assertEqual(complaints, [])
