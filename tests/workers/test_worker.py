"""Rules of `swftp.workers.worker`: what it cannot do it says, and what it cannot be it does not pretend to be."""

from __future__ import annotations

import json
import struct
from types import SimpleNamespace
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from swftp.config import Config, ConfigError
from swftp.workers.relay import Relay
from swftp.workers.worker import Worker, packed
from tests.auth.fakes import Journal


class Reactor(MemoryReactorClock):
    """Has the link, and can be stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.wire, self.stopped = StringTransport(), 0

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> None:
        """As of `IReactorSocket`."""
        self.link = factory.buildProtocol(None)
        self.link.makeConnection(self.wire)

    def stop(self) -> None:
        """As of `IReactorCore`."""
        self.stopped += 1


class Servers(MultiService):
    """As a `swftp.gateway.gateway.Gateway`; *start* and *renew* raise what they are."""

    start: Exception | None = None
    trouble: Exception | None = None

    def privilegedStartService(self) -> None:
        """As of `Gateway`."""
        if self.start is not None:
            raise self.start

    def renew(self) -> None:
        """As of `Gateway`."""
        if self.trouble is not None:
            raise self.trouble


class WorkerTests(SynchronousTestCase):
    """One, whose servers are made by `make`."""

    def setUp(self) -> None:
        self.journal = Journal(self)
        self.reactor, self.gateway = Reactor(), Servers()
        self.problem: Exception | None = None
        self.worker = Worker(self.reactor, self.make, Relay(), lambda level: None)
        self.worker.startService()

    def make(self, *given: Any) -> Any:
        """See `swftp.workers.worker.Make`."""
        if self.problem is not None:
            raise self.problem
        auth = SimpleNamespace(throttle=SimpleNamespace(hold=lambda held: None))
        names = ("admission", "counter", "rules")
        parts = SimpleNamespace(auth=auth, **{name: SimpleNamespace(share=None) for name in names})
        return SimpleNamespace(gateway=self.gateway, parts=parts)

    def told(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """What it says to that."""
        text = json.dumps({"kind": kind, **fields}).encode()
        self.reactor.link.dataReceived(struct.pack(">I", len(text)) + text)
        raw, found = self.reactor.wire.value(), []
        self.reactor.wire.clear()
        while raw:
            (size,) = struct.unpack(">I", raw[:4])
            found.append(json.loads(raw[4 : 4 + size]))
            raw = raw[4 + size :]
        return found

    def begin(self) -> list[dict[str, Any]]:
        """The supervisor tells it what to be."""
        return self.told("begin", config=packed(Config()), count=2, sockets=[], held=[])

    def test_begins(self) -> None:
        """It says when it serves."""
        self.assertEqual(self.begin(), [{"kind": "ready"}])
        self.assertEqual(self.reactor.stopped, 0)

    def test_cannot_begin(self) -> None:
        """Whatever it is that it cannot begin with, it ends at once, and does not wait to be taken for dead."""
        for problem in (ConfigError(["no such file"]), MemoryError("a bug")):
            self.problem, before = problem, self.reactor.stopped
            self.assertEqual(self.begin(), [])
            self.assertEqual(self.reactor.stopped, before + 1)
        self.assertEqual(len(self.flushLoggedErrors(MemoryError)), 1)

    def test_cannot_start(self) -> None:
        """The same goes for servers that do not start."""
        self.gateway.start = OSError("a bug")
        self.assertEqual(self.begin(), [])
        self.assertEqual(self.reactor.stopped, 1)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_reload_that_fails(self) -> None:
        """Whatever fails, the supervisor gets an answer, and what was in force stays so."""
        self.begin()
        self.gateway.trouble = RuntimeError("a bug")
        (answer,) = self.told("ask", what="reload", number=1, config=packed(Config()))
        self.assertEqual((answer["number"], len(answer["value"])), (1, 1))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.gateway.trouble = None
        (answer,) = self.told("ask", what="reload", number=2, config=packed(Config()))
        self.assertEqual(answer["value"], [])
