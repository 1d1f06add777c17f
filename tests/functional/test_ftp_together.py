"""Both protocols in one process: one configuration, one count of sessions, one memory of what has just changed."""

from __future__ import annotations

import ftplib
import io
import signal

import paramiko

from tests.functional.both import BothCase, BothGateway
from tests.functional.gateway import gateway


class TogetherTests(BothCase):
    """One process, two doors."""

    gateway_options = {"sessions_per_user": 3, "ftp.sessions_per_user": 3}

    def make_gateway(self) -> BothGateway:
        """See `GatewayCase`."""
        return gateway(self.server.url, self.gateway_options, BothGateway)

    def test_each_sees_the_other(self) -> None:
        """What one protocol has stored, the other has at once, also where it has looked before."""
        sftp, ftp = self.login(), self.ftp()
        self.assertRaises(OSError, sftp.stat, self.path("a"))
        ftp.storbinary(f"STOR {self.path('a')}", io.BytesIO(b"by ftp"))
        self.assertEqual(sftp.stat(self.path("a")).st_size, 6)
        with sftp.open(self.path("a"), "a") as file:
            file.write(b" and sftp")
        self.assertEqual(ftp.size(self.path("a")), 15)
        ftp.delete(self.path("a"))
        self.assertRaises(OSError, sftp.stat, self.path("a"))

    def test_sessions_are_counted_together(self) -> None:
        """Three sessions of one user are three, whatever they speak."""
        sessions = [self.login(), self.login()]
        first = self.ftp()
        self.assertRaises(ftplib.error_temp, self.ftp)
        self.assertRaises(paramiko.SSHException, self.login)
        first.quit()
        self.ftp()
        self.assertEqual(len(sessions), 2)

    def test_stops(self) -> None:
        """SIGTERM ends both: idle clients are told."""
        ftp = self.ftp()
        self.login()
        self.assertEqual(self.gateway.child.kill(signal.SIGTERM), 0)
        self.assertTrue(ftp.getmultiline().startswith("421 "))
        self.gateway.start()
