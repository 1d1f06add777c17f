"""Certificate files, and client certificates."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import NameOID
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from swftp.ftp.identity import names
from swftp.ftp.tls import LOOK, Tls, TlsFiles, TlsProblem
from tests.ftp.tlscase import (
    TlsClient,
    certificate,
    client_context,
    der,
    file,
    key,
    key_pem,
    pem,
    principal,
    revocations,
)


class FileCase(SynchronousTestCase):
    """`self.directory` has the certificate of ``one``."""

    def setUp(self) -> None:
        """A server."""
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.clock = Clock()
        self.told: list[str] = []
        self.write("one")

    def write(self, name: str) -> None:
        """The server's certificate is that of *name* from now on."""
        self.path = file(self.directory, "server.pem", key_pem(name), pem(certificate(name)))

    def make(self, **options: str) -> Tls:
        """A server."""
        return Tls(TlsFiles(certificate=self.path, **options), self.clock, self.told.append)

    def shown(self, tls: Tls) -> str:
        """Whose certificate a client sees."""
        client = TlsClient(tls.session(), client_context()).shake()
        seen = client.tls.getpeercert(True)
        assert seen
        return names(seen, "cn")[0]


class FileTests(FileCase):
    """`Tls`."""

    def test_two_files(self) -> None:
        """The key may be in a file of its own, and the files may go once they were read."""
        key_path = file(self.directory, "key.pem", key_pem("one"))
        self.path = file(self.directory, "certificate.pem", pem(certificate("one")))
        tls = self.make(key=key_path)
        Path(key_path).unlink()
        self.assertEqual(self.shown(tls), "one")

    def test_changed(self) -> None:
        """Files that have changed are used for connections to come, without a restart."""
        tls = self.make()
        self.assertEqual(self.shown(tls), "one")
        self.write("two")
        self.assertEqual(self.shown(tls), "one")
        self.clock.advance(LOOK)
        self.assertEqual(self.shown(tls), "two")

    def test_changed_for_the_worse(self) -> None:
        """Files that cannot be used are told of, once, and those of before stay."""
        tls = self.make()
        file(self.directory, "server.pem", b"nonsense")
        for _ in range(3):
            self.clock.advance(LOOK)
            self.assertEqual(self.shown(tls), "one")
        self.assertTrue(self.told)
        Path(self.path).unlink()
        self.clock.advance(LOOK)
        self.assertEqual(self.shown(tls), "one")
        self.write("two")
        self.clock.advance(LOOK)
        self.assertEqual(self.shown(tls), "two")

    def test_reload(self) -> None:
        """Who asks for it need not wait."""
        tls = self.make()
        self.write("two")
        tls.reload()
        self.assertEqual(self.shown(tls), "two")
        file(self.directory, "server.pem", b"nonsense")
        self.assertRaises(TlsProblem, tls.reload)
        self.assertEqual(self.shown(tls), "two")

    def test_problems(self) -> None:
        """What cannot be used says which option it is about."""
        other = file(self.directory, "other.pem", key_pem("other"))
        sealed = key("one").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        problems = {
            "certificate": {"certificate": str(self.directory / "none.pem")},
            "key": {"certificate": self.path, "key": other},
            "client_ca": {"certificate": self.path, "client_ca": other},
        }
        for option, files in problems.items():
            error = self.assertRaises(TlsProblem, Tls, TlsFiles(**files), self.clock)
            self.assertEqual(error.option, option)
        sealed_path = file(self.directory, "sealed.pem", sealed)
        error = self.assertRaises(TlsProblem, self.make, key=sealed_path)
        self.assertEqual(error.option, "key")

    def test_what_is_missing(self) -> None:
        """A file that lacks what it is there for is said to, whatever else is in it."""
        alone, bare = (
            file(self.directory, "alone.pem", key_pem("one")),
            file(self.directory, "bare.pem", pem(certificate("one"))),
        )
        cases = {
            "certificate: alone.pem: holds no certificate": {"certificate": alone},
            "certificate: bare.pem: holds no private key": {"certificate": bare},
            "key: bare.pem: holds no private key": {"certificate": self.path, "key": bare},
        }
        for words, files in cases.items():
            Path(bare).chmod(0o600)
            error = self.assertRaises(TlsProblem, Tls, TlsFiles(**files), self.clock)
            self.assertEqual(f"{error.option}: {Path(error.reason).name}", words)

    def test_open_to_others(self) -> None:
        """A key that others can read or change is refused, wherever it is; what is no secret may be anybody's."""
        plain = file(self.directory, "plain.pem", pem(certificate("one")))
        Path(plain).chmod(0o644)
        secret = file(self.directory, "key.pem", key_pem("one"))
        for mode in (0o604, 0o644, 0o660, 0o602):
            for path, option, files in (
                (self.path, "certificate", {"certificate": self.path}),
                (secret, "key", {"certificate": plain, "key": secret}),
            ):
                Path(path).chmod(mode)
                error = self.assertRaises(TlsProblem, Tls, TlsFiles(**files), self.clock)
                self.assertEqual(error.option, option)
                self.assertIn(f"mode {mode:04o}", error.reason)
        Path(secret).chmod(0o640)
        self.assertEqual(self.shown(Tls(TlsFiles(certificate=plain, key=secret), self.clock)), "one")

    def test_closed_to_others(self) -> None:
        """One that was refused is used once it is closed to them."""
        tls = self.make()
        self.write("two")
        Path(self.path).chmod(0o644)
        self.clock.advance(LOOK)
        self.assertEqual(self.shown(tls), "one")
        Path(self.path).chmod(0o600)
        self.clock.advance(LOOK)
        self.assertEqual(self.shown(tls), "two")

    def test_minimum(self) -> None:
        """TLS 1.3 alone, where that is wanted."""
        tls = self.make(minimum="1.3")
        self.assertEqual(TlsClient(tls.session(), client_context(ssl.TLSVersion.TLSv1_2)).shake().server.agreed, 0)
        self.assertEqual(TlsClient(tls.session(), client_context()).shake().server.agreed, 1)


class ClientTests(FileCase):
    """Client certificates."""

    def setUp(self) -> None:
        """Somebody has one, of an authority that counts; somebody else of one that does not."""
        super().setUp()
        self.ca = file(self.directory, "ca.pem", pem(certificate("ca")))
        self.good = self.client_file("anna", "ca")
        self.bad = self.client_file("bad", "nobody")

    def client_file(self, name: str, issuer: str) -> str:
        """A client's certificate and key."""
        return file(self.directory, f"{name}.pem", key_pem(name), pem(certificate(name, issuer=issuer)))

    def shake(self, tls: Tls, *chain: str) -> TlsClient:
        """A control connection."""
        client = TlsClient(tls.session(), client_context(ssl.TLSVersion.TLSv1_3, *chain)).shake()
        client.move()
        return client

    def test_names(self) -> None:
        """Who shows a good one is named by it; who shows none is not."""
        tls = self.make(client_ca=self.ca)
        self.assertEqual(self.shake(tls, self.good).secured.names("cn"), ("anna",))
        self.assertEqual(self.shake(tls).secured.names("cn"), ())
        self.assertEqual(self.shake(tls, self.bad).server.agreed, 0)

    def test_not_asked(self) -> None:
        """Without authorities nobody is named by anything."""
        self.assertEqual(self.shake(self.make(), self.good).secured.names("cn"), ())

    def test_required(self) -> None:
        """Where one is required, nobody gets in without; a data connection needs none beside."""
        files = TlsFiles(certificate=self.path, client_ca=self.ca, require_client=True)
        tls = Tls(files, self.clock)
        self.assertEqual(self.shake(tls).server.agreed, 0)
        self.assertEqual(self.shake(tls, self.good).server.agreed, 1)
        session = tls.session()
        data = TlsClient(session, client_context(), data=True, receiving=True).shake()
        self.assertEqual(data.server.agreed, 1)


class RevocationTests(FileCase):
    """``client_crl``."""

    def setUp(self) -> None:
        """Anna and Berta have certificates of an authority that counts."""
        super().setUp()
        self.ca = file(self.directory, "ca.pem", pem(certificate("ca")))
        self.made = {name: certificate(name, issuer="ca") for name in ("anna", "berta")}
        for name, made in self.made.items():
            file(self.directory, f"{name}.pem", key_pem(name), pem(made))
        self.take_back("anna")

    def take_back(self, *names: str) -> None:
        """The authority's list says so from now on."""
        self.crl = file(self.directory, "crl.pem", revocations("ca", *(self.made[name] for name in names)))

    def shake(self, tls: Tls, name: str, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> int:
        """How many control connections came about where *name* shows a certificate."""
        shown = (str(self.directory / f"{name}.pem"),) if name else ()
        client = TlsClient(tls.session(), client_context(version, *shown)).shake()
        client.move()
        return client.server.agreed

    def test_revoked(self) -> None:
        """A certificate that was taken back is as good as a stranger's; others, and none, are what they were."""
        tls = self.make(client_ca=self.ca, client_crl=self.crl)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.assertEqual([self.shake(tls, name, version) for name in ("anna", "berta", "")], [0, 1, 1])
        self.assertEqual(self.shake(self.make(client_ca=self.ca), "anna"), 1)

    def test_changed(self) -> None:
        """A new list is used for connections to come; one that is none is told of, and that of before stays."""
        tls = self.make(client_ca=self.ca, client_crl=self.crl)
        self.take_back("berta")
        self.assertEqual([self.shake(tls, name) for name in ("anna", "berta")], [0, 1])
        self.clock.advance(LOOK)
        self.assertEqual([self.shake(tls, name) for name in ("anna", "berta")], [1, 0])
        Path(self.crl).unlink()
        self.clock.advance(LOOK)
        self.assertEqual([self.shake(tls, name) for name in ("anna", "berta")], [1, 0])
        self.assertIn("client_crl", self.told[0])

    def test_not_certain(self) -> None:
        """Where the list is too old, or of another authority, no certificate is good, and a line says why."""
        for words, why in ((revocations("ca", days=30), "CRL has expired"), (revocations("nobody"), "unable to get")):
            tls = self.make(client_ca=self.ca, client_crl=file(self.directory, "other.pem", words))
            with capturedLogs() as events:
                self.assertEqual([self.shake(tls, name) for name in ("berta", "")], [0, 1])
            self.assertEqual([event["event"] for event in events], ["ftp_refused"])
            self.assertIn(why, events[0]["reason"])

    def test_no_list(self) -> None:
        """A file that holds no list is no answer."""
        for words in (b"", b"nonsense", pem(certificate("ca"))):
            crl = file(self.directory, "other.pem", words)
            error = self.assertRaises(TlsProblem, self.make, client_ca=self.ca, client_crl=crl)
            self.assertEqual(error.option, "client_crl")


class NameTests(SynchronousTestCase):
    """`names`."""

    def test_kinds(self) -> None:
        """Common name, mail addresses, userPrincipalNames."""
        made = der(
            certificate(
                "Anna",
                x509.RFC822Name("anna@example.org"),
                principal("anna@ad.example"),
                x509.DNSName("host.example"),
            )
        )
        self.assertEqual(names(made, "cn"), ("Anna",))
        self.assertEqual(names(made, "email"), ("anna@example.org",))
        self.assertEqual(names(made, "upn"), ("anna@ad.example",))

    def test_mail_of_the_subject(self) -> None:
        """Old certificates have the address in the subject."""
        mail = x509.NameAttribute(NameOID.EMAIL_ADDRESS, "old@example.org")
        self.assertEqual(names(der(certificate("Anna", attributes=(mail,))), "email"), ("old@example.org",))

    def test_none(self) -> None:
        """Where nothing is said, or nothing that can be read, there is no name."""
        self.assertEqual(names(der(certificate("Anna")), "upn"), ())
        self.assertEqual(names(der(certificate("Anna")), "email"), ())
        self.assertEqual(names(b"nonsense", "cn"), ())
        other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9"), principal("x").value)
        self.assertEqual(names(der(certificate("Anna", other)), "upn"), ())
        broken = x509.OtherName(principal("x").type_id, b"\x04\x01x")
        self.assertEqual(names(der(certificate("Anna", broken)), "upn"), ())

    def test_unprintable(self) -> None:
        """A name that no line of a log should hold is none."""
        self.assertEqual(names(der(certificate("Anna", principal("a\r\nb"))), "upn"), ())
        self.assertNotIn(os.linesep, "".join(names(der(certificate("An\nna")), "cn")))
