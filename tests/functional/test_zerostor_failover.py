"""The metadata database is killed under a working gateway: what was acknowledged is there, and there once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from typing import Any

import psycopg
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from swftp import errors
from swftp.storage.zerostor.meta import MetadataOptions, migrate, open_metadata
from swftp.storage.zerostor.meta.database import Patience
from swftp.storage.zerostor.meta.engine import make_engine
from swftp.storage.zerostor.values import Chunk, New
from tests.functional.postgresql import USER, PostgreSQL, postgresql

CLIENTS, FILES = 4, 40
"""How many store how many files each."""
OUTAGE = 0.7
"""Seconds."""
BEFORE = 60
"""Files that are stored before the database is killed."""


class FailoverTests(TestCase):
    """On clusters that die."""

    timeout = 120.0

    def setUp(self) -> None:
        """A database in a running cluster."""
        self.server = postgresql()
        self.database = self.server.create()
        engine = make_engine(self.server.url(self.database), 1)
        migrate.upgrade(engine)
        engine.dispose()

    async def work(self, url: str, rescue: Callable[[], None]) -> None:
        """Store files while the primary of *url* is killed, and *rescue* comes later."""
        self.metadata = open_metadata(url, reactor, reactor, MetadataOptions())
        try:
            await self.metadata.start()
            self.account = await self.metadata.users.add_account("alice")
            self.key = (await self.metadata.keys.add_key(self.account, b"wrapped")).id
            self.stored = 0
            self.time_has_come: Deferred[None] = Deferred()
            happened = self.time_has_come.addCallback(lambda _: self.strike(rescue))
            await gatherResults([*(Deferred.fromCoroutine(self.client(n)) for n in range(CLIENTS)), happened])
            await self.judge()
        finally:
            await self.metadata.stop()

    def strike(self, rescue: Callable[[], None]) -> Deferred[None]:
        """Kill the primary; a while later *rescue*, in this thread: what a thread started dies with it."""
        self.server.child.kill(signal.SIGKILL)
        return deferLater(reactor, OUTAGE, rescue)

    async def client(self, number: int) -> None:
        """One file after the other, each renamed; every call is to succeed."""
        names = self.metadata.namespace(self.account)
        for i in range(FILES):
            [obj] = await self.metadata.journal.allocate(1)
            chunk = Chunk(obj, 100, 128, "copy:2", self.key, (1, 2), bytes(32))
            await names.commit([f"new-{number}-{i}"], [New(chunk, 0, 100)], md5=None, mtime_ns=1)
            await names.rename([f"new-{number}-{i}"], [f"{number}-{i}"], exclusive=True)
            self.stored += 1
            if self.stored == BEFORE:
                self.time_has_come.callback(None)

    async def judge(self) -> None:
        """All files are there, under their last names."""
        names = self.metadata.namespace(self.account)
        page = await names.children([])
        self.assertEqual(
            {node.name for node in page.nodes}, {f"{n}-{i}" for n in range(CLIENTS) for i in range(FILES)}
        )
        self.assertEqual((await names.usage()).used_files, CLIENTS * FILES)
        self.assertEqual(await self.metadata.check(), [])

    async def test_hangs(self) -> None:
        """
        A database that answers nobody: all are told in time, however many wait; what was not begun never happens, and
        what was is not committed later.
        """
        patience = Patience(turn=0.6, answer=0.4)
        url = self.server.url(self.database)
        self.metadata = open_metadata(url, reactor, reactor, MetadataOptions(connections=4, patience=patience))
        try:
            await self.metadata.start()
            accounts = [await self.metadata.users.add_account(f"account-{n}") for n in range(8)]
            names = [self.metadata.namespace(account) for account in accounts for _ in range(3)]
            with psycopg.connect(host=str(self.server.folder), user=USER, dbname=self.database) as connection:
                connection.execute("LOCK TABLE file, upload")
                work: list[Any] = [one.make_directory([f"d{n}"]) for n, one in enumerate(names)]
                work += [one.children([]) for one in names]
                work += [self.metadata.journal.allocate(1) for _ in names]
                told = [Deferred.fromCoroutine(one).addErrback(lambda f: f.trap(errors.Unavailable)) for one in work]
                begun = reactor.seconds()  # type: ignore[attr-defined]
                results = await gatherResults(told)
                self.assertEqual(set(results), {errors.Unavailable})
                self.assertLess(reactor.seconds() - begun, 10)  # type: ignore[attr-defined]
            for one in names:
                self.assertEqual(list((await one.children([])).nodes), [])
            await names[0].make_directory(["works"])
            self.assertEqual(await self.metadata.check(), [])
        finally:
            await self.metadata.stop()

    async def test_killed_and_started(self) -> None:
        """A database that is killed and started again costs a pause."""

        await self.work(self.server.url(self.database), self.server.start)

    async def test_standby_promoted(self) -> None:
        """A synchronous standby that is promoted goes on where its primary was killed."""
        standby = PostgreSQL(self.server)
        self.server.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")

        def promote() -> None:
            standby.execute("SELECT pg_promote()")

        hosts = f"host={self.server.folder}&host={standby.folder}&target_session_attrs=read-write"
        try:
            await self.work(f"postgresql+psycopg://{USER}@/{self.database}?{hosts}", promote)
        finally:
            standby.child.kill(signal.SIGQUIT)
            with contextlib.suppress(FileNotFoundError):
                (self.server.data / "postgresql.auto.conf").unlink()
            self.server.start()
