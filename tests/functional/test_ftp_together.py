"""Both protocols in one process: one configuration, one count of sessions, one memory of what has just changed."""

from __future__ import annotations

import ftplib
import io
import signal
import sys
from pathlib import Path

import paramiko
from twisted.trial.unittest import SkipTest

from tests.functional.case import GatewayCase
from tests.functional.gateway import Gateway, gateway
from tests.functional.processes import Child, answers, free_port
from tests.functional.swift import PASSWORD, USER


class BothGateway(Gateway):
    """``swftp serve -c FILE`` with SFTP on `port` and FTP on `ftp_port`."""

    def defaults(self) -> dict[str, object]:
        """See `Gateway.defaults`."""
        self.ftp_port = free_port()
        return {**super().defaults(), "ftp.host": self.host, "ftp.port": self.ftp_port, "ftp.sessions_per_user": 3}

    def start(self) -> None:
        """See `Gateway.start`."""
        program = Path(sys.executable).with_name("swftp")
        if not program.exists():
            raise SkipTest("swftp is not installed")
        self.child = Child(self.name, [str(program), "serve", "-c", str(self.config)])
        self.child.wait_for(lambda: answers(self.port, b"SSH-2.0-") and answers(self.ftp_port, b"220"))


class TogetherTests(GatewayCase):
    """One process, two doors."""

    gateway: BothGateway
    gateway_options = {"sessions_per_user": 3}

    def make_gateway(self) -> BothGateway:
        """See `GatewayCase`."""
        return gateway(self.server.url, self.gateway_options, BothGateway)

    def ftp(self) -> ftplib.FTP:
        """An FTP login, ended with the test."""
        client = ftplib.FTP()
        client.connect("127.0.0.1", self.gateway.ftp_port, timeout=30)
        self.addCleanup(client.close)
        client.login(USER, PASSWORD)
        client.voidcmd("TYPE I")
        return client

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
