"""The file of secrets that keys stand for."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.settings import AuthSettings, SettingsError
from swftp.auth.stored import read_credentials
from swftp.auth.tokens import IdentityService
from tests.auth.fakes import FakeIdentity, at_once, clock

SETTINGS = AuthSettings(auth_url="https://identity.test/v3", user_domain_name="sales")


class StoredTests(SynchronousTestCase):
    def setUp(self):
        self.path = Path(self.mktemp())

    def read(self, text, mode=0o600, settings=SETTINGS):
        self.path.write_text(text)
        self.path.chmod(mode)
        return read_credentials(self.path, IdentityService(settings, clock(), at_once, FakeIdentity()))

    def problem(self, text, mode=0o600):
        return self.assertRaises(SettingsError, self.read, text, mode).reason

    def test_login(self):
        """login and password are what a client would type."""
        found = self.read("[a]\nlogin = ann@web/shop\npassword = 100% of it\n")["a"]
        self.assertEqual(found.secret, "100% of it")
        self.assertEqual(dict(found.identity.options)["username"], "ann")
        v1 = self.read("[a]\nlogin = test:tester\npassword = x\n", settings=AuthSettings())["a"]
        self.assertEqual((v1.identity.plugin, v1.identity.options), ("v1password", (("username", "test:tester"),)))

    def test_plugin_options(self):
        """Or else the options of a plugin, under their names; an application credential is known by its secret."""
        found = self.read(
            "[a]\napplication_credential_id = 0a\napplication_credential_secret = s3\n"
            "[b]\nauth_type = v3password\nusername = ann\nuser_domain_id = d\npassword = p\nproject_id = 1\n"
        )
        self.assertEqual(found["a"].identity.plugin, "v3applicationcredential")
        self.assertEqual((found["a"].secret, found["b"].secret), ("s3", "p"))
        self.assertEqual(
            dict(found["b"].identity.options), {"username": "ann", "user_domain_id": "d", "project_id": "1"}
        )
        self.assertNotIn("s3", repr(found))

    def test_readable_by_others(self):
        """A file that others can read, or a group can write, is refused; a group that may read it is not."""
        text = "[a]\nlogin = ann\npassword = p\n"
        for mode in (0o604, 0o644, 0o666, 0o660, 0o601):
            with self.subTest(mode=oct(mode)):
                self.assertIn("too open", self.problem(text, mode))
        for mode in (0o400, 0o440, 0o640):
            self.read(text, mode)

    def test_wrong(self):
        """What cannot be a credential is said, by file and section, without the secret."""
        for text in (
            "[a]\nlogin = ann\n",
            "[a]\npassword = hunter2\n",
            "[a]\nlogin = a@b@c\npassword = hunter2\n",
            "[a]\nlogin = ann\npassword = hunter2\nproject_name = x\n",
            "[a]\nlogin = ann\npassword =\n",
            "[a]\nauth_type = v9\npassword = hunter2\n",
            "[a]\nusername = ann\nuser_domain = hunter2\npassword = hunter2\n",
            "[a]\nusername = ann\nauth_url = http://x\npassword = hunter2\n",
            "[a]\napplication_credential_id = 0a\npassword = hunter2\n",
            "[a]\nauth_type = v3password\nusername = ann\npassword = hunter2\n",
        ):
            with self.subTest(text=text):
                reason = self.problem(text)
                self.assertIn(f"{self.path}: [a]: ", reason)
                self.assertNotIn("hunter2", reason)

    def test_syntax(self):
        """What does not parse is said by file and line, without quoting it."""
        for text, line in (
            ("login = hunter2\n", 1),
            ("[a]\nhunter2\n", 2),
            ("[a]\npassword = 1\npassword = hunter2\n", 3),
            ("[a]\n[a]\n", 2),
        ):
            with self.subTest(text=text):
                reason = self.problem(text)
                self.assertTrue(reason.startswith(f"{self.path}:{line}: "), reason)
                self.assertNotIn("hunter2", reason)
