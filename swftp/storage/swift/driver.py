"""
OpenStack Swift as a store: each verb of `IStorage` in as few requests as are right.

HEAD decides what stands at a name, listings may lag; what an object alone used is removed after the object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from swftp import errors
from swftp.background import Background
from swftp.entries import UNKNOWN, UNLIKELY, UNSEEN, Attributes, Entry, Kind, Opened, Page, Pair, Usage
from swftp.interfaces import IByteSink, IByteSource, IConfined, IQuota, IStorage
from swftp.paths import Path
from swftp.storage.swift import describe
from swftp.storage.swift.client import Request, SwiftClient
from swftp.storage.swift.fetching import Fetch
from swftp.storage.swift.limits import Limits
from swftp.storage.swift.links import OUTSIDE
from swftp.storage.swift.listing import Lister
from swftp.storage.swift.manifests import Segment
from swftp.storage.swift.objects import Names, Objects, in_parallel
from swftp.storage.swift.options import Options
from swftp.storage.swift.piecewise import Piecewise, cut, segments_of
from swftp.storage.swift.renaming import Renaming
from swftp.storage.swift.replacing import Replacing
from swftp.storage.swift.segments import Segments, copy_patience
from swftp.storage.swift.trees import Trees
from swftp.storage.swift.underway import Underway

DLO_LOOKUPS = 100
"""Empty objects of one page that are looked at because they may be dynamic large objects."""
HOPS = 2
"""Symbolic links that Swift follows in a row."""


def names_of(path: Path) -> Names:
    return path.container, path.object


@implementer(IStorage, IConfined, IQuota)
class SwiftStorage:
    """A Swift account as one login sees it; without large objects and links (see `swftp.storage.swift.features`)."""

    containers = True

    def __init__(
        self,
        client: SwiftClient,
        options: Options | None = None,
        limits: Limits | None = None,
        underway: Underway | None = None,
    ) -> None:
        self.client = client
        self.options = options = options or Options()
        self.limits = limits = limits or Limits()
        self._objects = Objects(client, limits.bulk_delete)
        self.page_size = page_size = min(options.page_size, limits.listing)
        hidden = options.segments_suffix if options.hide_segments else ""
        self._lister = Lister(client, page_size, hidden)
        self._segments = Segments(
            self._objects,
            suffix=options.segments_suffix,
            max_segments=limits.max_segments,
            max_file_size=limits.max_file_size,
            underway=underway,
        )
        self._trees = Trees(
            self._objects,
            self._segments,
            listing=page_size,
            tree_limit=options.tree_limit,
            in_listings=options.times_in_listings,
        )
        self._replacing = Replacing(self._objects, self._segments)
        self._replaced = self._replacing.segments_of
        self._background = Background()

    def confine(self, root: Path) -> None:
        """See `IConfined`."""
        self.client.root = root

    # What is there

    async def stat(self, path: Path, follow: bool = True, implied: bool = True) -> Entry:
        """See `IStorage.stat`: one request, two where no object has the name."""
        if path.is_root:
            return Entry(name="", kind=Kind.DIRECTORY)
        if path.is_container:
            return await self._stat_container(path)
        headers = await self._objects.head(names_of(path), follow)
        if headers is not None:
            return describe.entry_of(path.name, headers)
        if (implied and await self._trees.has_children(path)) or path in self._trees.vanished:
            return Entry(name=path.name, kind=Kind.DIRECTORY)
        raise errors.NotFound()

    async def _stat_container(self, path: Path) -> Entry:
        reply = await self.client.request(Request(method="HEAD", names=(path.container,)), 200, 204)
        return Entry(
            name=path.name,
            kind=Kind.DIRECTORY,
            size=describe.size_of(reply.headers.get("x-container-bytes-used", "0")),
            mtime=describe.modified(reply.headers),
        )

    async def _standing(self, path: Path) -> Entry | None:
        try:
            return await self.stat(path, follow=False)
        except errors.NotFound:
            return None

    async def list(self, path: Path, after: str | None = None) -> Page:
        """See `IStorage.list`: one request a page."""
        if path.is_root:
            return await self._lister.containers(after)
        page, exists = await self._lister.directory(path, after)
        if not exists and not path.is_container:
            headers = await self._objects.head(names_of(path), follow=False)
            if headers is not None and describe.entry_of("", headers).kind is not Kind.DIRECTORY:
                raise errors.NotDirectory()
            if headers is None and path not in self._trees.vanished:
                raise errors.NotFound()
        return replace(page, entries=await self._with_sizes(path, page.entries))

    async def _with_sizes(self, path: Path, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """*entries* with the sizes of dynamic large objects, which listings show as empty objects of a stranger."""
        suspects = {
            entry.name
            for entry in entries
            if entry.kind is Kind.FILE and not entry.size and not entry.detail.get("timed")
        }
        if not suspects:
            return entries
        many = len(suspects) > DLO_LOOKUPS

        async def looked(entry: Entry) -> Entry:
            if entry.name not in suspects:
                return entry
            if many:
                return replace(entry, version=None, digest=None)  # nobody may rely on it
            headers = await self._objects.head(names_of(path.child(entry.name)))
            if headers is None or not describe.is_large(headers):
                return entry
            return describe.entry_of(entry.name, headers)

        return tuple(await in_parallel([looked(entry) for entry in entries]))

    async def fetch(
        self,
        path: Path,
        sink: IByteSink,
        offset: int = 0,
        length: int | None = None,
        version: str | None = None,
        opened: Opened | None = None,
    ) -> Entry:
        """See `IStorage.fetch`: one request, as long as the store does not cut it."""
        if not path.object:
            raise errors.IsDirectory()
        try:
            names = names_of(path)
            if opened is not None and length is not None:
                segments = cut(await segments_of(self._segments, names, opened, length), offset, length)
                if segments:
                    return await Piecewise(self._objects, names, opened.entry, sink).run(segments)
            lost = partial(self._segments.lost_at, names)
            fetch = Fetch(self.client, names, sink, offset=offset, length=length, version=version, lost=lost)
            return await fetch.run()
        except errors.NotFound:
            if await self._trees.has_children(path):
                raise errors.IsDirectory() from None
            raise

    # Files

    async def store(
        self,
        path: Path,
        source: IByteSource,
        attributes: Attributes,
        exclusive: bool = False,
        replaces: Entry | None = UNSEEN,
        onto: Entry | None = None,
    ) -> Entry:
        """See `IStorage.store`: one PUT, and one HEAD before it where nobody looked and it may replace."""
        if replaces is UNLIKELY and source.replayable and not exclusive:
            try:
                return await self.store(path, source, attributes, True, None)
            except errors.AlreadyExists:
                replaces = await self._replacing.in_the_way(path)
        size = source.length
        if size is not UNKNOWN_LENGTH and int(size) > self.limits.max_file_size:
            raise errors.TooLarge()
        old = await self._replaced(path, exclusive, replaces)
        headers, expected = self._headers(path, attributes, exclusive)
        if source.digest:
            headers["ETag"] = expected["etag"] = source.digest
        if size is not UNKNOWN_LENGTH:
            expected["content-length"] = str(size)
        request = Request(method="PUT", names=names_of(path), headers=headers, body=source, bulk=True)
        answer = await self._trees.patiently(path, request, expected)
        self._stored(path, old, set())
        return self._made(path, headers, answer["etag"], int(answer["content-length"]))

    def _headers(self, path: Path, attributes: Attributes, exclusive: bool) -> tuple[dict[str, str], dict[str, str]]:
        """Headers of the PUT that makes a file, and what HEAD shows of them."""
        mtime = self.client.now() if attributes.mtime is None else attributes.mtime
        mode = describe.mode_to_keep(attributes.mode, Kind.FILE)
        headers = describe.headers_for(describe.guess_type(path.name), mtime, mode, self.options.times_in_listings)
        expected = {"x-object-meta-mtime": headers["X-Object-Meta-Mtime"]}
        if exclusive:
            headers["If-None-Match"] = "*"
        return headers, expected

    def _made(self, path: Path, headers: Mapping[str, str], version: str, size: int, large: bool = False) -> Entry:
        shown = {name.lower(): value for name, value in headers.items()}
        shown |= {"content-length": str(size), "etag": version}
        if large:
            shown["x-static-large-object"] = "true"
        return describe.entry_of(path.name, shown)

    def _stored(self, path: Path, old: tuple[Sequence[Segment], Sequence[Names]], used: set[Names]) -> None:
        self._trees.stored(path)
        if not used.issuperset([segment.names for segment in old[0]] + list(old[1])):
            self._background.run(self._segments.remove_unused(path, old[0], old[1], used))

    async def settle(self) -> None:
        """Wait until nothing is left to clean up."""
        await self._background.settle()

    async def copy(self, source: Path, target: Path, exclusive: bool = False) -> Entry:
        """See `IStorage.copy`."""
        if not source.object:
            raise errors.IsDirectory()
        entry = await self.stat(source)
        if entry.kind is Kind.DIRECTORY:
            raise errors.IsDirectory()
        standing = await self._standing(target)
        if standing is not None and exclusive:
            raise errors.AlreadyExists()
        if source == target:
            return entry
        old = await self._replaced(target, exclusive, standing)
        await self._copy_bytes(source, target, entry)
        self._stored(target, old, set())
        headers = await self._objects.head(names_of(target), newest=True)
        if headers is None or headers.get("content-length") != str(entry.size):
            raise errors.Corrupt("storage copied another number of bytes")
        return describe.entry_of(target.name, headers)

    async def _copy_bytes(self, source: Path, target: Path, entry: Entry) -> None:
        if entry.size > self.limits.max_file_size:
            raise errors.TooLarge()
        headers = {"X-Copy-From": describe.quoted_name(*names_of(source))}
        expected = {"etag": entry.digest} if entry.digest else {}
        if not entry.digest:
            headers["If-Match"] = f'"{entry.version}"'
        request = Request(
            method="PUT",
            names=names_of(target),
            headers=headers,
            patience=copy_patience(entry.size),
        )
        await self._trees.patiently(target, request, expected)

    async def rename(self, source: Path, target: Path, exclusive: bool = False, known: Pair = UNKNOWN) -> Entry:
        """See `IStorage.rename`."""
        if source.is_root or target.is_root:
            raise errors.PermissionDenied()
        if self.options.hide_segments and source.container.endswith(self.options.segments_suffix):
            raise errors.PermissionDenied("large files are made of this")
        renaming = Renaming(  # not kept: it would hold us, as we it
            self._objects, self._trees, self._replacing, self.stat, lambda path, old: self._stored(path, old, set())
        )
        return await renaming.rename(source, target, exclusive, known)

    async def remove(self, path: Path, seen: Entry | None = UNSEEN) -> None:
        """See `IStorage.remove`: one request where a plain file was seen, else two."""
        if not path.object:
            await self.stat(path)
            raise errors.IsDirectory()
        believed = seen is not UNSEEN and seen is not None
        if not believed:
            headers = await self._objects.head(names_of(path), follow=False)
            seen = None if headers is None else describe.entry_of(path.name, headers)
        if seen is not None and seen.kind is Kind.DIRECTORY:
            raise errors.IsDirectory()
        segments: Sequence[Segment] = ()
        nested: Sequence[Names] = ()
        if seen is not None and seen.detail.get("large") == "slo":
            segments, nested = await self._segments.read(names_of(path))
        if seen is None or not await self._objects.delete(names_of(path)):
            was_file = seen is not None and not believed
            if not was_file and (await self._trees.has_children(path) or path in self._trees.vanished):
                raise errors.IsDirectory()
            raise errors.NotFound()
        self._trees.removed(path)
        if segments:
            self._background.run(self._segments.remove_unused(path, segments, nested))

    # Directories

    async def make_directory(self, path: Path) -> None:
        """See `IStorage.make_directory`."""
        if path.is_root:
            raise errors.AlreadyExists()
        if path.is_container:
            await self._trees.make_container(path.container)
            return
        if path.parent.object:
            parent = await self.stat(path.parent)
            if parent.kind is not Kind.DIRECTORY:
                raise errors.NotDirectory()
        if await self._trees.has_children(path):
            raise errors.AlreadyExists()
        await self._trees.make_marker(path)

    async def remove_directory(self, path: Path) -> None:
        """See `IStorage.remove_directory`."""
        if path.is_root:
            raise errors.PermissionDenied()
        if path.object:
            await self._trees.remove_directory(path)
            return
        await self._trees.remove_container(path)
        if not path.container.endswith(self.options.segments_suffix):
            segments = self._segments.container_for(path)  # what is in it may be on its way out
            self._background.run_behind(self._trees.remove_empty_container(segments))

    async def update(self, path: Path, attributes: Attributes) -> Entry | None:
        """
        See `IStorage.update`: a HEAD and a POST.

        Containers and implied directories keep nothing, and nothing happens: an error would fail a mirrored tree.
        """
        if not path.object or attributes == Attributes():
            return None
        asked = path
        for _ in range(HOPS + 1):
            headers = await self._objects.head(names_of(path), follow=False)
            if headers is None:
                await self.stat(path)
                return None
            entry = describe.entry_of(path.name, headers)
            if entry.kind is not Kind.SYMLINK:
                break
            path = Path(tuple((entry.target or "").split("/")[1:]))
            if not path.object or not self.client.root.covers(path):
                raise errors.PermissionDenied(OUTSIDE)
        else:
            raise errors.InvalidRequest("too many symbolic links")
        new = describe.updated(headers, attributes, self.options.times_in_listings)
        await self.client.request(Request(method="POST", names=names_of(path), headers=new), 202)
        return describe.entry_of(path.name, describe.posted(headers, new)) if path == asked else None

    async def usage(self, path: Path) -> Usage:
        """See `IQuota.usage`."""
        for names, kind in (((path.container,), "x-container"), ((), "x-account"))[not path.container :]:
            reply = await self.client.request(Request(method="HEAD", names=names), 200, 204)
            usage = describe.usage_of(reply.headers, kind)
            if usage.quota_bytes is not None or usage.quota_files is not None:
                break
        return usage
