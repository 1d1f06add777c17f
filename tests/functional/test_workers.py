"""
Many processes are one gateway: whatever worker a client is with, it is the same server.

One gateway with two workers for all of it, but where it ends.
"""

from __future__ import annotations

import contextlib
import ftplib
import io
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import paramiko

from tests.functional.balanced import free_ports
from tests.functional.both import BothCase, BothGateway
from tests.functional.case import KIB, MIB, content, need
from tests.functional.clients import Login
from tests.functional.ftp import certificate, tls_context
from tests.functional.gateway import gateway
from tests.functional.processes import Child, eventually, free_port, scratch
from tests.functional.swift import PASSWORD, USER

SESSIONS = 6
"""Of one user."""
RATE = 256 * KIB
SLOW = "test:slow"
GUESSER = "127.0.0.31"


class WorkersGateway(BothGateway):
    """``swftp serve`` with two workers."""

    def defaults(self) -> dict[str, object]:
        """See `Gateway.defaults`."""
        self.web, self.first = free_port(), free_ports(8)
        return {
            **super().defaults(),
            "process.workers": 2,
            "log.format": "json",
            "log.audit": scratch() / f"{self.name}.audit",
            "web.port": self.web,
            "ftp.certificate": certificate(),
            "ftp.passive_ports": f"{self.first}-{self.first + 7}",
            "sessions_per_user": SESSIONS,
            "ftp.sessions_per_user": SESSIONS,
            "throttle.most": 600,
            "ssh.failure_delay": 0.1,
            f"login {SLOW}.download_rate": RATE,
            "drain_timeout": 60,
            "transfer.segment_size": MIB,
        }

    def start(self) -> None:
        """See `Gateway.start`; both workers are there."""
        before = self.child.log() if hasattr(self, "child") else ""
        program = need(str(Path(sys.executable).with_name("swftp")))
        self.child = Child(self.name, [program, "serve", "-c", str(self.config)])
        self.child.wait_for(lambda: len(self.lines("worker", since=len(before))) >= 2, 60)

    def reload(self, until: str = r'"(not )?reloaded') -> str:
        """See `BothGateway`; in JSON."""
        return super().reload(until)

    def lines(self, event: str, since: int = 0, **fields: object) -> list[dict[str, Any]]:
        """What was logged of *event* with these *fields*, from character *since* of the log on."""
        every = [json.loads(line) for line in self.log()[since:].splitlines() if line.startswith("{")]
        return [line for line in every if line.get("event") == event and fields.items() <= line.items()]

    def page(self, path: str) -> str:
        """What is told at *path*."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def metric(self, start: str) -> float:
        """The sum of all samples whose lines begin with *start*."""
        return sum(
            float(line.rpartition(" ")[2]) for line in self.page("/metrics").splitlines() if line.startswith(start)
        )

    def process(self, worker: int) -> int:
        """The id of the process that *worker* is now."""
        pid: int = self.lines("worker", worker=worker)[-1]["process"]
        return pid


class WorkersCase(BothCase):
    """Two workers."""

    gateway: WorkersGateway
    swift_options: ClassVar[tuple[str, ...]] = (
        "--user",
        f"{USER}:{PASSWORD}:.admin",
        "--user",
        f"{SLOW}:{PASSWORD}:.admin",
    )

    def make_gateway(self) -> WorkersGateway:
        """See `GatewayCase`; one for all, where nobody is any more."""
        found = gateway(self.server.url, self.gateway_options, WorkersGateway)
        self.assertTrue(eventually(lambda: not json.loads(found.page("/sessions"))["sessions"], 10), "still there")
        return found

    def where(self, enter: Callable[[], Any], user: str = USER) -> tuple[Any, int]:
        """What *enter* gives, which logs in once, and the number of the worker where it did."""
        before = len(self.gateway.log())
        made = enter()
        self.assertTrue(eventually(lambda: self.gateway.lines("login", before, user=user)))
        return made, self.gateway.lines("login", before, user=user)[-1]["worker"]

    def one_each(self, enter: Callable[[], Any]) -> list[Any]:
        """
        What *enter* gives at worker 0, and at worker 1.

        On a machine that is full whoever has fewest may be too late for one client; it is not for several.
        """
        found: dict[int, Any] = {}
        for _ in range(5):
            made, worker = self.where(enter)
            found.setdefault(worker, made)
            if len(found) == 2:
                return [found[0], found[1]]
        raise self.failureException("all are with one worker")


class AllWellTests(WorkersCase):
    """While all is well."""

    def test_both_serve(self) -> None:
        """Clients are with whoever has fewest, whatever they speak, and see one store."""
        sessions = self.one_each(self.login)
        files = self.one_each(self.ftp)
        sessions[0].put_bytes(self.path("a"), b"from worker 0")
        self.assertEqual(sessions[1].get_bytes(self.path("a")), b"from worker 0")
        for number, client in enumerate(files):
            client.storbinary(f"STOR {self.path(str(number))}", io.BytesIO(b"data"))
            got: list[bytes] = []
            client.retrbinary(f"RETR {self.path('a')}", got.append)
            self.assertEqual(b"".join(got), b"from worker 0")

    def test_passive_ports(self) -> None:
        """Each worker has passive ports of its own, and all of them are in the range."""
        spans = []
        for client in self.one_each(self.ftp):
            ports = set()
            for _ in range(12):
                ports.add(client.makepasv()[1])
            spans.append(ports)
        self.assertFalse(spans[0] & spans[1])
        first = self.gateway.first
        self.assertLess(spans[0] | spans[1], set(range(first, first + 8)) | {0})

    def test_control_session_of_another_worker(self) -> None:
        """A client that would resume the TLS session of a control connection elsewhere gets a whole handshake."""
        context = tls_context()

        def encrypted(session: ssl.SSLSession | None) -> ssl.SSLSocket:
            wire = socket.create_connection(("127.0.0.1", self.gateway.ftp_port), 20)
            self.addCleanup(wire.close)
            file = wire.makefile("rb")
            file.readline()
            wire.sendall(b"AUTH TLS\r\n")
            file.readline()
            over = context.wrap_socket(wire, server_hostname="localhost", session=session)
            self.addCleanup(over.close)
            over.sendall(b"NOOP\r\n")
            self.assertTrue(over.recv(100))
            return over

        first = encrypted(None)
        self.assertFalse(encrypted(first.session).session_reused)

    def test_sessions_of_a_user(self) -> None:
        """A user's sessions are counted wherever they are, and one that ends makes room."""
        clients = [self.login() for _ in range(SESSIONS)]
        self.assertRaises(paramiko.SSHException, self.login)
        self.assertRaises(ftplib.Error, self.ftp)
        clients[0].close()
        self.assertTrue(eventually(self.gets_in, 5))

    def gets_in(self) -> bool:
        """Whether somebody else does."""
        with contextlib.suppress(paramiko.SSHException, EOFError):
            self.login()
            return True
        return False

    def test_rate(self) -> None:
        """What a login may move a second it may move at all workers together."""
        container = self.server.account(SLOW).new_container()
        self.addCleanup(self.server.account(SLOW).wipe, container)
        self.server.account(SLOW).put(container, "f", content(RATE))

        def enter() -> Login:
            return self.login(SLOW)

        (one, first), (two, second) = self.where(enter, SLOW), self.where(enter, SLOW)
        self.assertNotEqual(first, second)
        begun = time.monotonic()
        getting = [threading.Thread(target=client.get_bytes, args=(f"/{container}/f",)) for client in (one, two)]
        for thread in getting:
            thread.start()
        for thread in getting:
            thread.join()
        both = time.monotonic() - begun
        two.close()
        self.assertTrue(eventually(lambda: self.gateway.lines("logout", user=SLOW), 5))
        begun = time.monotonic()
        one.get_bytes(f"/{container}/f")
        self.assertGreater(both / (time.monotonic() - begun), 1.5)

    def test_guesses(self) -> None:
        """Wrong passwords here and there are one sum, and whom one worker refuses all refuse."""
        before, penalised = len(self.gateway.log()), self.gateway.metric("gw_penalised_sources")

        def guess() -> str:
            with contextlib.closing(
                socket.create_connection(("127.0.0.1", self.gateway.port), 20, (GUESSER, 0))
            ) as wire:
                ssh = paramiko.Transport(wire)
                try:
                    ssh.connect(username=USER, password="wrong")
                except paramiko.AuthenticationException:
                    return "wrong"
                except (paramiko.SSHException, EOFError, OSError):
                    return "refused"
                finally:
                    ssh.close()
            return "in"

        self.assertIn("refused", [guess() for _ in range(6)])
        self.assertEqual([guess() for _ in range(6)], ["refused"] * 6)
        tried = self.gateway.lines("login_failed", before, counted=True)
        self.assertLessEqual(len(tried), 4)
        self.assertTrue(eventually(lambda: self.gateway.metric("gw_penalised_sources") - penalised == 1))

    def test_metrics(self) -> None:
        """What is told is of both: who is there, what was done, and nothing of it twice."""
        before = self.gateway.metric('gw_auth_attempts_total{method="password",proto="sftp",result="ok"}')
        clients = self.one_each(self.login)
        self.assertEqual(self.gateway.metric('gw_connections{proto="sftp"}'), 2)
        self.assertEqual(self.gateway.metric("gw_workers "), 2)
        now = self.gateway.metric('gw_auth_attempts_total{method="password",proto="sftp",result="ok"}')
        self.assertEqual(now - before, 2)
        self.assertEqual(len(json.loads(self.gateway.page("/sessions"))["sessions"]), 2)
        for client in clients:
            client.put_bytes(self.path("f"), b"12345")
        status = json.loads(self.gateway.page("/status.json"))
        self.assertEqual((status["state"], status["workers"], status["logins"]), ("serving", 2, 2))
        self.assertEqual(self.gateway.page("/readyz"), "ok\n")

    def test_reload(self) -> None:
        """A configuration that can be used is soon in force at both workers; one that cannot, at neither."""
        self.gateway.change(ftp__welcome_message="first")
        self.assertIn('"reloaded"', self.gateway.reload())
        self.assertEqual(self.greetings(), {"220 first"})
        self.gateway.change(ftp__welcome_message="second", ftp__certificate="/nowhere")
        self.assertIn("not reloaded", self.gateway.reload())
        self.assertEqual(self.greetings(), {"220 first"})
        self.gateway.change(ftp__welcome_message="third", ftp__certificate=certificate())
        self.gateway.reload()
        self.assertEqual(self.greetings(), {"220 third"})

    def greetings(self) -> set[str]:
        """What clients of both workers are greeted with."""
        clients = [ftplib.FTP() for _ in range(4)]
        found = set()
        for client in clients:
            client.connect("127.0.0.1", self.gateway.ftp_port, 20)
            self.addCleanup(client.close)
            found.add(client.getwelcome())
        return found


class KilledTests(WorkersCase):
    """A worker that dies, or hangs."""

    def test_killed(self) -> None:
        """Its clients lose their connections and nothing else happens: others' transfers end, it comes back, nothing
        is forgotten of what was counted."""
        data = content(3 * MIB)
        here = len(self.gateway.log())
        halves = {name: self.half(name, data) for name in ("a", "b")}
        at = dict(zip(halves, [line["worker"] for line in self.gateway.lines("login", here)], strict=True))
        self.assertEqual(set(at.values()), {0, 1})
        counted = self.gateway.metric("gw_auth_attempts_total")
        os.kill(self.gateway.process(at["a"]), signal.SIGKILL)
        self.assertTrue(eventually(lambda: not halves["a"][0].ssh.is_active(), 10), "its client was not told")
        self.rest(*halves["b"], data)
        self.assertStored("b", data)
        self.assertStored("a", None)
        self.assertGreaterEqual(self.gateway.metric("gw_auth_attempts_total"), counted)
        self.assertTrue(eventually(lambda: len(self.gateway.lines("worker", here, worker=at["a"])), 20))
        self.assertEqual(self.gateway.metric("gw_worker_restarts_total"), 1)
        clients = [self.where(self.login)[1] for _ in range(3)]
        self.assertEqual(clients.count(at["a"]), 2, "one was left at the other")


class OverTests(WorkersCase):
    """How it ends; the next test starts another."""

    status = 0

    def judge(self) -> None:
        """It has ended, well."""
        self.assertTrue(eventually(lambda: not self.gateway.child.alive, 15), self.gateway.log()[-2000:])
        self.assertEqual(self.gateway.child.popen.returncode, self.status)
        self.assertEqual(self.gateway.complaints(), "")

    def test_drain(self) -> None:
        """Nobody new comes in, and transfers at both workers may end."""
        data = content(3 * MIB)
        halves = [self.half(name, data) for name in ("a", "b")]
        self.gateway.child.popen.send_signal(signal.SIGTERM)
        self.assertClosed()
        for half in halves:
            self.rest(*half, data)
        self.assertStored("a", data)
        self.assertStored("b", data)
        self.assertTrue(eventually(lambda: {self.path("a"), self.path("b")} <= self.uploads(len(data))))

    def uploads(self, size: int) -> set[str]:
        """Paths of the uploads of *size* bytes that the audit file has."""
        return {line["path"] for line in self.audit() if line["event"] == "upload" and line["bytes"] == size}

    def audit(self) -> list[dict[str, Any]]:
        """All lines of the audit file, which both workers write to."""
        text = Path(str(self.gateway.settings["log.audit"])).read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def test_orphans(self) -> None:
        """Workers whose supervisor was killed let nobody in any more, and end."""
        pids = [self.gateway.process(worker) for worker in (0, 1)]
        self.status = -signal.SIGKILL
        self.gateway.kill()
        self.assertClosed()
        self.assertTrue(eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 15))
