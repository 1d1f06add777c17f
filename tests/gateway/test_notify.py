"""Rules of `swftp.gateway.notify`."""

import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from swftp.gateway.notify import notify


class NotifyTests(SynchronousTestCase):
    """sd_notify(3)."""

    def listen(self, address: str) -> socket.socket:
        """A service manager at *address*."""
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(address)
        manager.settimeout(5)
        return manager

    def test_path(self) -> None:
        """The state reaches the socket that systemd names."""
        path = Path(self.mktemp())
        path.parent.mkdir(parents=True, exist_ok=True)
        here = path.parent.absolute()
        address = f"/proc/self/cwd/{path.parent}/n" if len(str(here)) > 90 else str(here / "n")
        manager = self.listen(address)
        self.assertTrue(notify("READY=1", {"NOTIFY_SOCKET": address}))
        self.assertEqual(manager.recv(100), b"READY=1")

    def test_abstract(self) -> None:
        """An ``@`` stands for the abstract namespace."""
        name = f"swftp-test-{id(self)}"
        manager = self.listen(f"\0{name}")
        self.assertTrue(notify("STOPPING=1", {"NOTIFY_SOCKET": f"@{name}"}))
        self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_nobody(self) -> None:
        """Without systemd, or with one that does not listen, nothing happens."""
        for environ in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nonexistent/n"}, {"NOTIFY_SOCKET": "x"}):
            self.assertFalse(notify("READY=1", environ))

    def test_full(self) -> None:
        """One that does not read what it is told keeps nobody waiting."""
        name = f"swftp-test-{id(self)}"
        manager = self.listen(f"\0{name}")
        told = [notify("WATCHDOG=1", {"NOTIFY_SOCKET": f"@{name}"}) for _ in range(self.queued() + 2)]
        self.assertFalse(told[-1])
        self.assertEqual(manager.recv(100), b"WATCHDOG=1")

    def queued(self) -> int:
        """Datagrams that a socket holds."""
        return int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
