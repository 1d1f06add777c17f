"""What every identity service does, the real ones and the fake that unit tests ask in their place."""

from swftp.auth.logins import parse
from swftp.auth.refusals import Denied, Down
from swftp.auth.settings import AuthSettings
from swftp.auth.tokens import Credential, IdentityService
from tests.auth.fakes import at_once, clock


class IdentityContract:
    """Mix into a test case that has ``url``, ``login``, ``secret`` and ``adapter`` (None: a real service)."""

    adapter = None

    def authenticate(self, login=None, secret=None, **settings):
        self.clock = clock()
        options = AuthSettings(auth_url=self.url, **settings)
        service = IdentityService(options, self.clock, at_once, self.adapter)
        return service.authenticate(Credential(parse(login or self.login, options), secret or self.secret))

    def test_granted(self):
        """The right secret gets a token, a storage URL and a time at which the token ends."""
        access = self.successResultOf(self.authenticate())
        self.assertTrue(access.token)
        self.assertIn("/v1/", access.url)
        self.assertGreater(access.expires, self.clock.seconds() + 600)

    def test_wrong_secret(self):
        """A wrong secret is a no."""
        self.failureResultOf(self.authenticate(secret="wrong"), Denied)

    def test_unknown_user(self):
        """So is a name that nobody has."""
        self.failureResultOf(self.authenticate(login="nobody:here"), Denied)


class KeystoneContract(IdentityContract):
    """Also has ``credential``: id and secret of an application credential."""

    def test_application_credential(self):
        """An application credential gets a token of its own project, a wrong secret does not."""
        identifier, secret = self.credential
        access = self.successResultOf(self.authenticate(login=f"appcred:{identifier}", secret=secret))
        self.assertIn(self.login.partition("/")[0], access.names)
        self.assertEqual(access.user, self.successResultOf(self.authenticate()).user)
        self.failureResultOf(self.authenticate(login=f"appcred:{identifier}", secret="wrong"), Denied)
        self.failureResultOf(self.authenticate(login="appcred:0a1b", secret=secret), Denied)

    def test_unversioned(self):
        """Without a version in its URL the service says itself where v3 is."""
        self.url = self.url.removesuffix("/v3")
        self.successResultOf(self.authenticate())

    def test_no_such_region(self):
        """A region that is not in the catalogue is our mistake, not the client's."""
        self.failureResultOf(self.authenticate(region_name="nowhere"), Down)

    def test_internal(self):
        """The catalogue has endpoints of several interfaces."""
        self.successResultOf(self.authenticate(interface="internal"))
