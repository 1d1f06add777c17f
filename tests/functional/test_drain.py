"""SIGTERM: nobody new comes in, transfers may end within ``drain_timeout``, the rest is given up unseen."""

from __future__ import annotations

import signal
import time
from typing import ClassVar

from tests.functional.both import BothCase
from tests.functional.case import MIB, content
from tests.functional.processes import eventually


class DrainCase(BothCase):
    """A gateway that ends."""

    def judge(self) -> None:
        """The gateway has ended, well, and had nothing to complain of."""
        self.assertTrue(eventually(lambda: not self.gateway.child.alive, 15), self.gateway.log()[-2000:])
        self.assertEqual(self.gateway.child.popen.returncode, 0)
        self.assertEqual(self.gateway.complaints(), "")

    def end(self) -> None:
        """SIGTERM, without waiting for what comes of it."""
        self.gateway.child.popen.send_signal(signal.SIGTERM)


class DrainTests(DrainCase):
    """Plenty of time."""

    gateway_options: ClassVar[dict[str, object]] = {
        "drain_timeout": 60,
        "ftp.drain_timeout": 60,
        "transfer.segment_size": MIB,
    }

    def test_transfers_may_end(self) -> None:
        """Uploads of both protocols that are under way are stored, those from before a reload, too; then it ends."""
        data = content(3 * MIB)
        idle, early = self.login(), self.half("early", data)
        self.gateway.reload()
        late, files = self.half("late", data), self.ftp()
        wire = files.transfercmd(f"STOR {self.path('ftp')}")
        wire.sendall(data[:MIB])
        self.end()
        self.assertClosed()
        self.assertTrue(eventually(lambda: not idle.ssh.is_active(), 5), "an idle client was not told")
        for speaker, handle in (early, late):
            self.rest(speaker, handle, data)
        self.assertTrue(self.gateway.child.alive)
        wire.sendall(data[MIB:])
        wire.close()
        self.assertEqual(files.voidresp()[:3], "226")
        for name in ("early", "late", "ftp"):
            self.assertStored(name, data)

    def test_second_signal(self) -> None:
        """Who asks twice does not wait: what has not ended is given up, and what stood there stands there."""
        self.store.put(self.container, "a", b"old")
        data = content(6 * MIB)
        self.half("a", data)
        self.end()
        self.assertClosed()
        begun = time.monotonic()
        self.end()
        self.assertTrue(eventually(lambda: not self.gateway.child.alive, 15))
        self.assertLess(time.monotonic() - begun, 5)
        self.assertStored("a", b"old")


class ShortTests(DrainCase):
    """Two seconds."""

    gateway_options: ClassVar[dict[str, object]] = {
        "drain_timeout": 2,
        "ftp.drain_timeout": 2,
        "transfer.segment_size": MIB,
    }

    def test_transfer_too_long(self) -> None:
        """A transfer that has not ended in time is given up, and nothing of it stays."""
        self.store.put(self.container, "a", b"old")
        self.half("a", content(6 * MIB))
        files = self.ftp()
        wire = files.transfercmd(f"STOR {self.path('b')}")
        self.addCleanup(wire.close)
        wire.sendall(content(MIB))
        self.end()
        self.assertTrue(eventually(lambda: not self.gateway.child.alive, 20))
        self.assertStored("a", b"old")
        self.assertStored("b", None)
        self.assertSegments(0)
