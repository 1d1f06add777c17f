"""What tests of commands without a connection begin with: a store, a session, a context that nobody listens to."""

from __future__ import annotations

from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.ftp.context import Context
from swftp.ftp.settings import Settings
from swftp.storage.memory import MemoryStorage
from tests.sftp.case import NOW, make_session

T = TypeVar("T")


class ContextCase(SynchronousTestCase):
    """``self.context`` is logged in over ``self.storage``."""

    def setUp(self) -> None:
        """Log in."""
        self.clock = Clock()
        self.clock.advance(NOW)
        self.storage = MemoryStorage(self.clock)
        self.asked: list[str] = []
        self.storage.hook = self._asked
        self.session = make_session(self.storage, self.clock)
        nobody: Any = SimpleNamespace()
        login: Any = SimpleNamespace(session=self.session)
        self.context = Context(control=nobody, settings=Settings(), clock=self.clock, data=nobody, login=login)

    def _asked(self, verb: str, path: object) -> None:
        self.asked.append(f"{verb} {path}")

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What *work* comes to, at once."""
        return self.successResultOf(Deferred.fromCoroutine(work))

    def refused(self, kind: type[Exception], work: Coroutine[Any, Any, Any]) -> Any:
        """*work* fails with *kind*, at once; the error."""
        return self.failureResultOf(Deferred.fromCoroutine(work), kind).value
