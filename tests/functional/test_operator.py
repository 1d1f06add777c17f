"""``swftp`` beside a gateway that runs: sessions, drain, whoami, check-config --probe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from tests.functional.both import BothCase
from tests.functional.case import need
from tests.functional.processes import ROOT, Child, eventually, free_port
from tests.functional.swift import PASSWORD, USER


class OperatorTests(BothCase):
    """One gateway a test, with a state directory of its own."""

    gateway_options: ClassVar[dict[str, object]] = {"drain_timeout": 60, "ftp.drain_timeout": 60}
    ended = False

    def setUp(self) -> None:
        """Where the control socket is."""
        self.state = self.folder()
        self.gateway_options = {**type(self).gateway_options, "state_dir": self.state}  # type: ignore[misc]
        super().setUp()

    def judge(self) -> None:
        """See `GatewayCase`; one that was drained has ended."""
        if not self.ended:
            super().judge()

    @property
    def argv(self) -> list[str]:
        """The program."""
        return [need(str(Path(sys.executable).with_name("swftp")))]

    def swftp(self, command: str, *words: str, password: str = PASSWORD) -> tuple[int, str, str]:
        """Exit status, standard output and error."""
        argv = [*self.argv, command, *words]
        environ = {**os.environ, "SWFTP_PASSWORD": password}
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_sessions(self) -> None:
        """Who is logged in, by what; the socket is ours, goes with the gateway, and is no trouble when it stays."""
        config = str(self.gateway.config)
        held = self.half("a", b"x" * 1000)[0], self.ftp()
        (path,) = self.state.iterdir()
        self.assertEqual((path.name, path.stat().st_mode & 0o777), (f"control.{self.gateway.child.pid}", 0o600))
        status, out, err = self.swftp("sessions", "-c", config)
        self.assertEqual((status, err), (0, ""))
        lines = [line.split() for line in out.splitlines()]
        self.assertEqual(lines[0][:3], ["process", "protocol", "user"])
        self.assertEqual(
            sorted(line[1:4] for line in lines[1:]), [["ftp", USER, "127.0.0.1"], ["sftp", USER, "127.0.0.1"]]
        )
        _, out, _ = self.swftp("sessions", "-c", config, "--json")
        sessions = json.loads(out)["sessions"]
        self.assertEqual(len(sessions), len(held))
        (moved,) = [one for session in sessions for one in session["transfers"]]
        self.assertEqual((moved["path"], moved["direction"], moved["bytes"]), (self.path("a"), "in", 500))
        healthy = [sys.executable, str(ROOT / "etc/container/healthy.py")]
        environ = {"STATE_DIRECTORY": str(self.state)}
        self.assertEqual(subprocess.run(healthy, env=environ, timeout=20, check=False).returncode, 0)
        self.gateway.kill()
        self.assertEqual(subprocess.run(healthy, env=environ, timeout=20, check=False).returncode, 1)
        self.assertEqual(self.swftp("sessions", "-c", config)[0], 1)
        self.assertEqual(list(self.state.iterdir()), [])
        self.gateway.start()
        self.assertEqual(self.swftp("sessions", "-c", config)[0], 0)
        self.gateway.stop()
        self.assertEqual(list(self.state.iterdir()), [])
        self.ended = True

    def test_drain(self) -> None:
        """Nobody new comes in, what runs may end, and then the command does."""
        self.ended = True
        data = b"x" * 200_000
        speaker, handle = self.half("a", data)
        command = Child(f"{self.gateway.name}-drain", [*self.argv, "drain", "-c", str(self.gateway.config)])
        self.assertClosed()
        self.assertTrue(command.alive)
        self.rest(speaker, handle, data)
        self.assertTrue(eventually(lambda: not self.gateway.child.alive, 15))
        self.assertTrue(eventually(lambda: not command.alive, 15))
        self.assertEqual((command.popen.returncode, self.gateway.child.popen.returncode), (0, 0))
        self.assertEqual(command.log(), "")
        self.assertStored("a", data)

    def test_whoami(self) -> None:
        """A login is tried as a client's would be."""
        config = str(self.gateway.config)
        status, out, err = self.swftp("whoami", "-c", config, USER)
        self.assertEqual((status, err), (0, ""))
        self.assertIn("login: accepted by password\nroot: /\nstore: answers; ", out)
        status, out, err = self.swftp("whoami", "-c", config, USER, password="wrong")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("login refused", err)
        self.assertNotIn("wrong", err)

    def test_probe(self) -> None:
        """A configuration whose services answer is good; one whose do not is not, and 78 says so."""
        config = str(self.gateway.config)
        status, out, err = self.swftp("check-config", config, "--probe", "--login", USER)
        self.assertEqual((status, err), (0, ""))
        self.assertIn("identity service: answers\n", out)
        self.assertIn("store: answers; ", out)
        self.assertEqual(self.swftp("check-config", config, "--probe", "--login", USER, password="wrong")[0], 78)
        self.gateway.change(auth_url=f"http://127.0.0.1:{free_port()}/auth/v1.0")
        status, out, err = self.swftp("check-config", config, "--probe")
        self.assertEqual((status, out), (78, "The configuration can be used.\n"))
        self.assertIn("identity service: ", err)
