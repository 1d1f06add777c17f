"""One process's way to Swift: what the store is asked, and that nobody's login depends on the answer."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from swftp.storage.swift import Options, Policy
from swftp.stores.swift import DISCOVERY_AGE, DISCOVERY_TIMEOUT, Reach, SwiftStores
from tests.storage.swift.scripted import Agents, ScriptedCase


class SwiftStoresTests(ScriptedCase):
    """`SwiftStores` over a scripted Swift."""

    def setUp(self) -> None:
        super().setUp()
        agents: Any = Agents(self.clock, self.swift)
        reach = Reach(
            clock=self.clock, wall=self.clock.seconds, connections=agents, policy=Policy(), options=Options()
        )
        self.stores = SwiftStores(reach)

    def open(self) -> Deferred[Any]:
        """A login opens its storage."""
        return self.begin(self.stores.open(self.tokens, "sftp-1"))

    def test_asked_once(self) -> None:
        """The first login asks the store for its limits; ten minutes later one asks again."""
        for _ in range(2):
            self.swift.expect("GET /info", 200, body=b'{"slo": {"max_manifest_segments": 7}}')
            for _ in range(3):
                self.assertTrue(self.successResultOf(self.open()).limits.slo)
            self.check_script()
            self.turn(DISCOVERY_AGE)

    def test_who_comes_at_the_same_time(self) -> None:
        """Logins that come before the answer wait for it: none asks for itself."""
        self.swift.expect("GET /info", silent=True)
        logins = [self.open() for _ in range(3)]
        self.turn(DISCOVERY_TIMEOUT)
        for login in logins:
            self.successResultOf(login)
        self.check_script()

    def test_no_answer(self) -> None:
        """A store that does not say what it can do keeps nobody out: after five seconds the usual is taken."""
        self.swift.expect("GET /info", silent=True)
        opened = self.open()
        self.assertNoResult(opened)
        self.turn(DISCOVERY_TIMEOUT)
        self.assertTrue(self.successResultOf(opened).limits.slo)
        self.successResultOf(self.open())
        self.check_script()
