"""
Who does what need not be done by all: one gateway at a time, while its lease lasts.

It spares work, and nothing depends on it: whatever is a duty is safe to do by several at once, for one that slept may
wake up beside whoever has taken its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

from sqlalchemy import Connection, Update, insert, select, update
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from swftp.errors import StorageError
from swftp.storage.zerostor.meta import schema
from swftp.storage.zerostor.meta.database import Database, never

RENEWALS = 3
"""In the time of a lease: all but one may fail."""

_ROW = schema.duty
log = Logger()


class Duties:
    """
    Of one process.

    :param lease: seconds after which a holder that gives no sign of life is taken for dead.
    """

    def __init__(self, database: Database, lease: float) -> None:
        self._database = database
        self._lease = lease
        self._holder = uuid4()

    async def perform(self, name: str, work: Callable[[], Awaitable[object]], every: float = 0.0) -> bool:
        """
        Do *work*, unless another gateway does; whether that came to its end.  It is cancelled where another one has
        taken over.

        :param every: seconds since its last end for which there is nothing to do.
        :raises Unavailable: the database is not there.
        """
        if not await self._database.write(lambda c: self._take(c, name, every), never):
            return False

        lost = ended = False

        async def working() -> None:
            await work()

        def lose() -> None:
            nonlocal lost
            lost = True
            doing.cancel()

        doing = Deferred.fromCoroutine(working())
        keeping = Deferred.fromCoroutine(self._keep(name, lose)).addErrback(_cancelled)
        try:
            await doing
            ended = True
        except CancelledError:
            if not lost:
                raise
        finally:
            if not lost:
                keeping.cancel()
            await self._leave(name, ended)
        return ended

    async def _keep(self, name: str, lose: Callable[[], None]) -> None:
        """Renew the lease as long as it is ours."""
        clock = self._database.clock
        until = clock.seconds() + self._lease
        while clock.seconds() < until:
            await deferLater(clock, self._lease / RENEWALS)
            begun = clock.seconds()
            try:
                if not await self._database.write(lambda c: self._renew(c, name), never):
                    break
                until = begun + self._lease
            except StorageError as error:
                log.info("{duty}: the lease was not renewed: {reason}", event="duty", duty=name, reason=str(error))
        log.warn("{duty}: left to another gateway", event="duty", duty=name)
        lose()

    async def _leave(self, name: str, ended: bool) -> None:
        """Others need not wait for the lease."""
        try:
            await self._database.write(lambda c: self._give_back(c, name, ended), never)
        except StorageError as error:
            log.info("{duty}: the lease was not given back: {reason}", event="duty", duty=name, reason=str(error))

    def _take(self, connection: Connection, name: str, every: float) -> bool:
        now = self._database.now()
        mine = {"holder": self._holder, "lease_until": self._lease_end()}
        row = connection.execute(select(_ROW).where(_ROW.c.name == name)).first()
        if row is None:
            connection.execute(insert(_ROW), {"name": name, "done_at": 0, **mine})
            return True
        if (row.holder != self._holder and row.lease_until >= now) or row.done_at + every > now:
            return False
        connection.execute(update(_ROW).where(_ROW.c.name == name).values(mine))
        return True

    def _renew(self, connection: Connection, name: str) -> bool:
        values = {"lease_until": self._lease_end()}
        return connection.execute(self._mine(name).values(values)).rowcount > 0

    def _give_back(self, connection: Connection, name: str, ended: bool) -> None:
        values = {"lease_until": 0, **({"done_at": self._database.now()} if ended else {})}
        connection.execute(self._mine(name).values(values))

    def _mine(self, name: str) -> Update:
        return update(_ROW).where(_ROW.c.name == name, _ROW.c.holder == self._holder)

    def _lease_end(self) -> int:
        return int(self._database.wall() + self._lease)


def _cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)  # type: ignore[no-untyped-call]
