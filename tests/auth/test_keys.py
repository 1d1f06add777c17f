"""Lines of the authorized keys file."""

from datetime import datetime
from pathlib import Path as FilePath

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.keys import parse_line, read_keys
from swftp.auth.settings import SettingsError


def public(private):
    """The line of a public key, and its blob."""
    key = Key(private).public()
    return key.toString("openssh").decode().strip(), key.blob()


ED25519, BLOB = public(ed25519.Ed25519PrivateKey.generate())
PUBLIC = 'credential="c" ' + ED25519


def sk_line():
    raw = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    import base64

    blob = NS(b"sk-ssh-ed25519@openssh.com") + NS(raw) + NS(b"ssh:")
    return "sk-ssh-ed25519@openssh.com " + base64.b64encode(blob).decode()


class LineTests(SynchronousTestCase):
    def wrong(self, line):
        return str(self.assertRaises(ValueError, parse_line, line))

    def test_full(self):
        """Every option, in OpenSSH's syntax."""
        key = parse_line(
            'restrict,login="a \\"b\\", c",Credential="x y",root="/box/../box/p",from="10.0.0.0/8,!10.0.0.1",'
            f'expiry-time="20300102Z",no-touch-required,verify-required,no-pty {ED25519} a comment, with "quotes"'
        )
        self.assertEqual((key.login, key.credential, str(key.root)), ('a "b", c', "x y", "/box/p"))
        self.assertEqual((key.blob, key.touch, key.verify), (BLOB, False, True))
        self.assertEqual(key.expires, 1893542400.0)

    def test_login_is_credential(self):
        """A line without login is that of the credential's name."""
        key = parse_line(f'credential="test:tester" {ED25519}')
        self.assertEqual((key.login, key.touch, key.verify), ("test:tester", True, False))

    def test_kinds(self):
        """Ed25519, ECDSA, RSA of 2048 bits and security keys are taken."""
        for line in (
            public(ec.generate_private_key(ec.SECP256R1()))[0],
            public(ec.generate_private_key(ec.SECP521R1()))[0],
            public(rsa.generate_private_key(65537, 2048))[0],
            sk_line(),
        ):
            parse_line('credential="c" ' + line)

    def test_weak(self):
        """DSA and short RSA keys are not."""
        self.assertIn("weak", self.wrong('credential="c" ' + public(rsa.generate_private_key(65537, 1024))[0]))
        self.wrong('credential="c" ' + public(dsa.generate_private_key(1024))[0])

    def test_wrong_lines(self):
        """What we do not understand is an error: never a key with fewer restrictions than it says."""
        kind, data = ED25519.split()[:2]
        for line in (
            ED25519,
            'credential="" ' + ED25519,
            'command="/bin/false",' + PUBLIC,
            "cert-authority," + PUBLIC,
            'permitopen="x",' + PUBLIC,
            "verify-required=yes," + PUBLIC,
            'no-pty="yes",' + PUBLIC,
            "credential " + ED25519,
            'credential="c",credential="d" ' + ED25519,
            'credential="c ' + ED25519,
            'credential="c", ' + ED25519,
            'credential="c"',
            f'credential="c" {kind}',
            f'credential="c" {kind} !!!!',
            f'credential="c" {kind} {data[:20]}',
            f'credential="c" ssh-rsa {data}',
            f'credential="c" ssh-ed25519-cert-v01@openssh.com {data}',
            'root="box",' + PUBLIC,
            'root="/a\\\nb",' + PUBLIC,
            'from="",' + PUBLIC,
            'from="*.example.org",' + PUBLIC,
            'from="10.0.0.0/40",' + PUBLIC,
            'from="10.0.0.1/8",' + PUBLIC,
            'credential="c",from="10.0.0" ' + ED25519,
            'expiry-time="tomorrow",' + PUBLIC,
            'expiry-time="20301301",' + PUBLIC,
            'expiry-time="2030010112",' + PUBLIC,
        ):
            with self.subTest(line=line):
                self.wrong(line)


class AdmitsTests(SynchronousTestCase):
    def admits(self, sources, peer):
        return parse_line(f'from="{sources}",{PUBLIC}').admits(peer, 0)

    def test_from(self):
        """Addresses, networks and patterns; one that is excluded wins; host names never match."""
        for sources, peer, good in (
            ("10.0.0.0/8", "10.1.2.3", True),
            ("10.0.0.0/8", "11.1.2.3", False),
            ("10.0.0.0/8,!10.0.0.1", "10.0.0.1", False),
            ("!10.0.0.1,10.0.0.0/8", "10.0.0.2", True),
            ("!10.0.0.1", "10.0.0.2", False),
            ("10.1.*", "10.1.2.3", True),
            ("10.1.*", "10.10.2.3", False),
            ("2001:DB8::/32", "2001:db8::1", True),
            ("2001:db8::1", "2001:db8:0::1", True),
            ("2001:DB8:0::0001", "2001:db8::1", True),
            ("2001:db8::/32,!2001:DB8:0::0001", "2001:db8::1", False),
            ("fe80::/10", "fe80::1%eth0", True),
            ("10.0.0.0/8", "::ffff:10.0.0.1", True),
            ("10.0.0.0/8", "", False),
            ("*", "evil.example.org", False),
        ):
            with self.subTest(sources=sources, peer=peer):
                self.assertEqual(self.admits(sources, peer), good)

    def test_expiry(self):
        """A key is good until its expiry-time, local time unless it ends in Z."""
        key = parse_line('expiry-time="20300102030405",' + PUBLIC)
        end = datetime(2030, 1, 2, 3, 4, 5).timestamp()
        self.assertTrue(key.admits("", end - 1))
        self.assertFalse(key.admits("", end))


class FileTests(SynchronousTestCase):
    def setUp(self):
        self.path = FilePath(self.mktemp())

    def write(self, text, mode=0o600):
        self.path.write_text(text)
        self.path.chmod(mode)

    def problem(self):
        return self.assertRaises(SettingsError, read_keys, self.path).reason

    def test_by_login(self):
        """Comments and empty lines aside, keys come by login, several a login."""
        other = public(ed25519.Ed25519PrivateKey.generate())[0]
        self.write(f'# keys\n\n  {PUBLIC}\nlogin="c",credential="d" {other}\ncredential="e" {ED25519}')
        keys = read_keys(self.path)
        self.assertEqual(
            {login: [key.credential for key in keys[login]] for login in keys}, {"c": ["c", "d"], "e": ["e"]}
        )

    def test_place(self):
        """An error says file and line."""
        self.write(f"# keys\n{PUBLIC}\nnonsense\n")
        self.assertTrue(self.problem().startswith(f"{self.path}:3: "))

    def test_writable(self):
        """A file that others could write lets nobody in."""
        self.write(PUBLIC, 0o666)
        self.assertIn("0666", self.problem())
        self.write(PUBLIC, 0o644)
        read_keys(self.path)

    def test_unreadable(self):
        """A file that is not there, or is no text, is an error with its name."""
        self.assertIn(str(self.path), self.problem())
        self.path.write_bytes(b"\xff\xfe")
        self.path.chmod(0o600)
        self.assertIn("UTF-8", self.problem())
