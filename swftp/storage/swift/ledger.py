"""
Who uses which segments: the lists of names beside them, and what the manifests of these names say.

A segment is deleted only after the manifests of every name that may use it were looked at: a crash between the
two halves of a rename leaves two names and one set of segments.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from swftp import errors
from swftp.paths import Path
from swftp.storage.swift.bodies import Bytes
from swftp.storage.swift.client import Request, SwiftClient
from swftp.storage.swift.describe import etag
from swftp.storage.swift.manifests import Segment, home_of, parse_manifest, upload_of
from swftp.storage.swift.objects import Names, Objects

log = Logger()

RECORD = "names"
"""Last component of the object that lists the names an upload's segments serve, if not only the first one."""
HISTORY = ("x-versions-enabled", "x-versions-location", "x-history-location")
"""Headers of a container in which what is replaced or removed stays, elsewhere."""
MANIFEST_LIMIT = 64 * 1024 * 1024
"""Bytes of a manifest that we read."""


class Ledger:
    """Of one account."""

    def __init__(self, objects: Objects, suffix: str) -> None:
        """:param suffix: of the container that holds a container's segments."""
        self._objects = objects
        self._client: SwiftClient = objects.client
        self.suffix = suffix
        self._remembering = DeferredLock()

    async def read(self, names: Names, newest: bool = True) -> tuple[list[Segment], list[Names]]:
        """
        The segments of the manifest *names*, those of nested ones in their place; and the nested ones' names.

        :param newest: ask all replicas; for who changes things.
        """
        request = Request(
            method="GET",
            names=names,
            query={"multipart-manifest": "get"},
            headers={"X-Newest": "true"} if newest else {},
            limit=MANIFEST_LIMIT,
            needs="x-static-large-object",
        )
        reply = await self._client.request(request, 200, 404)
        if reply.status == 404 or "x-static-large-object" not in reply.headers:
            return [], []
        segments: list[Segment] = []
        nested: list[Names] = []
        for segment, is_manifest in parse_manifest(reply.body):
            if is_manifest and not segment.span:
                inner, further = await self.read(segment.names, newest)
                segments += inner
                nested += [segment.names, *further]
            else:
                segments.append(segment)
        return segments, nested

    async def lost_at(self, names: Names, offset: int) -> bool:
        """Whether the segment of the large object *names* that has the byte at *offset* is gone, or was replaced."""
        segments, nested = await self.read(names)
        for segment in segments:
            if offset < segment.size:
                found = await self._objects.head(segment.names, newest=True)
                lost = found is None or etag(found) != segment.etag
                if lost:
                    log.error("{names}: segment {segment} is missing", names=names, segment=segment.names)
                return lost
            offset -= segment.size
        return bool(segments or nested)  # a manifest in it is gone

    def are_ours(self, segments: Iterable[Segment]) -> bool:
        """Whether all of *segments* were made by SwFTP."""
        found = list(segments)
        return bool(found) and all(s.container.endswith(self.suffix) and upload_of(s.name) for s in found)

    async def remember_names(self, segments: Sequence[Segment], *names: Names) -> None:
        """Note beside *segments*, if they are ours, that the objects *names* use them."""
        if self.are_ours(segments):
            await self.remember(segments, {Path((name[0], *name[1].split("/"))) for name in names})

    async def remember(self, segments: Iterable[Segment], add: set[Path]) -> None:
        """
        Note beside *segments*, for each upload among them, that *add* may use them.

        Names are never taken off the list again, but go with it: nobody can take away what another adds meanwhile.
        """
        uploads = {(s.container, upload) for s in segments if (upload := upload_of(s.name))}
        async with self._remembering:
            await self._remember(uploads, add)

    async def _remember(self, uploads: Iterable[tuple[str, str]], add: set[Path]) -> None:
        for container, upload in uploads:
            known = set(await self._names_of(container, upload))
            if known >= add:
                continue
            body = json.dumps(sorted(str(path) for path in known | add)).encode()
            request = Request(
                method="PUT",
                names=(container, f"{upload}/{RECORD}"),
                headers={"Content-Type": "application/json"},
                body=Bytes(body),
            )
            await self._client.request(request, 201)

    async def _names_of(self, container: str, upload: str) -> list[Path]:
        request = Request(
            method="GET",
            names=(container, f"{upload}/{RECORD}"),
            headers={"X-Newest": "true"},
            limit=MANIFEST_LIMIT,
        )
        reply = await self._client.request(request, 200, 404)
        if reply.status == 404:
            return []
        try:
            return [Path(tuple(str(name).split("/")[1:])) for name in json.loads(reply.body)]
        except (ValueError, TypeError) as error:
            raise errors.Unavailable("list of names does not parse") from error

    async def remove_unused(self, path: Path, segments: Iterable[Segment], nested: Iterable[Names]) -> None:
        """
        Delete what the object that stood at *path* used, unless an object uses it still.

        Never raises: what cannot be looked up or deleted stays, and is logged.
        """
        try:
            await self._remove_unused(path, list(segments), list(nested))
        except errors.StorageError as error:
            log.warn("old segments of {path} stay: {error}", path=str(path), error=str(error))

    async def _remove_unused(self, path: Path, segments: list[Segment], nested: list[Names]) -> None:
        if not self.are_ours(segments):
            return
        uploads = {(s.container, str(upload_of(s.name))) for s in segments}
        used, records = await self.used_of(uploads, path)
        doomed = ({segment.names for segment in segments} | set(nested)) - used
        await self.delete(doomed | records)

    async def used_of(self, uploads: Iterable[tuple[str, str]], *others: Path) -> tuple[set[Names], set[Names]]:
        """
        What of *uploads* any object may use, by the manifests of all names that they know of, and *others*.

        :return: names of segments and nested manifests; and of the lists of names that serve no more.
        """
        uploads = list(uploads)
        paths, seen, records = set(others), set[Path](), set[Names]()
        paths |= {home for container, upload in uploads if (home := home_of(container, upload, self.suffix))}
        used: set[Names] = set()
        while True:
            for path in paths - seen:
                await self._check_history(path.container, seen)
                alive, inner = await self.read((path.container, path.object))
                used |= {segment.names for segment in alive} | set(inner)
                seen.add(path)
            # a rename adds its target to the list before the source goes: what was missed above is in it by now
            for container, upload in uploads:
                known = await self._names_of(container, upload)
                paths |= set(known)
                records |= {(container, f"{upload}/{RECORD}")} if known else set()
            if paths <= seen:
                break
        busy = {(container, upload_of(name)) for container, name in used}
        served = {(c, name) for c, name in records if (c, name.removesuffix(f"/{RECORD}")) not in busy}
        return used, served

    async def _check_history(self, container: str, seen: set[Path]) -> None:
        """
        :raises Unsupported: *container* keeps old versions of its objects, which still use their segments.
        """
        if any(path.container == container for path in seen):
            return
        reply = await self._client.request(Request(method="HEAD", names=(container,)), 200, 204, 404)
        if reply.status != 404 and any(reply.headers.get(name, "").lower() not in ("", "false") for name in HISTORY):
            raise errors.Unsupported(f"{container} keeps old versions")

    async def delete(self, names: Iterable[Names]) -> None:
        """Delete *names*; what cannot be is logged."""
        left = await self._objects.delete_many(sorted(names))
        if left:
            log.warn("{count} old segments could not be removed", count=len(left), first=left[0])
