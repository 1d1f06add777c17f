"""A user who may use one container of an account, and not look at the account."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet import reactor

from swftp import errors
from swftp.entries import Attributes, Kind
from swftp.paths import Path
from swftp.storage.swift import SwiftClient, open_storage
from tests.functional.swift import swift
from tests.storage.bytes import Source, fetched, raises
from tests.storage.realswift import RealSwiftCase, TempAuth

USERS = ("--user", "test:tester:testing:.admin", "--user", "test:guest:guesting:")


class GuestTests(RealSwiftCase):
    """With read and write access to a container, none, or only to read."""

    def setUp(self) -> None:
        super().setUp()
        self.server = swift(*USERS)
        self.account = self.server.account()
        self.box = self.account.new_container()

    async def guest(self, **headers: str) -> Any:
        """The store as the guest sees it."""
        self.account.connection.post_container(
            self.box, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        access = TempAuth(self.server.url, "test:guest", "guesting")
        storage = await open_storage(SwiftClient(reactor, self.connections, access, wall=time.time))
        self.addCleanup(lambda: self._settled(storage))
        return storage

    async def test_granted(self) -> None:
        """The account cannot be listed, the container can be worked in."""
        storage = await self.guest(X_Container_Read="test:guest", X_Container_Write="test:guest")
        box = Path((self.box,))
        self.assertEqual((await storage.stat(Path())).kind, Kind.DIRECTORY)
        await raises(errors.PermissionDenied, storage.list(Path()))
        self.assertEqual((await storage.stat(box)).kind, Kind.DIRECTORY)
        await storage.make_directory(box.child("d"))
        await storage.store(box.child("f"), Source(b"data"), Attributes())
        await storage.update(box.child("f"), Attributes(mtime=1.0))
        await storage.rename(box.child("f"), box.child("g"))
        self.assertEqual([entry.name for entry in (await storage.list(box)).entries], ["d", "g"])
        self.assertEqual(await fetched(storage, box.child("g")), b"data")
        await storage.remove(box.child("g"))
        await storage.remove_directory(box.child("d"))
        await raises(errors.PermissionDenied, storage.make_directory(Path(("another",))))

    async def test_large(self) -> None:
        """Large files work once the owner's segments container is there, which gets the same access."""
        storage = await self.guest(X_Container_Read="test:guest", X_Container_Write="test:guest")
        path = Path((self.box, "f"))
        await raises(errors.PermissionDenied, storage.stage(path, Source(b"data")))
        access = TempAuth(self.server.url)
        owner: Any = await open_storage(SwiftClient(reactor, self.connections, access, wall=time.time))
        await owner.discard([await owner.stage(path, Source(b"data"))])
        await storage.publish(path, [await storage.stage(path, Source(b"data"))], Attributes())
        self.assertEqual(await fetched(storage, path), b"data")
        await storage.remove(path)
        await storage.settle()
        self.assertEqual(self.account.names(f"{self.box}_segments"), [])

    async def test_read_only(self) -> None:
        """Who may only read is refused all else."""
        storage = await self.guest(X_Container_Read="test:guest")
        self.account.put(self.box, "f", b"data")
        path = Path((self.box, "f"))
        self.assertEqual(await fetched(storage, path), b"data")
        await raises(errors.PermissionDenied, storage.store(path, Source(b"new"), Attributes()))
        await raises(errors.PermissionDenied, storage.remove(path))
        await raises(errors.PermissionDenied, storage.rename(path, Path((self.box, "g"))))
        await raises(errors.PermissionDenied, storage.update(path, Attributes(mtime=1.0)))
        self.assertEqual(self.account.get(self.box, "f"), b"data")

    async def test_nothing(self) -> None:
        """Who may do nothing may do nothing."""
        storage = await self.guest()
        path = Path((self.box, "f"))
        for work in (
            storage.stat(path),
            storage.stat(path.parent),
            storage.list(path.parent),
            fetched(storage, path),
        ):
            await raises(errors.PermissionDenied, work)
