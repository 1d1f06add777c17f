"""Certificates, and clients that speak TLS over a wire in memory."""

from __future__ import annotations

import functools
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pyasn1.codec.der.encoder import encode
from pyasn1.type.char import UTF8String
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from swftp.ftp.identity import PRINCIPAL
from swftp.ftp.secure import Secured
from swftp.ftp.tls import TlsSession
from tests.ftp.datacase import Wire, wire


@functools.cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    """The key of *name*."""
    return ec.generate_private_key(ec.SECP256R1())


def principal(name: str) -> x509.OtherName:
    """A userPrincipalName."""
    return x509.OtherName(PRINCIPAL, encode(UTF8String(name)))


def certificate(
    name: str, *alternative: x509.GeneralName, issuer: str = "", attributes: tuple[Any, ...] = ()
) -> x509.Certificate:
    """One of *name*, by *issuer* or by itself."""
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, name), *attributes]
    now = datetime(2025, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)]))
        .public_key(key(name).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=not issuer, path_length=None), critical=True)
    )
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    return builder.sign(key(issuer or name), hashes.SHA256())


def revocations(issuer: str, *revoked: x509.Certificate, days: int = 36500) -> bytes:
    """A file of the list in which *issuer* takes back *revoked*; it is good for *days* from 2025 on."""
    then = datetime(2025, 1, 1, tzinfo=UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    builder = x509.CertificateRevocationListBuilder().issuer_name(name)
    builder = builder.last_update(then).next_update(then + timedelta(days=days))
    for made in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(made.serial_number).revocation_date(then).build()
        builder = builder.add_revoked_certificate(one)
    return builder.sign(key(issuer), hashes.SHA256()).public_bytes(Encoding.PEM)


def der(made: x509.Certificate) -> bytes:
    """As a client shows it."""
    return made.public_bytes(Encoding.DER)


def pem(made: x509.Certificate) -> bytes:
    """As a file has it."""
    return made.public_bytes(Encoding.PEM)


def key_pem(name: str) -> bytes:
    """As a file has it."""
    return key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def file(directory: Path, name: str, *parts: bytes) -> str:
    """The name of a file of *parts*."""
    path = directory / name
    path.write_bytes(b"".join(parts))
    path.chmod(0o600)
    return str(path)


def client_context(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, *chain: str) -> ssl.SSLContext:
    """Of a client that speaks *version* and shows the certificate in the files *chain*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if chain:
        context.load_cert_chain(*chain)
    return context


@implementer(IHandshakeListener)
class Server(Protocol):
    """Remembers."""

    def __init__(self) -> None:
        self.came = b""
        self.agreed = 0
        self.over: Failure | None = None

    def handshakeCompleted(self) -> None:
        """As of `IHandshakeListener`."""
        self.agreed += 1

    def dataReceived(self, data: bytes) -> None:
        """As of `IProtocol`."""
        self.came += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """As of `IProtocol`."""
        self.over = reason


class TlsClient:
    """The other end of a `Secured`."""

    def __init__(
        self,
        session: TlsSession,
        context: ssl.SSLContext,
        *,
        data: bool = False,
        receiving: bool = False,
        resume: ssl.SSLSession | None = None,
    ) -> None:
        self.server = Server()
        self.wire: Wire = wire(self.server)
        self.secured: Secured = (
            session.protect_data(self.server, receiving=receiving) if data else session.protect(self.server)
        )
        self.wire.protocol = self.secured
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, session=resume)
        self.error: ssl.SSLError | None = None

    def shake(self) -> TlsClient:
        """The handshake."""
        for _ in range(4):
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                self.error = error
                break
            self.move()
        return self

    def move(self) -> None:
        """Carry what both have to say."""
        if self._out.pending and not self.wire.over:
            self.secured.dataReceived(self._out.read())
        if self.wire.value():
            self._in.write(self.wire.value())
            self.wire.clear()

    def read(self) -> bytes:
        """What the server has said so far."""
        self.move()
        came = b""
        try:
            while data := self.tls.read(65536):
                came += data
        except ssl.SSLWantReadError:
            pass
        return came

    def said_last(self) -> bool:
        """Whether the server has said close_notify."""
        self.move()
        try:
            return self.tls.read(1) == b""
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLZeroReturnError:  # where we have said ours
            return True

    def write(self, data: bytes) -> None:
        """Say *data*."""
        self.tls.write(data)
        self.move()

    def close(self) -> None:
        """Say close_notify."""
        with suppress(ssl.SSLError):
            self.tls.unwrap()
        self.move()


class KeyUpdates:
    """What a client of TLS 1.3 says to change its keys and have ours changed (RFC 8446 section 4.6.3)."""

    def __init__(self, keylog: Path) -> None:
        """
        :param keylog: what the client's context wrote of a connection on which it has said nothing yet.
        """
        lines = (line.split() for line in keylog.read_text("ascii").splitlines())
        self._secret = next(bytes.fromhex(words[2]) for words in lines if words[0] == "CLIENT_TRAFFIC_SECRET_0")

    def next(self) -> bytes:
        """One more: a record of TLS_AES_256_GCM_SHA384."""
        sealing, nonce = AESGCM(self._expanded(b"key", 32)), self._expanded(b"iv", 12)
        inner = b"\x18\0\0\1\1" + b"\x16"
        head = b"\x17\3\3" + (len(inner) + 16).to_bytes(2, "big")
        self._secret = self._expanded(b"traffic upd", 48)
        return head + sealing.encrypt(nonce, inner, head)

    def _expanded(self, label: bytes, size: int) -> bytes:
        """HKDF-Expand-Label (section 7.1)."""
        full = b"tls13 " + label
        info = size.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
        return HKDFExpand(hashes.SHA384(), size, info).derive(self._secret)
