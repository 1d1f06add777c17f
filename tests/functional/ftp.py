"""
FTP for the functional tests: a gateway with a certificate, ftplib as a client, and a bare control connection.
"""

from __future__ import annotations

import contextlib
import datetime
import ftplib
import functools
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.functional.case import MIB, GatewayCase, content
from tests.functional.gateway import Gateway, gateway
from tests.functional.processes import free_port, scratch
from tests.functional.swift import PASSWORD, USER

BEGUN = (125, 150)
"""Replies with which a transfer begins (RFC 959 section 4.2.1)."""


@functools.cache
def certificate() -> Path:
    """Certificate and key of the gateway in one file, good for loopback."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = scratch() / "certificate.pem"
    path.write_bytes(
        made.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    path.chmod(0o600)
    return path


def tls_context(highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A client's, which trusts `certificate`."""
    context = ssl.create_default_context(cafile=str(certificate()))
    context.maximum_version = highest
    return context


class FtpGateway(Gateway):
    """``twistd -n swftp-ftp -c FILE`` with FTP, explicit FTPS and, on `implicit_port`, implicit FTPS."""

    section = "ftp"
    banner = b"220"

    def defaults(self) -> dict[str, object]:
        """See `Gateway.defaults`."""
        self.implicit_port = free_port()
        return {
            "certificate": certificate(),
            "implicit_listen": f"tcp:{self.implicit_port}:interface=127.0.0.1",
            "active": "yes",
        }


class Reusing(ftplib.FTP_TLS):
    """ftplib whose data connections resume the TLS session of the control connection, as other clients do."""

    reused = False
    """Whether the last data connection did."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """As `ftplib.FTP.ntransfercmd`."""
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:  # type: ignore[attr-defined]
            wire: Any = self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session)  # type: ignore[union-attr]
            self.reused = wire.session_reused
            return wire, size
        return conn, size


class FtpCase(GatewayCase):
    """One FTP gateway and one Swift; plain FTP unless *secure*."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0}
    gateway: FtpGateway
    secure = False

    def make_gateway(self) -> FtpGateway:
        """See `GatewayCase.make_gateway`."""
        return gateway(self.server.url, self.gateway_options, FtpGateway)

    def ftp(self, user: str = USER, password: str = PASSWORD, *, secure: bool | None = None) -> ftplib.FTP:
        """ftplib, logged in, in this test's container."""
        client = self.connect(secure=secure)
        client.login(user, password)
        if isinstance(client, ftplib.FTP_TLS):
            client.prot_p()
        client.cwd(f"/{self.container}")
        return client

    def connect(self, *, secure: bool | None = None) -> ftplib.FTP:
        """ftplib, not logged in."""
        secure = self.secure if secure is None else secure
        client = Reusing(context=tls_context(), encoding="utf-8") if secure else ftplib.FTP(encoding="utf-8")
        client.connect("127.0.0.1", self.gateway.port, 30)
        self.addCleanup(client.close)
        return client

    def talk(self, *, login: bool = True) -> Talk:
        """A bare control connection."""
        talk = Talk(self.gateway.port)
        self.addCleanup(talk.close)
        if login:
            talk.login()
            self.assertEqual(talk.ask(f"CWD /{self.container}")[0], 250)
        return talk

    def begun_download(self) -> tuple[Talk, socket.socket]:
        """A download of 30 MiB of which a little was read: its control and its data connection."""
        self.store.put(self.container, "big", content(30 * MIB))
        talk = self.talk()
        wire = talk.passive()
        talk.send("RETR big")
        self.assertIn(talk.reply()[0], BEGUN)
        wire.recv(1000)
        return talk, wire

    def refused(self, code: int, client: ftplib.FTP, command: str) -> str:
        """*command* is answered with *code*; the answer."""
        error = self.assertRaises(ftplib.Error, client.sendcmd, command)
        self.assertEqual(str(error)[:3], str(code), error)
        return str(error)


def put(client: ftplib.FTP, name: str, data: bytes, rest: int | None = None, command: str = "STOR") -> str:
    """Upload; the final reply."""
    return client.storbinary(f"{command} {name}", io.BytesIO(data), 65536, rest=rest)


def get(client: ftplib.FTP, name: str, rest: int | None = None) -> bytes:
    """Download."""
    got = io.BytesIO()
    client.retrbinary(f"RETR {name}", got.write, 65536, rest=rest)
    return got.getvalue()


def lines(client: ftplib.FTP, command: str = "LIST") -> list[str]:
    """What a listing says."""
    got: list[str] = []
    client.retrlines(command, got.append)
    return got


def receive(wire: socket.socket) -> bytes:
    """All of it, to the end."""
    found = bytearray()
    while data := wire.recv(1 << 18):
        found += data
    return bytes(found)


class Talk:
    """A control connection on which anything may be said, and data connections that may end in any way."""

    def __init__(self, port: int, *, greet: bool = True) -> None:
        self.wire = socket.create_connection(("127.0.0.1", port), 20)
        self._buffer = b""
        self.greeting = self.reply() if greet else (0, "")

    def close(self) -> None:
        """FIN."""
        self.wire.close()

    def send(self, line: str | bytes) -> None:
        """A command, CRLF added."""
        self.wire.sendall((line.encode() if isinstance(line, str) else line) + b"\r\n")

    def line(self) -> bytes:
        """One line; `EOFError` at the end."""
        while b"\n" not in self._buffer:
            data = self.wire.recv(65536)
            if not data:
                raise EOFError("the control connection ended")
            self._buffer += data
        found, self._buffer = self._buffer.split(b"\n", 1)
        return found.rstrip(b"\r")

    def reply(self) -> tuple[int, str]:
        """The next reply: code and text."""
        first = self.line()
        code, text = first[:3], [first[4:]]
        if first[3:4] == b"-":
            while True:
                line = self.line()
                if line[:4] == code + b" ":
                    text.append(line[4:])
                    break
                text.append(line)
        return int(code), b"\n".join(text).decode("utf-8", "replace")

    def both(self) -> int:
        """The code of the final reply of a transfer, the preliminary one before it."""
        code, text = self.reply()
        if code not in BEGUN:
            raise AssertionError(f"{code} {text}")
        return self.reply()[0]

    def ask(self, line: str | bytes) -> tuple[int, str]:
        """A command and its reply."""
        self.send(line)
        return self.reply()

    def login(self, user: str = USER, password: str = PASSWORD) -> None:
        """USER and PASS."""
        self.ask(f"USER {user}")
        code, text = self.ask(f"PASS {password}")
        if code != 230:
            raise PermissionError(f"{code} {text}")

    def passive(self) -> socket.socket:
        """A data connection."""
        code, text = self.ask("EPSV")
        if code != 229:
            raise OSError(f"{code} {text}")
        return socket.create_connection(("127.0.0.1", int(text.split("|")[3])), 20)

    def secure(self, highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """AUTH TLS, PBSZ, PROT P; what data connections are wrapped with."""
        context = tls_context(highest)
        code, text = self.ask("AUTH TLS")
        if code != 234:
            raise OSError(f"{code} {text}")
        self.wire = context.wrap_socket(self.wire, server_hostname="localhost")
        self.ask("PBSZ 0")
        self.ask("PROT P")
        return context


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block takes no longer."""
    begun = time.monotonic()
    yield
    taken = time.monotonic() - begun
    if taken > seconds:
        raise AssertionError(f"took {taken:.1f} s, expected at most {seconds}")
