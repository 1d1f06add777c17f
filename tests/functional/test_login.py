"""Logins: many, at once, refused, dropped; what they leave behind."""

from __future__ import annotations

import concurrent.futures
import contextlib
import socket
import stat

import paramiko

from tests.functional.case import GatewayCase
from tests.functional.clients import Login, Speaker, reset
from tests.functional.gateway import Gateway
from tests.functional.processes import eventually

LIMIT = 10


class BasicTests(GatewayCase):
    """One login."""

    def test_stat_root(self) -> None:
        """The account is a directory that lists containers."""
        client = self.login()
        self.assertTrue(stat.S_ISDIR(client.stat("/").st_mode or 0))
        self.assertIn(self.container, client.listdir("/"))

    def test_start_directory(self) -> None:
        """A login starts in the account."""
        self.assertEqual(self.login().normalize("."), "/")

    def test_wrong_password(self) -> None:
        """A wrong password, and an account that does not exist, are refused as failed logins."""
        for user, password in (("test:tester", "wrong"), ("nobody:here", "testing"), ("noaccount", "x")):
            with self.assertRaises(paramiko.AuthenticationException):
                Login(self.gateway.port, user, password)

    def test_no_secret_in_log(self) -> None:
        """Neither passwords nor tokens are logged."""
        self.login().listdir("/")
        with contextlib.suppress(paramiko.AuthenticationException):
            Login(self.gateway.port, "test:tester", "s3cr3t-of-a-typo")
        log = self.gateway.log()
        self.assertNotIn("s3cr3t-of-a-typo", log)
        self.assertNotIn("AUTH_tk", log)

    def test_no_shell(self) -> None:
        """Shell and foreign commands are refused, and the connection lives on."""
        client = self.login()
        channel = client.ssh.open_session()
        with contextlib.suppress(paramiko.SSHException):
            channel.exec_command("id")
            self.assertNotEqual(channel.recv_exit_status(), 0)
        channel = client.ssh.open_session()
        with contextlib.suppress(paramiko.SSHException):
            channel.invoke_shell()
            channel.settimeout(20)
            self.assertNotIn(b"uid=", channel.recv(1000))
        client.stat("/")

    def test_several_sftp_channels(self) -> None:
        """One connection carries several SFTP sessions, which do not disturb each other."""
        client = self.login()
        others = [paramiko.SFTPClient.from_transport(client.ssh) for _ in range(4)]
        for number, other in enumerate(others):
            assert other is not None
            with other.open(self.path(f"f{number}"), "wb") as file:
                file.write(b"x" * number)
        self.assertEqual(sorted(self.store.names(self.container)), ["f0", "f1", "f2", "f3"])


class ManyTests(GatewayCase):
    """Logins in numbers; a gateway of their own, so that what is left can be counted."""

    gateway_options = {"sessions_per_user": 0}

    def test_hundred_in_a_row(self) -> None:
        """A hundred logins leave neither sockets nor memory behind."""
        for _ in range(10):
            Login(self.gateway.port).close()
        descriptors, memory = self.gateway.child.descriptors(), self.gateway.child.memory()
        for _ in range(100):
            client = Login(self.gateway.port)
            client.stat("/")
            client.close()
        self.assertTrue(eventually(lambda: self.gateway.child.descriptors() <= descriptors + 2))
        self.assertLess(self.gateway.child.memory() - memory, 8 << 20)

    def test_hundred_abrupt_ends(self) -> None:
        """A hundred connections reset before and after login leave no socket."""
        Login(self.gateway.port).close()
        descriptors = self.gateway.child.descriptors()
        for number in range(100):
            if number % 10:
                wire = socket.create_connection(("127.0.0.1", self.gateway.port))
                if number % 2:
                    wire.sendall(b"SSH-2.0-gone\r\n")
                reset(wire)
            else:
                client = Login(self.gateway.port)
                reset(client.wire)
                client.ssh.close()
        self.assertTrue(eventually(lambda: self.gateway.child.descriptors() <= descriptors + 2))

    def test_waiting_before_login_is_not_a_session(self) -> None:
        """Connections that never log in are not counted against the user."""
        waiting = [socket.create_connection(("127.0.0.1", self.gateway.port)) for _ in range(20)]
        try:
            self.login().stat("/")
        finally:
            for wire in waiting:
                wire.close()

    def test_end_with_exit_status(self) -> None:
        """A session that ends well says so: restic and ``ssh -s sftp`` fail without exit-status 0."""
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        speaker.channel.shutdown_write()
        self.assertTrue(speaker.channel.status_event.wait(20))
        self.assertEqual(speaker.channel.recv_exit_status(), 0)


class LimitTests(GatewayCase):
    """``sessions_per_user``."""

    def make_gateway(self) -> Gateway:
        """One whose sessions nobody else holds."""
        fresh = Gateway(self.server.url, {"sessions_per_user": LIMIT})
        self.addCleanup(fresh.kill)
        return fresh

    def refused(self) -> bool:
        """Whether one more login is refused."""
        try:
            Login(self.gateway.port).close()
        except (paramiko.SSHException, EOFError, OSError):
            return True
        return False

    def test_one_too_many(self) -> None:
        """Ten sessions of one user are held at once; the eleventh is refused, and they live on."""
        with concurrent.futures.ThreadPoolExecutor(LIMIT) as pool:
            held = list(pool.map(lambda _: Login(self.gateway.port), range(LIMIT)))
        for client in held:
            self.addCleanup(client.close)
        self.assertTrue(self.refused())
        for client in held:
            client.stat("/")

    def test_drop_one(self) -> None:
        """A session that ended makes room at once, however it ended."""
        held = [Login(self.gateway.port) for _ in range(LIMIT)]
        for how in ("close", "reset", "close", "reset"):
            gone = held.pop()
            if how == "reset":
                reset(gone.wire)
            gone.close()
            self.assertTrue(eventually(lambda: not self.refused(), 5), how)
            held.append(Login(self.gateway.port))
        for client in held:
            client.close()
