"""
Who uses which segments: the names beside them, and what the manifests of these names say.

A segment is deleted only after the manifests of every name that may use it were looked at: a crash between the
two halves of a rename leaves two names and one set of segments.  Each name is in an object of its own, which nobody
else writes but a listing may be late to show, and in a list, which is never late but another gateway may overwrite.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from swftp import errors
from swftp.paths import OBJECT_LIMIT, Path
from swftp.storage.swift.bodies import Bytes
from swftp.storage.swift.claims import Claims
from swftp.storage.swift.client import Request, SwiftClient
from swftp.storage.swift.describe import etag, modified
from swftp.storage.swift.listing import every_page, rows
from swftp.storage.swift.manifests import RECORD, Segment, home_of, parse_manifest, record_of, upload_of
from swftp.storage.swift.objects import Names, Objects, path_of

log = Logger()

HISTORY = ("x-versions-enabled", "x-versions-location", "x-history-location")
"""Headers of a container in which what is replaced or removed stays, elsewhere."""
MANIFEST_LIMIT = 64 * 1024 * 1024
"""Bytes of a manifest that we read."""
RECORDS = 100
"""Records asked for at once."""
LONG = 0.1
"""Seconds after which what was looked at is looked at again before anything is deleted."""
MARKED_LIMIT = 4096
"""Records that we remember to have written."""


Parts = tuple[list[Segment], list[Names]]
"""Segments, and nested manifests, of one object."""


def names_in(parts: Parts) -> set[Names]:
    return {segment.names for segment in parts[0]} | set(parts[1])


def uploads_of(names: Iterable[Names]) -> set[tuple[str, str]]:
    """The uploads among *names*: a manifest may have been nested with no segment of the same upload."""
    return {(container, upload) for container, name in names if (upload := upload_of(name))}


@dataclass(frozen=True, slots=True)
class User:
    """An object that may use segments."""

    noted: Names
    """Where that is said."""
    path: Path
    since: float | None = None
    """When its record was written; a list says nothing of each."""


class Ledger:
    """Of one account."""

    def __init__(self, objects: Objects, suffix: str) -> None:
        """:param suffix: of the container that holds a container's segments."""
        self._objects = objects
        self._client: SwiftClient = objects.client
        self.claims = Claims(objects)
        self.suffix = suffix
        self._remembering = DeferredLock()
        self._marked: set[Names] = set()

    async def read(self, names: Names, newest: bool = True, inline: bool = False, whole: bool = False) -> Parts:
        """
        The segments of the manifest *names*, those of nested ones in their place; and the nested ones' names.

        :param newest: ask all replicas; for who changes things.
        :param inline: see `parse_manifest`.
        :param whole: for who deletes what is not among it, or tells it who uses it.
        :raises Unavailable: *whole*, and a nested manifest is not found.
        """
        return await self._read(names, newest, inline, whole) or ([], [])

    async def _read(
        self, names: Names, newest: bool = True, inline: bool = False, whole: bool = False
    ) -> Parts | None:
        """See `read`; None: nothing has this name."""
        request = Request(
            method="GET",
            names=names,
            query={"multipart-manifest": "get"},
            headers={"X-Newest": "true"} if newest else {},
            limit=MANIFEST_LIMIT,
            needs="x-static-large-object",
        )
        reply = await self._client.request(request, 200, 404)
        if reply.status == 404:
            return None
        if "x-static-large-object" not in reply.headers:
            return [], []
        segments: list[Segment] = []
        nested: list[Names] = []
        for segment, is_manifest in parse_manifest(reply.body, inline):
            if is_manifest and not segment.span:
                found = await self._read(segment.names, newest, inline, whole)
                if found is None and whole:
                    raise errors.Unavailable(f"{path_of(segment.names)}, a part of {path_of(names)}, is not found")
                inner, further = found or ([], [])
                segments += inner
                nested += [segment.names, *further]
            else:
                segments.append(segment)
        return segments, nested

    async def lost_at(self, names: Names, offset: int) -> bool:
        """Whether the segment of the large object *names* that has the byte at *offset* is gone, or was replaced."""
        segments, nested = await self.read(names, inline=True)
        for segment in segments:
            if offset < segment.size:
                if not segment.container:
                    return False
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

    async def remember_names(self, parts: Parts, source: Names, target: Names) -> None:
        """Note beside *parts*, if the segments are ours, that the objects *source* and *target* use them."""
        if self.are_ours(parts[0]):
            await self.remember(names_in(parts), {path_of(source), path_of(target)})

    async def remember_copy(self, source: Names, target: Names) -> None:
        """
        Note that *target* shares its segments, if it has any, with *source*, of which it is a second name.

        It may be another *source* than was looked at, large since then, or stored again.  Never raises.
        """
        try:
            await self.remember_names(await self.read(target), source, target)
        except errors.StorageError as error:
            log.error(
                "{target} may lose its segments with {source}: {error}", target=target, source=source, error=error
            )

    async def remember(self, parts: Iterable[Names], add: set[Path], anew: Path | None = None) -> None:
        """
        Note beside *parts*, for each upload among them, that *add* may use them.

        Names are never taken off the list again, but go with it: nobody can take away what another adds meanwhile.

        :param anew: one of *add*, whose records are written even where they are there, or where it needs none.
        """
        uploads = uploads_of(parts)
        async with self._remembering:
            await self._remember(uploads, add, anew)

    async def _remember(self, uploads: Iterable[tuple[str, str]], add: set[Path], anew: Path | None) -> None:
        for container, upload in uploads:
            for path in sorted(add):
                record = container, record_of(upload, path)
                if path == anew:
                    self._marked.discard(record)
                elif path == home_of(container, upload, self.suffix):
                    continue
                await self._mark(record, path)
            known = set(await self.noted((container, f"{upload}/{RECORD}")))
            if known >= add:
                continue
            names = sorted(str(path) for path in known | add)
            await self._write((container, f"{upload}/{RECORD}"), names)

    async def _mark(self, names: Names, path: Path) -> None:
        """Note in the record *names* that *path* is a user."""
        if names in self._marked or len(names[1].encode()) > OBJECT_LIMIT:  # as of uploads by earlier versions
            return
        await self._write(names, [str(path)])
        if len(self._marked) >= MARKED_LIMIT:
            self._marked.clear()
        self._marked.add(names)

    async def _write(self, names: Names, paths: list[str]) -> None:
        body = Bytes(json.dumps(paths).encode())
        headers = {"Content-Type": "application/json"}
        await self._client.request(Request(method="PUT", names=names, headers=headers, body=body), 201)

    async def _users_of(self, container: str, upload: str) -> set[User]:
        """The names of *upload* that were noted."""
        listed = container, f"{upload}/{RECORD}"
        found = {User(listed, path) for path in await self.noted(listed)}
        if not found:  # it is made with the first record
            return found
        async for page in every_page(self._client, container, limit=RECORDS, prefix=f"{upload}/{RECORD}/"):
            for row in page:
                names = container, str(row["name"])
                since, paths = await self._noted(names)
                found |= {User(names, path, since) for path in paths}
        return found

    async def noted(self, names: Names) -> list[Path]:
        """Who uses an upload, by its list or record *names*; nobody where there is none."""
        return (await self._noted(names))[1]

    async def _noted(self, names: Names) -> tuple[float | None, list[Path]]:
        """As `noted`, and when that was written."""
        request = Request(method="GET", names=names, headers={"X-Newest": "true"}, limit=MANIFEST_LIMIT)
        reply = await self._client.request(request, 200, 404)
        if reply.status == 404:
            return None, []
        try:
            paths = [Path(tuple(str(name).split("/")[1:])) for name in json.loads(reply.body)]
        except (ValueError, TypeError) as error:
            raise errors.Unavailable("list of names does not parse") from error
        return modified(reply.headers), paths

    async def remove_unused(
        self, path: Path, segments: Iterable[Segment], nested: Iterable[Names], by: Collection[Names] | None = None
    ) -> None:
        """
        Delete what the object that stood at *path* used, unless an object uses it still.

        Never raises: what cannot be looked up or deleted stays, and is logged.

        :param by: some of what the object uses that we have just put in its place; None: we have removed it.
        """
        try:
            await self._remove_unused(path, list(segments), list(nested), by)
        except errors.StorageError as error:
            log.warn("old segments of {path} stay: {error}", path=str(path), error=str(error))

    async def _remove_unused(
        self, path: Path, segments: list[Segment], nested: list[Names], by: Collection[Names] | None
    ) -> None:
        if not self.are_ours(segments):
            return
        parts = names_in((segments, nested))
        uploads = uploads_of(parts)
        used, records, absent = await self.used_of(uploads, path)
        if by is not None and path in absent:  # removed or renamed since it was stored, or out of the store's reach
            await self.check_absent(absent)
        doomed = parts - used
        await self.delete((doomed | records).difference(by or ()))

    async def used_of(
        self, uploads: Iterable[tuple[str, str]], *others: Path
    ) -> tuple[set[Names], set[Names], set[Path]]:
        """
        What of *uploads* any object may use, by the manifests of all names that they know of, and *others*.

        :return: names of segments and nested manifests; those of the records that serve no more; and the names at
            which nothing was found.
        """
        uploads = list(uploads)
        homes = {home_of(container, upload, self.suffix) for container, upload in uploads}
        containers = {container for container, _ in uploads}
        due = {path for path in (*others, *homes) if path is not None}
        looked: dict[Path, set[Names] | None] = {}
        used, known, records = set[Names](), set[User](), set[tuple[Names, str]]()
        begun: float | None = self._client.clock.seconds()
        while True:
            for path in sorted(due):
                if all(path.container != other.container for other in looked):
                    await self._check_history(path.container)
                await self.claims.passed(path, containers)
                looked[path] = await self.used_by(path)
                used |= looked[path] or set()
            # a rename notes its target before the source goes: what was missed above is among the users by now
            users = set[User]()
            for container, upload in uploads:
                found = await self._users_of(container, upload)
                users |= found
                records |= {(user.noted, upload) for user in found}
            due = {user.path for user in users - known if user.since is not None or user.path not in looked}
            known = users
            if due:
                continue
            if begun is None or self._client.clock.seconds() - begun <= LONG:
                break
            due, begun = set(looked), None  # once more: a gateway that claims nothing may have published meanwhile
        busy = {(container, upload_of(name)) for container, name in used}
        served = {names for names, upload in records if (names[0], upload) not in busy}
        return used, served, {path for path, found in looked.items() if found is None}

    async def used_by(self, path: Path) -> set[Names] | None:
        """Names of segments and nested manifests that the object *path* consists of; None: there is none."""
        found = await self._read((path.container, path.object), whole=True)
        return None if found is None else names_in(found)

    async def check_absent(self, paths: Iterable[Path]) -> None:
        """
        See that listings do not show *paths* either: objects out of reach were taken for none by some stores.

        :raises Unavailable: one of them is listed.
        """
        for path in sorted(paths):
            try:
                page = await rows(self._client, path.container, limit=1, prefix=path.object)
            except errors.NotFound:
                continue
            if any(row["name"] == path.object for row in page):
                raise errors.Unavailable(f"{path} is listed, and not found")

    async def _check_history(self, container: str) -> None:
        """
        :raises Unsupported: *container* keeps old versions of its objects, which still use their segments.
        """
        reply = await self._client.request(Request(method="HEAD", names=(container,)), 200, 204, 404)
        if reply.status != 404 and any(reply.headers.get(name, "").lower() not in ("", "false") for name in HISTORY):
            raise errors.Unsupported(f"{container} keeps old versions")

    async def delete(self, names: Iterable[Names]) -> None:
        """Delete *names*; what cannot be is logged."""
        left = await self._objects.delete_many(sorted(names))
        if left:
            log.warn("{count} old segments could not be removed", count=len(left), first=left[0])
