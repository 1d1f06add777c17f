"""
Sweeping by the way: while somebody is logged in, what dead gateways left in his account is looked for, slowly.

The law: it is done with the right of a login, so it ends with that; and it takes no more than a moment of the store's
time now and then.  It goes on where it ended with the next login to the account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from swftp.errors import StorageError
from swftp.storage.swift.janitor import Rest

DELAY = 60.0
"""Seconds from a login to its first look: who comes for one file pays for nothing."""
REST = 1.0
"""Seconds before each look at an upload that may be abandoned."""

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeping:
    """Durations in seconds."""

    sweep_every: float = 86400.0
    """Between two sweeps of a container; 0: never."""
    sweep_age: float = 604800.0
    """Since the last segment of an upload, after which it is taken for abandoned."""


class ISweeps(Protocol):
    """A store that can be swept."""

    async def account(self) -> str:
        """Names the account."""

    async def swept_containers(self) -> list[str]:
        """The containers in which large objects are, or were."""

    async def sweep(self, container: str, age: float, after: str = "", rest: Rest | None = None) -> int:
        """See `swftp.storage.swift.features.ComposingStorage`."""


@dataclass(slots=True)
class _Progress:
    """With one container."""

    due: float = 0.0
    """When it is to be looked at again."""
    after: str = ""
    """The last upload that was dealt with."""
    at: str = ""
    """The one that is being dealt with."""
    busy: bool = False


class Housekeeping:
    """One a process: what was swept, and when."""

    def __init__(self, clock: IReactorTime, settings: Sweeping) -> None:
        self.clock = clock
        self.every, self.age = settings.sweep_every, settings.sweep_age
        self._progress: dict[tuple[str, str], _Progress] = {}

    def visit(self, storage: object) -> Visit | None:
        """The account of *storage* is there to be swept, until `Visit.stop`; None: it never is."""
        return Visit(self, storage) if self.every and hasattr(storage, "sweep") else None

    async def sweep(self, storage: ISweeps) -> None:
        """Look through the account, as far as it is due."""
        now = self.clock.seconds()
        self._progress = {of: one for of, one in self._progress.items() if one.busy or one.after or one.due > now}
        account = await storage.account()
        for container in await storage.swept_containers():
            progress = self._progress.setdefault((account, container), _Progress())
            if progress.busy or self.clock.seconds() < progress.due:
                continue
            progress.busy = True
            try:
                await self._sweep(storage, container, progress)
            finally:
                progress.busy = False

    async def _sweep(self, storage: ISweeps, container: str, progress: _Progress) -> None:
        async def rest(upload: str) -> None:
            progress.after, progress.at = progress.at, upload
            await deferLater(self.clock, REST)

        progress.at = progress.after
        await storage.sweep(container, self.age, progress.after, rest)
        progress.due, progress.after, progress.at = self.clock.seconds() + self.every, "", ""


class Visit:
    """One login's."""

    def __init__(self, keeping: Housekeeping, storage: object) -> None:
        self._keeping = keeping
        self._storage: ISweeps = storage  # type: ignore[assignment]
        self._running: Deferred[None] | None = None
        self._over = False
        delay = min(DELAY, keeping.every)
        self._call: IDelayedCall | None = keeping.clock.callLater(delay, self._begin)

    def _begin(self) -> None:
        self._call = None
        self._running = Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        try:
            await self._keeping.sweep(self._storage)
        except CancelledError:
            return
        except StorageError as error:  # who may not list the account cannot sweep it
            log.info("account is not swept: {error}", event="not_swept", error=str(error))
        except Exception:
            log.failure("sweeping failed", event="not_swept")
        if not self._over:
            self._call = self._keeping.clock.callLater(self._keeping.every, self._begin)

    def stop(self) -> None:
        """The login ends."""
        self._over = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        elif self._running is not None:
            self._running.cancel()
