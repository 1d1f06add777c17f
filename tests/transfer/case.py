"""What most tests here begin with: a store in memory, a clock that stands still, and the means of one session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import lru_cache
from random import Random
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from swftp.entries import Attributes, Entry
from swftp.interfaces import IComposes, IStorage
from swftp.paths import Path, resolve
from swftp.storage.memory import MemoryStorage
from swftp.transfer.budget import Budget, Group
from swftp.transfer.engine import Engine, TransferLimits
from swftp.transfer.target import Target
from swftp.transfer.upload import Upload

T = TypeVar("T")
KIB, MIB = 1 << 10, 1 << 20
FILE = resolve("/box/file")
START = 1_700_000_000.0


@implementer(IStorage)
class PlainStorage:
    """A store that cannot put objects together."""

    def __init__(self, inner: MemoryStorage) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        if name in IStorage:
            return getattr(self.inner, name)
        raise AttributeError(name)


def pattern(length: int, seed: int = 0) -> bytes:
    """*length* bytes in which any shift shows."""
    return _long(length, seed) if length > 65_521 else Random(seed).randbytes(length)


@lru_cache(16)
def _long(length: int, seed: int) -> bytes:
    unit = Random(seed).randbytes(65_521)  # a prime: no two blocks of a file are the same
    return (unit * (length // len(unit) + 1))[:length]


class TransferCase(SynchronousTestCase):
    """
    A store, `self.storage`, whose requests are in `self.requests`, and how to run coroutines.

    :cvar segment_size: bytes of a part.
    """

    segment_size = 64 * KIB
    memory = 64 * MIB
    latency = 0.0

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.requests: list[str] = []
        self.refusals: dict[str, list[BaseException]] = {}
        self.storage = MemoryStorage(self.clock, self.latency)
        self.storage["/box/other"] = b"other"
        self.storage.hook = self._requested
        self.failures: list[Failure] = []
        self.budget = Budget(self.memory, self.clock)
        self.groups: list[Group] = []

    def _requested(self, verb: str, path: Path) -> Awaitable[object] | None:
        self.requests.append(verb)
        errors = self.refusals.get(verb)
        if errors:
            raise errors.pop(0)
        return None

    def background(self, work: Coroutine[Any, Any, object]) -> None:
        """As a session does it."""
        Deferred.fromCoroutine(work).addErrback(self.failures.append)

    def engine(self, storage: Any = None, group: int | None = None, **limits: Any) -> Engine:
        """The means of one session; *limits* are those of `TransferLimits`."""
        storage = self.storage if storage is None else storage
        self.groups.append(Group(group or self.memory))
        return Engine(
            storage=storage,
            composes=IComposes(storage, None),
            budget=self.budget,
            group=self.groups[-1],
            clock=self.clock,
            wall=self.clock.seconds,
            offload=maybeDeferred,
            limits=TransferLimits(**{"segment_size": self.segment_size, "reorder_window": 64 * KIB, **limits}),
            background=self.background,
        )

    def upload(self, engine: Engine | None = None, path: Path = FILE, **target: Any) -> Upload:
        """A file open for writing."""
        ready = target.pop("ready", lambda: None)
        attributes = target.pop("attributes", Attributes())
        return Upload(engine or self.engine(), Target(path=path, **target), attributes, ready=ready)

    def stands(self, data: bytes, path: Path = FILE) -> Entry:
        """Put an object there, and say what it is."""
        self.storage[str(path)] = data
        entry = self.run_through(self.storage.stat(path))
        self.requests.clear()
        return entry

    def start(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        """*work*, running."""
        return Deferred.fromCoroutine(work)

    def settle(self, until: Callable[[], bool], seconds: float = 600.0) -> None:
        """Let time pass until *until* says so."""
        for _ in range(int(seconds * 4)):
            if until():
                return
            self.clock.advance(0.25)
        self.fail("it never happened")

    def run_through(self, work: Coroutine[Any, Any, T]) -> T:
        """What *work* comes to, however long it takes."""
        running = self.start(work)
        self.settle(lambda: running.called)
        return self.successResultOf(running)

    def run_into(self, kind: type[Exception], work: Coroutine[Any, Any, Any]) -> Exception:
        """The error of *kind* that *work* comes to."""
        running = self.start(work)
        self.settle(lambda: running.called)
        found = self.failureResultOf(running, kind).value
        assert isinstance(found, kind)
        return found

    def read_through(self, file: Any, offset: int, length: int) -> bytes:
        """What *file* gives, as soon as it does."""
        found: list[bytes] = []

        def ask() -> bool:
            data = file.read(offset, length)
            if data is not None:
                found.append(bytes(data))
            return data is not None

        self.settle(ask)
        return found[0]

    def write_through(self, file: Upload, offset: int, data: bytes) -> None:
        """Write *data* and wait until more may be written."""
        waiting = file.write(offset, [data], len(data))
        if waiting is not None:
            self.settle(lambda: waiting.called)
            self.successResultOf(waiting)

    def tearDown(self) -> None:
        self.assertEqual(self.failures, [])
        for account in (self.budget, *self.groups):
            self.assertEqual((account.used, account.leaving), (0, 0))
        self.assertEqual((self.budget.reserved, self.budget.turns), (0, 0))
        self.assertEqual([group.waiting for group in self.groups if group.waiting], [])
