"""Gateways behind a real HAProxy: clients are who they are, limits count them, and health checks cost nothing."""

from __future__ import annotations

import ftplib
import shutil
import signal
import socket
from typing import Any, ClassVar

from tests.functional.case import GatewayCase
from tests.functional.clients import Login
from tests.functional.ftp import FtpCase, get, put
from tests.functional.processes import Child, answers, eventually, free_port, scratch
from tests.functional.swift import PASSWORD, USER

BALANCER = "127.0.0.5"
"""Where connections of the load balancer come from; those of clients come from 127.0.0.1."""

CONFIG = """
global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend front
    bind 127.0.0.1:{port}
    default_backend gateways
backend gateways
    source {balancer}
    option tcp-check
    tcp-check connect{check}
    server gateway 127.0.0.1:{gateway} check inter 100ms {send}
"""


class Proxied:
    """What both protocols share."""

    gateway: Any

    def balance(self: Any, version: str = "send-proxy-v2", check: str = " send-proxy") -> int:
        """A load balancer before the gateway; its port."""
        port = free_port()
        config = scratch() / f"haproxy-{port}.cfg"
        text = CONFIG.format(port=port, gateway=self.gateway.port, balancer=BALANCER, send=version, check=check)
        config.write_text(text)
        child = Child(f"haproxy-{port}", [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(config)])
        self.addCleanup(child.kill, signal.SIGTERM)
        child.wait_for(lambda: answers(port, self.gateway.banner))
        return port


class ProxiedTests(Proxied, GatewayCase):
    """SFTP."""

    gateway_options: ClassVar[dict[str, object]] = {
        "proxy_networks": BALANCER,
        "throttle.most": 600,
        "throttle.exempt": "",
        "login *.networks": "127.0.0.1",
        "ssh.failure_delay": 0.1,
    }

    def test_client(self) -> None:
        """A client behind it is logged, and judged, by its own address; both versions of the header do."""
        for version in ("send-proxy", "send-proxy-v2"):
            session = Login(self.balance(version))
            self.addCleanup(session.close)
            self.assertIn(self.container, session.listdir("/"))
        self.assertNotIn(f"from {BALANCER}", self.gateway.log())

    def test_health_checks(self) -> None:
        """Checks that say nothing, with a header and without, log nothing and cost no penalty."""
        before = self.gateway.log()
        for check in (" send-proxy", ""):
            port = self.balance(check=check)
            self.assertTrue(eventually(lambda port=port: answers(port, b"SSH-2.0-"), 10, 0.2))  # type: ignore[misc]
            for _ in range(20):
                self.assertTrue(answers(port, b"SSH-2.0-"))
        told = self.gateway.log().removeprefix(before)
        self.assertEqual(told, "")

    def test_not_trusted(self) -> None:
        """Who is no load balancer cannot speak for others."""
        with socket.create_connection(("127.0.0.1", self.gateway.port), 20) as wire:
            wire.sendall(b"PROXY TCP4 203.0.113.9 198.51.100.1 1234 22\r\nSSH-2.0-x\r\n")
            said = b""
            while data := wire.recv(4096):
                said += data
        self.assertIn(b"not an SSH 2.0 client", said)


class ProxiedFtpTests(Proxied, FtpCase):
    """FTP: the control connection."""

    gateway_options: ClassVar[dict[str, object]] = {"proxy_networks": BALANCER, "sessions_per_user": 0}

    def test_client(self) -> None:
        """Data connections are taken from where the client is, whom the control connection's header names."""
        client = ftplib.FTP(encoding="utf-8")
        client.connect("127.0.0.1", self.balance(), 30)
        self.addCleanup(client.close)
        client.login(USER, PASSWORD)
        client.cwd(f"/{self.container}")
        put(client, "f", b"through")
        self.assertEqual(get(client, "f"), b"through")

    def test_somebody_else(self) -> None:
        """A data connection from any other address, the load balancer's too, is refused."""
        wire = socket.socket()
        wire.bind((BALANCER, 0))
        wire.connect(("127.0.0.1", self.gateway.port))
        self.addCleanup(wire.close)
        wire.sendall(b"PROXY TCP4 127.0.0.1 127.0.0.1 1234 21\r\n")
        client = ftplib.FTP()
        client.af, client.sock, client.file = socket.AF_INET, wire, wire.makefile("r", encoding="utf-8")
        client.host = "127.0.0.1"
        client.getresp()
        client.login(USER, PASSWORD)
        client.cwd(f"/{self.container}")
        host, port = client.makepasv()
        client.putcmd("STOR f")
        with socket.create_connection((host, port), 10, source_address=(BALANCER, 0)) as data:
            data.settimeout(10)
            self.assertEqual(data.recv(10), b"")
        self.assertStored("f", None)
