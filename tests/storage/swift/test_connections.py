"""The HTTP connections of a process."""

from __future__ import annotations

from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import URI, BrowserLikePolicyForHTTPS

from swftp.storage.swift.connections import LEAST_RECEIVE, RECEIVE, TOGETHER, Downloads, _Endpoints


class DownloadsTests(SynchronousTestCase):
    """How much a download reads at once."""

    def test_few_read_much(self) -> None:
        """As much as is fast."""
        downloads = Downloads()
        for downloads.count in (0, 1, 4):
            self.assertEqual(downloads.piece, RECEIVE)

    def test_many_read_less(self) -> None:
        """What all hold together stays as it is, until pieces become crumbs."""
        downloads = Downloads()
        for downloads.count in (10, 20, 32):
            self.assertLessEqual(downloads.piece * downloads.count, TOGETHER)
        downloads.count = 1000
        self.assertEqual(downloads.piece, LEAST_RECEIVE)


class EndpointsTests(SynchronousTestCase):
    """Where the agents connect to."""

    def test_once_for_a_host(self) -> None:
        """Two objects of one store are one endpoint; another port or scheme is another."""
        endpoints = _Endpoints(MemoryReactor(), BrowserLikePolicyForHTTPS(), 5.0)
        made = [
            endpoints.endpointForURI(URI.fromBytes(uri))
            for uri in (b"http://a:1/x", b"http://a:1/y", b"http://a:2/x", b"https://a:1/x", b"https://a:1/y")
        ]
        self.assertIs(made[0], made[1])
        self.assertIs(made[3], made[4])
        self.assertEqual(len(set(map(id, made))), 3)
