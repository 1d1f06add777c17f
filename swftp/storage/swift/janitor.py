"""
What uploads left behind when a gateway died: found by age, looked up by name, removed.

Only segments of our own are touched, only of uploads at which nothing was stored for long and that are none of this
process, and only those that no manifest of any name they know of uses.  Anything that cannot be looked up stays.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Container

from twisted.logger import Logger

from swftp import errors
from swftp.storage.swift.client import SwiftClient
from swftp.storage.swift.describe import stamp
from swftp.storage.swift.ledger import Ledger
from swftp.storage.swift.listing import Row, every_page
from swftp.storage.swift.manifests import home_of, upload_of, upload_of_any
from swftp.storage.swift.objects import Names

log = Logger()

Rest = Callable[[str], Awaitable[None]]

AGE = 48 * 3600.0
"""Seconds since the last segment of an upload after which it is taken for abandoned."""
LAST = "~"
"""Follows the last component of every object of an upload."""


class Janitor:
    """Sweeps segments containers."""

    def __init__(
        self,
        client: SwiftClient,
        segments: Ledger,
        *,
        spared: Container[str],
        listing: int,
        age: float = AGE,
        rest: Rest | None = None,
        remove: bool = True,
    ) -> None:
        """
        :param spared: uploads that go on, however long nothing was stored of them.
        :param listing: rows of a page.
        :param rest: awaited, with its name, before each upload that may be abandoned is looked up.
        :param remove: not only count.
        """
        self._rest = rest
        self._spared = spared
        self._remove = remove
        self._client = client
        self._segments = segments
        self._listing = listing
        self._age = age

    async def sweep(self, container: str, after: str = "") -> int:
        """
        Remove abandoned segments from *container*, one upload after the other; how many objects were removed.

        :param after: leave alone what comes before this upload, and it.
        :raises StorageError: the container cannot be listed.
        """
        removed = 0
        upload, found = "", list[Row]()
        marker = f"{after}/{LAST}" if after else ""
        async for page in every_page(self._client, container, limit=self._listing, marker=marker):
            for row in page:
                of = upload_of_any(str(row["name"])) or ""
                if of != upload:
                    removed += await self._sweep_upload(container, upload, found)
                    upload, found = of, []
                found.append(row)
        return removed + await self._sweep_upload(container, upload, found)

    async def _sweep_upload(self, container: str, upload: str, found: list[Row]) -> int:
        """Remove of one *upload*, all of whose objects are *found*, what is abandoned."""
        home = home_of(container, upload, self._segments.suffix)
        times = [stamp(row.get("last_modified")) for row in found]
        newest = max((math.inf if time is None else time for time in times), default=0.0)
        ours = {(container, str(row["name"])) for row in found if upload_of(str(row["name"]))}
        if not upload or newest > self._client.now() - self._age:
            return 0
        if home is None and len(ours) == len(found):
            return 0  # its name was too long to tell, and no list tells it
        if self._rest is not None:
            await self._rest(upload)
        if upload in self._spared:
            return 0
        try:
            if home is not None and ours and ours <= (await self._segments.used_by(home) or set()):
                return 0
            records = {(container, str(row["name"])) for row in found} - ours
            users = [path for names in sorted(records) for path in await self._segments.noted(names)]
            used, served, absent = await self._segments.used_of([(container, upload)], *users)
            doomed: set[Names] = ours - used
            if doomed:
                await self._segments.check_absent(absent)
            if not self._remove:
                return len(doomed)
            busy = any((where, upload_of(name)) == (container, upload) for where, name in used)
            await self._segments.delete(doomed | (set() if busy else served | records))
        except errors.StorageError as error:
            log.warn("{upload} in {container} stays: {error}", upload=upload, container=container, error=str(error))
            return 0
        if doomed:
            words = "{count} abandoned segments of {upload} removed"
            log.info(words, event="abandoned_segments", count=len(doomed), upload=upload)
        return len(doomed)
