"""Rules of `swftp.operating.console`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp.operating.console import Console


class Reactor(Clock):
    """Remembers where it listened, and by which mask files are made then."""

    full = False

    def listenUNIX(self, address: str, factory: Any, mode: int = 0o666) -> Any:
        """As of `IReactorUNIX`."""
        if self.full:
            raise CannotListenError(None, address, OSError("too long"))
        self.mask = os.umask(0)
        os.umask(self.mask)
        self.listening, self.mode = address, mode
        return self

    def stopListening(self) -> None:
        """As of `IListeningPort`."""
        self.listening = ""


class ConsoleTests(SynchronousTestCase):
    """One gateway's."""

    def setUp(self) -> None:
        """Started."""
        self.folder = Path(self.mktemp()).absolute()
        self.reactor = Reactor()
        self.drained = 0
        self.status = "2 connections"
        self.console = Console(
            self.reactor,
            self.folder,
            sessions=lambda: [{"user": "me"}],
            status=lambda: self.status,
            drain=self.drain,
            look=self.look,
        )

    async def look(self) -> None:
        """Everything is as it is."""

    def drain(self) -> None:
        """Count."""
        self.drained += 1
        self.status = "draining"

    def ask(self, line: bytes) -> tuple[Any, StringTransport]:
        """A request; its connection."""
        talk, wire = self.console.buildProtocol(None), StringTransport()
        assert talk is not None
        talk.makeConnection(wire)
        talk.dataReceived(line + b"\n")
        return talk, wire

    def said(self, wire: StringTransport) -> list[Any]:
        """Answers since the last call."""
        lines = wire.value().splitlines()
        wire.clear()
        return [json.loads(line) for line in lines]

    def test_for_us_alone(self) -> None:
        """Nobody else can open it, not even for the moment in which it is made; the mask of before is put back."""
        before = os.umask(0o022)
        self.addCleanup(os.umask, before)
        self.console.startService()
        self.assertEqual((self.reactor.mode, self.reactor.mask), (0o600, 0o177))
        self.assertEqual(self.folder.stat().st_mode & 0o777, 0o700)
        self.assertEqual(os.umask(0o022), 0o022)
        self.assertEqual(self.reactor.listening, str(self.folder / f"control.{os.getpid()}"))
        self.console.stopService()
        self.assertEqual(self.reactor.listening, "")

    def test_left_over(self) -> None:
        """What a dead process with our id left there is in nobody's way."""
        self.folder.mkdir()
        self.console.path.write_text("")
        self.console.startService()
        self.assertFalse(self.console.path.exists())

    def test_without(self) -> None:
        """A gateway that cannot have one runs."""
        self.reactor.full = True
        self.console.startService()
        self.assertIsNone(self.console.stopService())

    def test_sessions(self) -> None:
        """Who is there, in one answer."""
        _, wire = self.ask(b"sessions")
        expected = {"process": os.getpid(), "status": "2 connections", "sessions": [{"user": "me"}]}
        self.assertEqual(self.said(wire), [expected])
        self.assertTrue(wire.disconnecting)

    def test_drain(self) -> None:
        """Draining begins once; how far it is is told each second, for as long as somebody listens."""
        talk, wire = self.ask(b"drain")
        talk.dataReceived(b"drain\n")
        self.assertEqual(self.drained, 1)
        self.assertEqual(self.said(wire)[0], {"status": "draining"})
        self.reactor.advance(1)
        self.assertEqual(self.said(wire), [{"status": "draining"}])
        talk.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_nonsense(self) -> None:
        """What is no request is said to be none, however long it is."""
        _, wire = self.ask(b"what")
        self.assertEqual(self.said(wire), [{"error": "no such request"}])
        _, wire = self.ask(b"x" * 1000)
        self.assertTrue(wire.disconnecting)
