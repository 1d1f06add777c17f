"""
What only some Swifts can: objects put together from parts, and symbolic links.

A store without them does not provide the interface, so nobody has to try.
"""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from swftp import errors
from swftp.entries import UNSEEN, Attributes, Entry
from swftp.interfaces import IByteSink, IByteSource, IComposes, ILinks, IPart
from swftp.paths import Path
from swftp.storage.swift import describe
from swftp.storage.swift.bodies import Bytes
from swftp.storage.swift.client import Request, SwiftClient
from swftp.storage.swift.driver import SwiftStorage, names_of
from swftp.storage.swift.fetching import Fetch
from swftp.storage.swift.janitor import AGE, Janitor, Rest
from swftp.storage.swift.limits import Limits, discover
from swftp.storage.swift.listing import every_page
from swftp.storage.swift.manifests import Segment
from swftp.storage.swift.options import Options


@implementer(IComposes)
class ComposingStorage(SwiftStorage):
    """With static large objects."""

    digests = True

    @property
    def part_limit(self) -> int:
        """See `IComposes.part_limit`."""
        return self.limits.max_file_size

    async def stage(self, path: Path, source: IByteSource) -> Segment:
        """See `IComposes.stage`."""
        return await self._segments.stage(path, source)

    async def adopt(self, path: Path, entry: Entry) -> Sequence[Segment]:
        """See `IComposes.adopt`."""
        headers = await self._objects.head(names_of(path))
        now = None if headers is None else describe.entry_of(path.name, headers)
        if now is None or headers is None or now.version != entry.version:
            raise errors.Changed()
        if not now.size:
            return []
        return await self._segments.adopt(path, now, describe.is_large(headers))

    async def copies(self, source: Path, entry: Entry, path: Path) -> Sequence[Segment]:
        """See `IComposes.copies`."""
        names = names_of(source)
        headers = await self._objects.head(names)
        now = None if headers is None else describe.entry_of(source.name, headers)
        if now is None or now.version != entry.version:
            raise errors.Changed()
        return await self._segments.copies(source, path, now)

    async def read_part(self, part: IPart, sink: IByteSink) -> None:
        """See `IComposes.read_part`."""
        segment = _segment(part)
        fetch = Fetch(
            self.client,
            segment.names,
            sink,
            offset=segment.offset,
            length=segment.size,
            version=segment.etag,
        )
        await fetch.run()

    async def publish(
        self,
        path: Path,
        parts: Sequence[IPart],
        attributes: Attributes,
        exclusive: bool = False,
        replaces: Entry | None = UNSEEN,
        onto: Entry | None = None,
    ) -> Entry:
        """See `IComposes.publish`."""
        if not parts:
            return await self.store(path, Bytes(b""), attributes, exclusive, replaces)
        old = await self._replaced(path, exclusive, replaces)
        headers, expected = self._headers(path, attributes, exclusive)
        segments = [_segment(part) for part in parts]
        version, used = await self._segments.publish(path, segments, headers, expected, onto)
        self._stored(path, old, used)
        joined = [segment for segment in segments if segment.staged and segment.names not in used]
        if joined:
            self._background.run(self._segments.remove_unused(path, joined, [], used))
        return self._made(path, headers, version, sum(segment.size for segment in segments), large=True)

    async def _copy_bytes(self, source: Path, target: Path, entry: Entry) -> None:
        """What is too large for one object is copied in pieces."""
        if entry.size <= self.limits.max_file_size:
            await super()._copy_bytes(source, target, entry)
            return
        headers = await self._objects.head(names_of(source))
        if headers is None:
            raise errors.NotFound()
        parts = await self._segments.copies(source, target, entry)
        same = describe.updated(headers, Attributes(), self.options.times_in_listings)
        same.pop("x-object-manifest", None)
        try:
            await self._segments.publish(target, parts, same, {})
        except errors.StorageError as error:
            if errors.published_nothing(error):  # else *target* may be made of them
                await self._segments.discard(parts)
            raise

    async def account(self) -> str:
        """Names the account: its URL."""
        return await self.client.account()

    async def swept_containers(self) -> list[str]:
        """The containers whose large objects have, or had, segments."""
        suffix = self.options.segments_suffix
        names: list[str] = []
        async for page in every_page(self.client, "", limit=self.page_size):
            names += [str(row["name"]) for row in page]
        return [name.removesuffix(suffix) for name in names if name.endswith(suffix) and name != suffix]

    async def sweep(
        self, container: str, age: float = AGE, after: str = "", rest: Rest | None = None, remove: bool = True
    ) -> int:
        """
        Remove what uploads into *container* left behind when a gateway died; how many objects that were.

        :param age: seconds since the last segment of an upload after which it is taken for abandoned.
        :param after: *rest* was told this name last time; go on behind it.
        :param rest: awaited, with its name, before each upload that may be abandoned is looked up.
        :param remove: not only count.
        """
        janitor = Janitor(
            self.client,
            self._segments,
            spared=self._segments.underway,
            listing=self.page_size,
            age=age,
            rest=rest,
            remove=remove,
        )
        try:
            return await janitor.sweep(self._segments.container_for(Path((container,))), after)
        except errors.NotFound:
            return 0

    async def discard(self, parts: Sequence[IPart]) -> None:
        """See `IComposes.discard`."""
        await self._segments.discard(_segment(part) for part in parts)


def _segment(part: IPart) -> Segment:
    if not isinstance(part, Segment):
        raise errors.InvalidRequest("a part of another store")
    return part


@implementer(ILinks)
class LinkingStorage(SwiftStorage):
    """With symbolic links."""

    async def make_link(self, path: Path, target: Path) -> None:
        """See `ILinks.make_link`."""
        if not target.object:
            raise errors.Unsupported("links lead to files")
        if not path.object:
            raise errors.AlreadyExists()
        if await self._trees.has_children(path):
            raise errors.AlreadyExists()
        link = describe.quoted_name(*names_of(target))
        request = Request(
            method="PUT",
            names=names_of(path),
            headers={"X-Symlink-Target": link, "Content-Type": describe.SYMLINK, "If-None-Match": "*"},
            body=Bytes(b""),
        )
        await self._trees.patiently(path, request, {"x-symlink-target": link})
        self._trees.stored(path)


class FullStorage(ComposingStorage, LinkingStorage):
    """With large objects and links."""


KINDS: dict[tuple[bool, bool], type[SwiftStorage]] = {
    (False, False): SwiftStorage,
    (True, False): ComposingStorage,
    (False, True): LinkingStorage,
    (True, True): FullStorage,
}
"""By whether the store has large objects, and links."""


async def open_storage(
    client: SwiftClient, options: Options | None = None, limits: Limits | None = None
) -> SwiftStorage:
    """
    The account of *client*; it provides `IComposes` and `ILinks` where the store, and *options*, allow.

    :param limits: what the store can do, where it was asked before (`discover`).
    """
    options = options or Options()
    limits = limits or await discover(client)
    kind: type[SwiftStorage] = KINDS[limits.slo and options.layout == "slo", limits.symlink]
    return kind(client, options, limits)
