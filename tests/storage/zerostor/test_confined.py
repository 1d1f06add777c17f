"""Where links lead a login of a zerostor: within its root, wherever that was said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from swftp import errors
from swftp.auth.accounts import AccountRight
from swftp.auth.login import Login
from swftp.entries import Attributes
from swftp.paths import ROOT, resolve
from swftp.storage.zerostor.driver import ZeroStorage
from swftp.stores.accounts import Account
from swftp.stores.rules import Rule
from tests.storage.bytes import Source, fetched, raises
from tests.storage.zerostor.places import ZeroCase


def shared() -> Any:
    """What an account needs of its gateway to be there."""
    visit = SimpleNamespace(visit=lambda storage: None)
    return SimpleNamespace(accounts=set(), clock=SimpleNamespace(seconds=float), wall=float, housekeeping=visit)


class ConfinedTests(ZeroCase):
    """Links that somebody with a wider root made."""

    async def links(self) -> None:
        """Files and links in and beside ``/all/some/own``."""
        storage = self.storage()
        for path in ("/all", "/all/some", "/all/some/own"):
            await storage.make_directory(resolve(path))
        for path in ("/secret", "/all/secret", "/all/some/secret", "/all/some/own/f"):
            await storage.store(resolve(path), Source(b"x"), Attributes())
        for number, target in enumerate(("/secret", "/all/secret", "/all/some/secret")):
            await storage.make_link(resolve(f"/all/some/own/out{number}"), resolve(target))
        await storage.make_link(resolve("/all/some/own/in"), resolve("/all/some/own/f"))

    def opened_for(self, login: str, rule: str, own: str) -> ZeroStorage:
        """The store of a login with these roots."""
        right = AccountRight(self.account, resolve(login), "anna")
        storage = ZeroStorage(self.opened.store, right.account, right.root)
        person = Login(name="anna", user="anna", access=right, root=resolve(login).join(resolve(own)))
        Account(person, storage, shared(), ROOT, Rule(root=resolve(rule)))
        return storage

    async def test_every_root_counts(self) -> None:
        """The database's root, that of a rule, and that of a key: links lead out of none of them, and within all."""
        await self.links()
        own = resolve("/all/some/own")
        for roots in (("/all/some/own", "/", "/"), ("/", "/all/some/own", "/"), ("/all", "/", "/some/own")):
            storage = self.opened_for(*roots)
            self.assertEqual(await fetched(storage, own.child("in")), b"x")
            for number in range(3):
                await raises(errors.PermissionDenied, fetched(storage, own.child(f"out{number}")))
        storage = self.opened_for("/some", "/all", "/own")
        self.assertEqual(await fetched(storage, own.child("in")), b"x")
        await raises(errors.PermissionDenied, fetched(storage, own.child("out1")))
