"""Rules of `swftp.stores.zerostor`: how a gateway gets to its zerostor."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from prometheus_client import CollectorRegistry, generate_latest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from swftp.auth.accounts import AccountRight
from swftp.config import Config, ConfigError, StorageConfig, ZerostorConfig
from swftp.entries import Kind
from swftp.errors import Unavailable
from swftp.paths import ROOT
from swftp.storage.zerostor import setting_up
from swftp.storage.zerostor.chunks import masterkey
from swftp.storage.zerostor.meta.duties import Duties
from swftp.stores.zerostor import ZeroService, ZeroStores, ZeroUsers, settings_of
from tests.storage.bytes import raises


def configuration(folder: Path, **options: Any) -> Config:
    """One that keeps everything in *folder*."""
    given: dict[str, Any] = {
        "database": f"sqlite:///{folder / 'db'}",
        "shards": tuple(f"file://{folder / name}" for name in "abc"),
        "master_key": str(folder / "key"),
        **options,
    }
    return Config(storage=StorageConfig(storage="zerostor"), zerostor=ZerostorConfig(**given))


@contextmanager
def unimportable(name: str) -> Iterator[None]:
    """While the block lasts, the package *name* cannot be imported, as if it were not installed."""
    kept = {module: sys.modules.pop(module) for module in list(sys.modules) if module.partition(".")[0] == name}
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
        sys.modules.update(kept)


class SettingsTests(SynchronousTestCase):
    """``[zerostor]``."""

    def refused(self, **options: Any) -> str:
        """Why it cannot be used."""
        return str(self.assertRaises(ConfigError, settings_of, configuration(Path("/x"), **options)))

    def test_reach_the_parts(self) -> None:
        """Options are what the parts work with."""
        settings = settings_of(configuration(Path("/x"), layout="copy:3", chunk_size=1 << 20, lease=9.0, grace=7.0))
        self.assertEqual((str(settings.chunks.layout), settings.options.chunk_size), ("copy:3", 1 << 20))
        self.assertEqual((settings.metadata.journal.lease, settings.metadata.grace), (9.0, 7.0))

    def test_missing(self) -> None:
        """What is needed and not there is named."""
        for option, nothing in (("database", ""), ("shards", ()), ("master_key", "")):
            self.assertIn(f"[zerostor] {option}: is needed", self.refused(**{option: nothing}))

    def test_wrong(self) -> None:
        """What cannot be used is named, without secrets."""
        self.assertIn("[zerostor] layout: ", self.refused(layout="ec:1+9"))
        self.assertIn("[zerostor] min_fragments: allowed: 0, and from 2 to 3", self.refused(min_fragments=4))
        for url in (
            "nonsense",
            "mysql://:secret@host/x",
            "postgresql://me:secret@h/x",
            "postgresql+pg8000://:secret@h/x",
        ):
            problem = self.refused(database=url)
            self.assertIn("[zerostor] database: allowed: URLs of sqlite, ", problem)
            self.assertNotIn("secret", problem)
        for url in ("sqlite://", "sqlite:///:memory:"):
            self.assertIn("[zerostor] database: a file is needed", self.refused(database=url))
        problem = self.refused(shards=("ftp://:secret@host/x",))
        self.assertIn("[zerostor] shards: ", problem)
        self.assertNotIn("secret", problem)

    def test_shards(self) -> None:
        """Addresses that could not be opened, and too few of them for anything to be stored, are named."""
        for url, words in (
            ("redis://:secret@h/x", "the database of a redis is a number"),
            ("redis://:secret@h:99999/0", "bad port"),
            ("zdb:///swftp", "needs a host"),
            ("file://relative/dir", "from the root on"),
        ):
            problem = self.refused(shards=("file:///a", "file:///b", url))
            self.assertIn("[zerostor] shards: ", problem)
            self.assertIn(words, problem)
            self.assertNotIn("secret", problem)
        twice = ("file:///a#rack1", "file:///a")
        self.assertIn("too few: nothing is stored on 1 with ec:2+1", self.refused(shards=twice))
        self.assertEqual(len(settings_of(configuration(Path("/x"), shards=(*twice, "file:///b"))).shards), 3)

    def test_no_driver(self) -> None:
        """A database whose driver is not installed is refused with what brings it, and not when somebody logs in."""
        with unimportable("psycopg"):
            problem = self.refused(database="postgresql+psycopg://me:secret@h/x")
        self.assertIn("[zerostor] database: needs psycopg: pip install 'swftp[postgresql]'", problem)

    def test_no_key(self) -> None:
        """A master key that is not there is never made by the way: the files it encrypted would be lost."""
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        error = self.assertRaises(ConfigError, ZeroService, configuration(folder), reactor)
        self.assertIn("swftp zerostor init makes it", str(error))
        self.assertEqual(list(folder.iterdir()), [])


class ServiceTests(TestCase):
    """Opening it."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.config = configuration(self.folder)
        masterkey.create(self.folder / "key")
        self.service = ZeroService(self.config, reactor)
        self.service.again = 0.05
        self.users = ZeroUsers(self.service)
        self.addCleanup(self.stop)

    async def init(self) -> None:
        """As ``swftp zerostor init``."""
        settings = settings_of(self.config)
        list(setting_up.make_places(settings))
        await setting_up.register(settings, reactor)

    def stop(self) -> Deferred[None] | None:
        """If it runs."""
        return self.service.stopService() if self.service.running else None

    async def test_waits_for_the_database(self) -> None:
        """It starts without its database, says so to who logs in, and is there once the database is."""
        self.service.startService()
        await raises(Unavailable, self.users.login("anna"))
        await raises(Unavailable, self.users.check_password("anna", "secret"))
        await raises(Unavailable, ZeroStores(self.service).open(AccountRight(uuid4(), ROOT, "anna"), "s"))
        await self.init()
        for _ in range(200):
            try:
                opened = self.service.opened
                break
            except Unavailable:
                await deferLater(reactor, 0.05)
        self.assertIsNone(await self.users.login("anna"))
        account = await opened.metadata.users.add_account("anna")
        storage = await ZeroStores(self.service).open(AccountRight(account, ROOT, "anna"), "s")
        self.assertIs((await storage.stat(ROOT)).kind, Kind.DIRECTORY)
        self.assertEqual(len(opened.shards), 3)

    async def test_first_client(self) -> None:
        """Who logs in while it opens, as the client that started us by its socket does, waits for that."""
        await self.init()
        self.service.startService()
        self.assertIsNone(await self.users.check_password("anna", "secret"))

    async def test_why_it_is_not_open(self) -> None:
        """Who waits hears why it did not open, and may end it all at once."""
        self.service.startService()
        error = await raises(Unavailable, self.users.login("anna"))
        await self.service.stopService()
        self.assertIn("schema is missing", str(error))

    async def test_fails_unexpectedly(self) -> None:
        """Where it fails in a way that nobody thought of, who waits is told at once that it is not open."""
        self.service.settings = replace(self.service.settings, database="mysql://host/x")
        self.service.startService()
        await raises(Unavailable, self.users.login("anna"))
        self.assertTrue(self.flushLoggedErrors())

    async def test_leaves_early(self) -> None:
        """Who waits for it may go; others are not kept from it."""
        await self.init()
        self.service.startService()
        gone, stays = (Deferred.fromCoroutine(self.users.login("anna")) for _ in range(2))
        gone.addErrback(lambda reason: reason.trap(CancelledError))
        gone.cancel()
        self.assertIsNone(await stays)

    async def test_measured(self) -> None:
        """What Prometheus is told of shards and files is there once the store is open, and before that nothing."""
        self.service.startService()
        registry = CollectorRegistry()
        registry.register(self.service)
        self.assertEqual(generate_latest(registry), b"")
        await self.init()
        for _ in range(200):
            text = generate_latest(registry).decode()
            if "gw_zerostor_used_bytes" in text:
                break
            await deferLater(reactor, 0.05)
        for number in "123":
            self.assertIn(f'gw_shard_up{{shard="{number}"}} 1.0\n', text)
        for line in ("used_bytes 0.0", "degraded_chunks 0.0", "repairs_waiting 0.0", "repairs_total 0.0"):
            self.assertIn(f"gw_zerostor_{line}\n", text)

    async def test_duties(self) -> None:
        """What one gateway does for all another one leaves to it, but mends what its own readers have noticed."""
        await self.init()
        self.service.startService()
        opened = await self.service.ready()
        done: list[str] = []

        def noting(what: str, **wanted: Any) -> Any:
            async def note(*_: Any, **given: Any) -> None:
                self.assertLessEqual(wanted.items(), given.items())
                done.append(what)

            return note

        opened.sweeper.sweep = noting("swept")  # type: ignore[method-assign]
        opened.scrubber.scrub = noting("scrubbed", cautious=True)  # type: ignore[method-assign]
        opened.mender.mend_noticed = noting("mended")  # type: ignore[method-assign]
        other = Duties(opened.metadata._database, 60.0)
        gate: Deferred[None] = Deferred()
        sweeping = Deferred.fromCoroutine(other.perform("sweep", lambda: gate))
        await self.service._sweep()
        self.assertEqual(done, ["mended"])
        gate.callback(None)
        await sweeping
        await self.service._sweep()
        self.assertEqual(done, ["mended", "swept"])
        for _ in range(2):
            await self.service._scrub_if_due()
        self.assertEqual(done, ["mended", "swept", "scrubbed"])

    async def test_stops_in_time(self) -> None:
        """It can be stopped while it still waits."""
        self.service.startService()
        await deferLater(reactor, 0.02)
        await self.service.stopService()
        await raises(Unavailable, self.users.login("anna"))
