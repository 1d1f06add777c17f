"""
A `SwiftStorage` over a real Swift, for tests on trial's reactor.

The server is the one of `tests.functional.swift`: one a test process, started when the first test asks.
"""

from __future__ import annotations

import time
import urllib.request
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from swftp.interfaces import Access, IAccess
from swftp.storage.swift import Connections, Limits, Options, Policy, SwiftClient, SwiftStorage, open_storage
from tests.functional.swift import PASSWORD, USER, Account, swift


@implementer(IAccess)
class TempAuth:
    """Tokens of one user, got by a plain, blocking request."""

    def __init__(self, url: str, user: str = USER, password: str = PASSWORD) -> None:
        self._request = urllib.request.Request(url, headers={"X-Auth-User": user, "X-Auth-Key": password})
        self._access: Access | None = None
        self.renewals = 0

    async def get(self) -> Access:
        if self._access is None:
            self._access = self._log_in()
        return self._access

    async def renew(self, stale: Access) -> Access:
        self.renewals += 1
        self._access = None
        return await self.get()

    def _log_in(self) -> Access:
        with urllib.request.urlopen(self._request, timeout=30) as answer:
            return Access(answer.headers["X-Auth-Token"], answer.headers["X-Storage-Url"], None)


class RealSwiftCase(TestCase):
    """A test case with a Swift: ``self.account`` looks at it from the other side."""

    timeout = 120

    def setUp(self) -> None:
        server = swift()
        self.account: Account = server.account()
        self.access = TempAuth(server.url)
        self.connections = Connections(reactor)
        self.addCleanup(lambda: self._closed())

    def _closed(self) -> Any:
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(self.connections.close())

    def client(self, policy: Policy | None = None) -> SwiftClient:
        """A client of its own."""
        return SwiftClient(reactor, self.connections, self.access, policy, wall=time.time)

    async def open(self, options: Options | None = None, limits: Limits | None = None) -> SwiftStorage:
        """The account as a store."""
        storage = await open_storage(self.client(), options, limits)
        self.addCleanup(lambda: self._settled(storage))
        return storage

    def _settled(self, storage: SwiftStorage) -> Any:
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(storage.settle())
