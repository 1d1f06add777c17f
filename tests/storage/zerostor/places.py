"""Real places for tests: a SQLite database and directories that are shards."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from swftp.services import Threads
from swftp.storage.zerostor import setting_up
from swftp.storage.zerostor.chunks import ChunkOptions, Layout
from swftp.storage.zerostor.driver import ZeroStorage
from swftp.storage.zerostor.meta import MetadataOptions
from swftp.storage.zerostor.meta.engine import make_engine
from swftp.storage.zerostor.meta.migrate import upgrade
from swftp.storage.zerostor.opening import Opened, Settings
from swftp.storage.zerostor.shared import Options

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where an fsync costs nothing."""


@functools.cache
def new_database() -> Path:
    """A database with tables and nothing in them: making it takes longer than most tests."""
    path = Path(tempfile.mkdtemp()) / "db"
    atexit.register(shutil.rmtree, path.parent)
    engine = make_engine(f"sqlite:///{path}", 1)
    upgrade(engine)
    engine.dispose()
    return path


class ZeroCase(TestCase):
    """
    A zerostor, `self.opened`, on three directories.

    :cvar chunk_size: bytes.
    :cvar wall: seconds since the epoch.
    """

    chunk_size = 100_000
    layout = Layout(2, 1)
    shard_count = 3
    grace = 3600.0

    def setUp(self) -> Any:
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.folder)
        self.ahead = 0.0
        self.settings = Settings(
            database=f"sqlite:///{self.folder / 'db'}",
            shards=tuple(f"file://{self.folder / f'shard-{n}'}" for n in range(1, self.shard_count + 1)),
            master_key=self.folder / "master.key",
            metadata=MetadataOptions(grace=self.grace),
            chunks=ChunkOptions(layout=self.layout),
            options=Options(chunk_size=self.chunk_size, page_size=3, read_cache=1 << 20),
        )
        reactor: Any = the_reactor
        self.threads = Threads("test", 4, reactor)
        self.threads.startService()
        self.addCleanup(self.threads.stopService)
        shutil.copy(new_database(), self.folder / "db")
        list(setting_up.make_places(self.settings))
        return Deferred.fromCoroutine(self._open())

    def wall(self) -> float:
        """As the machine says, and *ahead* of it."""
        return time.time() + self.ahead

    async def _open(self) -> None:
        await setting_up.register(self.settings, the_reactor)
        self.opened = await self.another()
        self.account = await self.opened.metadata.users.add_account("somebody")

    def copied(self, database: Path) -> Path:
        """A copy of *database*."""
        return Path(shutil.copy(database, self.folder / "copy"))

    async def another(self, database: str = "") -> Opened:
        """One more process, as it were."""
        settings = replace(self.settings, database=database or self.settings.database)
        opened = Opened(settings, the_reactor, self.wall, self.threads.run)
        await opened.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(opened.stop()))
        return opened

    def storage(self, opened: Opened | None = None, account: uuid.UUID | None = None) -> ZeroStorage:
        """What a login gets."""
        return ZeroStorage((opened or self.opened).store, account or self.account)

    def on_shards(self) -> set[tuple[int, str]]:
        """Number of the shard, and name, of every fragment."""
        found = set()
        for number in range(1, self.shard_count + 1):
            for path in (self.folder / f"shard-{number}").rglob("*"):
                if path.is_file() and len(path.name) == 42:
                    found.add((number, path.name))
        return found

    async def in_database(self) -> set[tuple[int, str]]:
        """The same, as the database believes."""
        found = set()
        after = None
        while chunks := await self.opened.metadata.sweep.chunks(after):
            for chunk in chunks:
                found.update((shard, chunk.obj.key(n).hex()) for n, shard in enumerate(chunk.shards) if shard >= 0)
            after = chunks[-1].obj
        return found
