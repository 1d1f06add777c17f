"""Certificates: those that clients show, and ours, which changes without a restart; and IPv6."""

from __future__ import annotations

import datetime
import ftplib
import io
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier
from pyasn1.codec.der.encoder import encode
from pyasn1.type.char import UTF8String

from tests.functional.ftp import FtpCase, FtpGateway, Reusing, certificate
from tests.functional.gateway import gateway
from tests.functional.processes import eventually, free_port, scratch
from tests.functional.swift import PASSWORD, USER

PRINCIPAL = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


class Authority:
    """Signs certificates; ``path`` is its own, ``revoked`` its list of those it took back."""

    def __init__(self, name: str) -> None:
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.path, self.revoked = scratch() / f"{name}.pem", scratch() / f"{name}.crl"
        self.path.write_bytes(self._sign(self._name, self._key, True, []).public_bytes(Encoding.PEM))

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, authority: bool, names: list[x509.GeneralName]
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(1))
        builder = builder.not_valid_after(now + datetime.timedelta(30))
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def take_back(self, *paths: Path) -> None:
        """The list of revoked certificates, at ``revoked``, has those in *paths*."""
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        builder = builder.last_update(now).next_update(now + datetime.timedelta(30))
        for path in paths:
            number = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
            one = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
            builder = builder.add_revoked_certificate(one)
        self.revoked.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, *names: x509.GeneralName) -> Path:
        """Certificate and key of *name* in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._sign(subject, key, False, list(names)).public_bytes(Encoding.PEM)
        path = scratch() / f"{time.time_ns()}.pem"
        path.write_bytes(made + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        return path


OURS, THEIRS = Authority("clients"), Authority("strangers")
OURS.take_back()


def credentials() -> Path:
    """The file of stored credentials."""
    path = scratch() / "ftp-credentials"
    path.write_text(f"[backup]\nlogin = {USER}\npassword = {PASSWORD}\n")
    path.chmod(0o600)
    return path


class CertificateCase(FtpCase):
    """Clients that show a certificate."""

    kind = "cn"
    secure = True

    def setUp(self) -> None:
        """The options need files."""
        self.gateway_options = {  # type: ignore[misc]
            "client_ca": str(OURS.path),
            "client_name": self.kind,
            "auth.credentials": str(credentials()),
            "sessions_per_user": 0,
            **self.more,
        }
        super().setUp()

    more: ClassVar[dict[str, object]] = {}

    def show(self, shown: Path | None) -> ftplib.FTP_TLS:
        """A client with TLS that shows the certificate in *shown*."""
        context = ssl.create_default_context(cafile=str(certificate()))
        if shown is not None:
            context.load_cert_chain(str(shown))
        client = Reusing(context=context)
        self.addCleanup(client.close)
        client.connect("127.0.0.1", self.gateway.port, 30)
        client.auth()
        return client


class CommonNameTests(CertificateCase):
    """``client_name = cn``, and ``client_crl``."""

    more: ClassVar[dict[str, object]] = {"client_crl": str(OURS.revoked)}

    def test_taken_back(self) -> None:
        """A certificate that its authority has taken back is one of nobody's, without a restart."""
        shown = OURS.issue("backup")
        self.assertEqual(self.show(shown).sendcmd("USER backup")[:3], "232")
        OURS.take_back(shown)
        self.addCleanup(OURS.take_back)
        self.assertTrue(eventually(lambda: self.refuses(shown), 20, 1))
        self.assertEqual(self.show(OURS.issue("backup")).sendcmd("USER backup")[:3], "232")

    def refuses(self, shown: Path) -> bool:
        """Whether a client with the certificate *shown* is hung up on."""
        try:
            self.show(shown).sendcmd("NOOP")
        except (ssl.SSLError, OSError, EOFError):
            return True
        return False

    def test_login(self) -> None:
        """A certificate of our authority is a login without a password, of the name that is in it."""
        client = self.show(OURS.issue("backup"))
        self.assertEqual(client.sendcmd("USER backup")[:3], "232")
        client.prot_p()
        client.storbinary(f"STOR {self.path('a')}", io.BytesIO(b"by certificate"))
        self.assertStored("a", b"by certificate")

    def test_another_name(self) -> None:
        """It is no login of any other name: those need their password."""
        client = self.show(OURS.issue("somebody"))
        self.assertEqual(client.sendcmd("USER backup")[:3], "331")
        self.assertEqual(client.sendcmd(f"USER {USER}")[:3], "331")
        self.assertEqual(client.sendcmd(f"PASS {PASSWORD}")[:3], "230")

    def test_none(self) -> None:
        """Without one there is the password."""
        client = self.show(None)
        self.assertEqual(client.sendcmd("USER backup")[:3], "331")

    def test_strangers(self) -> None:
        """A certificate of another authority is worse than none."""
        with self.assertRaises((ssl.SSLError, OSError, EOFError)):
            self.show(THEIRS.issue("backup")).sendcmd("USER backup")


class PrincipalTests(CertificateCase):
    """``client_name = upn``."""

    kind = "upn"

    def test_login(self) -> None:
        """The userPrincipalName is the name; what is called otherwise is not."""
        other = x509.OtherName(PRINCIPAL, encode(UTF8String("backup")))
        self.assertEqual(self.show(OURS.issue("x", other)).sendcmd("USER backup")[:3], "232")
        self.assertEqual(self.show(OURS.issue("backup")).sendcmd("USER backup")[:3], "331")


class MailTests(CertificateCase):
    """``client_name = email``, and a certificate is required."""

    kind = "email"
    more: ClassVar[dict[str, object]] = {"client_certificate": "required"}

    def test_login(self) -> None:
        """The address is the name."""
        credentials().write_text(f"[b@example.org]\nlogin = {USER}\npassword = {PASSWORD}\n")
        shown = OURS.issue("x", x509.RFC822Name("b@example.org"))
        self.gateway.stop()
        self.gateway.start()
        self.assertEqual(self.show(shown).sendcmd("USER b@example.org")[:3], "232")

    def test_none(self) -> None:
        """Without a certificate nobody gets as far as USER."""
        with self.assertRaises((ssl.SSLError, OSError, EOFError)):
            self.show(None).sendcmd("USER backup")


class ReloadTests(FtpCase):
    """Our certificate."""

    def setUp(self) -> None:
        """One that only this test uses."""
        self.file = scratch() / "changing.pem"
        self.file.write_bytes(certificate().read_bytes())
        self.file.chmod(0o600)
        self.gateway_options = {"certificate": str(self.file), "sessions_per_user": 0}  # type: ignore[misc]
        super().setUp()

    def seen(self) -> bytes:
        """What a client is shown."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = ftplib.FTP_TLS(context=context)
        client.connect("127.0.0.1", self.gateway.port, 30)
        try:
            client.auth()
            return client.sock.getpeercert(True) or b""  # type: ignore[union-attr]
        finally:
            client.close()

    def test_changes(self) -> None:
        """A new file is used without a restart; one that cannot be used is not, and is complained of."""
        before = self.seen()
        self.file.write_bytes(THEIRS.issue("localhost").read_bytes())
        self.within(20, lambda: self.seen() != before)
        after = self.seen()
        self.file.write_bytes(b"rubbish")
        self.within(20, lambda: self.seen() and "certificate not changed" in self.gateway.log())
        self.assertEqual(self.seen(), after)

    def within(self, seconds: float, check: Callable[[], object]) -> None:
        """*check* comes true in time."""
        self.assertTrue(eventually(check, seconds, 1.0))


class SixGateway(FtpGateway):
    """On the loopback address of IPv6, too."""

    def defaults(self) -> dict[str, object]:
        """See `FtpGateway.defaults`."""
        self.six = free_port()
        listen = f"tcp:{self.port}:interface=127.0.0.1, tcp6:{self.six}:interface=\\:\\:1"
        return {**super().defaults(), "listen": listen}


class SixTests(FtpCase):
    """IPv6."""

    def make_gateway(self) -> FtpGateway:
        """See `GatewayCase`."""
        return gateway(self.server.url, self.gateway_options, SixGateway)

    def test_transfers(self) -> None:
        """EPSV and EPRT go over IPv6, PASV does not."""
        for secure in (False, True):
            client = Reusing(context=self.trusting()) if secure else ftplib.FTP()
            client.connect("::1", self.gateway.six, 30)  # type: ignore[attr-defined]
            self.addCleanup(client.close)
            client.login(USER, PASSWORD)
            if isinstance(client, ftplib.FTP_TLS):
                client.prot_p()
            for passive in (True, False):
                client.set_pasv(passive)
                client.storbinary(f"STOR {self.path('six')}", io.BytesIO(b"over six"))
                self.assertStored("six", b"over six")
                self.assertEqual(len(client.nlst(self.path())), 1)
            self.assertRaises(ftplib.error_temp, client.sendcmd, "PASV")

    def trusting(self) -> ssl.SSLContext:
        """A client's context that does not look at names: ``::1`` is not among them."""
        context = ssl.create_default_context(cafile=str(certificate()))
        context.check_hostname = False
        return context
