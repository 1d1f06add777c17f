"""What most tests here begin with: a store with a few files, a session, a clock that stands still."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.entries import Attributes
from swftp.paths import ROOT, Path, resolve
from swftp.session import Changes, Client, OpenMode, Reader, Session, SessionLimits, Writer
from swftp.storage.memory import MemoryStorage
from swftp.transfer.budget import Budget
from swftp.transfer.engine import TransferLimits

T = TypeVar("T")
KIB, MIB = 1 << 10, 1 << 20
START = 1_700_000_000.0
NEW = OpenMode(create=True, truncate=True)
FILE, OTHER = resolve("/box/file"), resolve("/box/other")


def nothing() -> None:
    """A callback that nobody needs."""


class SessionCase(SynchronousTestCase):
    """
    A session over `self.storage`; what was asked of that is in `self.requests`.

    Requests whose verb is in `self.held` wait until what is there is fired.
    """

    root = ROOT
    limits = SessionLimits(transfer=TransferLimits(segment_size=64 * KIB))

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.storage = MemoryStorage(self.clock)
        self.storage["/box/other"] = b"other"
        self.requests: list[str] = []
        self.held: dict[str, list[Deferred[None]]] = {}
        self.storage.hook = self._requested
        self.budget = Budget(64 * MIB, self.clock)
        self.changes = Changes()
        self.session = self.make_session()

    def make_session(self) -> Session:
        """One more session of the same login."""
        return Session(
            self.storage,
            budget=self.budget,
            clock=self.clock,
            wall=self.clock.seconds,
            offload=maybeDeferred,
            limits=self.limits,
            changes=self.changes,
            root=self.root,
            client=Client(user="tester", peer="192.0.2.1"),
        )

    def _requested(self, verb: str, path: Path) -> Awaitable[object] | None:
        self.requests.append(f"{verb} {path}")
        if verb not in self.held:
            return None
        wait: Deferred[None] = Deferred()
        self.held[verb].append(wait)
        return wait

    def release(self, verb: str) -> None:
        """Let what waits, and what will be asked, go on."""
        for wait in self.held.pop(verb):
            wait.callback(None)

    def start(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        """*work*, running."""
        return Deferred.fromCoroutine(work)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What *work* comes to, at once."""
        return self.successResultOf(self.start(work))

    def refused(self, kind: type[Exception], work: Coroutine[Any, Any, Any]) -> None:
        """*work* fails with *kind*, at once."""
        self.failureResultOf(self.start(work), kind)

    def reader(self, path: Path = FILE) -> Reader:
        """A file open for reading."""
        return self.do(self.session.open_reader(path, nothing))

    def writer(self, path: Path = FILE, mode: OpenMode = NEW, attributes: Attributes | None = None) -> Writer:
        """A file open for writing."""
        return self.do(self.session.open_writer(path, mode, attributes or Attributes(), nothing))

    def put(self, path: Path, data: bytes) -> None:
        """A whole file."""
        writer = self.writer(path)
        writer.write(0, [data], len(data))
        self.do(writer.close())
