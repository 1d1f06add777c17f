"""Rules of `swftp.storage.zerostor.shards.opening`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from swftp.storage.zerostor.shards import open_shard, prepare


class OpeningTests(SynchronousTestCase):
    """From an address to a shard."""

    def open(self, url: str, **options: Any) -> Any:
        """The shard at *url*."""
        self.reactor = MemoryReactorClock()
        return open_shard(url, self.reactor, maybeDeferred, **options)

    def test_nothing_is_looked_at(self) -> None:
        """Opening connects to nothing and makes nothing: a shard need not be up."""
        for url in ("zdb://127.0.0.1/box", "redis://127.0.0.1/0", "file:///does/not/exist"):
            self.open(url)
            self.assertEqual(self.reactor.tcpClients, [])
        self.assertFalse(Path("/does").exists())

    def test_names(self) -> None:
        """The name for the log says where, and holds no password."""
        names = {
            "zdb://:secret@10.0.0.1/box": "zdb://10.0.0.1:9900/box",
            "redis://:secret@10.0.0.1:7000/2": "redis://10.0.0.1:7000/2",
            "redis://10.0.0.1": "redis://10.0.0.1:6379/",
            "rediss://10.0.0.1": "rediss://10.0.0.1:6379/",
            "zdbs://:secret@10.0.0.1/box": "zdbs://10.0.0.1:9900/box",
            "file:///srv/a%20b": "directory /srv/a b",
        }
        self.assertEqual({url: self.open(url).name for url in names}, names)

    def test_passwords(self) -> None:
        """The password is that of the address, quoted there, unless another one is given."""
        for kind in ("zdb", "redis"):
            self.assertEqual(self.open(f"{kind}://:a%2Fb%40@h/0")._password, "a/b@")
            self.assertEqual(self.open(f"{kind}://:a@h/0", password="b")._password, "b")
            self.assertIs(self.open(f"{kind}://h/0")._password, None)

    def test_no_addresses(self) -> None:
        """What is no address of a shard is refused, and no text shows what may be a password."""
        wrong = (
            "http://10.0.0.1/",
            "10.0.0.1:9900",
            "zdb:///box",
            "redis://10.0.0.1/box",
            "redis://:sec/ret@10.0.0.1/0",
            "redis://:sec#ret@10.0.0.1/0",
            "zdb://10.0.0.1:99999/box",
            "file://host/path",
            "file:path",
            "file:///",
            "redis://10.0.0.1/0?cacert=/etc/ca.pem",
            "rediss://10.0.0.1/0?verify=no",
            "rediss://10.0.0.1/0?cacert=/does/not/exist",
        )
        for url in wrong:
            self.assertNotIn("sec", str(self.assertRaises(ValueError, self.open, url)), url)
            if url.startswith("file"):
                self.assertRaises(ValueError, prepare, url)

    def test_preparing_others(self) -> None:
        """There is nothing to prepare of a server."""
        prepare("zdb://127.0.0.1/box")
