"""
Two gateways behind one load balancer are one server: clients keep their addresses, and none misses the one that goes.

Clients come from one address, so that all of a test meet at one gateway, whatever they speak.
"""

from __future__ import annotations

import contextlib
import ftplib
import functools
import signal
import socket
import subprocess
from typing import ClassVar

import paramiko

from tests.functional.balanced import BALANCER, FRONT, Balanced, OneOfTwo, curl, upload, url
from tests.functional.both import BothCase
from tests.functional.case import MIB, content
from tests.functional.clients import Speaker
from tests.functional.ftp import Reusing, get, put, receive, tls_context
from tests.functional.processes import eventually
from tests.functional.swift import PASSWORD, USER

GUESSER = "127.0.0.21"


@functools.cache
def balanced(auth_url: str) -> Balanced:
    """The one of this test process."""
    return Balanced(auth_url, BalancedTests.gateway_options)


class BalancedTests(BothCase):
    """`BothCase`, whose clients come through the load balancer."""

    gateway: Balanced  # type: ignore[assignment]
    gateway_options: ClassVar[dict[str, object]] = {
        "sessions_per_user": 0,
        "ftp.sessions_per_user": 0,
        "throttle.most": 600,
        "ssh.failure_delay": 0.1,
        "ftp.failure_delay": 0.1,
        "ftp.require_tls_login": "yes",
        "ftp.require_tls_data": "yes",
        "ftp.proxy_data": "yes",
        "transfer.segment_size": MIB,
    }
    data = content(5 * MIB)

    def make_gateway(self) -> Balanced:  # type: ignore[override]
        """See `GatewayCase`."""
        both = balanced(self.server.url)
        both.start()
        return both

    def ftp(self, source: str = FRONT, password: str = PASSWORD) -> ftplib.FTP_TLS:
        """See `BothCase`; over TLS."""
        client = Reusing(context=tls_context(), encoding="utf-8")
        client.connect(FRONT, self.gateway.ftp_port, 30, source_address=(source, 0))
        self.addCleanup(client.close)
        client.login(USER, password)
        client.prot_p()
        return client

    def sftp(self, source: str, password: str = PASSWORD) -> paramiko.Transport:
        """An SSH login from the address *source*."""
        wire = socket.create_connection((FRONT, self.gateway.port), 20, source_address=(source, 0))
        ssh = paramiko.Transport(wire)
        self.addCleanup(ssh.close)
        ssh.connect(username=USER, password=password)
        return ssh

    def where(self, before: list[str]) -> OneOfTwo:
        """The gateway that alone has logged logins since *before*, see `logs`."""
        new = [now.removeprefix(old) for now, old in zip(self.logs(), before, strict=True)]
        there = [gateway for gateway, text in zip(self.gateway.gateways, new, strict=True) if "login of" in text]
        self.assertEqual(len(there), 1, new)
        return there[0]

    def logs(self) -> list[str]:
        """Of each gateway."""
        return [gateway.log() for gateway in self.gateway.gateways]

    def begin(self) -> tuple[OneOfTwo, tuple[Speaker, bytes], subprocess.Popen[bytes]]:
        """Uploads by SFTP and by curl over FTPS, of which half has come; and the gateway that has them."""
        before = self.logs()
        sftp = self.half("sftp", self.data)
        process = upload(self.gateway.ftp_port, self.path("curl")[1:])
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        assert process.stdin is not None
        process.stdin.write(self.data[: 3 * MIB])
        process.stdin.flush()
        self.assertTrue(eventually(lambda: self.stored("sftp") and self.stored("curl"), 20), "no segments")
        return self.where(before), sftp, process

    def stored(self, name: str) -> bool:
        """Whether a part of the upload of *name* has reached the store."""
        return any(name in segment for _, segment in self.store.segments(self.container))

    def assertNothing(self, process: subprocess.Popen[bytes], speaker: Speaker) -> None:
        """Both clients were told, and nothing stands at their names."""
        with contextlib.suppress(BrokenPipeError):
            process.communicate(timeout=30)
        self.assertNotEqual(process.wait(30), 0)
        self.assertTrue(eventually(lambda: not speaker.ssh.is_active(), 10), "the SFTP client was not told")
        self.assertEqual(self.store.names(self.container), [])

    def again(self, name: str) -> None:
        """Both clients try once more, from the beginning."""
        session = self.login()
        session.put_bytes(self.path(f"{name}-sftp"), self.data)
        process = upload(self.gateway.ftp_port, self.path(f"{name}-curl")[1:])
        _, said = process.communicate(self.data, 60)
        self.assertEqual((process.returncode, said), (0, b""))
        for protocol in ("sftp", "curl"):
            self.assertStored(f"{name}-{protocol}", self.data)

    def test_one_server(self) -> None:
        """Clients are logged by their own addresses; FTP's data takes the ports of its gateway, by PASV and EPSV."""
        before, clients = self.logs(), [f"127.0.0.{host}" for host in range(31, 35)]
        keys = {self.sftp(client).get_remote_server_key().asbytes() for client in clients}
        self.assertEqual(len(keys), 1)
        new = [now.removeprefix(old) for now, old in zip(self.logs(), before, strict=True)]
        self.assertEqual([client for client in clients if f"from {client} " not in "".join(new)], [])
        self.assertTrue(all("login of" in text for text in new), "one gateway has all clients")
        for text in new:
            files = self.ftp(next(client for client in clients if f"from {client} " in text))
            files.cwd(self.path())
            put(files, "f", text.encode())
            self.assertEqual(get(files, "f"), text.encode())
        for flags in ([], ["--disable-epsv", "--no-ftp-skip-pasv-ip"]):
            argv = [*curl(), *flags, url(self.gateway.ftp_port, self.path("f")[1:])]
            self.assertEqual(subprocess.run(argv, capture_output=True, timeout=60, check=True).stdout, text.encode())
        self.assertNotIn(BALANCER, self.gateway.log())

    def test_stranger(self) -> None:
        """A data connection is its client's own, though all come from the load balancer."""
        files = self.ftp()
        _, port = files.makepasv()
        with socket.create_connection((FRONT, port), 20, source_address=(GUESSER, 0)) as stranger:
            self.assertEqual(receive(stranger), b"")
        with socket.create_connection((FRONT, port), 20):
            self.assertEqual(files.sendcmd("NOOP")[:3], "200")
        self.assertLogged(f"data connection from {GUESSER}")

    def test_guessing(self) -> None:
        """Who guesses is refused by both protocols, at the gateway that it comes to; nobody else is."""
        self.assertRaises(paramiko.AuthenticationException, self.sftp, GUESSER, "wrong")
        for _ in range(3):
            self.assertRaises(ftplib.error_perm, self.ftp, GUESSER, "wrong")
        self.assertRaises(ftplib.error_temp, self.ftp, GUESSER)
        with socket.create_connection((FRONT, self.gateway.port), 20, source_address=(GUESSER, 0)) as wire:
            self.assertNotIn(b"SSH-2.0-", receive(wire))
        self.assertTrue(self.sftp(FRONT).is_authenticated())
        self.ftp()
        self.assertLogged(f"from {GUESSER}")

    def test_checks(self) -> None:
        """Checks go on for as long as they would cost a client its welcome, and nothing is logged or refused."""
        before = self.gateway.log()
        self.assertFalse(eventually(lambda: self.gateway.states() != {"UP"}, 2.5, 0.2), self.gateway.checks())
        self.assertEqual([row["chkfail"] for row in self.gateway.checks()], ["0"] * 4)
        self.assertEqual(self.gateway.log().removeprefix(before), "")

    def test_killed(self) -> None:
        """Uploads at a gateway that is killed leave nothing; who tries again at once does it at the other."""
        there, (speaker, _), process = self.begin()
        there.kill()
        before = self.logs()
        self.assertNothing(process, speaker)
        self.again("killed")
        self.assertIsNot(self.where(before), there)

    def test_drained(self) -> None:
        """A gateway that drains gets nobody new, and what it has under way is stored."""
        there, (speaker, handle), process = self.begin()
        there.child.popen.send_signal(signal.SIGTERM)
        self.assertTrue(eventually(lambda: not there.answers(), 10))
        before = self.logs()
        self.again("drained")
        self.assertIsNot(self.where(before), there)
        self.assertTrue(there.child.alive)
        self.rest(speaker, handle, self.data)
        _, said = process.communicate(self.data[3 * MIB :], 60)
        self.assertEqual((process.returncode, said), (0, b""))
        for name in ("sftp", "curl"):
            self.assertStored(name, self.data)
        self.assertTrue(eventually(lambda: not there.child.alive, 15), there.log()[-2000:])
        self.assertEqual(there.child.popen.returncode, 0)

    def test_balancer_killed(self) -> None:
        """Uploads that end because the load balancer does, by a FIN that no client sent, leave nothing at all."""
        _, (speaker, _), process = self.begin()
        self.gateway.child.kill()
        self.assertNothing(process, speaker)
        self.assertSegments(0)
        self.assertEqual(self.store.names(self.container), [])
        self.gateway.start()

    def test_ready(self) -> None:
        """Asked for /readyz, a gateway that ends is out, the other is in."""
        self.gateway.balance(ready=True)
        self.addCleanup(self.gateway.balance)
        up = [{"check_status": "L7OK", "check_code": "200"}] * 4
        shown = ("check_status", "check_code")
        self.assertTrue(eventually(lambda: [{k: row[k] for k in shown} for row in self.gateway.checks()] == up, 10))
        one = self.gateway.gateways[0]
        one.stop()
        self.assertTrue(eventually(lambda: self.gateway.states() == {"UP", "DOWN"}, 10), self.gateway.checks())
        self.assertEqual(len([row for row in self.gateway.checks() if row["status"] == "UP"]), 2)
        self.login()
