"""``swftp sweep``: removes from an account what uploads left there when a gateway died."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.cred.credentials import IUsernamePassword

from swftp.auth.checkers import PasswordOf
from swftp.errors import Unsupported
from swftp.paths import ROOT, parse
from swftp.storage.swift import SwiftStorage
from swftp.stores import Opens


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to sweep."""

    login: str
    secret: str = field(repr=False)
    containers: Sequence[str]
    """None: all of the account."""
    age: float
    """Seconds since the last segment of an upload after which it is taken for abandoned."""


async def sweep(order: Order, checkers: Sequence[Any], stores: Opens) -> AsyncIterator[tuple[str, int]]:
    """
    Each container, and how many segments were removed there.

    :raises UnauthorizedLogin: the login was refused.
    :raises StorageError: the store does not answer, or has no large objects.
    """
    checker = next(one for one in checkers if IUsernamePassword in one.credentialInterfaces)
    credentials = PasswordOf(order.login.encode(), order.secret.encode(), "")
    login = await checker.requestAvatarId(credentials)
    try:
        storage: Any = await stores.open(login.access, session="sweep")
        if not hasattr(storage, "sweep"):
            raise Unsupported("this store has no large objects")
        for container in order.containers or await _containers(storage):
            yield container, await storage.sweep(parse(container.encode()).container, order.age)
        await storage.settle()
    finally:
        login.access.release()


async def _containers(storage: SwiftStorage) -> list[str]:
    names: list[str] = []
    after: str | None = None
    while True:
        page = await storage.list(ROOT, after)
        names += [entry.name for entry in page.entries]
        after = page.after
        if after is None:
            return names
