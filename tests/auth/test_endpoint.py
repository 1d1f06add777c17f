"""Which storage URLs of an identity service we use."""

from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.endpoint import storage_url
from swftp.auth.refusals import Down
from swftp.auth.settings import AuthSettings

PLAIN = AuthSettings(auth_url="http://identity.test/v3")
TLS = AuthSettings(auth_url="https://identity.test/v3")


class StorageUrlTests(SynchronousTestCase):
    def test_as_said(self):
        """A plain URL is used as it is, without trailing slash."""
        self.assertEqual(storage_url("https://s.test:8080/v1/AUTH_a/", TLS), "https://s.test:8080/v1/AUTH_a")

    def test_rewritten(self):
        """Scheme and host are put in place of what the service said."""
        settings = AuthSettings(rewrite_storage_scheme="https", rewrite_storage_netloc="balancer:443")
        self.assertEqual(storage_url("http://10.0.0.1:8080/v1/AUTH_a", settings), "https://balancer:443/v1/AUTH_a")

    def test_no_way_back_from_tls(self):
        """A service that speaks https cannot send us to http, unless the settings do."""
        self.assertRaises(Down, storage_url, "http://s.test/v1/AUTH_a", TLS)
        settings = AuthSettings(auth_url="https://identity.test/v3", rewrite_storage_scheme="http")
        self.assertEqual(storage_url("http://s.test/v1/AUTH_a", settings), "http://s.test/v1/AUTH_a")

    def test_link_local(self):
        """Link-local addresses, in whatever spelling a resolver takes, are refused."""
        for host in (
            "169.254.169.254",
            "169.254.169.254:80",
            "0xa9fea9fe",
            "2852039166",
            "169.254.43518",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[::ffff:169.254.169.254]",
        ):
            with self.subTest(host=host):
                self.assertRaises(Down, storage_url, f"http://{host}/v1/AUTH_a", PLAIN)

    def test_storage_hosts(self):
        """Where hosts are listed, only these are used, link-local ones among them."""
        settings = AuthSettings(
            auth_url="http://identity.test/v3", storage_hosts=("a.test", "*.B.test", "169.254.1.1")
        )
        for host in ("a.test", "A.TEST:8080", "x.b.test", "169.254.1.1"):
            self.assertIn("/v1/AUTH_a", storage_url(f"http://{host}/v1/AUTH_a", settings))
        for host in ("b.test", "xb.test", "a.test.evil", "10.0.0.1"):
            with self.subTest(host=host):
                self.assertRaises(Down, storage_url, f"http://{host}/v1/AUTH_a", settings)

    def test_no_url(self):
        """Anything but a plain http or https URL is refused."""
        for url in (
            "",
            "file:///etc/passwd",
            "ftp://s.test/v1",
            "/v1/AUTH_a",
            "http:///v1",
            "http://u:p@s.test/v1",
            "http://s.test/v1?x=1",
            "http://s.test/v1#x",
            "http://s.test:port/v1",
            "http://[::1/v1",
            "http://s.test/v1\r\nX: y",
            "http://s.test/v1 x",
            "http://s\u00e4.test/v1",
        ):
            with self.subTest(url=url):
                self.assertRaises(Down, storage_url, url, PLAIN)
