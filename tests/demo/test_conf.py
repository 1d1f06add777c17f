"""Rules of `swftp.demo.conf`."""

import configparser
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from swftp.demo import conf


class ServerTests(SynchronousTestCase):
    """The files of the servers."""

    def written(self, kind: str, **options: object) -> configparser.RawConfigParser:
        """What the file of the server *kind* says."""
        etc = Path(self.mktemp())
        etc.mkdir(parents=True)
        proxy = conf.Proxy(users=["a:u:k:.admin", "b:v:with:colon"], **options)
        path = conf.write_server(etc, kind, 8080, Path("/data"), proxy)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        parser = configparser.RawConfigParser()
        parser.read(path)
        return parser

    def test_every_filter_of_the_pipeline_is_there(self) -> None:
        """Each name of the pipeline has its section."""
        for options in ({}, {"keystone": "http://127.0.0.1:5000/v3"}):
            proxy = self.written("proxy", **options)
            *names, app = proxy["pipeline:main"]["pipeline"].split()
            for name in names:
                self.assertIn(f"filter:{name}", proxy.sections())
            self.assertIn(f"app:{app}", proxy.sections())

    def test_small_stores(self) -> None:
        """A store can be made that lists few segments, lacks a filter, or does not tell its limits."""
        proxy = self.written("proxy", max_segments=4, without=("slo", "symlink"), expose_info=False)
        self.assertEqual(proxy["filter:slo"]["max_manifest_segments"], "4")
        self.assertEqual({"slo", "symlink"} & set(proxy["pipeline:main"]["pipeline"].split()), set())
        self.assertEqual(proxy["app:proxy-server"]["expose_info"], "False")

    def test_users(self) -> None:
        """Users are TempAuth's; what follows the key is groups."""
        proxy = self.written("proxy")
        self.assertEqual(proxy["filter:tempauth"]["user_a_u"], "k .admin")
        self.assertEqual(proxy["filter:tempauth"]["user_b_v"], "with colon")

    def test_only_loopback(self) -> None:
        """No server of the demonstration can be reached from elsewhere."""
        for kind in (*conf.BACKENDS, "proxy"):
            self.assertEqual(self.written(kind)["DEFAULT"]["bind_ip"], "127.0.0.1")
