"""Where settings come from, and which wins."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.settings import AuthSettings, SettingsError
from swftp.auth.sources import cloud_directories, gather

CLOUDS = """
clouds:
  sales:
    region_name: north
    interface: internal
    cacert: /etc/ca.pem
    auth:
      auth_url: https://sales.test/v3
      username: admin
      password: hunter2
      project_name: shop
      project_domain_id: d1
      user_domain_name: people
  old:
    auth_type: v1password
    verify: false
    endpoint_type: publicURL
    auth: {auth_url: "http://old.test/auth/v1.0"}
  empty: {profile: somebody}
"""


class GatherTests(SynchronousTestCase):
    def setUp(self):
        self.home = Path(self.mktemp())
        self.home.mkdir()
        (self.home / "clouds.yaml").write_text(CLOUDS)

    def gather(self, options=None, **environ):
        return gather(options or {}, environ, (self.home,))

    def problem(self, options=None, **environ):
        return self.assertRaises(SettingsError, self.gather, options, **environ)

    def test_nothing(self):
        """Without any source: TempAuth on this machine, as ever."""
        settings = self.gather()
        self.assertEqual(settings, AuthSettings())
        self.assertEqual(settings.kind, "v1password")

    def test_options(self):
        """The configuration's options, as they are; 0 is a value, empty is none."""
        settings = self.gather({"auth_url": "https://k.test/v3", "login_cache": 0.0, "auth_type": "", "cacert": None})
        self.assertEqual((settings.kind, settings.login_cache), ("password", 0.0))

    def test_environment(self):
        """OS_* variables, old names among them; never a user or a secret."""
        settings = self.gather(
            OS_AUTH_URL="https://k.test/v3",
            OS_TENANT_NAME="shop",
            OS_DEFAULT_DOMAIN="d1",
            OS_ENDPOINT_TYPE="internalURL",
            OS_INSECURE="True",
            OS_USERNAME="admin",
            OS_PASSWORD="hunter2",
            OS_VOLUME_API_VERSION="3",
            OS_CACERT="",
        )
        self.assertEqual(
            settings,
            AuthSettings(
                auth_url="https://k.test/v3",
                project_name="shop",
                user_domain_id="d1",
                project_domain_id="d1",
                interface="internal",
                insecure=True,
            ),
        )

    def test_cloud(self):
        """A cloud of clouds.yaml, all but its user and secret."""
        self.assertEqual(
            self.gather({"cloud": "sales"}),
            AuthSettings(
                auth_url="https://sales.test/v3",
                region_name="north",
                interface="internal",
                cacert="/etc/ca.pem",
                project_name="shop",
                project_domain_id="d1",
                user_domain_name="people",
            ),
        )
        self.assertEqual(
            self.gather(OS_CLOUD="old"),
            AuthSettings(auth_url="http://old.test/auth/v1.0", auth_type="v1password", insecure=True),
        )

    def test_order(self):
        """Configuration, its cloud, OS_* variables, OS_CLOUD."""
        settings = self.gather(
            {"cloud": "sales", "region_name": "south"}, OS_AUTH_URL="https://sales.test/v3/", OS_INTERFACE="admin"
        )
        self.assertEqual((settings.region_name, settings.interface), ("south", "internal"))
        settings = self.gather(OS_REGION_NAME="west", OS_CLOUD="sales")
        self.assertEqual((settings.region_name, settings.interface), ("west", "internal"))

    def test_other_cloud(self):
        """What speaks of another auth_url is not mixed in: it is another cloud."""
        settings = self.gather(
            {"auth_url": "http://swift.test/auth/v1.0"},
            OS_AUTH_URL="https://k.test/v3",
            OS_PROJECT_NAME="shop",
            OS_INSECURE="1",
        )
        self.assertEqual(settings, AuthSettings(auth_url="http://swift.test/auth/v1.0"))

    def test_pairs(self):
        """Whoever names a domain or project by name is not overruled by somebody else's id."""
        settings = self.gather({"user_domain_name": "sales"}, OS_USER_DOMAIN_ID="d1", OS_PROJECT_ID="p1")
        self.assertEqual((settings.user_domain_name, settings.user_domain_id), ("sales", ""))
        self.assertEqual(settings.project_id, "p1")

    def test_secure(self):
        """secure.yaml is put over clouds.yaml."""
        (self.home / "secure.yaml").write_text("clouds: {sales: {auth: {project_name: other}}}")
        settings = self.gather({"cloud": "sales"})
        self.assertEqual((settings.project_name, settings.user_domain_name), ("other", "people"))

    def test_named_files(self):
        """OS_CLIENT_CONFIG_FILE names the file, JSON too."""
        path = self.home / "elsewhere.json"
        path.write_text('{"clouds": {"sales": {"auth": {"auth_url": "https://json.test/v3"}}}}')
        settings = self.gather({"cloud": "sales"}, OS_CLIENT_CONFIG_FILE=str(path))
        self.assertEqual(settings.auth_url, "https://json.test/v3")

    def test_problems(self):
        """A cloud that is not there or has no auth_url, and one that contradicts the options, are errors."""
        self.assertIn("empty, old, sales", self.problem({"cloud": "nowhere"}).reason)
        self.assertIn("auth_url", self.problem({"cloud": "empty"}).reason)
        self.assertIn("another", self.problem({"cloud": "sales", "auth_url": "https://k.test/v3"}).reason)
        self.assertEqual(self.problem({"auth_url": "k.test"}).option, "auth_url")
        self.assertEqual(self.problem(OS_CLOUD="sales", OS_CLIENT_CONFIG_FILE="/nowhere/x").option, "cloud")

    def test_does_not_parse(self):
        """A file that does not parse is named with its line, and not quoted."""
        for text in ("clouds:\n  a: [hunter2\n", "- hunter2", "clouds: hunter2", "clouds:\n\ta: hunter2"):
            with self.subTest(text=text):
                (self.home / "clouds.yaml").write_text(text)
                reason = self.problem({"cloud": "sales"}).reason
                self.assertIn("clouds.yaml", reason)
                self.assertNotIn("hunter2", reason)

    def test_directories(self):
        """openstacksdk's places."""
        places = [str(place / "clouds.yaml") for place in cloud_directories(Path("/home/u"))]
        self.assertEqual(
            places, ["clouds.yaml", "/home/u/.config/openstack/clouds.yaml", "/etc/openstack/clouds.yaml"]
        )


class SettingsTests(SynchronousTestCase):
    def test_kind(self):
        """Without auth_type the end of auth_url says which plugin."""
        for url, kind in (
            ("http://s.test/auth/v1.0", "v1password"),
            ("http://s.test/v1/", "v1password"),
            ("http://s.test/v3", "password"),
            ("http://s.test:5000", "password"),
            ("http://s.test/v1.0/x", "password"),
        ):
            self.assertEqual(AuthSettings(auth_url=url).kind, kind)

    def test_wrong(self):
        """What cannot be right is said at once, by the option's name."""
        for option, value in (
            ("auth_url", "ftp://s.test/"),
            ("auth_url", "http:///v3"),
            ("auth_url", "http://u:p@s.test/v3"),
            ("rewrite_storage_scheme", "ftp"),
            ("rewrite_storage_netloc", "http://s.test"),
            ("threads", 0),
            ("timeout", 0.0),
        ):
            with self.subTest(option=option, value=value):
                error = self.assertRaises(SettingsError, AuthSettings(**{option: value}).check)
                self.assertEqual(error.option, option)
