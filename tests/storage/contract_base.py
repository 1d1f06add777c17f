"""How the rules of the contract are run, and short ways to say things in them."""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SkipTest, TestCase
from zope.interface import Interface

from swftp import errors
from swftp.entries import Attributes, Entry
from swftp.paths import Path
from tests.storage.bytes import Source, fetched, raises

NOTHING = Attributes()


def rule(test: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Any]:
    """Let a coroutine be a test, on whatever makes time pass for its class."""

    @functools.wraps(test)
    def run(self: Any) -> Any:
        return self.carry_out(test(self))

    return run


class ContractBase:
    """A store, a container of its own for each test, and short ways to say things."""

    clock: Clock | None = None
    storage: Any
    implied = False
    """Whether a directory exists by its children alone, and needs not be made before them."""

    async def make_storage(self) -> Any:
        """The store to test."""
        raise NotImplementedError

    def carry_out(self, test: Awaitable[None]) -> Any:
        """Run one test to its end."""
        d: Deferred[None] = Deferred.fromCoroutine(self._prepared(test))
        if isinstance(self, TestCase):
            return d
        for _ in range(100_000):
            if d.called or self.clock is None:
                break
            self.clock.advance(1.0)
        return self.successResultOf(d)  # type: ignore[attr-defined]

    async def _prepared(self, test: Awaitable[None]) -> None:
        self.storage = await self.make_storage()
        self.box = Path((f"box-{uuid.uuid4().hex[:12]}",))
        await self.storage.make_directory(self.box)
        await test

    def need(self, interface: type[Interface]) -> None:
        """Leave out a test of what only some stores can."""
        if not interface.providedBy(self.storage):
            raise SkipTest(f"{type(self.storage).__name__} does not provide {interface.__name__}")

    def at(self, *names: str) -> Path:
        """A path in this test's container."""
        return self.box.join(Path(names))

    async def place(self, path: Path) -> Path:
        """*path*, where its directory is there, or need not be, for it to be stored."""
        if not self.implied and not path.parent.is_root:
            await self.place(path.parent)
            with contextlib.suppress(errors.AlreadyExists):
                await self.storage.make_directory(path.parent)
        return path

    async def put(self, path: Path, data: bytes = b"x", **kwargs: Any) -> Entry:
        """Store *data*, with the directories it needs below this test's."""
        if self.box.covers(path.parent):
            await self.place(path)
        entry: Entry = await self.storage.store(path, Source(data), NOTHING, **kwargs)
        return entry

    async def listed(self, path: Path) -> list[Entry]:
        """All entries of *path*, over all pages."""
        found: list[Entry] = []
        after = None
        while True:
            page = await self.storage.list(path, after)
            found += page.entries
            after = page.after
            if after is None:
                return found

    async def names(self, path: Path) -> list[str]:
        """Names of all entries of *path*, in bytewise order."""
        return sorted([entry.name for entry in await self.listed(path)], key=str.encode)

    async def missing(self, path: Path) -> None:
        """Nothing stands at *path*."""
        await raises(errors.NotFound, self.storage.stat(path))

    async def content(self, path: Path) -> bytes:
        """What is stored at *path*."""
        return await fetched(self.storage, path)

    async def a_moment(self) -> None:
        """Let the store do what it wants to do."""
        if isinstance(self, TestCase):
            await deferLater(reactor, 0.02)
        elif self.clock is not None:
            await deferLater(self.clock, 1.0)
