"""Rules of `swftp.storage.zerostor.shards.directory`."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import Corrupt, QuotaExceeded, Unavailable
from swftp.storage.zerostor.shards import Health, Refused, open_shard, prepare
from swftp.storage.zerostor.shards.directory import OVERDUE, translated
from swftp.storage.zerostor.shards.files import FORGOTTEN, HEADER, Files
from tests.storage.zerostor.shards.case import ShardCase, soon
from tests.storage.zerostor.shards.contract import DamageContract, ShardContract


class DirectoryCase(ShardCase):
    """A directory of its own, and threads that are none."""

    def root(self) -> Path:
        """Where the shard of this test is."""
        return Path(self.id().replace("/", "_")).absolute()

    def make_shard(self, offload: Any = maybeDeferred, clock: Clock | None = None) -> Any:
        """The shard."""
        self.addCleanup(shutil.rmtree, self.root(), ignore_errors=True)
        prepare(self.root().as_uri())
        return open_shard(self.root().as_uri(), clock or Clock(), offload)

    def file(self, key: bytes) -> Path:
        """Where *key* is kept."""
        return Path(Files(self.root()).path(key))


class DirectoryContractTests(ShardContract, DamageContract, DirectoryCase):
    """A directory is a shard."""

    def damage(self, key: bytes) -> None:
        """Flip a bit on the disk."""
        with self.file(key).open("r+b") as file:
            file.seek(HEADER.size + 100)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))


class DirectoryTests(DirectoryCase):
    """What only a directory has."""

    def setUp(self) -> None:
        """A shard with one key."""
        self.clock = Clock()
        self.shard = self.make_shard(clock=self.clock)
        self.successResultOf(soon(self.shard.put(b"key", b"value")))

    async def test_outlives_the_process(self) -> None:
        """Another process finds what was put."""
        self.assertEqual(await self.make_shard().get(b"key"), b"value")

    async def test_cut(self) -> None:
        """A file that was cut anywhere, or made longer, is damaged."""
        whole = self.file(b"key").read_bytes()
        for content in [whole[:size] for size in range(len(whole))] + [whole + b"x"]:
            self.file(b"key").write_bytes(content)
            with self.assertRaises(Corrupt):
                await self.shard.get(b"key")
            self.assertIs(await self.shard.check(b"key"), Health.DAMAGED)

    async def test_moved(self) -> None:
        """A file under another's name is damaged: it is not that key's."""
        await self.shard.put(b"other", b"value")
        self.file(b"other").rename(self.file(b"key"))
        self.assertIs(await self.shard.check(b"key"), Health.DAMAGED)

    async def test_not_mounted(self) -> None:
        """An empty directory where a shard was is a shard that is down, not one that has lost all."""
        shutil.rmtree(self.root())
        self.root().mkdir()
        calls = (
            self.shard.get(b"key"),
            self.shard.put(b"key", b"value"),
            self.shard.delete(b"key"),
            self.shard.check(b"key"),
            self.shard.scan(None),
            self.shard.scan(b"7"),
            self.shard.capacity(),
            self.shard.ping(),
        )
        for call in calls:
            with self.assertRaises(Refused):
                await call
        self.assertEqual(list(self.root().iterdir()), [])

    def test_names_are_on_the_disk(self) -> None:
        """Nothing is stored before its name is on the disk, and that of its directory, whoever has made that one."""
        synced: list[str] = []
        others = [b"by another thread"]  # which finds the directory there, when its name may not be on the disk

        def sync(path: str) -> None:
            if others:
                files.write(b"new", others.pop())
                self.assertEqual(synced, [str(folder), str(folder.parent)])
            synced.append(path)

        files = Files(self.root(), sync=sync)
        folder = Path(files.path(b"new")).parent
        self.assertFalse(folder.exists())
        files.write(b"new", b"value")
        self.assertEqual(synced[2], str(folder))
        del synced[:]
        files.write(b"new", b"value")
        self.assertEqual(synced, [str(folder)])

    async def test_no_marker(self) -> None:
        """Nothing is written to what does not say that it is a shard, whatever else is there."""
        (self.root() / "shard").unlink()
        with self.assertRaises(Refused):
            await self.shard.put(b"other", b"value")
        self.assertEqual(os.listdir(self.root() / "tmp"), [])

    async def test_comes_back(self) -> None:
        """A shard that was not there when it was opened is used as soon as it is."""
        shutil.rmtree(self.root())
        shard = open_shard(self.root().as_uri(), Clock(), maybeDeferred)
        with self.assertRaises(Unavailable):
            await shard.ping()
        prepare(self.root().as_uri())
        await shard.ping()

    async def test_nothing_half_written(self) -> None:
        """A write that fails leaves the old file, and no temporary one."""
        with self.assertRaises(TypeError):
            await self.shard.put(b"key", [b"new", 7])
        self.assertEqual(await self.shard.get(b"key"), b"value")
        self.assertEqual(os.listdir(self.root() / "tmp"), [])

    async def test_left_behind(self) -> None:
        """What a killed process was writing goes with a scan, but not what somebody writes now."""
        old, new = (self.root() / "tmp" / name for name in ("old", "new"))
        for path in (old, new):
            path.write_bytes(b"half")
        os.utime(old, (0, old.stat().st_mtime - FORGOTTEN - 60))
        await self.shard.scan(None)
        self.assertEqual(os.listdir(self.root() / "tmp"), ["new"])

    async def test_pages(self) -> None:
        """A scan of many keys comes in pages, and shows each once."""
        keys = [b"%d" % index for index in range(40)]
        for key in keys:
            await self.shard.put(key, b"")
        files, found, cursor, pages = Files(self.root(), 7), [], None, 0
        while True:
            page, cursor = files.page(cursor)
            found += [held.key for held in page]
            pages += 1
            if cursor is None:
                break
        self.assertEqual(sorted(found), sorted([*keys, b"key"]))
        self.assertTrue(41 // 8 <= pages <= 41 // 7 + 1, pages)

    async def test_directories_are_gone(self) -> None:
        """A shard of which somebody removed a directory is not one without keys."""
        shutil.rmtree(self.root() / "tmp")
        with self.assertRaises(Refused):
            await self.shard.put(b"key", b"value")

    async def test_strangers(self) -> None:
        """A scan does not show files that are no keys."""
        (self.file(b"key").parent / "README").write_bytes(b"")
        page, _ = await self.shard.scan(None)
        self.assertEqual([held.key for held in page], [b"key"])

    async def test_hangs(self) -> None:
        """A disk that hangs is an error in time, and no more threads are given to it than a few."""
        threads: list[Deferred[Any]] = []

        def hang(function: Any, *args: Any) -> Deferred[Any]:
            threads.append(Deferred())
            return threads[-1]

        shard = self.make_shard(hang, self.clock)
        for _ in range(OVERDUE):
            call = soon(shard.get(b"key"))
            self.clock.advance(9.9)
            self.assertNoResult(call)
            self.clock.advance(0.2)
            self.failureResultOf(call, Unavailable)
        self.failureResultOf(soon(shard.get(b"key")), Unavailable)
        self.assertEqual(len(threads), OVERDUE)
        threads[0].callback(b"late")
        call = soon(shard.get(b"key"))
        threads[-1].callback(b"value")
        self.assertEqual(self.successResultOf(call), b"value")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_prepare_spares_others(self) -> None:
        """A directory with something in it is not made a shard; one that is a shard stays as it is."""
        prepare(self.root().as_uri())
        self.assertEqual(self.successResultOf(soon(self.shard.get(b"key"))), b"value")
        (self.root() / "shard").unlink()
        (self.root() / "letter").write_bytes(b"mine")
        self.assertRaises(FileExistsError, prepare, self.root().as_uri())


class TranslationTests(SynchronousTestCase):
    """What the system says, in our words."""

    def test_full(self) -> None:
        """A full disk and a used-up quota are the same to who writes."""
        for number in (errno.ENOSPC, errno.EDQUOT):
            self.assertIsInstance(translated(OSError(number, "")), QuotaExceeded)

    def test_others(self) -> None:
        """Whatever else fails is a shard that cannot be used."""
        for number in (errno.ENOENT, errno.EROFS, errno.EACCES):
            self.assertIsInstance(translated(OSError(number, "")), Refused)
        self.assertIsInstance(translated(OSError(errno.EIO, "")), Unavailable)
        self.assertIsInstance(translated(OSError("odd")), Unavailable)
