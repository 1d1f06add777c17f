"""Two gateways on one Swift behind a real HAProxy, which reads the example of ``etc`` with the addresses changed."""

from __future__ import annotations

import csv
import itertools
import random
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from tests.functional.both import BothGateway
from tests.functional.case import need
from tests.functional.ftp import certificate, receive
from tests.functional.processes import ROOT, Child, answers, free_port, scratch
from tests.functional.swift import PASSWORD, USER

EXAMPLE = ROOT / "etc" / "haproxy.cfg"
BALANCER = "127.0.0.5"
"""Where connections of the load balancer come from."""
FRONT = "127.0.0.1"
"""Where it listens; clients of the tests come from there unless they say otherwise."""
HOSTS = ("127.0.0.11", "127.0.0.12")
"""Of the gateways: their passive ports and those of the load balancer have the same numbers."""
SPAN = 8
"""Passive ports of one gateway."""


def free_ports(count: int) -> int:
    """The first of *count* ports in a row, below those that the kernel gives away, at which nobody is."""
    for first in iter(lambda: random.SystemRandom().randrange(15000, 32000 - count), None):
        try:
            for host, port in itertools.product((FRONT, *HOSTS), range(first, first + count)):
                with socket.socket() as probe:
                    probe.bind((host, port))
        except OSError:
            continue
        return first
    raise AssertionError("never")


class OneOfTwo(BothGateway):
    """A gateway with an address of its own."""

    def __init__(self, auth_url: str, host: str, options: Mapping[str, object]) -> None:
        self.host = host
        super().__init__(auth_url, options)


class Balanced:
    """
    Both, and the load balancer.

    :ivar port: of SFTP, at the load balancer; *ftp_port*: of FTP.
    """

    def __init__(self, auth_url: str, options: Mapping[str, object]) -> None:
        self.port, self.ftp_port = free_port(), free_port()
        first = free_ports(2 * SPAN)
        self.ranges = [f"{at}-{at + SPAN - 1}" for at in (first, first + SPAN)]
        self.web = free_port()
        self.gateways = [
            OneOfTwo(auth_url, host, {**options, **self._own(host, ports)})
            for host, ports in zip(HOSTS, self.ranges, strict=True)
        ]
        self.balance()

    def _own(self, host: str, ports: str) -> dict[str, object]:
        return {
            "proxy_networks": BALANCER,
            "ftp.proxy_networks": BALANCER,
            "ftp.passive_ports": ports,
            "ftp.masquerade_address": FRONT,
            "ftp.certificate": certificate(),
            "web.host": host,
            "web.port": self.web,
        }

    def start(self) -> None:
        """What has ended starts again."""
        for gateway in self.gateways:
            if not gateway.child.alive:
                gateway.start()
        if not self.child.alive:
            self.balance()
        self.child.wait_for(lambda: self.states() == {"UP"})

    def balance(self, *, ready: bool = False) -> None:
        """
        Start HAProxy, in place of the one that runs.

        :param ready: ask ``/readyz``, as the example says how.
        """
        if hasattr(self, "child"):
            self.child.kill()
        text = EXAMPLE.read_text()
        for old, new in self._changes().items():
            if old not in text:
                raise AssertionError(f"{EXAMPLE.name} has no {old!r} any more")
            text = text.replace(old, new)
        if ready:
            text = self._asking(text)
        path = scratch() / f"haproxy-{self.port}.cfg"
        path.write_text(text)
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        self.child = Child(f"haproxy-{self.port}", [program, "-db", "-f", str(path)])
        self.child.wait_for(lambda: answers(self.port, b"SSH-2.0-") and answers(self.ftp_port, b"220"))

    def _changes(self) -> dict[str, str]:
        (one, two), (low, high) = self.gateways, self.ranges
        return {
            "/run/haproxy/admin.sock": str(self._admin),
            "source 10.0.0.10": f"source {BALANCER}",
            "bind :22\n": f"bind {FRONT}:{self.port}\n",
            "bind :21\n": f"bind {FRONT}:{self.ftp_port}\n",
            "bind :50000-50499": f"bind {FRONT}:{low}",
            "bind :50500-50999": f"bind {FRONT}:{high}",
            "10.0.0.1:5022": f"{one.host}:{one.port}",
            "10.0.0.2:5022": f"{two.host}:{two.port}",
            "10.0.0.1:5021": f"{one.host}:{one.ftp_port}",
            "10.0.0.2:5021": f"{two.host}:{two.ftp_port}",
            "server one 10.0.0.1 send": f"server one {one.host} send",
            "server two 10.0.0.2 send": f"server two {two.host} send",
            "inter 2s": "inter 200ms",
        }

    def _asking(self, text: str) -> str:
        lines = [line for line in text.splitlines() if "tcp-check" not in line or line.startswith("#")]
        text = "\n".join(lines) + "\n"
        asked = "".join(line[1:] + "\n" for line in lines if line.startswith("#    "))
        for name in ("sftp", "ftp"):
            text = text.replace(f"listen {name}\n", f"listen {name}\n{asked}")
        return text.replace("send-proxy-v2 check\n", f"send-proxy-v2 check port {self.web}\n")

    @property
    def _admin(self) -> Path:
        return scratch() / f"haproxy-{self.port}.sock"

    def checks(self) -> list[dict[str, str]]:
        """What HAProxy's statistics say of servers that are checked."""
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(5)
            wire.connect(str(self._admin))
            wire.sendall(b"show stat\n")
            said = receive(wire).decode().lstrip("# ")
        return [row for row in csv.DictReader(said.splitlines()) if row["check_status"]]

    def states(self) -> set[str]:
        """Of those servers: ``UP``, ``DOWN``, and what lies between."""
        return {row["status"] for row in self.checks()}

    def log(self) -> str:
        """Of both gateways."""
        return "".join(gateway.log() for gateway in self.gateways)

    def complaints(self) -> str:
        """Of both gateways."""
        return "".join(gateway.complaints() for gateway in self.gateways)


def upload(port: int, path: str) -> subprocess.Popen[bytes]:
    """curl, which stores over FTPS what its standard input is given."""
    return subprocess.Popen(
        [*curl(), "-T", "-", url(port, path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def curl() -> list[str]:
    """curl that insists on TLS."""
    return [need("curl"), "-sS", "--max-time", "60", "--ssl-reqd", "--cacert", str(certificate())]


def url(port: int, path: str) -> str:
    """Of *path* at the FTP server at *port*."""
    return f"ftp://{quote(USER, safe='')}:{PASSWORD}@{FRONT}:{port}/{path}"  # its colon has no place in -u
