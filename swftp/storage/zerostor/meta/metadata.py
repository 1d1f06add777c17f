"""The database of one zerostor, put together."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random, SystemRandom
from uuid import UUID
from weakref import WeakValueDictionary

from argon2 import PasswordHasher
from sqlalchemy import Connection, Engine, delete, insert, select
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from swftp.interfaces import UNWATCHED, StoreWatch
from swftp.storage.zerostor.meta import checking, migrate, schema
from swftp.storage.zerostor.meta.cache import Cache
from swftp.storage.zerostor.meta.checking import Finding
from swftp.storage.zerostor.meta.database import Database, Patience, never
from swftp.storage.zerostor.meta.dumping import Dumping
from swftp.storage.zerostor.meta.duties import Duties
from swftp.storage.zerostor.meta.engine import make_engine
from swftp.storage.zerostor.meta.journal import Journal, JournalOptions
from swftp.storage.zerostor.meta.keys import Keys
from swftp.storage.zerostor.meta.namespace import Namespace
from swftp.storage.zerostor.meta.sweeping import Sweep
from swftp.storage.zerostor.meta.threads import Threads, Workers
from swftp.storage.zerostor.meta.users import Users
from swftp.storage.zerostor.meta.values import Shard

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataOptions:
    """How metadata are kept; durations are in seconds."""

    exclusive: bool = False
    """Believe what is cached for as long as no other gateway is alive; otherwise for a second."""
    cache: int = 200_000
    """Names that are cached, about half a kilobyte each."""
    grace: float = 24 * 3600.0
    """For how long the bytes of replaced and removed files stay for who is reading them."""
    connections: int = 8
    """To the database, half of them for changes; SQLite has one for changes."""
    journal: JournalOptions = field(default_factory=JournalOptions)
    patience: Patience = field(default_factory=Patience)


class Metadata:
    """
    Names, journal and users of one zerostor, of which any number of processes may have one each.

    :param wall: seconds since the epoch; leases and grace periods are on it.
    """

    def __init__(
        self,
        engine: Engine,
        workers: Workers,
        clock: IReactorTime,
        options: MetadataOptions,
        *,
        wall: Callable[[], float] = time.time,
        random: Random | None = None,
        hasher: PasswordHasher | None = None,
        name: str = "",
        watch: StoreWatch = UNWATCHED,
    ) -> None:
        database = Database(engine, workers, clock, wall, random or SystemRandom(), options.patience, watch)
        self._database = database
        self._namespaces: WeakValueDictionary[UUID, Namespace] = WeakValueDictionary()
        self._ending = DeferredLock()
        self._over = False
        self.journal = Journal(database, name or socket.gethostname(), options.journal)
        self._clock, self._exclusive = clock, options.exclusive
        self._cache = Cache(
            options.cache, lambda: self.journal.alone_since if options.exclusive else inf, clock.seconds
        )
        self.sweep = Sweep(database, options.grace, options.journal.linger)
        self.duties = Duties(database, options.journal.lease)
        self.keys = Keys(database)
        self.dumping = Dumping(database)
        self.users = Users(database, hasher or PasswordHasher())

    async def start(self) -> None:
        """
        Take a lease; `Journal.renew` is to be called from now on.

        Where another gateway may believe that it is alone, wait until it does not: nothing changes behind its back.

        :raises Unavailable: the database is not there.
        :raises Unsupported: its schema is not that of this version.
        """
        await self._database.read(migrate.check)
        await self.journal.start()
        if self._exclusive and not self.journal.alone:
            log.info("others are alive: waiting until they have noticed this gateway", event="not_alone")
            await deferLater(self._clock, self.journal.belief)

    async def stop(self) -> None:
        """Give the lease back, if the database is there, and end the threads.  May be called again."""
        async with self._ending:
            if self._over:
                return
            self._over = True
            try:
                await self.journal.stop()
            finally:
                await self._database.workers.stop()
                self._database.engine.dispose()

    def distrust(self) -> None:
        """A change that nobody waited for any more may just have taken effect."""
        self._cache.distrust()

    def namespace(self, account: UUID) -> Namespace:
        """The tree of *account*."""
        namespace = self._namespaces.get(account)
        if namespace is None:
            namespace = Namespace(account, self._database, self.journal, self._cache)
            self._namespaces[account] = namespace
        return namespace

    async def check(self) -> list[Finding]:
        """All that is wrong in the database; nothing is, however often and whatever was killed."""
        return await checking.check(self._database)

    async def mend_usage(self) -> int:
        """See `checking.mend_usage`."""
        return await checking.mend_usage(self._database)

    async def shards(self) -> list[Shard]:
        """All shards that were ever there, by number."""
        row = schema.shard
        ordered = select(row.c.id, row.c.url, row.c.grp, row.c.state).order_by(row.c.id)
        return [Shard(*found) for found in await self._database.read(lambda c: c.execute(ordered).all())]

    async def set_shards(self, shards: Sequence[Shard]) -> None:
        """Say what is known of *shards*; others stay as they are."""
        row = schema.shard
        values = [{"id": s.id, "url": s.url, "grp": s.group, "state": s.state} for s in shards]

        def replace(connection: Connection) -> None:
            connection.execute(delete(row).where(row.c.id.in_([shard.id for shard in shards])))
            if values:
                connection.execute(insert(row), values)

        await self._database.write(replace, never)


def open_metadata(
    url: str,
    reactor: IReactorFromThreads,
    clock: IReactorTime,
    options: MetadataOptions,
    name: str = "",
    wall: Callable[[], float] = time.time,
    watch: StoreWatch = UNWATCHED,
) -> Metadata:
    """The database at the SQLAlchemy *url*, waited for in threads of its own until `Metadata.stop`."""
    engine = make_engine(url, options.connections)
    writers = 1 if engine.dialect.name == "sqlite" else max(1, options.connections // 2)
    wait, answer = options.patience.turn, options.patience.answer
    threads = Threads(reactor, max(1, options.connections - writers), writers, wait=wait, answer=answer)
    metadata = Metadata(engine, threads, clock, options, name=name, wall=wall, watch=watch)
    threads.when_late(metadata.distrust)
    return metadata
