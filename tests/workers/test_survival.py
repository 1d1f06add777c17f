"""What a supervisor gets over, so that there is always somebody who starts a dead worker again."""

from __future__ import annotations

import errno
from dataclasses import replace

from swftp.config import FtpConfig
from swftp.workers.backoff import FIRST
from swftp.workers.supervisor import HANGS, STARTS
from swftp.workers.worker import unpacked
from tests.workers.supervised import DRAIN, SupervisorCase


class SurvivalTests(SupervisorCase):
    """Misfortune."""

    def setUp(self) -> None:
        super().setUp()
        self.ready()
        self.notified()

    def test_no_room_for_a_process(self) -> None:
        """A worker that cannot be started now is tried again later, and the others are looked after meanwhile."""
        self.one.ends(killed=True)
        self.reactor.trouble = OSError(errno.EAGAIN, "Resource temporarily unavailable")
        self.reactor.advance(FIRST)
        self.assertEqual(len(self.journal.lines("worker_not_started")), 1)
        self.assertEqual(self.supervisor.status(), "0 connections, 1 of 2 workers")
        self.reactor.trouble = None
        self.reactor.advance(FIRST * 2)
        three = self.reactor.processes[2]
        self.assertEqual(unpacked(three.heard()[0]["config"]).ftp.passive_ports, "50000-50004")
        self.seconds(STARTS + 2)
        self.assertIn("KILL", self.two.signals)

    def test_its_own_sleep(self) -> None:
        """A supervisor that was stopped itself takes nobody for dead who could not be asked; who hangs is found."""
        self.seconds(5, self.one, self.two)
        self.reactor.advance(HANGS * 3)
        self.seconds(5, self.one, self.two)
        self.assertEqual((self.one.signals, self.two.signals), ([], []))
        self.seconds(HANGS + 2, self.two)
        self.assertIn("KILL", self.one.signals)
        self.assertEqual(self.two.signals, [])

    def test_hangs_while_it_drains(self) -> None:
        """One that hangs then, too, is not waited for as long as transfers have."""
        self.supervisor.stopService()
        self.seconds(HANGS + 2, self.two)
        self.assertLess(HANGS + 2, DRAIN)
        self.assertIn("KILL", self.one.signals)
        self.assertEqual(self.two.signals, [])

    def test_reload_waits_for_nobody(self) -> None:
        """All workers get a configuration at the same time: none serves by the old one because another hangs."""
        self.read = replace(self.config, ftp=FtpConfig(passive_ports="50000-50009", max_failures=3))
        self.hangups[0]()
        (asked,) = self.two.heard()
        self.assertEqual((asked["what"], unpacked(asked["config"]).ftp.max_failures), ("reload", 3))


class EarlyTests(SupervisorCase):
    """Before all workers serve."""

    def test_none_can_be_started(self) -> None:
        """Who starts us hears of it, and may do something about it."""
        self.reactor.trouble = PermissionError(errno.EACCES, "Permission denied")
        other = self.make()
        other.privilegedStartService()
        self.assertRaises(PermissionError, other.startService)

    def test_reload_is_not_ready(self) -> None:
        """systemd is not told by a reload that we are ready while we are not."""
        self.one.says("ready")
        self.hangups[0]()
        self.one.answers(reload=[])
        self.assertEqual(len(self.journal.lines("reloaded")), 1)
        self.assertEqual(self.notified(), [])
