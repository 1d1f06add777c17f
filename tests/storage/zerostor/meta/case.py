"""
A database that is there for one test, with time that the test holds.

What blocks is carried out at once, in the test's own thread.  After each test the database is asked for what should
never be: see `Metadata.check`.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from argon2 import PasswordHasher
from sqlalchemy import Engine
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp.storage.zerostor.meta import Metadata, MetadataOptions, Namespace, Node, migrate
from swftp.storage.zerostor.meta.engine import make_engine
from swftp.storage.zerostor.values import Chunk, New

T = TypeVar("T")
EPOCH = 1_700_000_000.0
"""Wall clock of a test that just began."""
CONNECTIONS = 4
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
FAST_DISK = "/dev/shm"
"""Where SQLite's fsync costs nothing; what is proved here is not that of the disk."""


class AtOnce:
    """Workers that are not threads."""

    def read(self, work: Callable[[], T]) -> Deferred[T]:
        """Carry it out."""
        return execute(work)

    write = read

    async def stop(self) -> None:
        """Nothing is under way."""


@functools.cache
def pattern() -> Path:
    """An empty database of SQLite, to be copied."""
    folder = tempfile.mkdtemp(prefix="zerostor-meta-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = Path(folder) / "pattern.db"
    engine = make_engine(f"sqlite:///{file}", 1)
    migrate.upgrade(engine)
    engine.dispose()
    return file


def sqlite_url(case: SynchronousTestCase) -> str:
    """Of an empty database with the schema, for as long as *case* runs."""
    folder = tempfile.mkdtemp(prefix="zerostor-meta-", dir=FAST_DISK if Path(FAST_DISK).is_dir() else None)
    case.addCleanup(shutil.rmtree, folder)
    shutil.copy(pattern(), Path(folder) / "meta.db")
    return f"sqlite:///{folder}/meta.db"


class MetaCase(SynchronousTestCase):
    """One account in one database."""

    def url(self) -> str:
        """Of an empty database with the schema."""
        return sqlite_url(self)

    def setUp(self) -> None:
        """Make the account."""
        self.clock = Clock()
        self.database_url = self.url()
        self.metadata = self.open()
        self.account = self.run_(self.metadata.users.add_account("alice"))
        self.key = self.run_(self.metadata.keys.add_key(self.account, b"wrapped")).id
        self.names: Namespace = self.metadata.namespace(self.account)
        self.addCleanup(self.judge)

    def judge(self) -> None:
        """Nothing that should never be is."""
        self.assertEqual(self.run_(self.metadata.check()), [])

    def wall(self) -> float:
        """Seconds since the epoch."""
        return EPOCH + self.clock.seconds()

    def open(self, **options: Any) -> Metadata:
        """Another gateway."""
        engine = make_engine(self.database_url, CONNECTIONS)
        self.addCleanup(engine.dispose)
        return self.started(engine, **options)

    def started(self, engine: Engine, **options: Any) -> Metadata:
        """A gateway on *engine*."""
        made = MetadataOptions(**options)
        metadata = Metadata(
            engine, AtOnce(), self.clock, made, wall=self.wall, random=Random(0), hasher=CHEAP, name="test"
        )
        self.run_(metadata.start())
        return metadata

    def run_(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What it gives, however long it waits on the clock."""
        results: list[Any] = []
        Deferred.fromCoroutine(coroutine).addBoth(results.append)
        for _ in range(10_000):
            if results:
                break
            self.clock.advance(0.1)
        [result] = results
        if isinstance(result, Failure):
            result.raiseException()
        return result  # type: ignore[no-any-return]

    def refused(self, error: type[Exception], coroutine: Coroutine[Any, Any, Any]) -> None:
        """It raises *error*."""
        with self.assertRaises(error):
            self.run_(coroutine)

    # -- short ways to say things ----------------------------------------------------------------------------------

    def chunk(self, size: int = 100, metadata: Metadata | None = None) -> Chunk:
        """A chunk that is on shards 1 and 2."""
        [obj] = self.run_((metadata or self.metadata).journal.allocate(1))
        return Chunk(obj, size, size + 28, "copy:2", self.key, (1, 2), bytes(32))

    def put(self, path: str, size: int = 100, **options: Any) -> Node:
        """Commit a file of one chunk."""
        chunk = self.chunk(size)
        return self.commit(path, [New(chunk, 0, size)], **options)

    def commit(self, path: str, pieces: Sequence[Any], **options: Any) -> Node:
        """Commit *pieces*."""
        options = {"md5": None, "mtime_ns": 1, **options}
        return self.run_(self.names.commit(path.split("/"), pieces, **options))

    def mkdir(self, path: str) -> Node:
        """Make a directory."""
        return self.run_(self.names.make_directory(path.split("/")))

    def look(self, path: str) -> Node:
        """Look a name up."""
        return self.run_(self.names.lookup(path.split("/") if path else []))

    def listed(self, path: str = "", limit: int = 1000) -> list[str]:
        """The names in a directory."""
        found: list[str] = []
        after = None
        while True:
            page = self.run_(self.names.children(path.split("/") if path else [], after, limit))
            found += [node.name for node in page.nodes]
            if not page.more:
                return found
            after = found[-1]

    def used(self) -> tuple[int, int]:
        """Bytes and files that the account holds."""
        usage = self.run_(self.names.usage())
        return usage.used_bytes, usage.used_files

    def layout(self, content: UUID | None) -> list[tuple[int, int, int, int]]:
        """Position, number of the object, skip and length of each extent."""
        assert content is not None
        found = self.run_(self.names.extents(content))
        return [(e.position, e.chunk.obj.seq, e.skip, e.length) for e in found]
