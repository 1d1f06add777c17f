"""
Directories: made, removed, moved.

A directory is moved by copying every object and only then deleting: whatever fails before the last copy leaves
the source as it was, and takes away what was made of the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from twisted.logger import Logger

from swftp import errors
from swftp.entries import Kind
from swftp.paths import Path
from swftp.storage.swift.bodies import Bytes
from swftp.storage.swift.client import Request, SwiftClient
from swftp.storage.swift.describe import (
    DIRECTORY,
    entry_of,
    entry_of_row,
    etag,
    headers_for,
    size_of,
)
from swftp.storage.swift.listing import Row, content_of, every_page, is_bare, rows, unchanged
from swftp.storage.swift.objects import Names, Objects, in_parallel, path_of
from swftp.storage.swift.segments import Segments
from swftp.storage.swift.twins import Twins
from swftp.storage.vanished import Recent, Vanished

log = Logger()

LAG = 300.0
"""Seconds for which a listing may show what we removed, or miss what we stored."""
FRESH = 10.0
"""Seconds for which proxies may not know a container that we made."""
LAG_RETRIES = 5
"""Times a container that the store thinks is not empty is asked to be removed again."""
ROUNDS = 4
"""Times that a directory is listed, and what changed is copied again, before it is too busy to be moved."""
LONG = 0.1
"""Seconds that something may take without being looked at again before it is deleted."""
BATCH = 100
"""Objects of a directory that was moved which are looked at, and deleted, together."""
STALE_LIMIT = 100
"""Rows looked at in one go where a listing may be stale."""


class Trees:
    """Directories and containers of one account."""

    def __init__(
        self, objects: Objects, segments: Segments, *, listing: int, tree_limit: int, in_listings: bool
    ) -> None:
        """
        :param listing: rows of a page.
        :param tree_limit: objects that a directory may hold to be moved.
        :param in_listings: whether times go into the Content-Type.
        """
        self._objects = objects
        self._segments = segments
        self._twins = Twins(objects, segments)
        self._client: SwiftClient = objects.client
        self._listing = listing
        self._tree_limit = tree_limit
        self._in_listings = in_listings
        self.vanished = Vanished(self._client.clock)
        self._gone = Recent(self._client.clock, LAG)
        self._made = Recent(self._client.clock, LAG)
        self.fresh = Recent(self._client.clock, FRESH)

    def removed(self, path: Path) -> None:
        """The object *path* was removed by us."""
        self._gone.add(path)
        self._made.discard(path)
        self.vanished.removed(path)

    def stored(self, path: Path) -> None:
        """The object *path* was stored by us."""
        self._gone.discard(path)
        self._made.add(path)

    async def has_children(self, path: Path) -> bool:
        """Whether the directory *path* exists by what is below it (or by a marker that ends with a slash)."""
        return bool(await rows(self._client, path.container, limit=1, prefix=f"{path.object}/"))

    async def is_empty(self, path: Path) -> bool:
        """Whether nothing is below the directory or container *path*, as far as a listing shows."""
        prefix = f"{path.object}/" if path.object else ""
        page = await rows(self._client, path.container, limit=2, prefix=prefix)
        return all(row["name"] == prefix and is_bare(row) for row in page)

    async def make_container(self, name: str, headers: dict[str, str] | None = None) -> None:
        """
        :raises AlreadyExists: it is there.
        """
        reply = await self._client.request(Request(method="PUT", names=(name,), headers=headers or {}), 201, 202, 204)
        if reply.status != 201 and reply.attempt == 0:
            raise errors.AlreadyExists()
        self.fresh.add(Path((name,)))

    async def make_marker(self, path: Path) -> None:
        """
        :raises AlreadyExists: an object is there.
        :raises NotFound: the container is not.
        """
        headers = headers_for(DIRECTORY, self._client.now(), None, self._in_listings)
        request = Request(
            method="PUT",
            names=(path.container, path.object),
            headers={**headers, "If-None-Match": "*"},
            body=Bytes(b""),
        )
        expected = {"content-length": "0", "x-object-meta-mtime": headers["X-Object-Meta-Mtime"]}
        await self.patiently(path, request, expected)
        self.stored(path)

    async def patiently(self, path: Path, request: Request, expected: Mapping[str, str]) -> Mapping[str, str]:
        """Publish, waiting for a container that was made a moment ago."""
        attempt = 0
        while True:
            try:
                return await self._objects.publish(request, expected)
            except errors.NotFound:
                attempt += 1
                if attempt > 4 or Path((path.container,)) not in self.fresh:
                    raise
                await self._client.pause(attempt + 1)

    async def remove_container(self, path: Path) -> None:
        """
        :raises NotEmpty: it holds something that we did not remove.
        """
        request = Request(method="DELETE", names=(path.container,))
        for attempt in range(LAG_RETRIES):
            reply = await self._client.request(request, 204, 404, 409)
            if reply.status == 404 and reply.attempt == 0 and attempt == 0:
                raise errors.NotFound()
            if reply.status != 409:
                self.fresh.discard(path)
                return
            page = await rows(self._client, path.container, limit=STALE_LIMIT)
            if not await self._only_stale(path.container, page):
                break
            await self._client.pause(attempt + 1)
        raise errors.NotEmpty()

    async def remove_empty_container(self, name: str) -> None:
        """Remove the container *name* if it is there and empty."""
        await self._client.request(Request(method="DELETE", names=(name,)), 204, 404, 409)

    async def _only_stale(self, container: str, page: Sequence[Row]) -> bool:
        """Whether the rows of *page* are only what we removed, which the listing does not know yet."""
        names = [str(row["name"]) for row in page]
        if any(path_of((container, name)) not in self._gone for name in names):
            return False
        found = await in_parallel([self._objects.head((container, name), follow=False) for name in names])
        return not any(found)

    async def unlisted(self, path: Path, found: Sequence[Row]) -> list[Row]:
        """What we stored below *path* not long ago and a listing, of which *found* is all, does not show yet."""
        listed = {str(row["name"]) for row in found}
        names = [made.object for made in self._made.below(path) if made.object and made.object not in listed]
        heads = await in_parallel([self._objects.head((path.container, name), follow=False) for name in names])
        return [
            {"name": name, "bytes": headers.get("content-length"), "hash": etag(headers), **_slo(headers)}
            for name, headers in zip(names, heads, strict=True)
            if headers is not None
        ]

    async def remove_directory(self, path: Path) -> None:
        """Remove the directory *path* below a container; see `IStorage.remove_directory`."""
        prefix = f"{path.object}/"
        found: list[Row] = []
        async for page in every_page(self._client, path.container, limit=STALE_LIMIT, prefix=prefix):
            children = [row for row in page if row["name"] != prefix or not is_bare(row)]
            if children and not await self._only_stale(path.container, children):
                raise errors.NotEmpty()
            found += page
        if await self.unlisted(path, found):
            raise errors.NotEmpty()
        slashed = any(row["name"] == prefix for row in found)
        names = (path.container, path.object)
        headers = await self._objects.head(names, follow=False)
        marker = headers is not None and _is_marker(headers)
        if headers is not None and not marker and not slashed:
            raise errors.NotDirectory()
        if headers is None and not found and path not in self.vanished:
            raise errors.NotFound()
        if marker:
            await self._objects.delete(names)
        if slashed:
            await self._objects.delete((path.container, prefix))
        self.removed(path)
        self.vanished.forget(path)

    async def move(self, source: Path, target: Path, target_stands: bool) -> None:
        """
        Move the directory *source*; *target* is free or an empty directory, and not below *source*.

        :raises Unsupported: it holds too many objects, or what a large object in it is made of.
        """
        prefix = f"{source.object}/" if source.object else ""
        found = await self._rows_below(source, prefix)
        copied, listed = dict[str, str](), self._client.clock.seconds()
        made: dict[str, Names] = {}
        new_container = target.is_container and not target_stands
        try:
            if new_container:
                await self.make_container(target.container, await self._container_headers(source))
            for _ in range(ROUNDS):
                fresh = [row for row in found if copied.get(str(row["name"])) != content_of(row)]
                if not fresh:
                    break
                moved = {str(row["name"]): _below(target, str(row["name"])[len(prefix) :]) for row in fresh}
                await self._copy_all((source.container, prefix), fresh, moved, made)
                copied.update({str(row["name"]): content_of(row) for row in fresh})
                listed = self._client.clock.seconds()
                found = await self._rows_below(source, prefix)
            else:
                raise errors.Changed("files of the directory change while it is moved")
            if not target.is_container and not target_stands:
                await self._place_marker(source, target, implied=bool(made))
        except errors.StorageError:
            log.info("moving {source} failed, taking back the copies", source=str(source))
            await self._objects.delete_many(sorted(names for names in made.values() if names[1]))
            if new_container:
                await self._client.request(Request(method="DELETE", names=(target.container,)), 204, 404, 409)
            raise
        await self._delete_source(source, {name: copied[name] for name in made}, listed)

    async def _rows_below(self, path: Path, prefix: str) -> list[Row]:
        found: list[Row] = []
        async for page in every_page(self._client, path.container, limit=self._listing, prefix=prefix):
            found += page
            if len(found) > self._tree_limit:
                raise errors.Unsupported(f"directory holds more than {self._tree_limit} files")
        return found + await self.unlisted(path, found)

    async def _container_headers(self, source: Path) -> dict[str, str]:
        """Policy, readers and metadata of a container, for its successor."""
        if not source.is_container:
            return {}
        looked = await self._client.request(Request(method="HEAD", names=(source.container,)), 200, 204)
        kept = ("x-storage-policy", "x-container-read", "x-container-write")
        return {
            name: value
            for name, value in looked.headers.items()
            if value and (name in kept or name.startswith("x-container-meta-"))
        }

    async def _copy_all(
        self, leaving: Names, found: Sequence[Row], moved: Mapping[str, Names], made: dict[str, Names]
    ) -> None:
        """
        Copy the rows *found* to what *moved* says; what was copied is noted in *made*.

        :param leaving: container and prefix of what moves.
        """

        async def one(row: Row) -> None:
            source, target = (leaving[0], str(row["name"])), moved[str(row["name"])]
            if not target[1]:
                if not is_bare(row):
                    raise errors.Unsupported("the directory holds a file that has its own name")
                made[source[1]] = target  # the directory's own marker; a container needs none
                return
            size, slo = size_of(row.get("bytes") or 0), "slo_etag" in row
            await self._check_whole(leaving, row)
            try:
                version = await self.copy_name(source, target, size=size, slo=slo)
            except errors.StateUnknown:
                made[source[1]] = target  # it may be there by now, or soon
                raise
            if version is None:
                return
            made[source[1]] = target
            if version != content_of(row):
                await self._segments.remember_copy(source, target)

        await in_parallel([one(row) for row in found])

    async def _check_whole(self, leaving: Names, row: Row) -> None:
        """
        :raises Unsupported: the object *row* is made of objects that are *leaving*, too: it would lose them.
        """
        container, prefix = leaving
        names = container, str(row["name"])
        entry = entry_of_row("", row)
        torn = False
        if "slo_etag" in row:
            segments, nested = await self._segments.read(names)
            torn = any(c == container and name.startswith(prefix) for c, name in [s.names for s in segments] + nested)
        elif entry.kind is Kind.FILE and not entry.size and not entry.detail.get("timed"):
            looked = await self._objects.head(names, follow=False) or {}
            there, _, parts = unquote(looked.get("x-object-manifest", "")).partition("/")
            torn = there == container and (parts.startswith(prefix) or prefix.startswith(parts))
        if torn:
            raise errors.Unsupported("the directory holds the segments of a large file")

    async def copy_name(
        self,
        source: Names,
        target: Names,
        *,
        size: int = 0,
        slo: bool = False,
        version: str | None = None,
        only: str | None = None,
    ) -> str | None:
        """See `Twins.make`."""
        copied = await self._twins.make(source, target, size=size, slo=slo, version=version, only=only)
        if copied is not None:
            self.stored(path_of(target))
        return copied

    async def _place_marker(self, source: Path, target: Path, implied: bool) -> None:
        """A marker for *target* where the source has one, or where it would not be there by its children alone."""
        names = source.container, source.object
        marker = await self._objects.head(names, follow=False) if source.object else None
        if marker is not None and _is_marker(marker):
            await self.copy_name(names, (target.container, target.object))
        elif not implied:
            await self.make_marker(target)

    async def _delete_source(self, source: Path, copied: Mapping[str, str], listed: float) -> None:
        """
        Delete what was *copied*, by name, but for what is another file by now.

        :param listed: seconds of the clock when it still was all the same.
        """
        names, gone, left = sorted(copied), list[str](), list[Names]()
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            if self._client.clock.seconds() - listed > LONG:
                prefix = f"{source.object}/" if source.object else ""
                batch = await unchanged(self._client, source.container, prefix, self._listing, batch, copied)
            left += await self._objects.delete_many([(source.container, name) for name in batch])
            gone += batch
        if left:
            raise errors.Unavailable("moved, but the old files could not all be removed")
        for name in gone:
            self.removed(path_of((source.container, name)))
        if len(gone) < len(names):
            log.warn("{source} was moved, and what was stored there meanwhile stays", source=str(source))
            return
        if source.is_container:
            await self.remove_container(source)
            return
        marker = await self._objects.head((source.container, source.object), follow=False)
        if marker is not None and _is_marker(marker):
            await self._objects.delete((source.container, source.object))
        self.removed(source)
        self.vanished.forget(source)


def _is_marker(headers: Mapping[str, str]) -> bool:
    return entry_of("", headers).kind is Kind.DIRECTORY


def _slo(headers: Mapping[str, str]) -> dict[str, str]:
    return {"slo_etag": headers["etag"]} if "x-static-large-object" in headers else {}


def _below(target: Path, name: str) -> Names:
    return target.container, f"{target.object}/{name}" if target.object else name
