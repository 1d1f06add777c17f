"""A gateway is killed, by SIGKILL, at steps of what it does: see `tests.functional.zerostep`."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys

from twisted.internet.threads import deferToThread

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from tests.functional.zerostep import NEW, OLD
from tests.storage.bytes import Source, fetched
from tests.storage.zerostor.places import ZeroCase

LONG = 1e5
"""Seconds after which every lease, grace period and linger is over."""
AFTERWARDS: dict[str, dict[str, bytes]] = {
    "put": {"/f": OLD, "/new": NEW},
    "overwrite": {"/f": NEW},
    "append": {"/f": OLD + NEW},
    "copy": {"/f": OLD, "/new": OLD},
    "remove": {},
    "rename": {"/g": OLD},
}
NAMES = ("/f", "/g", "/new")


class KilledTests(ZeroCase):
    """On SQLite and directories; every step there is, in memory: `tests.storage.zerostor.test_steps`."""

    timeout = 120.0

    async def child(self, operation: str, step: int) -> int:
        """How many steps it took before it was killed."""
        module = "tests.functional.zerostep"
        argv = [sys.executable, "-m", module, str(self.folder), str(self.account), operation, str(step)]
        done = await deferToThread(subprocess.run, argv, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (-signal.SIGKILL, ""))
        return int(done.stdout or step)

    async def begin(self) -> None:
        """Only one file is there."""
        storage = self.storage()
        for name in NAMES:
            with contextlib.suppress(errors.NotFound):
                await storage.remove(resolve(name))
        await storage.store(resolve("/f"), Source(OLD), Attributes())

    async def seen(self) -> dict[str, bytes]:
        """What is there for a gateway that remembers nothing, after a sweep that leaves nothing else."""
        for _ in range(3):
            self.ahead += LONG
            await self.opened.metadata.journal.renew()
            await self.opened.sweeper.sweep()
        self.assertEqual(self.on_shards() ^ await self.in_database(), set())
        self.assertEqual(await self.opened.metadata.check(), [])
        found = {}
        fresh = await self.another()
        for name in NAMES:
            with contextlib.suppress(errors.NotFound):
                found[name] = await fetched(self.storage(fresh), resolve(name))
        return found

    async def test_steps(self) -> None:
        """Right before the COMMIT, and anywhere before that, all is as it was; right after it, all is done."""
        for operation, expected in AFTERWARDS.items():
            await self.begin()
            count = await self.child(operation, 1000)
            self.assertEqual(await self.seen(), expected, operation)
            middle = [(count // 2, {"/f": OLD})] if operation == "put" else []
            for step, seen in (*middle, (count - 2, {"/f": OLD}), (count - 1, expected)):
                await self.begin()
                self.assertEqual(await self.child(operation, step), step)
                self.assertEqual(await self.seen(), seen, (operation, step))
