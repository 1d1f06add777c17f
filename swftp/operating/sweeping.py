"""``swftp reap``: removes from an account what uploads left there when a gateway died."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from swftp.errors import InvalidRequest, NotFound, Unsupported
from swftp.operating.trying import logged_in
from swftp.paths import ROOT, Path, parse
from swftp.storage.swift import SwiftStorage
from swftp.stores.accounts import Opens


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to sweep."""

    login: str
    secret: str = field(repr=False)
    containers: Sequence[str]
    """None: all of the account."""
    age: float
    """Seconds since the last segment of an upload after which it is taken for abandoned."""
    dry: bool = False
    """Only count."""


@dataclass(frozen=True, slots=True)
class Swept:
    """One container."""

    container: str
    segments: int
    """That were removed, or are to be."""
    done: int
    total: int
    """Containers."""


async def sweep(order: Order, checkers: Sequence[Any], stores: Opens) -> AsyncIterator[Swept]:
    """
    Each container, and how many segments were removed there.

    :raises UnauthorizedLogin: the login was refused.
    :raises StorageError: the store does not answer, or has no large objects.
    """
    async with logged_in(order.login, order.secret, checkers) as login:
        storage: Any = await stores.open(login.access, session="sweep")
        if not hasattr(storage, "sweep"):
            raise Unsupported("this store has no large objects; zerostor is looked after by swftp zerostor repair")
        containers = order.containers or await _containers(storage)
        for done, container in enumerate(containers, 1):
            place = _place(container)
            count = await storage.sweep(place.container, order.age, remove=not order.dry)
            if not count and order.containers:
                await _look(storage, place)
            yield Swept(container, count, done, len(containers))
        await storage.settle()


def _place(container: str) -> Path:
    """
    :raises InvalidRequest: that is no name of a container.
    """
    place = parse(os.fsencode(container))
    if not place.is_container:
        raise InvalidRequest(f"{container!r} is not the name of a container")
    return place


async def _look(storage: SwiftStorage, place: Path) -> None:
    """
    Whoever mistyped a name is not to believe that there is nothing.

    :raises NotFound: there is no such container.
    """
    try:
        await storage.stat(place)
    except NotFound as error:
        raise NotFound(f"there is no container {place.container}") from error


async def _containers(storage: SwiftStorage) -> list[str]:
    names: list[str] = []
    after: str | None = None
    while True:
        page = await storage.list(ROOT, after)
        names += [entry.name for entry in page.entries]
        after = page.after
        if after is None:
            return names
