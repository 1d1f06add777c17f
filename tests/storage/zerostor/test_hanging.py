"""Rules of a disk that hangs beside disks that do not."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import DeferredList, ensureDeferred

from swftp.storage.zerostor.shards.directory import OVERDUE
from swftp.storage.zerostor.shards.files import Files
from tests.storage.zerostor.places import ZeroCase


def let_go(pipe: Path) -> None:
    """Whoever waits for somebody to write to *pipe* goes on, and nobody waits for it again."""
    writer = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    pipe.unlink()
    os.close(writer)


class HangingDiskTests(ZeroCase):
    """A file on one of the disks is a pipe: to open it waits for somebody who never comes."""

    timeout = 8.0
    """Less than the time that a call to a shard has."""

    async def test_takes_no_thread_from_others(self) -> None:
        """However many calls hang in one disk, the others are used, and chunks are made."""
        pipe = Path(Files(self.folder / "shard-1").path(b"pipe"))
        pipe.parent.mkdir()
        os.mkfifo(pipe)
        shards = {number: info.shard for number, info in self.opened.shards.items()}
        calls = DeferredList([ensureDeferred(shards[1].get(b"pipe")) for _ in range(4 * OVERDUE)], consumeErrors=True)
        try:
            await shards[2].put(b"key", b"value")
            self.assertEqual(await shards[2].get(b"key"), b"value")
            self.assertEqual(await self.threads.run(lambda: 7), 7)
            self.assertFalse(calls.called)
        finally:
            let_go(pipe)
            await calls
