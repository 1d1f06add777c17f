"""
A gateway that does one thing and is killed at a step of it: ``python -m tests.functional.zerostep FOLDER ACCOUNT
OPERATION STEP``.  Steps are those of `tests.storage.zerostor.gateways`; it says how many there were if it lives on.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import event
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred

from swftp.entries import Attributes
from swftp.paths import resolve
from swftp.services import Threads
from swftp.storage.zerostor.driver import ZeroStorage
from swftp.storage.zerostor.opening import Opened, Settings
from swftp.storage.zerostor.shared import Options
from tests.storage.bytes import Source

OLD, NEW = b"old" * 50_000, b"new" * 60_000
CHUNK = 100_000


def settings_of(folder: Path) -> Settings:
    """Of a place in *folder*."""
    return Settings(
        database=f"sqlite:///{folder / 'db'}",
        shards=tuple(f"file://{folder / f'shard-{number}'}" for number in (1, 2, 3)),
        master_key=folder / "master.key",
        options=Options(chunk_size=CHUNK),
    )


class Killing:
    """Counts steps, and ends the process before one of them."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.steps = 0

    def step(self) -> None:
        """One more."""
        if self.left == self.steps:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps += 1

    def watch(self, opened: Opened) -> None:
        """Have what changes the database or a shard be steps."""
        engine = opened.metadata._database.engine
        event.listen(engine, "commit", lambda connection: self.step())
        really = engine.dialect.do_commit

        def commit(connection: Any) -> None:
            really(connection)
            self.step()

        engine.dialect.do_commit = commit  # type: ignore[method-assign]
        for number, info in opened.shards.items():
            opened.shards[number] = replace(info, shard=_Shard(info.shard, self))


class _Shard:
    """A shard whose changes are steps."""

    def __init__(self, shard: Any, killing: Killing) -> None:
        self._shard, self._killing = shard, killing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shard, name)

    async def put(self, *arguments: Any) -> None:
        """A step before it, one after it."""
        self._killing.step()
        await self._shard.put(*arguments)
        self._killing.step()


async def operate(storage: ZeroStorage, operation: str) -> None:
    """Do it."""
    path, nothing = resolve("/f"), Attributes()
    if operation == "put":
        await storage.store(resolve("/new"), Source(NEW), nothing)
    elif operation == "overwrite":
        await storage.store(path, Source(NEW), nothing)
    elif operation == "append":
        entry = await storage.stat(path)
        parts = [*await storage.adopt(path, entry), await storage.stage(path, Source(NEW))]
        await storage.publish(path, parts, nothing, onto=entry)
    elif operation == "copy":
        await storage.copy(path, resolve("/new"))
    elif operation == "remove":
        await storage.remove(path)
    else:
        await storage.rename(path, resolve("/g"))


async def _main(folder: str, account: str, operation: str, step: str) -> None:
    reactor: Any = the_reactor
    threads = Threads("test", 2, reactor)
    threads.startService()
    opened = Opened(settings_of(Path(folder)), reactor, time.time, threads.run)
    await opened.start()
    killing = Killing(int(step))
    killing.watch(opened)
    await operate(ZeroStorage(opened.store, UUID(account)), operation)
    print(killing.steps, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Never ends well."""
    reactor: Any = the_reactor

    def failed(failure: Any) -> None:
        failure.printTraceback(file=sys.stderr)
        reactor.stop()

    Deferred.fromCoroutine(_main(*sys.argv[1:])).addErrback(failed)
    reactor.run()


if __name__ == "__main__":
    main()
