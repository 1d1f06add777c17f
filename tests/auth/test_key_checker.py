"""From a public key to a login, by Conch's protocol."""

import hashlib
import struct
from pathlib import Path as FilePath

from cryptography.hazmat.primitives.asymmetric import ed25519
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import SSHPrivateKey
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from swftp.auth.assembly import KeyFiles, assemble
from swftp.auth.key_checker import KeyOf
from swftp.auth.refusals import LoginRefused, LoginThrottled, LoginUnavailable
from swftp.auth.settings import AuthSettings, SettingsError
from swftp.auth.throttle import Offence, ThrottleSettings
from swftp.paths import resolve
from tests.auth.fakes import SECRET, V1_URL, FakeIdentity, Journal, at_once, clock, reply

PEER = "192.0.2.1"
KEY = Key(ed25519.Ed25519PrivateKey.generate())
OTHER = Key(ed25519.Ed25519PrivateKey.generate())
SIGNED = b"session and request"
APPLICATION = b"ssh:"


def line(key):
    return key.public().toString("openssh").decode().strip()


class Harness:
    def setUp(self):
        self.clock = clock()
        self.fake = FakeIdentity()
        self.journal = Journal(self)
        self.directory = FilePath(self.mktemp())
        self.directory.mkdir()
        self.write("credentials", f"[tester]\nlogin = test:tester\npassword = {SECRET}\n")

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)

    def use(self, keys):
        self.write("keys", keys)
        files = KeyFiles(
            authorized_keys=str(self.directory / "keys"), credentials=str(self.directory / "credentials")
        )
        settings = AuthSettings(auth_url=V1_URL)
        made = assemble(
            settings,
            self.clock,
            at_once,
            wall=self.clock.seconds,
            random=b"k" * 32,
            throttle=ThrottleSettings(),
            files=files,
            root=resolve("/box"),
            adapter=self.fake,
        )
        _password, self.checker = made.checkers
        self.throttle = made.throttle

    def offer(self, name=b"backup", key=KEY, signature=None, signed=SIGNED, peer=PEER):
        offered = KeyOf(name, key.sshType(), key.public().blob(), signed if signature else None, signature, peer)
        return self.checker.requestAvatarId(offered)

    def login(self, **offer):
        return self.offer(signature=KEY.sign(SIGNED), **offer)


class PublicKeyCheckerTests(Harness, SynchronousTestCase):
    def setUp(self):
        super().setUp()
        self.use(f'login="backup",credential="tester",root="/web1" {line(KEY)}\n')

    def test_interface(self):
        """It is a checker of SSH keys."""
        verifyObject(ICredentialsChecker, self.checker)

    def test_probe(self):
        """A key without signature is worth one, and nobody is asked yet."""
        self.failureResultOf(self.offer(), ValidPublicKey)
        self.assertEqual(self.fake.asked, 0)
        self.assertEqual(self.journal.lines("login_failed"), [])

    def test_login(self):
        """A signed key is the login of its stored credential, below its own root."""
        login = self.successResultOf(self.login())
        self.assertEqual((login.name, login.method, login.peer), ("backup", "publickey", PEER))
        self.assertEqual(str(login.root), "/box/web1")
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(login.access.get())).token, "token-1")

    def test_counted_with_passwords(self):
        """It counts as the user it stands for, and shares that user's tokens."""
        from swftp.auth.logins import parse

        login = self.successResultOf(self.login())
        self.assertEqual(login.user, parse("test:tester", AuthSettings(auth_url=V1_URL)).key)

    def test_unknown_alike(self):
        """An unknown login and a wrong key are told apart by nothing, signed or not, and not counted."""
        told = set()
        for offer in ({"name": b"nobody"}, {"key": OTHER}, {"name": b"\xff"}, {"name": b""}):
            for signature in (None, OTHER.sign(SIGNED)):
                failure = self.failureResultOf(self.offer(signature=signature, **offer), LoginRefused)
                told.add((type(failure.value), str(failure.value)))
        self.assertEqual(len(told), 1)
        self.assertEqual(self.fake.asked, 0)
        self.assertEqual(len(self.throttle), 0)

    def test_wrong_signature(self):
        """A signature by another key, of something else, or none at all, is refused and counted."""
        good = KEY.sign(SIGNED)
        for signature in (OTHER.sign(SIGNED), KEY.sign(b"else"), good[:-1], b"x", NS(b"ssh-ed25519"), NS(b"") * 2):
            with self.subTest(signature=signature):
                self.failureResultOf(self.offer(signature=signature), LoginRefused)
                self.assertEqual(len(self.throttle), 1)
                self.clock.advance(60)
        self.assertEqual(self.fake.asked, 0)

    def test_throttled(self):
        """A refused address gets no answer about keys."""
        for _ in range(3):
            self.throttle.failed(PEER, Offence.BAD_LOGIN)
        self.failureResultOf(self.offer(), LoginThrottled)
        self.failureResultOf(self.login(), LoginThrottled)

    def test_stored_credential_refused(self):
        """A stored secret that is no longer good is not the client's fault."""
        self.fake.users.clear()
        self.failureResultOf(self.login(), LoginUnavailable)
        (entry,) = self.journal.lines("login_failed")
        self.assertIn("stored credential 'tester'", entry["reason"])
        self.assertEqual(len(self.throttle), 0)

    def test_outage(self):
        """Nor is a service that is down."""
        self.fake.faults = [reply(503)]
        self.failureResultOf(self.login(), LoginUnavailable)
        self.assertEqual(len(self.throttle), 0)

    def test_missing_credential(self):
        """Nor a line that names a credential there is none of."""
        self.use(f'login="backup",credential="nobody" {line(KEY)}\n')
        self.failureResultOf(self.login(), LoginUnavailable)

    def test_changed_files(self):
        """A key that is taken away is gone with the next login, a changed secret is used."""
        self.write("credentials", "[tester]\nlogin = test:tester\npassword = another one\n")
        self.fake.users["test:tester"] = "another one"
        self.clock.advance(2)
        self.successResultOf(self.login())
        self.write("keys", "")
        self.clock.advance(2)
        self.failureResultOf(self.login(), LoginRefused)

    def test_twisted_credentials(self):
        """Twisted's own credentials, which know no address, will do."""
        offered = SSHPrivateKey(b"backup", KEY.sshType(), KEY.public().blob(), SIGNED, KEY.sign(SIGNED))
        self.successResultOf(self.checker.requestAvatarId(offered))

    def test_no_secret(self):
        """The stored secret is in no log event."""
        self.successResultOf(self.login())
        self.fake.faults = [reply(503, SECRET)]
        self.assertNotIn(SECRET, self.journal.everything())


class OptionsTests(Harness, SynchronousTestCase):
    def test_from(self):
        """A key offered from elsewhere than its line says is no key of this login."""
        self.use(f'login="backup",credential="tester",from="10.0.0.0/8" {line(KEY)}\n')
        self.failureResultOf(self.login(), LoginRefused)
        self.failureResultOf(self.offer(), LoginRefused)
        self.successResultOf(self.login(peer="10.0.0.1"))

    def test_expired(self):
        """A key is no key from its expiry-time on."""
        self.use(f'login="backup",credential="tester",expiry-time="19700113Z" {line(KEY)}\n')
        self.successResultOf(self.login())
        self.clock.advance(12 * 86400)
        self.failureResultOf(self.login(), LoginRefused)

    def test_files_belong_together(self):
        """One of the files without the other is an error, and so is a wrong one."""
        self.assertRaises(SettingsError, self.use, "nonsense\n")
        for files in (KeyFiles(credentials="x"), KeyFiles(authorized_keys="x")):
            self.assertRaises(
                SettingsError,
                assemble,
                AuthSettings(),
                self.clock,
                at_once,
                wall=self.clock.seconds,
                random=b"k" * 32,
                throttle=ThrottleSettings(),
                files=files,
            )


class SecurityKey:
    """A FIDO key, as OpenSSH sees it (PROTOCOL.u2f)."""

    def __init__(self):
        self.private = ed25519.Ed25519PrivateKey.generate()

    def sshType(self):
        return b"sk-ssh-ed25519@openssh.com"

    def public(self):
        return self

    def blob(self):
        return NS(self.sshType()) + NS(self.private.public_key().public_bytes_raw()) + NS(APPLICATION)

    def line(self):
        import base64

        return f"{self.sshType().decode()} {base64.b64encode(self.blob()).decode()}"

    def sign(self, flags):
        """A signature, and what it is of."""
        trailer = bytes([flags]) + struct.pack(">L", 7)
        signed = hashlib.sha256(APPLICATION).digest() + trailer + hashlib.sha256(SIGNED).digest()
        return NS(self.sshType()) + NS(self.private.sign(signed)) + trailer, signed


class SecurityKeyTests(Harness, SynchronousTestCase):
    def attempt(self, options, flags):
        key = SecurityKey()
        self.use(f'login="backup",credential="tester"{options} {key.line()}\n')
        signature, signed = key.sign(flags)
        return self.offer(key=key, signature=signature, signed=signed)

    def test_touched(self):
        """A security key must have been touched, unless its line says that it need not."""
        self.successResultOf(self.attempt("", 1))
        self.failureResultOf(self.attempt("", 0), LoginRefused)
        self.successResultOf(self.attempt(",no-touch-required", 0))

    def test_verified(self):
        """It must have verified its user where its line says so."""
        self.failureResultOf(self.attempt(",verify-required", 1), LoginRefused)
        self.successResultOf(self.attempt(",verify-required", 5))
