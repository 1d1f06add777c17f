"""Logins that may do some of it, on real gateways with real clients: whatever protocol they speak, it is the same."""

from __future__ import annotations

import errno
import ftplib
import io
import threading
import time
from typing import Any, ClassVar

import paramiko

from tests.functional.case import KIB, GatewayCase, content, need
from tests.functional.clients import Login
from tests.functional.ftp import FtpCase, get, lines, put
from tests.functional.programs import ProgramCase
from tests.functional.swift import PASSWORD, USER
from tests.functional.test_clients import SSH_OPTIONS


class ReadOnlyTests(ProgramCase):
    """SFTP, and scp in both its ways."""

    gateway_options: ClassVar[dict[str, object]] = {"login test:*.read_only": "yes"}

    def test_everything_else_is_denied(self) -> None:
        """Files are listed and read; every change is answered with "permission denied", and nothing changes."""
        self.store.put(self.container, "f", b"old")
        client = self.login()
        self.assertEqual(client.get_bytes(self.path("f")), b"old")
        self.assertEqual(client.listdir(self.path()), ["f"])
        changes: list[tuple[Any, ...]] = [
            (client.put_bytes, self.path("new"), b"x"),
            (client.put_bytes, self.path("f"), b"x"),
            (client.remove, self.path("f")),
            (client.mkdir, self.path("d")),
            (client.rmdir, self.path()),
            (client.rename, self.path("f"), self.path("g")),
            (client.posix_rename, self.path("f"), self.path("g")),
            (client.truncate, self.path("f"), 1),
            (client.utime, self.path("f"), (1, 1)),
            (client.symlink, self.path("f"), self.path("l")),
        ]
        for call, *arguments in changes:
            self.assertFails(call, *arguments, code=errno.EACCES)
        self.assertStored("f", b"old")
        self.assertEqual(self.store.names(self.container), ["f"])

    def scp(self, *arguments: str, status: int = 0) -> None:
        """A copy."""
        need("sshpass")
        argv = ["sshpass", "-e", need("scp"), "-q", *SSH_OPTIONS, "-P", str(self.gateway.port), *arguments]
        self.run_program(argv, status=status)

    def test_scp(self) -> None:
        """scp brings files here, and none there, over SFTP and by its own protocol."""
        self.store.put(self.container, "f", b"old")
        for options in ((), ("-O",)):
            self.scp(*options, f"127.0.0.1:{self.path('f')}", f"{self.here}/f")
            self.assertEqual((self.here / "f").read_bytes(), b"old")
            self.scp(*options, f"{self.here}/f", f"127.0.0.1:{self.path('new')}", status=-1)
        self.assertEqual(self.store.names(self.container), ["f"])


class ReadOnlyFtpTests(FtpCase):
    """FTP."""

    gateway_options: ClassVar[dict[str, object]] = {"login test:*.read_only": "yes", "sessions_per_user": 0}

    def test_everything_else_is_denied(self) -> None:
        """Files are listed and read; every change is answered 550, and nothing changes."""
        self.store.put(self.container, "f", b"old")
        client = self.ftp()
        self.assertEqual(get(client, "f"), b"old")
        self.assertEqual(client.nlst(), ["f"])
        for command in ("DELE f", "MKD d", f"RMD /{self.container}", "MFMT 20200101000000 f", "SITE CHMOD 600 f"):
            self.refused(550, client, command)
        client.sendcmd("RNFR f")
        self.refused(550, client, "RNTO g")
        for command in ("STOR f", "STOR new", "APPE f", "STOU"):
            error = self.assertRaises(ftplib.error_perm, client.storbinary, command, io.BytesIO(b"x"))
            self.assertEqual(str(error)[:3], "550", command)
        self.assertStored("f", b"old")
        self.assertEqual(self.store.names(self.container), ["f"])


class DropBoxTests(FtpCase):
    """Who may only bring new files."""

    gateway_options: ClassVar[dict[str, object]] = {"login test:*.permissions": "write", "sessions_per_user": 0}

    def test_new_files_only(self) -> None:
        """They come in, and can then be neither seen, read, replaced nor removed."""
        client = self.ftp()
        put(client, "f", b"mine")
        self.assertStored("f", b"mine")
        for command in ("DELE f", "SIZE f"):
            self.refused(550, client, command)
        self.assertRaises(ftplib.error_perm, get, client, "f")
        self.assertRaises(ftplib.error_perm, lines, client)
        self.assertRaises(ftplib.error_perm, put, client, "f", b"other")
        self.assertRaises(ftplib.error_perm, put, client, "f", b"other", rest=2)
        self.assertStored("f", b"mine")


class RateTests(GatewayCase):
    """Bandwidth."""

    gateway_options: ClassVar[dict[str, object]] = {
        "login *.upload_rate": "256K",
        "login *.download_rate": "256K",
    }

    def test_together(self) -> None:
        """Two sessions of one login together get its rate, each way, and all their bytes."""
        data = content(384 * KIB)
        logins = [self.login(), self.login()]

        def timed(*calls: Any) -> float:
            threads = [threading.Thread(target=call) for call in calls]
            begun = time.monotonic()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            return time.monotonic() - begun

        up = timed(*(lambda n=n, c=c: c.put_bytes(self.path(str(n)), data) for n, c in enumerate(logins)))
        for number in range(2):
            self.assertStored(str(number), data)
        got: list[bytes] = []
        down = timed(*(lambda n=n, c=c: got.append(c.get_bytes(self.path(str(n)))) for n, c in enumerate(logins)))
        self.assertEqual(got, [data, data])
        for seconds in (up, down):
            self.assertTrue(2.2 < seconds < 8, (up, down))


class RateFtpTests(FtpCase):
    """Bandwidth of FTP."""

    gateway_options: ClassVar[dict[str, object]] = {
        "login *.upload_rate": "512K",
        "login *.download_rate": "512K",
        "stalled_timeout": 1,
        "sessions_per_user": 0,
    }

    def test_rate(self) -> None:
        """A transfer takes its time both ways, and is not taken for one that has stalled."""
        data = content(1536 * KIB)
        client = self.ftp()
        begun = time.monotonic()
        put(client, "f", data)
        up = time.monotonic() - begun
        self.assertStored("f", data)
        self.assertEqual(get(client, "f"), data)
        down = time.monotonic() - begun - up
        for seconds in (up, down):
            self.assertTrue(1.5 < seconds < 8, (up, down))


class NetworkTests(GatewayCase):
    """A login from where it may not come."""

    gateway_options: ClassVar[dict[str, object]] = {"login test:*.networks": "192.0.2.0/24"}

    def test_refused(self) -> None:
        """The right password is refused as a wrong one."""
        with self.assertRaises(paramiko.AuthenticationException):
            Login(self.gateway.port, USER, PASSWORD)
        self.assertLogged("not from this address")


class NetworkFtpTests(FtpCase):
    """The same by FTP."""

    gateway_options: ClassVar[dict[str, object]] = {"login test:*.networks": "192.0.2.0/24"}

    def test_refused(self) -> None:
        """It is answered 530."""
        error = self.assertRaises(ftplib.error_perm, self.connect().login, USER, PASSWORD)
        self.assertEqual(str(error)[:3], "530")
