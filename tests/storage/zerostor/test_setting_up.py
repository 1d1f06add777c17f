"""Rules of ``swftp zerostor init``: what it makes, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred, gatherResults

from swftp.entries import Attributes
from swftp.errors import Unavailable
from swftp.paths import resolve
from swftp.storage.zerostor import setting_up
from swftp.storage.zerostor.chunks import UnusableMasterKey, masterkey
from tests.storage.bytes import Source, fetched, raises
from tests.storage.zerostor.places import ZeroCase


class InitTests(ZeroCase):
    """On places that are there, and on new ones."""

    def init(self) -> list[str]:
        """Carry it out."""
        return list(setting_up.make_places(self.settings))

    def test_private(self) -> None:
        """Nobody else may read the key, or a database of SQLite, which has the hashes of passwords."""
        folder = self.folder / "new"
        self.settings = replace(self.settings, database=f"sqlite:///{folder / 'db'}", master_key=self.folder / "k")
        self.init()
        for file in (folder / "db", self.folder / "k"):
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)

    async def test_again(self) -> None:
        """On a store that is there it changes nothing."""
        await self.storage().store(resolve("/f"), Source(b"x"), Attributes())
        key = self.settings.master_key.read_bytes()
        self.init()
        self.assertEqual(self.settings.master_key.read_bytes(), key)
        self.assertEqual(await fetched(self.storage(), resolve("/f")), b"x")

    async def test_key_of_another_database(self) -> None:
        """A store whose master key is not there, or is another one, is not given a second one."""
        await self.storage().store(resolve("/f"), Source(b"x"), Attributes())
        key = self.settings.master_key
        kept = key.rename(self.folder / "kept")
        self.assertRaises(UnusableMasterKey, self.init)
        self.assertFalse(key.exists())
        masterkey.create(key)
        self.assertRaises(UnusableMasterKey, self.init)
        kept.rename(key)
        self.init()

    async def test_ended(self) -> None:
        """Who comes when it has ended is told so, and does not wait for good; to end it again does nothing."""
        storage = self.storage()
        await storage.store(resolve("/f"), Source(b"x"), Attributes())
        await gatherResults([Deferred.fromCoroutine(self.opened.stop()) for _ in range(2)], consumeErrors=True)
        await self.opened.stop()
        for late in (
            storage.stat(resolve("/g")),
            storage.store(resolve("/g"), Source(b"y"), Attributes()),
            storage.rename(resolve("/f"), resolve("/g")),
        ):
            await raises(Unavailable, late)
