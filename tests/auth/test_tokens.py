"""What we ask of an identity service, and what we make of its answers."""

import requests
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.logins import Identity, parse
from swftp.auth.refusals import Denied, Down
from swftp.auth.settings import AuthSettings, SettingsError
from swftp.auth.tokens import WAITING_LIMIT, Credential, IdentityService
from tests.auth.fakes import SECRET, V1_URL, V3_URL, FakeIdentity, Journal, Threads, at_once, clock, reply


class Harness:
    def setUp(self):
        self.clock = clock()
        self.fake = FakeIdentity()

    def service(self, url=V1_URL, in_thread=at_once, **settings):
        return IdentityService(AuthSettings(auth_url=url, **settings), self.clock, in_thread, self.fake)

    def ask(self, login="test:tester", secret=SECRET, **settings):
        service = self.service(**settings)
        return service.authenticate(Credential(parse(login, service.settings), secret))

    def refusal(self, kind, **settings):
        return self.failureResultOf(self.ask(**settings), kind).value.reason


class GrantedTests(Harness, SynchronousTestCase):
    def test_v1(self):
        """TempAuth's headers become an access, its seconds of life a time of our clock."""
        access = self.successResultOf(self.ask())
        self.assertEqual((access.token, access.url), ("token-1", "http://storage.test/v1/AUTH_test"))
        self.assertAlmostEqual(access.expires, self.clock.seconds() + 3600, places=3)

    def test_v1_utf8(self):
        """Names and secrets beyond Latin-1 reach a v1 service as UTF-8."""
        self.fake.users["test:jörg"] = "пароль"
        self.successResultOf(self.ask("test:jörg", "пароль"))

    def test_v1_without_end(self):
        """A v1 service that does not say when the token ends is taken at its word."""
        self.fake.faults = [reply(200, X_Auth_Token="t", X_Storage_Url="http://s.test/v1/A")]
        self.assertIsNone(self.successResultOf(self.ask()).expires)

    def test_v3(self):
        """Keystone is asked for user and project; how long the token lives is taken by Keystone's own clock."""
        access = self.successResultOf(self.ask("tester/shop", url=V3_URL))
        self.assertEqual(access.token, "token-1")
        self.assertAlmostEqual(access.expires, self.clock.seconds() + 3600, places=3)
        self.assertEqual(self.fake.auth["scope"], {"project": {"name": "shop", "domain": {"id": "default"}}})
        self.assertEqual(self.fake.auth["identity"]["password"]["user"]["domain"], {"id": "default"})

    def test_application_credential(self):
        """An application credential is asked for without scope."""
        self.successResultOf(self.ask("appcred:cred-id", url=V3_URL))
        self.assertNotIn("scope", self.fake.auth)

    def test_region_and_interface(self):
        """The catalogue's endpoint is that of the configured region and interface."""
        access = self.successResultOf(self.ask("tester", url=V3_URL, region_name="two"))
        self.assertEqual(access.url, "http://two.test/v1/A")
        access = self.successResultOf(self.ask("tester", url=V3_URL, interface="internal"))
        self.assertEqual(access.url, "http://in.test/v1/A")

    def test_rewritten(self):
        """The storage URL is rewritten at each answer."""
        service = self.service(rewrite_storage_netloc="balancer")
        credential = Credential(parse("test:tester", service.settings), SECRET)
        for _ in range(2):
            self.assertEqual(
                self.successResultOf(service.authenticate(credential)).url, "http://balancer/v1/AUTH_test"
            )

    def test_asked_once(self):
        """One login is one request, even if the token that comes is near its end."""
        self.fake.life = 60
        self.successResultOf(self.ask())
        self.assertEqual(self.fake.asked, 1)
        self.successResultOf(self.ask("tester", url=V3_URL))
        self.assertEqual(self.fake.asked, 2)

    def test_dead_token(self):
        """A token that is over when it comes is good for a second: nobody asks in a busy loop."""
        self.fake.life = 0
        self.assertEqual(self.successResultOf(self.ask()).expires, self.clock.seconds() + 1)


class RefusedTests(Harness, SynchronousTestCase):
    def test_wrong_secret(self):
        """401 is a wrong name or secret, with both kinds of service."""
        self.assertIn("401", self.refusal(Denied, secret="wrong"))
        self.assertIn("401", self.refusal(Denied, url=V3_URL, login="tester", secret="wrong"))

    def test_forbidden(self):
        """403 is the service's no to this user, and not an outage."""
        self.fake.faults = [reply(403)]
        self.assertIn("403", self.refusal(Denied))

    def test_second_factor(self):
        """Keystone's wish for a second factor is a no: we have none to give."""
        receipt = {"receipt": {"methods": ["password"], "user": {}, "expires_at": "2030-01-01T00:00:00Z"}}
        body = {**receipt, "required_auth_methods": [["totp"]]}
        discovery = FakeIdentity()._answer(requests.Request("GET", V3_URL).prepare())
        self.fake.faults = [discovery, reply(401, body, Openstack_Auth_Receipt="r", Content_Type="application/json")]
        self.assertIn("second factor", self.refusal(Denied, url=V3_URL, login="tester"))

    def test_v1_cannot_say_it(self):
        """What no HTTP header can hold is refused without asking, and without requests quoting it."""
        for secret in (" x", "x ", "\u3000x"):
            self.refusal(Denied, secret=secret)
        self.assertEqual(self.fake.requests, [])


class DownTests(Harness, SynchronousTestCase):
    def test_statuses(self):
        """Whatever is neither a token nor a no is an outage, and never the client's fault."""
        for status in (300, 302, 307, 400, 404, 408, 409, 413, 429, 500, 502, 503, 504):
            with self.subTest(status=status):
                self.fake.faults = [reply(status, "<html>", Location="http://evil.test/")]
                self.assertIn(str(status), self.refusal(Down))

    def test_redirect(self):
        """A redirect is not followed: the secret goes nowhere else."""
        self.fake.faults = [reply(302, Location="http://evil.test/auth/v1.0")]
        self.assertIn("redirect", self.refusal(Down))
        self.assertEqual([request.url for request in self.fake.requests], [V1_URL])

    def test_no_storage_url(self):
        """A page that is no answer (200 without X-Storage-Url) is an outage."""
        self.fake.faults = [reply(200, "<html>Welcome", Content_Type="text/html")]
        self.refusal(Down)
        self.fake.faults = [reply(200, X_Storage_Url="http://s.test/v1/A")]
        self.refusal(Down)

    def test_no_token_in_json(self):
        """JSON without a token, or no JSON at all, is an outage."""
        for body in ({"hello": 1}, "<html>", {"token": {}}, [], {"token": {"expires_at": "tomorrow"}}):
            with self.subTest(body=body):
                discovery = FakeIdentity()._answer(requests.Request("GET", V3_URL).prepare())
                self.fake.faults = [discovery, reply(201, body, X_Subject_Token="t")]
                self.refusal(Down, url=V3_URL, login="tester")

    def test_unreachable(self):
        """Connection, TLS and time are told apart in the log."""
        words = {
            self.failing(requests.exceptions.ConnectTimeout("x")),
            self.failing(requests.exceptions.ReadTimeout("x")),
            self.failing(requests.exceptions.ConnectionError("x")),
            self.failing(requests.exceptions.SSLError("x")),
            self.failing(requests.exceptions.ChunkedEncodingError("x")),
            self.failing(RuntimeError("x")),
        }
        self.assertEqual(len(words), 5)

    def failing(self, error):
        self.fake.faults = [error]
        return self.refusal(Down)

    def test_no_object_store(self):
        """A catalogue without an object store (a login without project) is told by name."""
        self.fake.catalog = []
        self.assertIn("object store", self.refusal(Down, url=V3_URL, login="tester"))

    def test_bad_storage_url(self):
        """A storage URL that we may not use is an outage."""
        self.fake.storage_url = "http://169.254.169.254/v1/A"
        self.assertIn("link-local", self.refusal(Down))


class TimeTests(Harness, SynchronousTestCase):
    def setUp(self):
        super().setUp()
        self.threads = Threads()
        self.slow = self.service(in_thread=self.threads, timeout=30.0)
        self.credential = Credential(parse("test:tester", self.slow.settings), SECRET)

    def test_deadline(self):
        """A login waits for its turn and its answer so long and no longer; a late answer is dropped."""
        answer = self.slow.authenticate(self.credential)
        self.clock.advance(29)
        self.assertNoResult(answer)
        self.clock.advance(1)
        self.assertIn("in time", self.failureResultOf(answer, Down).value.reason)
        self.threads.run()

    def test_given_up(self):
        """Who has given up is not asked for when the turn comes."""
        self.failureResultOf(self.late(), Down)
        self.threads.run()
        self.assertEqual(self.fake.requests, [])

    def late(self):
        answer = self.slow.authenticate(self.credential)
        self.clock.advance(30)
        return answer

    def test_crowd(self):
        """Beyond a bound nobody waits."""
        waiting = [self.slow.authenticate(self.credential) for _ in range(WAITING_LIMIT)]
        self.assertRaises(Down, self.slow.authenticate, self.credential)
        self.threads.run()
        for answer in waiting:
            self.successResultOf(answer)
        answer = self.slow.authenticate(self.credential)
        self.threads.run()
        self.successResultOf(answer)


class SetupTests(Harness, SynchronousTestCase):
    def problem(self, **settings):
        return self.assertRaises(SettingsError, self.service, **settings).option

    def test_plugins(self):
        """auth_type names an installed plugin that takes a name and a password."""
        self.assertEqual(self.problem(auth_type="v4password"), "auth_type")
        self.assertEqual(self.problem(auth_type="v3token"), "auth_type")
        self.assertEqual(self.problem(auth_type="none"), "auth_type")

    def test_options(self):
        """Further options are those of the plugin."""
        self.assertEqual(self.problem(options={"identity_provider": "x"}), "options")
        self.service(url=V3_URL, auth_type="v3oidcpassword", options={"identity_provider": "x", "protocol": "oidc"})

    def test_cacert(self):
        """A file of authorities that is not there is said at the start, not at each login."""
        self.assertEqual(self.problem(cacert="/nowhere/ca.pem"), "cacert")

    def test_no_place_for_domains(self):
        """A plugin without domains refuses a login that names one, instead of dropping it."""
        service = self.service(url=V3_URL, auth_type="v3oidcpassword")
        answer = service.authenticate(Credential(parse("ann@sales", service.settings), SECRET))
        self.failureResultOf(answer, Denied)

    def test_loud(self):
        """No verification, and secrets in clear, are warned of at each start."""
        for settings, word in (
            ({"url": "https://identity.test/v3", "insecure": True}, "INSECURE"),
            ({"url": "http://identity.test/v3"}, "clear"),
        ):
            with self.subTest(word=word):
                journal = Journal(self)
                self.service(**settings)
                self.assertIn(word, journal.everything())

    def test_no_secret_shown(self):
        """A credential does not show its secret."""
        self.assertNotIn(SECRET, repr(Credential(Identity("password", ()), SECRET)))
