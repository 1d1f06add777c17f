"""What a login name means."""

from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.logins import decoded, parse
from swftp.auth.refusals import Denied
from swftp.auth.settings import AuthSettings

V3 = AuthSettings(auth_url="https://identity.test/v3")


def options(name, settings=V3):
    return dict(parse(name, settings).options)


class V1Tests(SynchronousTestCase):
    def test_verbatim(self):
        """A v1 login goes to the service as the client typed it, whatever it holds."""
        for name in ("test:tester", "a@b/c:d%41", "%40"):
            identity = parse(name, AuthSettings())
            self.assertEqual((identity.plugin, dict(identity.options)), ("v1password", {"username": name}))

    def test_account(self):
        """The configured project of a v1 login is the account to use."""
        self.assertEqual(
            options("test:tester", AuthSettings(project_name="AUTH_x")),
            {"username": "test:tester", "project_name": "AUTH_x"},
        )


class UserTests(SynchronousTestCase):
    def test_full(self):
        """user@domain/project@domain names all four."""
        self.assertEqual(
            options("ann@sales/shop@web"),
            {
                "username": "ann",
                "user_domain_name": "sales",
                "project_name": "shop",
                "project_domain_name": "web",
            },
        )

    def test_defaults(self):
        """What a login leaves out comes from the settings."""
        settings = AuthSettings(
            auth_url="https://identity.test/v3",
            user_domain_name="sales",
            project_domain_id="d1",
            project_name="shop",
        )
        self.assertEqual(
            options("ann", settings),
            {"username": "ann", "user_domain_name": "sales", "project_name": "shop", "project_domain_id": "d1"},
        )

    def test_project_follows_user(self):
        """A project without domain is in the user's domain, unless the settings name one."""
        self.assertEqual(options("ann@sales/shop")["project_domain_name"], "sales")
        self.assertEqual(options("ann/shop")["project_domain_id"], "default")

    def test_named_project_replaces_configured_id(self):
        """A login that names a project does not get the configured one, nor both."""
        settings = AuthSettings(auth_url="https://identity.test/v3", project_id="p1")
        self.assertEqual(options("ann", settings)["project_id"], "p1")
        self.assertNotIn("project_id", options("ann/shop", settings))

    def test_escapes(self):
        """%40, %2F, %3A and %25 stand for @, /, : and %."""
        self.assertEqual(
            options("ann%40example.org@sales%2fnorth/a%2Fb%25%3A"),
            {
                "username": "ann@example.org",
                "user_domain_name": "sales/north",
                "project_name": "a/b%:",
                "project_domain_name": "sales/north",
            },
        )

    def test_ambiguous(self):
        """What could be read in two ways is refused, and so is an empty part or an escape of anything else."""
        for name in (
            "ann@example.org@sales/shop",
            "ann/shop/2",
            "ann/shop@a@b",
            "@sales/shop",
            "ann@/shop",
            "ann/",
            "ann/@web",
            "/shop",
            "ann%41",
            "ann%",
            "100%",
            "a" * 256,
        ):
            with self.subTest(name=name):
                self.assertRaises(Denied, parse, name, V3)

    def test_one_key_for_one_identity(self):
        """Two spellings of one identity count as one user; two identities never do."""
        self.assertEqual(parse("a%2Fb@default", V3).key, parse("a%2fb@default", V3).key)
        self.assertEqual(parse("ann/shop", V3).key, parse("ann/shop", V3).key)
        keys = {parse(name, V3).key for name in ("ann", "ann@default", "ann/shop", "bob", "appcred:ann")}
        self.assertEqual(len(keys), 5)


class ApplicationCredentialTests(SynchronousTestCase):
    def test_id(self):
        """appcred:ID asks by id, without domain or project, with the password as its secret."""
        settings = AuthSettings(auth_url="https://identity.test/v3", project_name="shop", user_domain_name="sales")
        identity = parse("appcred:0a1b", settings)
        self.assertEqual(identity.plugin, "v3applicationcredential")
        self.assertEqual(dict(identity.options), {"application_credential_id": "0a1b"})
        self.assertEqual(identity.secret_option, "application_credential_secret")

    def test_name(self):
        """appcred:NAME/USER@DOMAIN asks by the names of credential and user."""
        self.assertEqual(
            options("appcred:laptop/ann@sales"),
            {"application_credential_name": "laptop", "username": "ann", "user_domain_name": "sales"},
        )

    def test_bare_id(self):
        """Where only application credentials log in, the id needs no prefix."""
        settings = AuthSettings(auth_url="https://identity.test/v3", auth_type="v3applicationcredential")
        self.assertEqual(parse("0a1b", settings), parse("appcred:0a1b", settings))

    def test_ambiguous(self):
        """An empty id, or one with a domain, is refused."""
        for name in ("appcred:", "appcred:a@b", "appcred:/ann", "appcred:x/ann/shop"):
            with self.subTest(name=name):
                self.assertRaises(Denied, parse, name, V3)


class DecodedTests(SynchronousTestCase):
    def test_text(self):
        """Name and secret are UTF-8."""
        self.assertEqual(decoded("jörg".encode(), "pässwörd".encode()), ("jörg", "pässwörd"))

    def test_refused(self):
        """Empty, long, binary or with control characters: refused before anybody is asked."""
        for name, secret in (
            (b"", b"x"),
            (b"x", b""),
            (b"x" * 1025, b"x"),
            (b"x", b"x" * 1025),
            (b"\xff", b"x"),
            (b"x", b"\xff"),
            (b"x\r\nX-Evil: 1", b"x"),
            (b"x", b"x\0"),
        ):
            with self.subTest(name=name, secret=secret):
                self.assertRaises(Denied, decoded, name, secret)
