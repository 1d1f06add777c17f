"""What most tests here begin with: a store with one file, a session, a client, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.session import Session, SessionLimits
from swftp.sftp.server import Limits, SFTPServer
from swftp.sftp.wire import string
from swftp.storage.memory import MemoryStorage
from swftp.transfer.budget import Budget
from tests.sftp.client import FakeChannel, FakeClient

NOW = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC."""
READ, WRITE, APPEND, CREAT, TRUNC, EXCL = (1 << bit for bit in range(6))
NEW = WRITE | CREAT | TRUNC
A = string(b"/box/a")
CONTENT = b"hello, world"


class SFTPTestCase(SynchronousTestCase):
    """``/box/a`` holds `CONTENT`."""

    def setUp(self) -> None:
        """Log in."""
        self.clock = Clock()
        self.clock.advance(NOW)
        self.storage = MemoryStorage(self.clock)
        self.storage["/box/a"] = CONTENT
        self.budget = Budget(64 << 20, self.clock)
        self.client = self.connect()

    def make_session(self) -> Session:
        """A session of the same login."""
        return make_session(self.storage, self.clock, budget=self.budget)

    def connect(self, limits: Limits | None = None, channel: FakeChannel | None = None) -> FakeClient:
        """Another client; once he is gone nothing may be left open."""
        session = self.make_session()
        server = SFTPServer(session, self.clock, limits)
        self.addCleanup(lambda: self.assertFalse(session.busy, "left open"))
        self.addCleanup(server.lost)
        return FakeClient(server, channel)

    def settle(self, turns: int = 20) -> None:
        """Let whatever only waits for its turn have it; no time passes."""
        self.clock.pump([0] * turns)


def at_once(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """An `Offload` without threads."""
    return maybeDeferred(function, *args)


def make_session(
    storage: MemoryStorage, clock: Clock, limits: SessionLimits | None = None, budget: Budget | None = None
) -> Session:
    """A session over *storage*."""
    budget = budget or Budget(64 << 20, clock)
    return Session(storage, budget=budget, clock=clock, wall=clock.seconds, offload=at_once, limits=limits)
