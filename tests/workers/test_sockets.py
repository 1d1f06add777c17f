"""Rules of `swftp.workers.sockets`: connections go to whoever has fewest, and one that fails harms no other."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from swftp.workers.sockets import MOMENT, SharedPort


class Reactor(MemoryReactorClock):
    """Remembers who came."""

    def __init__(self) -> None:
        super().__init__()
        self.came = 0
        self.trouble: Exception | None = None

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> None:
        """As of `IReactorSocket`; fails once if there is `trouble`."""
        trouble, self.trouble = self.trouble, None
        if trouble is not None:
            raise trouble
        self.came += 1


class SharedPortTests(SynchronousTestCase):
    """One process's end."""

    def setUp(self) -> None:
        listening = socket.socket(socket.AF_UNIX)
        self.address = f"\0swftp-test-{os.getpid()}-{id(self)}"
        listening.bind(self.address)
        listening.listen(8)
        self.busier = False
        self.reactor = Reactor()
        self.port = SharedPort(self.reactor, listening.detach(), Factory(), lambda: self.busier)
        self.port.startListening()
        self.addCleanup(self.port.stopListening)

    def connect(self) -> None:
        """Somebody."""
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(self.address)

    def turn(self) -> None:
        """The reactor finds that somebody waits."""
        for reader in self.reactor.getReaders():
            reader.doRead()

    def test_busier(self) -> None:
        """Who has more than the others gives them a moment, then lets nobody wait."""
        self.busier = True
        self.connect()
        self.turn()
        self.reactor.advance(MOMENT / 2)
        self.turn()
        self.assertEqual(self.reactor.came, 0)
        self.reactor.advance(MOMENT)
        self.assertEqual(self.reactor.came, 1)

    def test_another_was_faster(self) -> None:
        """Nobody may be there any more."""
        self.turn()
        self.assertEqual((self.reactor.came, self.reactor.getReaders()), (0, [self.port]))

    def test_one_that_fails(self) -> None:
        """A connection that a server cannot take is that client's loss: the next one is taken."""
        self.reactor.trouble = ValueError("a bug")
        self.connect()
        self.turn()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.connect()
        self.turn()
        self.assertEqual((self.reactor.came, self.reactor.getReaders()), (1, [self.port]))

    def test_stopped_while_it_waits(self) -> None:
        """Nobody is taken after the end."""
        self.busier = True
        self.connect()
        self.turn()
        self.port.stopListening()
        self.reactor.advance(MOMENT)
        self.assertEqual((self.reactor.came, self.reactor.getReaders()), (0, []))
