"""
Large objects: staging, adopting and publishing.

A part that a publishing request may have used is never discarded.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from twisted.logger import Logger
from twisted.web.iweb import UNKNOWN_LENGTH

from swftp import errors
from swftp.entries import Entry
from swftp.interfaces import IByteSource
from swftp.paths import Path
from swftp.storage.swift.bodies import Bytes
from swftp.storage.swift.client import Request
from swftp.storage.swift.describe import etag, quoted_name, version_of
from swftp.storage.swift.ledger import Ledger
from swftp.storage.swift.manifests import (
    GROUP_LIMIT,
    MANY_SMALL,
    Segment,
    grouped,
    home_of,
    manifest,
    manifest_etag,
    merged,
    small,
    upload_of,
    upload_prefix,
)
from swftp.storage.swift.objects import Names, Objects, in_parallel
from swftp.storage.swift.underway import Underway

log = Logger()

COPY_SIZE = 1024**3
"""Bytes of another tool's large object copied at once."""
COPY_SPEED = 5e6
"""Bytes a second that a store copies at least, before we give up waiting."""
PUBLISHED_LIMIT = 16384
"""Published segments remembered, so that a slice that was left over does not take them away."""
FRESH_DELAYS = 4
"""Times a container that was just made is asked for again: proxies remember its absence for 6 seconds."""


def copy_patience(size: int) -> float:
    """Seconds more than usual that the store may take to copy *size* bytes."""
    return size / COPY_SPEED


class Segments(Ledger):
    """Segments and manifests of one account, and who uses them."""

    def __init__(
        self,
        objects: Objects,
        *,
        suffix: str,
        max_segments: int,
        max_file_size: int,
        underway: Underway | None = None,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        """
        :param suffix: of the container that holds a container's segments.
        :param max_segments: of one manifest.
        :param max_file_size: bytes of one segment.
        :param underway: of all accounts of the process.
        :param token: 16 random hexadecimal digits.
        """
        super().__init__(objects, suffix)
        self._max_segments = max_segments
        self.max_file_size = max_file_size
        self._token = token
        self._uploads: dict[Path, tuple[str, int]] = {}
        self._open: dict[str, set[Names]] = {}
        """Parts of each upload that are neither published nor given up."""
        self._published: dict[Names, None] = {}
        self.underway = underway or Underway()
        self.underway.add(self)

    def unpublished(self) -> set[str]:
        """See `IUploads`."""
        return set(self._open)

    def container_for(self, path: Path) -> str:
        """Where the segments of *path* are."""
        return path.container + self.suffix

    def _new_name(self, path: Path, nested: bool = False) -> Names:
        prefix, number = self._uploads.get(path, ("", 0))
        if not prefix:
            prefix = upload_prefix(path, int(self._client.now()), self._token())
        self._uploads[path] = (prefix, number + 1)
        return self.container_for(path), f"{prefix}/{number:08d}{'m' if nested else ''}"

    @contextmanager
    def _part(self, path: Path) -> Iterator[Names]:
        """The name of a part for *path*, which is made meanwhile."""
        names = self._new_name(path)
        self._open.setdefault(self._uploads[path][0], set()).add(names)
        try:
            yield names
        except BaseException:
            self._closed([names])
            raise

    def _closed(self, parts: Iterable[Names]) -> None:
        """*parts* are published or given up: an upload without others has ended, whatever its file is called."""
        for names in parts:
            upload = str(upload_of(names[1]))
            others = self._open.get(upload, set())
            others.discard(names)
            if not others:
                self._open.pop(upload, None)
        self._uploads = {path: made for path, made in self._uploads.items() if made[0] in self._open}

    async def _put(self, path: Path, request: Request, expected: Mapping[str, str]) -> Mapping[str, str]:
        """PUT into the segments container, which is made when it turns out to be missing."""
        try:
            return await self._objects.publish(request, expected)
        except errors.NotFound:
            await self._make_container(path)
        for attempt in range(1, FRESH_DELAYS + 1):
            try:
                return await self._objects.publish(request, expected)
            except errors.NotFound:
                await self._client.pause(attempt + 1)
        return await self._objects.publish(request, expected)

    async def _make_container(self, path: Path) -> None:
        """The segments container of *path*, with the policy and the readers of its container."""
        looked = await self._client.request(Request(method="HEAD", names=(path.container,)), 200, 204)
        same = ("x-storage-policy", "x-container-read", "x-container-write")
        headers = {name: looked.headers[name] for name in same if looked.headers.get(name)}
        request = Request(method="PUT", names=(self.container_for(path),), headers=headers)
        await self._client.request(request, 201, 202, 204)

    async def stage(self, path: Path, source: IByteSource) -> Segment:
        """See `IComposes.stage`."""
        size = source.length
        if size is UNKNOWN_LENGTH or not size:
            raise errors.InvalidRequest("a part has a known length")
        if int(size) > self.max_file_size:
            raise errors.TooLarge()
        headers = {"Content-Type": "application/octet-stream"}
        expected = {"content-length": str(size)}
        if source.digest:
            headers["ETag"] = source.digest
            expected["etag"] = source.digest
        with self._part(path) as names:
            request = Request(method="PUT", names=names, headers=headers, body=source, bulk=True)
            answer = await self._put(path, request, expected)
            segment = Segment(*names, etag(answer), int(size), 0, int(size), staged=True)
            first = segment.name.endswith(f"/{0:08d}")
            if first and home_of(names[0], str(upload_of(names[1])), self.suffix) is None:
                await self.remember([names], add={path})  # a name too long to be told by the segment's own
        return segment

    async def adopt(self, path: Path, entry: Entry, large: bool) -> list[Segment]:
        """See `IComposes.adopt`; *entry* is what HEAD says now, and has a size."""
        names = (path.container, path.object)
        if entry.detail.get("large") == "slo":
            segments, nested = await self.read(names)
            same = await self._stands(path, entry) if nested else manifest_etag(segments) == entry.version
            if same and self.are_ours(segments) and sum(s.size for s in segments) == entry.size:
                return segments
        if not large:
            return [await self._copied(path, path, entry, 0, entry.size)]
        return await self.copies(path, path, entry)

    async def copies(self, source: Path, target: Path, entry: Entry) -> list[Segment]:
        """The object *source*, which is *entry*, copied by the store into segments for *target*."""
        most = min(COPY_SIZE, self.max_file_size)
        starts = range(0, entry.size, most)
        made: list[Segment] = []

        async def one(start: int) -> Segment:
            made.append(await self._copied(source, target, entry, start, min(most, entry.size - start)))
            return made[-1]

        try:
            parts = await in_parallel([one(start) for start in starts], limit=2)
            pinned = len(parts) == 1 or entry.detail.get("large")
            if not pinned and not await self._stands(source, entry):
                raise errors.Changed()  # perhaps between two of them
        except errors.StorageError:
            await self.discard(made)
            raise
        return parts

    async def _stands(self, path: Path, entry: Entry) -> bool:
        """Whether *entry* is what stands at *path* now."""
        headers = await self._objects.head((path.container, path.object), newest=True)
        return headers is not None and version_of(headers) == entry.version

    async def _copied(self, source: Path, target: Path, entry: Entry, start: int, size: int) -> Segment:
        """A range of the object *source*, copied by the store into a segment."""
        headers = {
            "X-Copy-From": quoted_name(source.container, source.object),
            "X-Fresh-Metadata": "true",
        }
        expected = {"content-length": str(size)}
        if entry.detail.get("large"):
            headers["If-Match"] = f'"{entry.version}"'
        if size < entry.size:
            headers["Range"] = f"bytes={start}-{start + size - 1}"
        elif entry.digest:
            expected["etag"] = entry.digest
        with self._part(target) as names:
            request = Request(method="PUT", names=names, headers=headers, patience=copy_patience(size))
            answer = await self._put(target, request, expected)
            if "etag" not in expected:
                looked = await self._objects.head(names, newest=True)
                if looked is None or looked.get("content-length") != str(size):
                    raise errors.Corrupt("storage copied another number of bytes")
                answer = looked
        return Segment(*names, etag(answer), size, 0, size, staged=True)

    async def publish(
        self,
        path: Path,
        parts: Sequence[Segment],
        headers: Mapping[str, str],
        expected: Mapping[str, str],
        onto: Entry | None = None,
    ) -> tuple[str, set[Names]]:
        """
        Make *parts* the object *path*.

        :param headers: of the manifest.
        :param expected: what HEAD shows of it then, beside ETag and length.
        :param onto: the object at *path* that *parts* were adopted from, if any were.
        :return: the ETag, and the names of all that the object now uses.
        :raises Changed: *onto* is no more there, so that its segments may be on their way out.
        """
        await self._remember_strangers(path, parts)
        segments = await self._joined(path, merged(parts))
        adopted = {s.container for s in segments if not s.staged} if onto is not None else ()
        async with self.claims.made(path, adopted):
            if onto is not None and adopted and not await self._stands(path, onto):
                raise errors.Changed()
            version, used = await self._publish(path, segments, headers, expected)
        self._published.update(dict.fromkeys(segment.names for segment in parts))
        while len(self._published) > PUBLISHED_LIMIT:
            self._published.pop(next(iter(self._published)))
        self._closed(segment.names for segment in parts)
        return version, used

    async def _publish(
        self, path: Path, segments: list[Segment], headers: Mapping[str, str], expected: Mapping[str, str]
    ) -> tuple[str, set[Names]]:
        used = {segment.names for segment in segments}
        while len(segments) > self._max_segments:
            segments = await self._nested(path, segments)
            used |= {segment.names for segment in segments}
        version, size = manifest_etag(segments), sum(segment.size for segment in segments)
        expected = {**expected, "etag": version, "content-length": str(size)}
        await self._put_manifest((path.container, path.object), segments, headers, expected)
        return version, used

    async def _remember_strangers(self, path: Path, parts: Sequence[Segment]) -> None:
        """Note beside those of *parts* that were staged for another name (the file was renamed) who uses them."""
        staged = [part for part in parts if part.staged]
        homes = {(part.container, str(upload_of(part.name))) for part in staged}
        strange = {home for home in homes if home_of(*home, self.suffix) != path}
        if strange:
            found = [part.names for part in staged if (part.container, str(upload_of(part.name))) in strange]
            await self.remember(found, add={path})

    async def _put_manifest(
        self,
        names: Names,
        segments: Sequence[Segment],
        headers: Mapping[str, str],
        expected: Mapping[str, str],
    ) -> Mapping[str, str]:
        # The ETag also keeps a store without SLO from taking the list of segments for the file itself.
        request = Request(
            method="PUT",
            names=names,
            query={"multipart-manifest": "put", "heartbeat": "on"},
            headers={**headers, "ETag": expected["etag"], "Accept": "application/json"},
            body=Bytes(manifest(segments)),
            limit=1024 * 1024,
            patience=len(segments) * 0.5,
        )
        try:
            return await self._objects.publish(request, expected)
        except errors.InvalidName as error:  # 400: a segment is missing, or is not what it was
            raise errors.Changed("storage no longer has all parts of the file") from error
        except errors.Damaged as error:  # or the list was taken for the file itself
            raise errors.Damaged("storage did not take the list of segments: has it large objects?") from error

    async def _nested(self, path: Path, segments: Sequence[Segment]) -> list[Segment]:
        """Manifests, each of as many of *segments* as one may have."""

        async def one(batch: Sequence[Segment]) -> Segment:
            names = self._new_name(path, nested=True)
            version, size = manifest_etag(batch), sum(segment.size for segment in batch)
            expected = {"etag": version, "content-length": str(size)}
            await self._put_manifest(names, batch, {"Content-Type": "application/octet-stream"}, expected)
            return Segment(*names, version, size, 0, size, staged=True)

        starts = range(0, len(segments), self._max_segments)
        return await in_parallel([one(segments[i : i + self._max_segments]) for i in starts], limit=2)

    async def _joined(self, path: Path, segments: list[Segment]) -> list[Segment]:
        """*segments* without many small ones, with which Swift slows a download down."""
        made: set[Names] = set()
        while small(segments) > MANY_SMALL:
            groups = grouped(segments, min(MANY_SMALL, self._max_segments), min(GROUP_LIMIT, self.max_file_size))
            if all(len(group) == 1 for group in groups):
                break
            segments = await in_parallel([self._join(path, group) for group in groups], limit=4)
            made |= {s.names for s, group in zip(segments, groups, strict=True) if len(group) > 1}
        unused = made - {segment.names for segment in segments}
        await self._objects.delete_many(sorted(unused))
        return segments

    async def _join(self, path: Path, group: list[Segment]) -> Segment:
        """One segment of *group*: the store copies a manifest of them."""
        if len(group) == 1:
            return group[0]
        [whole] = await self._nested(path, group)
        names = self._new_name(path)
        request = Request(
            method="PUT",
            names=names,
            headers={"X-Copy-From": quoted_name(*whole.names), "X-Fresh-Metadata": "true"},
            patience=copy_patience(whole.size),
        )
        await self._put(path, request, {"content-length": str(whole.size)})
        looked = await self._objects.head(names, newest=True)
        await self._objects.delete_many([whole.names])
        if looked is None or looked.get("content-length") != str(whole.size):
            raise errors.Corrupt("storage copied another number of bytes")
        return Segment(*names, etag(looked), whole.size, 0, whole.size, staged=True)

    async def discard(self, parts: Iterable[Segment]) -> None:
        """See `IComposes.discard`."""
        names = {part.names for part in parts if part.staged and part.names not in self._published}
        self._closed(names)
        await self.delete(names)
