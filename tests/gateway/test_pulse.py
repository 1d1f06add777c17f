"""Rules of `swftp.gateway.pulse`."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.gateway.pulse import INTERVAL, Pulse, patience


class PulseTests(SynchronousTestCase):
    """A service manager that listens."""

    def setUp(self) -> None:
        """Its socket."""
        name = f"swftp-pulse-{os.getpid()}-{id(self)}"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(f"\0{name}")
        self.manager.setblocking(False)
        self.environ = {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "8000000"}
        self.clock = Clock()
        self.status = "fine"

    def start(self) -> Pulse:
        """A pulse that beats."""
        pulse = Pulse(self.clock, lambda: self.status, self.environ)
        pulse.startService()
        self.addCleanup(pulse.stopService)
        return pulse

    def heard(self) -> list[bytes]:
        """What came since the last call."""
        messages = []
        while True:
            try:
                messages.append(self.manager.recv(1000))
            except BlockingIOError:
                return messages

    def test_beats(self) -> None:
        """The watchdog is fed four times in its patience; how we are is said when it changes."""
        self.start()
        self.assertEqual(self.heard(), [b"WATCHDOG=1\nSTATUS=fine"])
        self.clock.pump([2.0, 2.0])
        self.assertEqual(self.heard(), [b"WATCHDOG=1"] * 2)
        self.status = "draining"
        self.clock.advance(2.0)
        self.assertEqual(self.heard(), [b"WATCHDOG=1\nSTATUS=draining"])

    def test_stuck(self) -> None:
        """A reactor that does not turn feeds nobody."""
        self.start()
        self.heard()
        self.assertEqual(self.heard(), [])
        self.clock.advance(20.0)
        self.assertEqual(len(self.heard()), 1)

    def test_ends(self) -> None:
        """After the end, nothing is said."""
        self.start().stopService()
        self.heard()
        self.clock.advance(10.0)
        self.assertEqual(self.heard(), [])

    def test_nobody(self) -> None:
        """Without systemd there is no timer."""
        self.environ.clear()
        self.start()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_patience(self) -> None:
        """Another process's watchdog, and none, are not ours."""
        self.assertEqual(patience({"WATCHDOG_USEC": "8000000"}), 8.0)
        self.assertEqual(patience({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid())}), 8.0)
        self.assertEqual(patience({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"}), 0.0)
        self.assertEqual(patience({"WATCHDOG_USEC": "soon"}), 0.0)
        self.assertEqual(Pulse(self.clock, str, {}).interval, INTERVAL)


class UnitTests(SynchronousTestCase):
    """``etc/systemd``."""

    def test_paths(self) -> None:
        """The service waits for signals as the gateway hears them, and the sockets go to it."""
        folder = Path(__file__).parents[2] / "etc/systemd"
        service = (folder / "swftp.service").read_text("utf-8")
        for line in ("Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "KillMode=mixed", "WatchdogSec=60"):
            self.assertIn(f"\n{line}\n", service)
        for name in ("sftp", "ftp"):
            unit = (folder / f"swftp-{name}.socket").read_text("utf-8")
            self.assertIn(f"\nFileDescriptorName={name}\nService=swftp.service\n", unit)
            self.assertIn(f"\n#   listen = systemd:domain=INET:name={name}\n", unit)
