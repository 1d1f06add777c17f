"""What is done without anybody waiting for it: no failure is lost, and whoever stops the server can wait."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from swftp import errors

log = Logger()


class Background:
    """Of one session or store."""

    def __init__(self) -> None:
        self._running: set[Deferred[Any]] = set()

    def __bool__(self) -> bool:
        return bool(self._running)

    def run(self, work: Coroutine[Any, Any, object]) -> None:
        """Run *work*; how it fails is logged."""
        running: Deferred[Any] = Deferred.fromCoroutine(work).addErrback(_log_failure)
        if not running.called:
            self._running.add(running)
            running.addBoth(lambda _: self._running.discard(running))

    def run_behind(self, work: Coroutine[Any, Any, object]) -> None:
        """As `run`, when all that runs now is over."""
        before = DeferredList(list(self._running))

        async def behind() -> None:
            await before
            await work

        self.run(behind())

    async def settle(self) -> None:
        """Wait until nothing runs."""
        while self._running:
            await DeferredList(list(self._running))


def _log_failure(failure: Failure) -> None:
    if not isinstance(failure.value, CancelledError | errors.Interrupted):
        log.failure("background work failed", failure)
