"""What one gateway does for all."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from twisted.internet.defer import CancelledError, Deferred

from swftp import errors
from swftp.storage.zerostor.meta import schema
from swftp.storage.zerostor.meta.duties import Duties
from tests.storage.zerostor.meta.case import MetaCase

LEASE = 60.0


class DutiesSuite(MetaCase):
    """Two gateways of one database."""

    def setUp(self) -> None:
        """Each with its own."""
        super().setUp()
        self.first, self.second = (Duties(one._database, LEASE) for one in (self.metadata, self.open()))
        self.done: list[str] = []

    def begin(self, duties: Duties, gate: Deferred[None] | None = None, every: float = 0.0) -> Deferred[bool]:
        """Do it until *gate* opens, if there is one."""

        async def work() -> None:
            self.done.append("first" if duties is self.first else "second")
            if gate is not None:
                await gate

        return Deferred.fromCoroutine(duties.perform("sweep", work, every))

    def pass_time(self, seconds: float) -> None:
        """Bit by bit."""
        for _ in range(int(seconds)):
            self.clock.advance(1)

    def test_one(self) -> None:
        """While one does it no other does, however long it takes; afterwards any may."""
        gate: Deferred[None] = Deferred()
        doing = self.begin(self.first, gate)
        for _ in range(3):
            self.pass_time(LEASE)
            self.assertIs(self.successResultOf(self.begin(self.second)), False)
        gate.callback(None)
        self.assertIs(self.successResultOf(doing), True)
        self.assertIs(self.successResultOf(self.begin(self.second)), True)
        self.assertEqual(self.done, ["first", "second"])

    def test_not_yet(self) -> None:
        """What was done not long ago is not done again, by nobody; what was broken off was not done."""
        gate: Deferred[None] = Deferred()
        self.begin(self.first, gate, 1000).addErrback(lambda _: None)
        gate.errback(errors.Unavailable())
        self.assertIs(self.successResultOf(self.begin(self.second, every=1000)), True)
        self.clock.advance(999)
        self.assertIs(self.successResultOf(self.begin(self.first, every=1000)), False)
        self.clock.advance(1)
        self.assertIs(self.successResultOf(self.begin(self.first, every=1000)), True)

    def test_dead(self) -> None:
        """Who died with it is replaced when its lease has run out."""
        with self.metadata._database.engine.begin() as connection:
            self.assertTrue(self.first._take(connection, "sweep", 0.0))
        self.clock.advance(LEASE)
        self.assertIs(self.successResultOf(self.begin(self.second)), False)
        self.clock.advance(1)
        self.assertIs(self.successResultOf(self.begin(self.second)), True)

    def test_taken_over(self) -> None:
        """Who slept for too long stops when another one has taken over, and takes nothing back from it."""
        doing = self.begin(self.first, Deferred())
        with self.metadata._database.engine.begin() as connection:
            connection.execute(update(schema.duty).values(lease_until=0))
        gate: Deferred[None] = Deferred()
        other = self.begin(self.second, gate)
        self.assertEqual(self.done, ["first", "second"])
        self.pass_time(LEASE / 2)
        self.assertIs(self.successResultOf(doing), False)
        self.assertIs(self.successResultOf(self.begin(self.first)), False)
        self.assertNoResult(other)
        gate.callback(None)
        self.assertIs(self.successResultOf(other), True)

    def test_database_away(self) -> None:
        """Who cannot renew its lease stops when it has run out."""
        doing = self.begin(self.first, Deferred())
        database = self.metadata._database

        async def write(*_: Any) -> Any:
            raise errors.Unavailable()

        database.write = write  # type: ignore[method-assign, assignment]
        self.pass_time(LEASE / 2)
        self.assertNoResult(doing)
        self.pass_time(LEASE / 2)
        self.assertIs(self.successResultOf(doing), False)
        del database.write
        self.clock.advance(1)
        self.assertIs(self.successResultOf(self.begin(self.second)), True)

    def test_stopped(self) -> None:
        """Who is stopped leaves it to others at once."""
        doing = self.begin(self.first, Deferred())
        doing.cancel()
        self.failureResultOf(doing, CancelledError)
        self.assertIs(self.successResultOf(self.begin(self.second)), True)

    def test_error(self) -> None:
        """An error is whoever asked's, and others go on."""
        gate: Any = Deferred()
        doing = self.begin(self.first, gate)
        gate.errback(errors.Unavailable())
        self.failureResultOf(doing, errors.Unavailable)
        self.assertIs(self.successResultOf(self.begin(self.second)), True)
