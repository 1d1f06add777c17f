"""Rules of ``swftp zerostor init``: what it makes, and what it leaves alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, gatherResults

from swftp.entries import Attributes
from swftp.errors import Unavailable, Unsupported
from swftp.paths import resolve
from swftp.storage.zerostor import setting_up
from swftp.storage.zerostor.chunks import UnusableMasterKey, masterkey
from swftp.storage.zerostor.opening import Opened
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

    def test_closed_to_others(self) -> None:
        """A database that SQLite itself has made, as the umask let it, is closed to others by init."""
        file = self.folder / "open"
        file.touch()
        file.chmod(0o664)
        self.settings = replace(self.settings, database=f"sqlite:///{file}")
        self.init()
        self.assertEqual(file.stat().st_mode & 0o777, 0o660)

    def test_of_a_later_version(self) -> None:
        """A database that only a later version knows is left alone, and that is said."""
        file = self.folder / "later"
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            connection.execute("INSERT INTO alembic_version VALUES ('9999')")
        self.settings = replace(self.settings, database=f"sqlite:///{file}")
        self.assertIn("9999", str(self.assertRaises(Unsupported, self.init)))

    def test_why_not(self) -> None:
        """What the database says of why it cannot be set up is told."""
        file = self.folder / "text"
        file.write_text("no database " * 100)
        self.settings = replace(self.settings, database=f"sqlite:///{file}")
        self.assertIn("file is not a database", str(self.assertRaises(Unavailable, self.init)))

    async def test_no_tables(self) -> None:
        """Where nothing was set up, that is what is said, and there is nothing to take back."""
        settings = replace(self.settings, database=f"sqlite:///{self.folder / 'empty'}")
        opened = Opened(settings, the_reactor, self.wall, self.threads.run)
        error = await raises(Unsupported, opened.start())
        await opened.stop()
        self.assertIn("swftp zerostor init", str(error))

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
