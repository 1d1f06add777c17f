"""
Whole transactions, again until they went through once.

A transaction is a pure function of its inputs: it may be carried out any number of times, and leaves one effect.
When the reply to COMMIT is lost, whether it happened is looked up by an id that the transaction wrote first: so a
COMMIT that is still on its way collides with the second try instead of doubling it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from threading import Lock
from typing import Generic, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import SQLAlchemyError
from twisted.internet.defer import DeferredLock, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from swftp.errors import StateUnknown, StorageError, Unavailable
from swftp.interfaces import ABANDONED, UNWATCHED, StoreWatch
from swftp.pools import Overdue
from swftp.storage.zerostor.meta import schema
from swftp.storage.zerostor.meta.engine import WRITES, reading
from swftp.storage.zerostor.meta.failures import Failure, classify, reason
from swftp.storage.zerostor.meta.threads import Workers

log = Logger()

STATUS = {Failure.CONFLICT: 409, Failure.DEFECT: 500, Failure.OUTAGE: 0, Failure.AMBIGUOUS: 0}
"""What a failure would be in HTTP; 0: no answer.  See `StoreWatch`."""

T = TypeVar("T")
Work = Callable[[Connection], T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a transaction is tried again, in seconds."""

    conflicts: float = 5.0
    """While others are in the way."""
    outage: float = 30.0
    """While the database is not there."""
    turn: float = 30.0
    """While others of the same account have their turn, and while all connections are in use."""
    answer: float = 30.0
    """While the database says nothing."""
    first: float = 0.005
    """Between the first and the second try; then twice as long each time."""
    longest: float = 1.0
    """Between two tries."""


class _Failed(Exception):
    """One try came to nothing, or nobody knows."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


class _Attempts(Generic[T]):
    """One transaction over all its tries."""

    def __init__(self, work: Work[T], settled: Work[bool]) -> None:
        self.work = work
        self.settled = settled
        self.doubtful = False
        """Whether a COMMIT may have taken effect."""
        self.result: T
        """What the last try gave that got as far as COMMIT."""

    def carry_out(self, engine: Engine, word: Lock) -> T:
        """
        Try once.

        :param word: taken before COMMIT; by who gives up before that, and it is none.
        """
        with engine.connect() as connection:
            if self.doubtful and self._happened(connection):
                return self.result
            connection = connection.execution_options(**{WRITES: True})
            connection.begin()
            try:
                self.result = self.work(connection)
            except StorageError:
                connection.rollback()
                if self.doubtful and self._happened(connection):  # just now: what was in our way was ourselves
                    return self.result
                self.doubtful = False
                raise
            if not word.acquire(blocking=False):
                connection.rollback()
                raise Unavailable
            try:
                connection.commit()
            except SQLAlchemyError as error:
                self.doubtful |= classify(error) in (Failure.OUTAGE, Failure.AMBIGUOUS)
                raise
            return self.result

    def _happened(self, connection: Connection) -> bool:
        with connection.begin():
            return self.settled(connection)


def never(connection: Connection) -> bool:
    """Of a transaction whose second effect is none: simply carry it out again."""
    return False


class Database:
    """
    Carries out reads and transactions in threads.

    :param wall: seconds since the epoch.
    :param watch: is told of each try, waiting for a turn included.
    """

    def __init__(
        self,
        engine: Engine,
        workers: Workers,
        clock: IReactorTime,
        wall: Callable[[], float],
        random: Random,
        patience: Patience,
        watch: StoreWatch = UNWATCHED,
    ) -> None:
        self.engine = engine
        self.workers = workers
        self.clock = clock
        self.wall = wall
        self._reading = reading(engine)
        self._random = random
        self._patience = patience
        self._watch = watch

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.wall())

    async def read(self, work: Work[T]) -> T:
        """
        What *work* reads with single statements, each of which sees the newest.

        :raises Unavailable: the database is not there.
        """
        return await self._look(self._reading, work)

    async def snapshot(self, work: Work[T]) -> T:
        """As `read`, of one moment however many statements it takes."""
        return await self._look(self.engine, work)

    async def _look(self, engine: Engine, work: Work[T]) -> T:
        return await self._persist("READ", lambda: self.workers.read(lambda: _guarded(lambda: _look(engine, work))))

    async def write(self, work: Work[T], settled: Work[bool] | None = None, turns: DeferredLock | None = None) -> T:
        """
        Carry out the transaction *work* exactly once.

        :param settled: whether it took effect, looked up through an id that it writes first; `never` if it does no
            harm to carry it out twice; None: a row of `schema.ticket` tells.
        :param turns: held by one try at a time, for transactions that would only be in each other's way.
        :raises Unavailable: nothing happened.
        :raises StateUnknown: it may have happened.
        """
        if settled is None:
            work, settled = self._with_ticket(work, uuid4())
        attempts = _Attempts(work, settled)

        async def attempt() -> T:
            word = Lock()
            try:
                return await self.workers.write(lambda: _guarded(lambda: attempts.carry_out(self.engine, word)))
            except Overdue as error:
                attempts.doubtful |= not word.acquire(blocking=False)
                raise Unavailable("the database does not answer, try again") from error

        try:
            return await self._persist("COMMIT", attempt if turns is None else lambda: self.in_turn(turns, attempt))
        except StorageError as error:  # also of a database that refuses to be asked
            if attempts.doubtful:
                raise StateUnknown() from error
            raise

    async def in_turn(self, turns: DeferredLock, attempt: Callable[[], Awaitable[T]]) -> T:
        """
        Hold *turns* for one *attempt*.

        :raises Unavailable: those before it, of a database that hangs perhaps, take too long: nothing happened.
        """
        turn = turns.acquire()
        if not turn.called:
            turn.addTimeout(self._patience.turn, self.clock)
        try:
            await turn
        except TimeoutError:
            raise Unavailable("too many changes wait for the database, try again") from None
        try:
            return await attempt()
        finally:
            turns.release()

    def _with_ticket(self, work: Work[T], number: UUID) -> tuple[Work[T], Work[bool]]:
        def ticketed(connection: Connection) -> T:
            connection.execute(insert(schema.ticket), {"id": number, "made_at": self.now()})
            return work(connection)

        mine = select(schema.ticket.c.id).where(schema.ticket.c.id == number)
        return ticketed, lambda connection: connection.scalar(mine) is not None

    async def _persist(self, method: str, attempt: Callable[[], Awaitable[T]]) -> T:
        begun = self.clock.seconds()
        tries = 0
        while True:
            try:
                return await self._watched(method, attempt)
            except _Failed as error:
                limit = self._limit(error)
                if self.clock.seconds() - begun >= limit:
                    words = "given up for the database: {reason}"
                    log.warn(words, event="database", reason=reason(error.__cause__))
                    raise Unavailable() from error.__cause__
                self._watch.retried(STATUS[error.failure])
            await deferLater(self.clock, self._pause(tries))
            tries += 1

    async def _watched(self, method: str, attempt: Callable[[], Awaitable[T]]) -> T:
        begun, status = self.clock.seconds(), ABANDONED
        self._watch.asked()
        try:
            result = await attempt()
            status = 200
            return result
        except _Failed as error:
            status = STATUS[error.failure]
            raise
        finally:
            self._watch.answered(method, status, self.clock.seconds() - begun)

    def _limit(self, error: _Failed) -> float:
        """Seconds for which to go on after *error*."""
        if error.failure is Failure.DEFECT:
            log.error("the database refused a statement: {error}", error=error.__cause__)
            raise StorageError() from error.__cause__
        if error.failure is Failure.OUTAGE:
            self.engine.dispose()  # whoever else is connected to what is gone, or to a standby, connects anew
            return self._patience.outage
        return self._patience.conflicts

    def _pause(self, tries: int) -> float:
        """Seconds to wait after that many tries."""
        longest = min(self._patience.first * 2 ** min(tries, 30), self._patience.longest)
        return self._random.uniform(longest / 2, longest)


def _look(engine: Engine, work: Work[T]) -> T:
    with engine.connect() as connection:
        return work(connection)


def _guarded(work: Callable[[], T]) -> T:
    """Carry out *work*; what the database says about it becomes `_Failed`."""
    try:
        return work()
    except SQLAlchemyError as error:
        raise _Failed(classify(error)) from error
