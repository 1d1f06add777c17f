"""
zerostor as one account sees it: names are rows, contents are chunks, and one transaction puts the two together.

The law: a name leads to a content only after every chunk of it is on its shards; until then nobody sees it, and
whatever goes wrong leaves objects that nobody refers to, which are abandoned.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from uuid import UUID

from zope.interface import implementer

from swftp import errors
from swftp.background import Background
from swftp.entries import UNKNOWN, UNLIKELY, UNSEEN, Attributes, Entry, Kind, Opened, Page, Pair, Usage
from swftp.interfaces import IByteSink, IByteSource, IComposes, IConfined, ILinks, IPart, IQuota, IStorage
from swftp.paths import ROOT, Path
from swftp.storage.zerostor.describe import content_of, entry_of, nanoseconds
from swftp.storage.zerostor.feeding import Feeding, Stretch
from swftp.storage.zerostor.finding import Finding, anybody
from swftp.storage.zerostor.meta import values as meta
from swftp.storage.zerostor.parts import Part, Phase, batches, of_ours, pieces
from swftp.storage.zerostor.sending import Sending
from swftp.storage.zerostor.shared import Zerostor
from swftp.storage.zerostor.values import Chunk, Extent, New, ObjectId, Old, Piece

EXTENTS = 256
"""Extents asked for at a time: 1 GiB of a file that was written in one go."""


@implementer(IStorage, IComposes, ILinks, IConfined, IQuota)
class ZeroStorage:
    """One account, from *root* on."""

    containers = False
    digests = False
    part_limit = 1 << 40

    def __init__(
        self, shared: Zerostor, account: UUID, root: Path = ROOT, check: Callable[[], None] = anybody
    ) -> None:
        """
        :param root: links that lead out of it are not followed.
        :param check: raises where whoever has logged in may do nothing more.
        """
        self._check = check
        self._shared = shared
        self._account = account
        self._names = shared.metadata.namespace(account)
        self._background = Background()
        self.confine(root)

    def confine(self, root: Path) -> None:
        """See `IConfined`."""
        self._finding = Finding(self._names, root, self._check)

    # What is there

    async def stat(self, path: Path, follow: bool = True, implied: bool = True) -> Entry:
        """See `IStorage.stat`."""
        _, node = await self._finding.find(path, follow)
        return entry_of(node, path.name)

    async def list(self, path: Path, after: str | None = None) -> Page:
        """See `IStorage.list`."""
        real, node = await self._finding.find(path)
        if not node.is_directory:
            raise errors.NotDirectory()
        nodes, more = await self._names.children(real.parts, after, self._shared.options.page_size)
        return Page(tuple(entry_of(node) for node in nodes), nodes[-1].name if more else None)

    async def fetch(
        self,
        path: Path,
        sink: IByteSink,
        offset: int = 0,
        length: int | None = None,
        version: str | None = None,
        opened: Opened | None = None,
    ) -> Entry:
        """See `IStorage.fetch`; who has opened a file reads it to its end, whatever becomes of its name."""
        if opened is not None and version is not None and opened.entry.version == version:
            entry = opened.entry
        else:
            node = await self._finding.file(path)
            entry = entry_of(node, path.name)
            if version not in (None, entry.version):
                raise errors.Changed()
        if offset < 0 or offset > entry.size:
            raise errors.InvalidRequest("offset beyond the end")
        end = entry.size if length is None else min(entry.size, offset + length)
        await self._feed(sink, entry, self._stored(content_of(entry), offset, end - offset, opened))
        return entry

    async def _feed(self, sink: IByteSink, entry: Entry, stretches: AsyncIterator[Stretch]) -> None:
        async def get(chunk: Chunk) -> bytes:
            self._check()
            return await self._shared.plain(chunk, self._account)

        await Feeding(sink, get, self._shared.ahead).run(entry, stretches)

    async def _stored(
        self, content: UUID, offset: int, length: int, opened: Opened | None = None
    ) -> AsyncIterator[Stretch]:
        """Where the *length* bytes at *offset* of *content* are."""
        end = offset + length
        page: Sequence[Extent] = [] if opened is None or opened.memo is None else opened.memo
        while offset < end:
            page = [extent for extent in page if extent.position + extent.length > offset]
            if not page or page[0].position > offset:
                page = await self._names.extents(content, offset, EXTENTS)
                if opened is not None:
                    opened.memo = page
                if not page or page[0].position > offset:
                    raise errors.Changed("what was stored under this name is gone")
            for extent in page:
                if offset >= end or extent.position > offset:
                    break
                inner = offset - extent.position
                count = min(extent.length - inner, end - offset)
                yield extent.chunk, extent.skip + inner, count
                offset += count

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
        """See `IStorage.store`."""
        real = await self._finding.place(path)
        if replaces is UNLIKELY and not exclusive:
            await self._refuse_link(real)
        part, md5 = await self._send(source, hashed=True)
        return await self._publish(real, [part], attributes, exclusive, onto, md5)

    async def _refuse_link(self, real: Path) -> None:
        try:
            node = await self._names.lookup(real.parts)
        except errors.NotFound:
            return
        if node.kind is Kind.SYMLINK:
            raise errors.Changed()

    async def _send(self, source: IByteSource, *, hashed: bool) -> tuple[Part, str | None]:
        """All of *source*, on the shards, and its MD5, where it was computed."""

        async def put(obj: ObjectId, views: Sequence[memoryview]) -> Chunk:
            return await self._shared.chunks.put(obj, self._account, views)

        shared = self._shared
        sending = Sending(source, shared.take, put, shared.options.chunk_size, shared.in_thread, hashed=hashed)
        try:
            new, md5 = await sending.run()
        except BaseException:
            self._background.run(shared.abandon([sending.batch]))
            raise
        return Part(tuple(new), sending.batch), md5

    async def _publish(
        self,
        real: Path,
        parts: Sequence[Part],
        attributes: Attributes,
        exclusive: bool,
        onto: Entry | None,
        md5: str | None,
    ) -> Entry:
        """Make *parts* the content of *real*; what of them nobody uses is abandoned."""
        self._check()
        whole = pieces(parts)
        wall = self._shared.wall
        try:
            node = await self._names.commit(
                real.parts,
                whole,
                md5=md5,
                mtime_ns=nanoseconds(wall() if attributes.mtime is None else attributes.mtime),
                mode=attributes.mode,
                exclusive=exclusive,
                replaces=meta.UNSEEN if onto is None else content_of(onto),
            )
        except errors.StorageError as error:
            if md5 is not None and errors.published_nothing(error):  # else whoever staged the parts still has them
                self._background.run(self._shared.abandon(batches(parts)))
            raise
        self._published(parts, whole)
        return entry_of(node)

    def _published(self, parts: Sequence[Part], whole: Sequence[Piece]) -> None:
        used = {piece.chunk.obj for piece in whole if isinstance(piece, New)}
        unused = []
        for batch in batches(parts):
            batch.phase = Phase.PUBLISHED
            unused += [chunk for obj, chunk in batch.objects.items() if obj not in used]
        if unused:
            self._background.run(self._shared.metadata.journal.abandon(unused))

    async def copy(self, source: Path, target: Path, exclusive: bool = False) -> Entry:
        """See `IStorage.copy`: both names share the chunks."""
        old, node = await self._finding.find(source)
        if node.is_directory:
            raise errors.IsDirectory()
        new = await self._finding.place(target)
        if old == new and not exclusive:
            return entry_of(node, target.name)
        return entry_of(await self._names.copy(old.parts, new.parts, exclusive))

    async def rename(self, source: Path, target: Path, exclusive: bool = False, known: Pair = UNKNOWN) -> Entry:
        """See `IStorage.rename`: one row, whatever is below it."""
        if source.is_root or target.is_root:
            raise errors.PermissionDenied()
        old, new = await self._finding.place(source), await self._finding.place(target)
        return entry_of(await self._names.rename(old.parts, new.parts, exclusive))

    async def remove(self, path: Path, seen: Entry | None = UNSEEN) -> None:
        """See `IStorage.remove`."""
        if path.is_root:
            raise errors.IsDirectory()
        await self._names.remove((await self._finding.place(path)).parts)

    # Directories

    async def make_directory(self, path: Path) -> None:
        """See `IStorage.make_directory`."""
        if path.is_root:
            raise errors.AlreadyExists()
        await self._names.make_directory((await self._finding.place(path)).parts)

    async def remove_directory(self, path: Path) -> None:
        """See `IStorage.remove_directory`."""
        if path.is_root:
            raise errors.PermissionDenied()
        await self._names.remove_directory((await self._finding.place(path)).parts)

    async def update(self, path: Path, attributes: Attributes) -> Entry | None:
        """See `IStorage.update`."""
        real, _ = await self._finding.find(path)
        if real.is_root or attributes == Attributes():
            return None
        mtime_ns = None if attributes.mtime is None else nanoseconds(attributes.mtime)
        node = await self._names.update(real.parts, mtime_ns, attributes.mode)
        return entry_of(node, path.name) if real == path else None

    # Parts

    async def stage(self, path: Path, source: IByteSource) -> Part:
        """See `IComposes.stage`."""
        await self._finding.place(path)
        part, _ = await self._send(source, hashed=False)
        return part

    async def adopt(self, path: Path, entry: Entry) -> Sequence[Part]:
        """See `IComposes.adopt`."""
        _, node = await self._finding.find(path)
        return self._whole(entry, node)

    async def copies(self, source: Path, entry: Entry, path: Path) -> Sequence[Part]:
        """See `IComposes.copies`."""
        _, node = await self._finding.find(source)
        return self._whole(entry, node)

    def _whole(self, entry: Entry, node: meta.Node) -> Sequence[Part]:
        if node.content is None or entry_of(node).version != entry.version:
            raise errors.Changed()
        return [Part((Old(node.content, 0, node.size),))] if node.size else []

    async def read_part(self, part: IPart, sink: IByteSink) -> None:
        """See `IComposes.read_part`."""
        whole = pieces(of_ours([part]))

        async def stretches() -> AsyncIterator[Stretch]:
            for piece in whole:
                if isinstance(piece, New):
                    yield piece.chunk, piece.skip, piece.length
                else:
                    async for stretch in self._stored(piece.content, piece.offset, piece.length):
                        yield stretch

        await self._feed(sink, Entry(name="", kind=Kind.FILE, size=part.size), stretches())

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
        real = await self._finding.place(path)
        return await self._publish(real, of_ours(parts), attributes, exclusive, onto, None)

    async def discard(self, parts: Sequence[IPart]) -> None:
        """See `IComposes.discard`."""
        await self._shared.abandon(batch for batch in batches(of_ours(parts)) if batch.phase is Phase.STAGED)

    # The rest

    async def make_link(self, path: Path, target: Path) -> None:
        """See `ILinks.make_link`."""
        if path.is_root:
            raise errors.AlreadyExists()
        await self._names.make_link((await self._finding.place(path)).parts, str(target))

    async def usage(self, path: Path) -> Usage:
        """See `IQuota.usage`: no more than the shards have room for can be stored, whatever the quota is."""
        self._check()
        usage = await self._names.usage()
        room = usage.used_bytes + await self._shared.room()
        return replace(usage, quota_bytes=min(room, room if usage.quota_bytes is None else usage.quota_bytes))

    async def settle(self) -> None:
        """Wait until nothing is left to clean up."""
        await self._background.settle()
