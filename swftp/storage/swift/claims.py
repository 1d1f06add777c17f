"""
Who is about to use segments that are there already: said beside them, before the manifest is published.

Swift looks at the segments of a manifest, and publishes it a moment later.  Who removes segments in between, because
no manifest of any name uses them, would leave a name whose content is gone.  The law: who publishes claims the name
first, and then sees (as a manifest is copied, or by a look) that what stood there still uses the segments; who
removes looks for a claim first, and then at the manifest of the name.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from twisted.logger import Logger

from swftp import errors
from swftp.paths import Path
from swftp.storage.swift.bodies import Bytes
from swftp.storage.swift.client import Request, SwiftClient
from swftp.storage.swift.describe import modified
from swftp.storage.swift.objects import Names, Objects

log = Logger()

LASTS = 48 * 3600
"""Seconds after which the store forgets a claim."""
DEAD = 600.0
"""Seconds after which the gateway that claimed is taken for dead."""
LOOKS = 4
"""Times that a claim of another gateway is looked at, with longer and longer pauses."""

BY = "X-Object-Meta-Claimed-By"
"""Tells a claim from one that another gateway, or work, made of the same name."""
REFUSED = (412, 202, 409)
"""Answers to a claim where one is there, or where another proxy with a faster clock has just removed one."""


def claim_of(container: str, path: Path) -> Names:
    """The object that is there while *path* is about to use segments in *container*."""
    return container, f".swftp-claims/{hashlib.sha256(str(path).encode()).hexdigest()[:32]}"


class Claims:
    """Of one account."""

    def __init__(self, objects: Objects, token: Callable[[], str] = lambda: secrets.token_hex(8)) -> None:
        """:param token: tells claims of one name apart."""
        self._objects = objects
        self._token = token
        self._client: SwiftClient = objects.client

    @asynccontextmanager
    async def made(self, path: Path, containers: Iterable[str]) -> AsyncIterator[None]:
        """
        Claim segments in *containers* for *path* meanwhile.

        Where it stays unknown whether a manifest was published the claim stays.
        """
        claims: list[Names] = []
        try:
            for container in sorted(set(containers)):  # in order: two who claim the same wait for one another in turn
                names = claim_of(container, path)
                if await self._make(names):
                    claims.append(names)
            yield
        except errors.StorageError as error:
            if errors.published_nothing(error):
                await self._withdraw(claims)
            raise
        await self._withdraw(claims)

    async def _make(self, names: Names) -> bool:
        """
        Wait until nobody else claims *names*, for he would withdraw both; a claim that stays serves us, too.

        :return: whether it is ours, and to be withdrawn.
        :raises Unavailable: it cannot be made, and nobody else's is there.
        """
        by = self._token()
        headers = {"Content-Type": "application/octet-stream", "X-Delete-After": str(LASTS), BY: by}
        free = Request(method="PUT", names=names, headers={**headers, "If-None-Match": "*"}, body=Bytes(b""))
        found: Mapping[str, str] | None = None
        for attempt in range(LOOKS):
            await self._pause(attempt)
            if (await self._client.request(free, 201, *REFUSED)).status == 201:
                return True
            found = await self._objects.head(names, follow=False, newest=True)
            if found is None:
                continue
            if found.get(BY.lower()) == by:
                return True  # an earlier sending of the request made it, and its answer was lost
            since = modified(found)
            if since is not None and self._client.now() - since >= DEAD:
                await self._client.request(replace(free, headers=headers), 201)
                return True
        if found is None:
            raise errors.Unavailable("others use the segments, too, try again")
        return False

    async def _pause(self, attempt: int) -> None:
        if attempt:
            await self._client.pause(attempt + 1)

    async def _withdraw(self, claims: list[Names]) -> None:
        left = await self._objects.delete_many(claims)
        if left:
            log.info("{claim} stays for a while", claim=left[0])

    async def passed(self, path: Path, containers: Iterable[str]) -> None:
        """
        Return when nobody claims segments in *containers* for *path*: who did is in its manifest by now.

        :raises Unavailable: somebody still does, and nothing that he may use is to be removed.
        """
        for container in containers:
            for attempt in range(LOOKS):
                await self._pause(attempt)
                if await self._objects.head(claim_of(container, path), follow=False, newest=True) is None:
                    break
            else:
                raise errors.Unavailable(f"{path} is about to use segments in {container}")
