"""From a name and a password to a login, its log line and its penalty."""

import requests
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.logger import formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from swftp.auth.cache import AccessCache
from swftp.auth.checkers import SHOWN, PasswordChecker, PasswordOf, shown
from swftp.auth.refusals import LoginRefused, LoginThrottled, LoginUnavailable
from swftp.auth.settings import AuthSettings
from swftp.auth.throttle import Throttle, ThrottleSettings
from swftp.auth.tokens import IdentityService
from swftp.paths import resolve
from tests.auth.fakes import SECRET, V1_URL, V3_URL, FakeIdentity, Journal, at_once, clock, reply

PEER = "192.0.2.1"
GOOD = SECRET.encode()


class PasswordCheckerTests(SynchronousTestCase):
    def setUp(self):
        self.clock = clock()
        self.fake = FakeIdentity()
        self.journal = Journal(self)
        self.throttle = Throttle(ThrottleSettings(), self.clock)
        self.use(V1_URL)

    def use(self, url):
        settings = AuthSettings(auth_url=url)
        service = IdentityService(settings, self.clock, at_once, self.fake)
        cache = AccessCache(settings, service.authenticate, self.clock, b"k" * 32)
        self.checker = PasswordChecker(settings, cache, self.throttle, resolve("/box"))

    def login(self, name=b"test:tester", secret=GOOD):
        return self.checker.requestAvatarId(PasswordOf(name, secret, PEER))

    def refused(self, kind, **login):
        self.failureResultOf(self.login(**login), kind)
        return self.journal.lines("login_failed")[-1]

    def test_interface(self):
        """It is a checker of user names and passwords."""
        verifyObject(ICredentialsChecker, self.checker)

    def test_accepted(self):
        """A login says who, from where, how, and below which root; its access is good."""
        login = self.successResultOf(self.login())
        self.assertEqual((login.name, login.method, login.peer), ("test:tester", "password", PEER))
        self.assertEqual(str(login.root), "/box")
        self.assertTrue(login.access.held)
        access = self.successResultOf(Deferred.fromCoroutine(login.access.get()))
        self.assertEqual(access.token, "token-1")

    def test_names_of_the_service(self):
        """A user is who Keystone says it is, however it is spelled: databases find ``tester`` as ``Tester ``, too."""
        self.use(V3_URL)
        self.fake.users["T\u00e9ster "] = SECRET
        plain = self.successResultOf(self.login(b"tester"))
        for name in ("tester@Default", "T\u00e9ster ", "appcred:cred-id"):
            other = self.successResultOf(self.login(name.encode()))
            self.assertIn("tester", other.spellings, name)
            self.assertIn("tester@Default", other.spellings, name)
            self.assertEqual(other.user, plain.user, name)

    def test_without_address(self):
        """Twisted's own credentials, which know no address, will do."""
        self.successResultOf(self.checker.requestAvatarId(UsernamePassword(b"test:tester", SECRET.encode())))

    def test_wrong(self):
        """A wrong name, a wrong secret and an impossible one are refused alike, logged and counted."""
        for login in (
            {"secret": b"wrong"},
            {"name": b"test:nobody"},
            {"name": b"\xff"},
            {"secret": b""},
            {"secret": b" x"},
            {"name": b"x\r\ny"},
        ):
            with self.subTest(**login):
                failure = self.failureResultOf(self.login(**login), LoginRefused)
                self.assertEqual(str(failure.value), "login refused")
                line = self.journal.lines("login_failed")[-1]
                self.assertEqual((line["result"], line["counted"]), ("refused", True))
                self.assertEqual(len(self.throttle), 1)
                self.clock.advance(60)

    def test_ambiguous(self):
        """A Keystone login that could mean two things is refused with the reason in the log."""
        self.use(V3_URL)
        self.assertIn("ambiguous", self.refused(LoginRefused, name=b"a@b@c")["reason"])
        self.assertEqual(self.fake.asked, 0)

    def test_outage(self):
        """A service that is down is not the client's fault: another error, another line, no penalty."""
        for _ in range(20):
            self.fake.faults = [reply(503)]
            line = self.refused(LoginUnavailable)
            self.assertEqual((line["result"], line["counted"]), ("unavailable", False))
            self.assertIn("503", line["reason"])
        self.assertEqual(len(self.throttle), 0)
        self.successResultOf(self.login())

    def test_every_refusal_is_unauthorized(self):
        """Protocols that know only Twisted's error refuse all of them."""
        for kind in (LoginRefused, LoginThrottled, LoginUnavailable):
            self.assertTrue(issubclass(kind, UnauthorizedLogin))
        self.assertFalse(issubclass(LoginUnavailable, LoginRefused))

    def test_throttled(self):
        """After a few wrong ones the address is refused without asking, even with the right secret."""
        for n in range(3):
            self.refused(LoginRefused, secret=b"wrong %d" % n)
        asked = self.fake.asked
        line = self.refused(LoginThrottled)
        self.assertEqual((line["result"], line["counted"], self.fake.asked), ("throttled", False, asked))
        self.clock.advance(60)
        self.successResultOf(self.login())

    def test_one_line_each(self):
        """Each refusal is one line of the log; of who is let in, the realm says so."""
        self.successResultOf(self.login())
        self.refused(LoginRefused, secret=b"wrong")
        lines = [len(self.journal.lines(event)) for event in ("login", "login_failed")]
        self.assertEqual(lines, [0, 1])

    def test_users_cannot_write_logs(self):
        """A name in a log line is escaped and cut."""
        self.failureResultOf(self.login(b"x\r\ny\x1b[31m\xff", b"wrong"), LoginRefused)
        self.assertIn(r"login of 'x\r\ny\x1b[31m\\xff' from", formatEvent(self.journal[-1]))
        self.failureResultOf(self.login("a\u202eb".encode(), b"wrong"), LoginRefused)
        self.assertIn(r"login of 'a\u202eb' from", formatEvent(self.journal[-1]))
        self.assertEqual(len(shown(b"x" * 5000)), SHOWN + 1)

    def test_no_secret_anywhere(self):
        """Whatever happens, no secret and no token is in a log event, an error, a traceback or a representation."""
        faults = [
            None,
            reply(401, SECRET),
            reply(500, SECRET, Content_Type="text/plain"),
            reply(302, Location=f"http://evil.test/{SECRET}"),
            reply(200, SECRET),
            reply(200, X_Auth_Token=SECRET, X_Storage_Url="http://169.254.169.254/"),
            requests.exceptions.InvalidHeader(f"value: {SECRET!r}"),
            requests.exceptions.ConnectionError(SECRET),
            RuntimeError(SECRET),
        ]
        for url, name in ((V1_URL, b"test:tester"), (V3_URL, b"tester")):
            for fault in faults:
                self.use(url)
                discovery = FakeIdentity()._answer(requests.Request("GET", V3_URL).prepare())
                self.fake.faults = [discovery, fault] if url == V3_URL else [fault]
                self.throttle._penalties.clear()
                results = []
                self.login(name).addBoth(results.append)
                (result,) = results
                told = repr(result) + str(getattr(result, "value", ""))
                if hasattr(result, "getTraceback"):
                    told += result.getTraceback() + result.getTraceback(detail="verbose", elideFrameworkCode=False)
                    self.assertIsNone(result.value.__cause__)
                    self.assertIsNone(result.value.__context__)
                for secret in (SECRET, "token-"):
                    self.assertNotIn(secret, told)
                    self.assertNotIn(secret, self.journal.everything())
        self.assertNotIn(SECRET, repr(PasswordOf(b"test:tester", SECRET.encode(), PEER)))
