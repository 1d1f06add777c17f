"""
A gateway dies before any step of any operation: before and after each call that changes a shard, within each
transaction, before and after each COMMIT.  Another one sweeps when the lease has run out; then all is exact.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path as FilePath
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from swftp.entries import Attributes
from swftp.paths import resolve
from tests.storage.bytes import Source
from tests.storage.zerostor.gateways import GRACE, LEASE, Dead, Gateway, World
from tests.storage.zerostor.machine import Names, named_in, walk
from tests.storage.zerostor.meta.case import FAST_DISK, pattern

NOTHING = Attributes()
OLD, NEW = b"old" * 10, b"new" * 8
"""Two chunks each."""
Seen = dict[Names, bytes | None]


async def put(gateway: Gateway) -> None:
    """A new file."""
    await gateway.storage().store(resolve("/new"), Source(NEW), NOTHING)


async def overwrite(gateway: Gateway) -> None:
    """A file that is there."""
    await gateway.storage().store(resolve("/d/f"), Source(NEW), NOTHING)


async def append(gateway: Gateway) -> None:
    """A file that is there."""
    storage, path = gateway.storage(), resolve("/d/f")
    parts = await storage.adopt(path, await storage.stat(path))
    await storage.publish(path, [*parts, await storage.stage(path, Source(NEW))], NOTHING)


async def rename(gateway: Gateway) -> None:
    """A file onto another one."""
    await gateway.storage().rename(resolve("/d/f"), resolve("/g"))


async def rename_tree(gateway: Gateway) -> None:
    """A directory with what is in it."""
    await gateway.storage().rename(resolve("/d"), resolve("/empty/d"))


async def delete(gateway: Gateway) -> None:
    """A file."""
    await gateway.storage().remove(resolve("/d/f"))


async def rmdir(gateway: Gateway) -> None:
    """A directory."""
    await gateway.storage().remove_directory(resolve("/empty"))


async def mend(gateway: Gateway) -> None:
    """All that a shard has lost."""
    await gateway.scrubber.scrub(mend=True)


async def sweep(gateway: Gateway) -> None:
    """What was removed long ago, and what somebody dead has left."""
    await gateway.sweeper.sweep()


AFTERWARDS: dict[Callable[[Gateway], Coroutine[Any, Any, None]], Callable[[Seen], object]] = {
    put: lambda seen: seen.update({("new",): NEW}),
    overwrite: lambda seen: seen.update({("d", "f"): NEW}),
    append: lambda seen: seen.update({("d", "f"): OLD + NEW}),
    rename: lambda seen: seen.update({("g",): seen.pop(("d", "f"))}),
    rename_tree: lambda seen: seen.update({("empty", *path): seen.pop(path) for path in [("d",), ("d", "f")]}),
    delete: lambda seen: seen.pop(("d", "f")),
    rmdir: lambda seen: seen.pop(("empty",)),
    mend: lambda seen: None,
    sweep: lambda seen: None,
}
"""Each operation, and what it makes of what is seen."""


class StepsCase(SynchronousTestCase):
    """A place with a few files, which is copied for each death."""

    def setUp(self) -> None:
        self.folder = FilePath(tempfile.mkdtemp(dir=FAST_DISK if FilePath(FAST_DISK).is_dir() else None))
        self.addCleanup(shutil.rmtree, self.folder)
        self.pattern = self.world("pattern", pattern())
        self.pattern.begin()
        self.pattern.run(self.fill(self.pattern.gateways[0]))

    def world(self, name: str, database: FilePath) -> World:
        """On a copy of *database*."""
        file = self.folder / name
        shutil.copy(database, file)
        world = World(f"sqlite:///{file}")
        self.addCleanup(world.close)
        return world

    async def fill(self, gateway: Gateway) -> None:
        """Files, directories, something dead and something staged; and nobody who is alive."""
        storage, world = gateway.storage(), self.pattern
        for directory in ("/d", "/empty"):
            await storage.make_directory(resolve(directory))
        for name in ("/d/f", "/g", "/dead", "/replaced"):
            await storage.store(resolve(name), Source(OLD + name.encode() if name != "/d/f" else OLD), NOTHING)
        await storage.stage(resolve("/staged"), Source(NEW))
        await storage.remove(resolve("/dead"))
        await storage.store(resolve("/replaced"), Source(NEW), NOTHING)
        world.clock.advance(GRACE + 1)
        world.close()

    def copied(self, name: str) -> tuple[World, Gateway]:
        """The place, and a new gateway."""
        world = self.world(name, self.folder / "pattern")
        world.account = self.pattern.account
        world.clock.advance(self.pattern.clock.seconds())
        for number, shard in self.pattern.shards.items():
            world.shards[number].values.update(shard.values)
        world.written.update(self.pattern.written)
        return world, world.gateway()

    def seen(self, world: World) -> Seen:
        """What is there, for a new gateway, once another one has seen to everything."""
        last = world.gateway()
        for seconds in (LEASE + 5, LEASE + 5, GRACE + 5, 1.0):
            world.clock.advance(seconds)
            world.run(last.metadata.journal.renew())
            world.run(last.sweeper.sweep())
        self.assertEqual(world.run(last.metadata.check()), [])
        self.assertEqual(world.run(named_in(last)) ^ world.stored(), set())
        found: Seen = world.run(walk(last.storage()))
        usage = world.run(last.metadata.namespace(world.account).usage())
        sizes = [len(data) for data in found.values() if data is not None]
        self.assertEqual((usage.used_bytes, usage.used_files), (sum(sizes), len(sizes)))
        return found


class KilledTests(StepsCase):
    """Whatever it was doing, at whatever step."""

    def kill(self, work: Callable[[Gateway], Awaitable[None]], at: int | None) -> tuple[list[str], Seen]:
        """Its steps, and what is seen after a death *at* one of them (None: no death before it was done)."""
        world, gateway = self.copied(f"{at}")
        if work is mend:
            world.shards[1].values.clear()
        gateway.life.dies_at = None if at is None else len(gateway.life.steps) + at
        begun = len(gateway.life.steps)

        async def once() -> None:
            await work(gateway)

        if at is None:
            world.run(once())
        else:
            self.assertRaises(Dead, world.run, once())
        gateway.life.over = True
        if work is mend:
            last = world.gateway()
            world.run(last.scrubber.scrub(mend=True))
            last.life.over = True
        seen = self.seen(world)
        world.close()
        (self.folder / f"{at}").unlink()
        return gateway.life.steps[begun:], seen

    def check(self, work: Callable[[Gateway], Coroutine[Any, Any, None]]) -> None:
        """Before its last COMMIT nothing of it is seen, or it is only looking after things; after that, all is."""
        _, before = self.kill(rmdir, 0)
        expected = dict(before)
        AFTERWARDS[work](expected)
        steps, after = self.kill(work, None)
        self.assertEqual(after, expected)
        commits = [number for number, step in enumerate(steps) if step == "after COMMIT"]
        for number, step in enumerate(steps):
            if _is_statement(step) and number and _is_statement(steps[number - 1]):
                continue  # in the same transaction
            _, seen = self.kill(work, number)
            self.assertIn(seen, (before, expected), (work.__name__, number, step))
            if seen != before:
                self.assertGreaterEqual(number, commits[-1], (work.__name__, number, step))
        self.flushLoggedErrors(Dead)
        self.assertTrue(steps)


def _is_statement(step: str) -> bool:
    return step not in ("before COMMIT", "after COMMIT") and step.split()[1].isupper()


def _test(work: Callable[[Gateway], Coroutine[Any, Any, None]]) -> Callable[[KilledTests], None]:
    def test(self: KilledTests) -> None:
        self.check(work)

    test.__doc__ = f"{work.__name__.capitalize()}: {work.__doc__}"
    return test


for _work in AFTERWARDS:
    setattr(KilledTests, f"test_{_work.__name__}", _test(_work))
