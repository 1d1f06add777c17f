"""
One process's way to a zerostor: opened as soon as its database answers, and looked after while the process runs.

Nobody waits for it: until it is open, logins are told to come again.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Any

from prometheus_client.core import Metric
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from swftp.auth.accounts import AccountRight, Person
from swftp.config import Config
from swftp.config.files import expanded
from swftp.errors import StorageError, Unavailable
from swftp.interfaces import UNWATCHED, StoreWatch
from swftp.services import Threads
from swftp.storage.zerostor.admission import LOOK_EVERY
from swftp.storage.zerostor.chunks import ChunkOptions, CodecOptions, Layout, State, UnusableMasterKey, masterkey
from swftp.storage.zerostor.driver import ZeroStorage
from swftp.storage.zerostor.meta import MetadataOptions
from swftp.storage.zerostor.meta.journal import JournalOptions
from swftp.storage.zerostor.meta.values import Totals
from swftp.storage.zerostor.opening import Opened, Settings, address
from swftp.storage.zerostor.shards.opening import check
from swftp.storage.zerostor.shared import Options
from swftp.stores.zerometrics import measured
from swftp.traces import UNNOTICED, Scrutiny

AGAIN = 5.0
"""Seconds after which a database that does not answer is asked again."""
SCRUB_REST = 0.1
"""Seconds between two steps of a scrub: others want the shards, too."""
COUNT = 60.0
"""Seconds between two counts of what the database holds, for the metrics."""
SCRUB_DUE = 3600.0
"""Seconds between two looks whether a scrub is due, and before the first."""

DATABASES = {
    "sqlite": "zerostor",
    "sqlite+pysqlite": "zerostor",
    "postgresql+psycopg": "postgresql",
    "cockroachdb+psycopg": "cockroachdb",
}
"""What begins the URL of one, and the extra of the package that brings what it needs."""
log = Logger()


def _check_given(config: Config) -> None:
    """
    :raises ConfigError: something is missing, or the URL of the database is of none that we can use; it is not shown,
        since it may hold a password.
    """
    for option in ("database", "master_key", "shards"):
        if not getattr(config.zerostor, option):
            raise config.problem("zerostor", option, "is needed with storage = zerostor")
    problem = _unusable(config.zerostor.database)
    if problem:
        raise config.problem("zerostor", "database", problem)


def _unusable(database: str) -> str:
    """Why the URL *database* cannot be used, without showing it; "": it can."""
    try:
        url = make_url(database)
        if url.drivername not in DATABASES:
            return f"allowed: URLs of {', '.join(DATABASES)}"
        url.get_dialect().import_dbapi()
    except ArgumentError:
        return f"allowed: URLs of {', '.join(DATABASES)}"
    except ImportError as error:
        return f"needs {error.name}: pip install 'swftp[{DATABASES[url.drivername]}]'"
    except NoSuchModuleError:
        return f"needs more: pip install 'swftp[{DATABASES[url.drivername]}]'"
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        return "a file is needed, as in sqlite:////absolute/file.db"
    return ""


def _check_shards(config: Config, least: int) -> None:
    """
    :raises ConfigError: one cannot be used, or there are fewer than *least*, on which nothing could be stored.
    """
    given = config.zerostor
    for shard in given.shards:
        try:
            check(shard.partition("#")[0])
        except ValueError as error:
            raise config.problem("zerostor", "shards", str(error)) from error
    there = len({address(shard)[0] for shard in given.shards})
    if there < least:
        raise config.problem("zerostor", "shards", f"too few: nothing is stored on {there} with {given.layout}")


def settings_of(config: Config) -> Settings:
    """
    ``[zerostor]``.

    :raises ConfigError: something cannot be used, or is missing.
    """
    given = config.zerostor
    _check_given(config)
    try:
        layout = Layout.parse(given.layout)
    except ValueError as error:
        raise config.problem("zerostor", "layout", str(error)) from error
    if given.min_fragments > layout.total or 0 < given.min_fragments < layout.k:
        raise config.problem("zerostor", "min_fragments", f"allowed: 0, and from {layout.k} to {layout.total}")
    _check_shards(config, max(given.min_fragments, layout.k))
    return Settings(
        database=given.database,
        shards=given.shards,
        master_key=expanded(given.master_key),
        metadata=MetadataOptions(
            exclusive=given.cache_mode == "exclusive",
            cache=given.cache_names,
            grace=given.grace,
            connections=given.connections,
            journal=JournalOptions(lease=given.lease),
        ),
        chunks=ChunkOptions(
            layout=layout,
            least=given.min_fragments or None,
            memory=given.chunk_memory,
            codec=CodecOptions(compress=given.compress, level=given.compress_level),
        ),
        options=Options(chunk_size=given.chunk_size, read_cache=given.read_cache),
    )


class ZeroService(Service):
    """Opens it, renews its lease, sweeps and scrubs."""

    again = AGAIN

    def __init__(
        self, config: Config, reactor: Any, random: Random | None = None, watch: StoreWatch = UNWATCHED
    ) -> None:
        """
        :param watch: is told of each call to shards and database.
        :raises ConfigError: the configuration cannot be used.
        """
        self.settings = settings_of(config)
        try:
            masterkey.read(self.settings.master_key)
        except UnusableMasterKey as error:
            hint = "" if self.settings.master_key.exists() else "; swftp zerostor init makes it"
            raise config.problem("zerostor", "master_key", f"{error}{hint}") from error
        self._given, self._watch = config.zerostor, watch
        self._reactor = reactor
        self._random = random or Random()  # noqa: S311  (spreads load)
        self._threads = Threads("zerostor", config.zerostor.threads, reactor)
        self._opened: Opened | None = None
        self._tried: list[Deferred[None]] | None = []
        self._loops: list[Deferred[None]] = []
        self._trouble = "the database does not answer"
        self._probing: Any = None
        self._totals: Totals | None = None

    @property
    def opened(self) -> Opened:
        """
        All of it.

        :raises Unavailable: it is not open yet.
        """
        if self._opened is None:
            raise Unavailable(self._trouble)
        return self._opened

    async def ready(self) -> Opened:
        """
        All of it, after the first try to open it: who comes while we start waits, as for any answer of the database.

        :raises Unavailable: it did not open.
        """
        if self._tried is not None:
            waiter: Deferred[None] = Deferred()
            self._tried.append(waiter)
            await waiter
            await deferLater(self._reactor, 0)  # who lets us in is not to be ended by what we do now
        return self.opened

    def _let_in(self) -> None:
        waiters, self._tried = self._tried or [], None
        for waiter in waiters:
            if not waiter.called:  # else who waited has left
                waiter.callback(None)

    def startService(self) -> None:
        """See `IService`."""
        super().startService()  # type: ignore[no-untyped-call]
        self._threads.startService()
        self._loop(self._open())

    def _loop(self, work: Any) -> None:
        def ended(failure: Any) -> None:
            if not failure.check(CancelledError):
                log.failure("what looks after the store failed", failure)

        self._loops.append(Deferred.fromCoroutine(work).addErrback(ended))

    async def _open(self) -> None:
        try:
            await self._try_to_open()
        finally:
            self._let_in()  # whatever it was: nobody is to wait for good

    async def _try_to_open(self) -> None:
        while True:
            opened = Opened(self.settings, self._reactor, time.time, self._threads.run, self._watch)
            try:
                await opened.start()
                break
            except StorageError as error:
                self._trouble = str(error)
                log.error("the store is not open: {reason}", event="not_open", reason=self._trouble)
                self._let_in()
                await self._close(opened)
            except BaseException:
                await self._close(opened)
                raise
            await deferLater(self._reactor, self.again)
        self._opened = opened
        self._probing = opened.chunks.service()
        self._probing.startService()
        self._loop(self._every(self._given.lease / 3, opened.metadata.journal.renew, jitter=False))
        self._loop(self._every(LOOK_EVERY, opened.admission.look, jitter=False))
        self._loop(self._every(self._given.sweep_every, self._sweep))
        self._loop(self._counts())
        if self._given.scrub_every:
            self._loop(self._every(SCRUB_DUE, self._scrub_if_due))
        log.info("the store is open: {count} shards", event="open", count=len(opened.shards))

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]], jitter: bool = True) -> None:
        """Do *work* again and again; gateways that started together do not do it together."""
        while True:
            await deferLater(self._reactor, seconds * (self._random.uniform(0.8, 1.2) if jitter else 1.0))
            await tried(work)

    async def _counts(self) -> None:
        await tried(self._count)
        await self._every(COUNT, self._count)

    async def _count(self) -> None:
        self._totals = await self.opened.metadata.sweep.totals()

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client.registry.Collector`."""
        if self._opened is not None:
            yield from measured(self._opened, self._totals)

    async def _sweep(self) -> None:
        await self.opened.refresh()
        if not await self.opened.metadata.duties.perform("sweep", self._sweep_for_all):
            await self.opened.mender.mend_noticed()  # of which no other gateway knows

    async def _sweep_for_all(self) -> None:
        await self.opened.sweeper.sweep()
        leaving = {n for n, info in self.opened.shards.items() if info.state in (State.DRAIN, State.GONE)}
        if leaving:
            await self.opened.sweeper.move(leaving)

    async def _scrub_if_due(self) -> None:
        await self.opened.metadata.duties.perform("scrub", self._scrub, self._given.scrub_every)

    async def _scrub(self) -> None:
        report = await self.opened.scrubber.scrub(mend=True, cautious=True, rest=self._rest)
        log.info("scrubbed: {report}", event="scrubbed", report=report)

    def _rest(self) -> Deferred[None]:
        return deferLater(self._reactor, SCRUB_REST)

    def stopService(self) -> Deferred[None]:
        """See `IService`."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    async def _close(self, opened: Opened) -> None:
        try:
            await opened.stop()
        except StorageError as error:
            log.warn("the lease was not given back: {reason}", event="lease", reason=str(error))

    async def _stop(self) -> None:
        for loop in self._loops:
            loop.cancel()
        for loop in self._loops:
            await loop
        self._let_in()
        opened, self._opened = self._opened, None
        if opened is not None:
            await self._probing.stopService()
            await self._close(opened)
        await self._threads.stopService()


async def tried(work: Callable[[], Awaitable[object]]) -> None:
    """
    Do *work*; what it raises is logged.

    That goes for errors of ours, too: a gateway that renewed its lease no more would lose every upload from then on.
    """
    try:
        await work()
    except StorageError as error:
        log.warn("{work}: {reason}", event="put_off", work=work.__name__, reason=str(error))
    except CancelledError:
        raise
    except Exception:
        log.failure("{work} failed", work=work.__name__)


class ZeroStores:
    """See `swftp.stores.accounts.Opens`."""

    def __init__(self, service: ZeroService) -> None:
        self._service = service

    async def open(self, access: AccountRight, session: str, scrutiny: Scrutiny = UNNOTICED) -> ZeroStorage:
        """The account that *access* is for."""
        opened = self._service.opened
        return ZeroStorage(opened.store, access.account, access.root, opened.admission.enter(access.name).check)


class ZeroUsers:
    """See `swftp.auth.accounts.Users`."""

    def __init__(self, service: ZeroService) -> None:
        self._service = service

    async def login(self, name: str) -> Person | None:
        """See there."""
        return await (await self._service.ready()).metadata.users.login(name)

    async def check_password(self, name: str, password: str) -> Person | None:
        """See there."""
        return await (await self._service.ready()).metadata.users.check_password(name, password)
