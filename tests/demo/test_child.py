"""Rules of `swftp.demo.child`, with a process that does what the test says."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp.demo.child import STOP_SECONDS, CannotStart, Swift


class Process:
    """`IProcessTransport`, as far as it is used; remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def closeStdin(self) -> None:
        """As of `IProcessTransport`."""
        self.told.append("eof")

    def signalProcess(self, name: str) -> None:
        """As of `IProcessTransport`."""
        self.told.append(name)


class SwiftTests(SynchronousTestCase):
    """One run of the child."""

    def setUp(self) -> None:
        """Start it."""
        self.clock, self.process, self.deaths = Clock(), Process(), []
        self.swift = Swift(self.clock, lambda: self.deaths.append(True))
        transport: Any = self.process
        self.swift.makeConnection(transport)

    def end(self, reason: Exception | None = None) -> None:
        """The process ends."""
        self.swift.processEnded(Failure(reason or ProcessDone(0)))

    def test_ready(self) -> None:
        """It is ready when its first line is whole, however it comes."""
        for piece in (b'{"url": "http://127', b'.0.0.1:1/auth/v1.0"}', b"\nmore\n", b"and more\n"):
            self.assertNoResult(self.swift.ready) if b"\n" not in piece else None
            self.swift.outReceived(piece)
        self.assertEqual(self.successResultOf(self.swift.ready), "http://127.0.0.1:1/auth/v1.0")

    def test_cannot_start(self) -> None:
        """If it ends before, what it said on standard error is why."""
        self.swift.errReceived(b"port 1 is ")
        self.swift.errReceived(b"taken\n")
        self.end(ProcessTerminated(1))
        failure = self.failureResultOf(self.swift.ready, CannotStart)
        self.assertEqual(failure.getErrorMessage(), "port 1 is taken")

    def test_cannot_start_silently(self) -> None:
        """If it said nothing, how it ended is why."""
        self.end(ProcessTerminated(None, 9))
        self.assertIn("signal 9", self.failureResultOf(self.swift.ready, CannotStart).getErrorMessage())

    def test_stop(self) -> None:
        """It is asked to end by the end of its input, and waited for."""
        stopped = self.swift.stop()
        self.assertEqual(self.process.told, ["eof"])
        self.assertNoResult(stopped)
        self.swift.ready.addErrback(lambda _: None)
        self.end()
        self.successResultOf(stopped)
        self.clock.advance(STOP_SECONDS)
        self.assertEqual(self.process.told, ["eof"])

    def test_stop_by_force(self) -> None:
        """If it does not end in time, it is killed."""
        self.swift.stop()
        self.clock.advance(STOP_SECONDS)
        self.assertEqual(self.process.told, ["eof", "KILL"])

    def test_stop_what_has_ended(self) -> None:
        """What is gone need not be waited for."""
        self.swift.ready.addErrback(lambda _: None)
        self.end()
        self.successResultOf(self.swift.stop())
        self.assertEqual(self.process.told, [])

    def test_died(self) -> None:
        """If it ends although nobody asked it to, somebody is told."""
        self.swift.outReceived(b'{"url": "u"}\n')
        self.end(ProcessTerminated(1))
        self.assertEqual(self.deaths, [True])

    def test_stopped_is_not_dead(self) -> None:
        """If somebody asked, nobody needs to be told."""
        self.swift.outReceived(b'{"url": "u"}\n')
        self.swift.stop()
        self.end()
        self.assertEqual(self.deaths, [])
