"""From a client certificate's name to a login."""

from pathlib import Path as FilePath

from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from swftp.auth.assembly import KeyFiles, assemble
from swftp.auth.certificates import CertificateOf, ICertificate
from swftp.auth.logins import parse
from swftp.auth.refusals import LoginRefused, LoginThrottled, LoginUnavailable
from swftp.auth.settings import AuthSettings, SettingsError
from swftp.auth.throttle import Offence, ThrottleSettings
from tests.auth.fakes import SECRET, V1_URL, FakeIdentity, Journal, at_once, clock

PEER = "192.0.2.1"


class CertificateCheckerTests(SynchronousTestCase):
    def setUp(self):
        self.clock = clock()
        self.fake = FakeIdentity()
        self.journal = Journal(self)
        self.file = FilePath(self.mktemp())
        self.write(f"[tester]\nlogin = test:tester\npassword = {SECRET}\n[old]\nlogin = test:tester\npassword = x\n")
        made = self.assembled(credentials=str(self.file), certificates=True)
        _password, self.checker = made.checkers
        self.throttle = made.throttle

    def write(self, text):
        self.file.write_text(text)
        self.file.chmod(0o600)

    def assembled(self, **files):
        return assemble(
            AuthSettings(auth_url=V1_URL),
            self.clock,
            at_once,
            random=b"k" * 32,
            wall=self.clock.seconds,
            throttle=ThrottleSettings(),
            files=KeyFiles(**files),
            adapter=self.fake,
        )

    def login(self, name=b"tester"):
        return self.checker.requestAvatarId(CertificateOf(name, PEER))

    def test_interface(self):
        """It is a checker of certificates."""
        verifyObject(ICredentialsChecker, self.checker)
        verifyObject(ICertificate, CertificateOf(b"x", PEER))

    def test_login(self):
        """A name is the login of its stored credential, and counts as the user that is."""
        login = self.successResultOf(self.login())
        self.assertEqual((login.name, login.method, login.peer), ("tester", "certificate", PEER))
        self.assertEqual(login.user, parse("test:tester", AuthSettings(auth_url=V1_URL)).key)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(login.access.get())).token, "token-1")

    def test_nothing_stored(self):
        """A name without a credential is no login and counts against nobody: a password may follow."""
        for name in (b"other", b"", b"\xff"):
            self.failureResultOf(self.login(name), LoginRefused)
        self.assertEqual((self.fake.asked, len(self.throttle)), (0, 0))

    def test_stored_credential_refused(self):
        """A stored credential that is no longer good is our fault, not the client's."""
        self.failureResultOf(self.login(b"old"), LoginUnavailable)
        self.assertEqual(len(self.throttle), 0)

    def test_throttled(self):
        """Who is refused by password is refused by certificate."""
        for _ in range(5):
            self.throttle.failed(PEER, Offence.BAD_LOGIN)
        self.failureResultOf(self.login(), LoginThrottled)

    def test_files(self):
        """Certificates need no authorized keys; without certificates, one file needs the other."""
        self.assertRaises(SettingsError, self.assembled, credentials=str(self.file))
        self.assertEqual(len(self.assembled(certificates=True).checkers), 1)

    def test_repr(self):
        """Nothing of it is secret, nothing of it is shown."""
        self.assertNotIn(SECRET, repr(CertificateOf(b"tester", PEER)))
