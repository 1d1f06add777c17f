"""Where secrets are, and who may read them."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from swftp.config import ConfigError, load
from swftp.ftp.tls import TlsFiles, TlsProblem, _Material
from swftp.gateway import hostkeys
from swftp.secretfiles import forbidden, located
from tests.functional.ftp import certificate


class LocatedTests(SynchronousTestCase):
    """``credential:NAME``."""

    def test_path(self) -> None:
        """Any other text is the path itself."""
        self.assertEqual(located("/etc/swftp/key", {}), "/etc/swftp/key")

    def test_credential(self) -> None:
        """It is the file of that name that systemd made for the service, and nothing outside."""
        there = {"CREDENTIALS_DIRECTORY": "/run/credentials/swftp.service"}
        self.assertEqual(located("credential:key", there), "/run/credentials/swftp.service/key")
        for text in ("credential:", "credential:../key", "credential:a/b", "credential:.."):
            self.assertRaises(ValueError, located, text, there)

    def test_none_given(self) -> None:
        """Without systemd there is none, and that is said."""
        self.assertIn("LoadCredential", str(self.assertRaises(ValueError, located, "credential:key", {})))

    def test_modes(self) -> None:
        """systemd's access control lists look like a group that may read; of no other file that is allowed."""
        there = {"CREDENTIALS_DIRECTORY": "/run/c"}
        self.assertEqual(forbidden(Path("/run/c/key"), 0o077, there), 0o037)
        self.assertEqual(forbidden(Path("/run/c/d/key"), 0o077, there), 0o077)
        self.assertEqual(forbidden(Path("/run/c/key"), 0o077, {}), 0o077)


class OpenToOthersTests(SynchronousTestCase):
    """Files that others can read are not used."""

    def setUp(self) -> None:
        """A file."""
        self.path = Path(self.mktemp())

    def test_tls_key(self) -> None:
        """The key of TLS, whether by itself or with the certificate."""
        self.path.write_bytes(certificate().read_bytes())
        for mode, good in ((0o600, True), (0o640, True), (0o644, False), (0o660, False)):
            self.path.chmod(mode)
            for files in (
                TlsFiles(certificate=str(self.path)),
                TlsFiles(certificate=str(certificate()), key=str(self.path)),
            ):
                if good:
                    _Material(files)
                else:
                    self.assertIn(f"mode {mode:04o}", self.assertRaises(TlsProblem, _Material, files).reason)

    def test_certificate_alone(self) -> None:
        """A certificate without its key is for everybody."""
        whole = certificate().read_text()
        end = whole.index("-----BEGIN PRIVATE")
        self.path.write_text(whole[:end])
        self.path.chmod(0o644)
        _Material(TlsFiles(certificate=str(self.path), key=str(certificate())))

    def test_configuration(self) -> None:
        """A configuration file is, unless it holds a password."""
        self.path.write_text("[zerostor]\nshards = redis://:s3cret@127.0.0.1:6379/0\n")
        self.path.chmod(0o644)
        problem = str(self.assertRaises(ConfigError, load, str(self.path)))
        self.assertIn("mode 0644", problem)
        self.assertNotIn("s3cret", problem)
        self.path.chmod(0o640)
        load(str(self.path))
        self.path.write_text("[auth]\nauth_url = http://user@keystone.test:5000/v3\n")
        self.path.chmod(0o644)
        load(str(self.path))

    def test_host_key_as_credential(self) -> None:
        """A host key may be one of systemd's credentials."""
        self.path.mkdir()
        hostkeys.kept(self.path)
        self.addCleanup(os.environ.pop, "CREDENTIALS_DIRECTORY", None)
        os.environ["CREDENTIALS_DIRECTORY"] = str(self.path)
        config = Path(self.mktemp())
        config.write_text("[sftp]\nhost_keys = credential:ssh_host_ed25519_key\n")
        (named,) = load(str(config))[0].sftp.host_keys
        self.assertEqual(named, str(self.path / "ssh_host_ed25519_key"))
