"""
A store in memory: the verified fake that every layer above is tested with.

It passes the same contract as a real store.  With a latency nothing takes effect before the clock says so.
"""

from __future__ import annotations

import itertools
import mimetypes
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from swftp import errors
from swftp.entries import UNKNOWN, UNSEEN, Attributes, Entry, Kind, Opened, Page, Pair, Usage
from swftp.interfaces import IByteSink, IByteSource, IComposes, ILinks, IPart, IQuota, IStorage
from swftp.paths import ROOT, Path, is_plain, resolve
from swftp.storage.memory_bytes import HOPS, Hook, MemoryObject, MemoryPart, collect, push
from swftp.storage.vanished import Vanished


@implementer(IStorage, IComposes, ILinks, IQuota)
class MemoryStorage:
    """
    Containers and objects in dicts; ``storage["/c/o"]`` is the content of an object.

    :ivar hook: called with verb and path before anything else; may raise, or return what to wait for.
    """

    containers = digests = True

    def __init__(
        self,
        clock: IReactorTime,
        latency: float = 0.0,
        *,
        page_size: int = 10_000,
        part_limit: int = 5 * 1024**3,
        quota_bytes: int | None = None,
    ) -> None:
        """:param latency: seconds each operation takes; it takes effect at their end."""
        self.clock, self.latency = clock, latency
        self.page_size, self.part_limit, self.quota_bytes = page_size, part_limit, quota_bytes
        self.hook: Hook | None = None
        self._containers: dict[str, dict[str, MemoryObject]] = {}
        self._staged: dict[int, int] = {}
        self._keys = itertools.count(1)
        self._vanished = Vanished(clock)

    def __contains__(self, path: object) -> bool:
        return self._object(resolve(str(path))) is not None

    def __getitem__(self, path: str) -> bytes:
        found = self._object(resolve(path))
        if found is None:
            raise KeyError(path)
        return found.data

    def __setitem__(self, path: str, data: bytes) -> None:
        where = resolve(path)
        self._containers.setdefault(where.container, {})[where.object] = self._made(where, data, Attributes())

    @property
    def staged(self) -> int:
        """Bytes in staged parts that neither were published nor discarded."""
        return sum(size for key, size in self._staged.items() if key not in self._used)

    def _held(self) -> int:
        return sum(len(o.data) for objects in self._containers.values() for o in objects.values())

    @property
    def _used(self) -> set[int]:
        return {key for objects in self._containers.values() for o in objects.values() for key in o.keys}

    async def _turn(self, verb: str, path: Path) -> None:
        if self.hook is not None and (wait := self.hook(verb, path)) is not None:
            await wait
        if self.latency > 0:
            await deferLater(self.clock, self.latency)

    def _object(self, path: Path) -> MemoryObject | None:
        return self._containers.get(path.container, {}).get(path.object) if path.object else None

    def _objects(self, path: Path) -> dict[str, MemoryObject]:
        if path.container not in self._containers:
            raise errors.NotFound()
        return self._containers[path.container]

    def _below(self, path: Path) -> Iterator[tuple[Path, MemoryObject]]:
        """All objects under the directory *path*."""
        container = self._containers.get(path.container, {})
        prefix = f"{path.object}/" if path.object else ""
        for key in [key for key in container if key.startswith(prefix)]:
            yield Path((path.container, *key.split("/"))), container[key]

    def _directory(self, path: Path, vanished: bool = True) -> Entry | None:
        if path.is_root:
            return Entry(name="", kind=Kind.DIRECTORY)
        if path.is_container:
            objects = self._containers.get(path.container)
            size = sum(len(o.data) for o in (objects or {}).values())
            return None if objects is None else Entry(name=path.name, kind=Kind.DIRECTORY, size=size)
        found = self._object(path)
        if found is not None and found.is_directory:
            return found.entry(path.name)
        alive = vanished and path in self._vanished and path.container in self._containers
        if alive or any(True for _ in self._below(path)):
            return Entry(name=path.name, kind=Kind.DIRECTORY)
        return None

    def _stat(self, path: Path, follow: bool) -> Entry:
        found = self._object(path)
        if found is not None and found.target is not None and follow:
            return self._resolved(path)[1].entry(path.name)
        entry = found.entry(path.name) if found is not None else self._directory(path)
        if entry is None:
            raise errors.NotFound()
        return entry

    def _resolved(self, path: Path) -> tuple[Path, MemoryObject]:
        """The object *path* leads to, over links."""
        for _ in range(HOPS + 1):
            found = self._object(path)
            if found is None:
                raise errors.NotFound() if self._directory(path) is None else errors.IsDirectory()
            if found.target is None:
                return path, found
            path = found.target
        raise errors.InvalidRequest("too many symbolic links")

    def _file(self, path: Path) -> tuple[Path, MemoryObject]:
        where, found = self._resolved(path)
        if found.is_directory:
            raise errors.IsDirectory()
        return where, found

    def _standing(self, path: Path) -> Entry | None:
        try:
            return self._stat(path, follow=False)
        except errors.NotFound:
            return None

    def _made(
        self, path: Path, data: bytes, attributes: Attributes, keys: frozenset[int] = frozenset()
    ) -> MemoryObject:
        mtime = self.clock.seconds() if attributes.mtime is None else attributes.mtime
        guess = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return MemoryObject(data, mtime, attributes.mode, guess, keys=keys)

    def _check_target(self, path: Path, exclusive: bool, onto: Entry | None = None) -> None:
        """Whether a file may be put at *path*."""
        standing = self._standing(path)
        if standing is not None and exclusive:
            raise errors.AlreadyExists()
        if standing is not None and standing.kind is Kind.DIRECTORY:
            raise errors.IsDirectory()
        if onto is not None and (standing is None or standing.version != onto.version):
            raise errors.Changed()
        if not path.object:
            raise errors.PermissionDenied("files live in containers")
        self._objects(path)

    def _put(self, path: Path, made: MemoryObject, exclusive: bool, onto: Entry | None = None) -> Entry:
        self._check_target(path, exclusive, onto)
        if self.quota_bytes is not None and self._held() + len(made.data) > self.quota_bytes:
            raise errors.QuotaExceeded()
        self._drop(path, keep=made.keys)
        self._containers[path.container][path.object] = made
        return made.entry(path.name)

    def _drop(self, path: Path, keep: frozenset[int] = frozenset()) -> None:
        old = self._containers[path.container].pop(path.object, None)
        for key in (old.keys if old is not None else frozenset()) - keep:
            self._staged.pop(key, None)

    async def stat(self, path: Path, follow: bool = True, implied: bool = True) -> Entry:
        """See `IStorage.stat`."""
        await self._turn("stat", path)
        return self._stat(path, follow)

    async def list(self, path: Path, after: str | None = None) -> Page:
        """See `IStorage.list`."""
        await self._turn("list", path)
        if self._directory(path) is None:
            raise errors.NotFound() if self._object(path) is None else errors.NotDirectory()
        below = {found.parts[len(path.parts)] for found, _ in self._below(path)}
        names = set(self._containers) if path.is_root else below
        order = sorted(
            (n for n in names if is_plain(n) and (after is None or n.encode() > after.encode())), key=str.encode
        )
        page = order[: self.page_size]
        entries = tuple(self._stat(path.child(name), follow=False) for name in page)
        return Page(entries, page[-1] if len(order) > len(page) else None)

    async def fetch(
        self,
        path: Path,
        sink: IByteSink,
        offset: int = 0,
        length: int | None = None,
        version: str | None = None,
        opened: Opened | None = None,
    ) -> Entry:
        """See `IStorage.fetch`."""
        await self._turn("fetch", path)
        found = self._file(path)[1]
        if version is not None and version != found.version:
            raise errors.Changed()
        if offset < 0 or offset > len(found.data):
            raise errors.InvalidRequest("offset beyond the end")
        data = found.data[offset : None if length is None else offset + length]
        return await push(sink, data, found.entry(path.name))

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
        data = await collect(source)
        await self._turn("store", path)
        return self._put(path, self._made(path, data, attributes), exclusive, onto)

    async def copy(self, source: Path, target: Path, exclusive: bool = False) -> Entry:
        """See `IStorage.copy`."""
        await self._turn("copy", source)
        where, found = self._file(source)
        if where == target and not exclusive:
            return found.entry(target.name)
        return self._put(target, replace(found, keys=frozenset()), exclusive)

    async def rename(self, source: Path, target: Path, exclusive: bool = False, known: Pair = UNKNOWN) -> Entry:
        """See `IStorage.rename`."""
        await self._turn("rename", source)
        entry = self._stat(source, follow=False)
        if source.is_root or target.is_root:
            raise errors.PermissionDenied()
        if source == target:
            return entry
        if entry.kind is not Kind.DIRECTORY:
            found = self._objects(source)[source.object]
            self._check_target(target, exclusive)
            self._drop(target)
            self._containers[target.container][target.object] = found
            del self._containers[source.container][source.object]
        else:
            self._rename_tree(source, target, exclusive)
        self._vanished.removed(source)
        return replace(entry, name=target.name)

    def _rename_tree(self, source: Path, target: Path, exclusive: bool) -> None:
        if source.covers(target):
            raise errors.InvalidRequest("a directory cannot be moved into itself")
        standing = self._standing(target)
        if standing is not None and exclusive:
            raise errors.AlreadyExists()
        if standing is not None and standing.kind is not Kind.DIRECTORY:
            raise errors.NotDirectory()
        if any(True for _ in self._below(target)):
            raise errors.NotEmpty()
        if not target.is_container:
            self._objects(target)
        marker = self._object(source) or MemoryObject(b"", self.clock.seconds())
        if target.is_container:
            self._containers.setdefault(target.container, {})
        else:
            self._containers[target.container][target.object] = marker
        for found in [found for found, _ in self._below(source)]:
            moved = target.join(found.relative_to(source))
            self._containers[moved.container][moved.object] = self._containers[found.container].pop(found.object)
        self._erase_directory(source)

    def _erase_directory(self, path: Path) -> None:
        if path.is_container:
            del self._containers[path.container]
        else:
            self._containers[path.container].pop(path.object, None)
        self._vanished.forget(path)
        self._vanished.removed(path)

    async def remove(self, path: Path, seen: Entry | None = UNSEEN) -> None:
        """See `IStorage.remove`."""
        await self._turn("remove", path)
        if self._stat(path, follow=False).kind is Kind.DIRECTORY:
            raise errors.IsDirectory()
        self._drop(path)
        self._vanished.removed(path)

    async def make_directory(self, path: Path) -> None:
        """See `IStorage.make_directory`."""
        await self._turn("make_directory", path)
        if self._object(path) is not None or self._directory(path, vanished=False) is not None:
            raise errors.AlreadyExists()
        if path.is_container:
            self._containers[path.container] = {}
            return
        if self._directory(path.parent) is None:
            raise errors.NotFound() if self._object(path.parent) is None else errors.NotDirectory()
        self._containers[path.container][path.object] = MemoryObject(b"", self.clock.seconds())

    async def remove_directory(self, path: Path) -> None:
        """See `IStorage.remove_directory`."""
        await self._turn("remove_directory", path)
        if path.is_root:
            raise errors.PermissionDenied()
        if self._directory(path) is None:
            raise errors.NotFound() if self._object(path) is None else errors.NotDirectory()
        if any(True for _ in self._below(path)):
            raise errors.NotEmpty()
        self._erase_directory(path)

    async def update(self, path: Path, attributes: Attributes) -> Entry | None:
        """See `IStorage.update`.  Containers and implied directories have nothing to set it on: nothing happens."""
        await self._turn("update", path)
        self._stat(path, follow=True)
        if self._object(path) is None:
            return None
        where, found = self._resolved(path)
        wanted = {name: value for name, value in asdict(attributes).items() if value is not None}
        self._containers[where.container][where.object] = replace(found, **wanted)
        return self._stat(path, follow=False) if where == path else None

    async def stage(self, path: Path, source: IByteSource) -> MemoryPart:
        """See `IComposes.stage`."""
        data = await collect(source)
        await self._turn("stage", path)
        if len(data) > self.part_limit:
            raise errors.TooLarge()
        self._objects(path)
        return self._part(data)

    def _part(self, data: bytes) -> MemoryPart:
        part = MemoryPart(next(self._keys), data)
        self._staged[part.key] = part.size
        return part

    async def adopt(self, path: Path, entry: Entry) -> Sequence[MemoryPart]:
        """See `IComposes.adopt`."""
        await self._turn("adopt", path)
        found = self._file(path)[1]
        if found.version != entry.version:
            raise errors.Changed()
        return [self._part(found.data)] if found.data else []

    async def copies(self, source: Path, entry: Entry, path: Path) -> Sequence[MemoryPart]:
        """See `IComposes.copies`."""
        return await self.adopt(source, entry)

    async def read_part(self, part: IPart, sink: IByteSink) -> None:
        """See `IComposes.read_part`."""
        await self._turn("read_part", ROOT)
        data = self._staged_data(part)
        await push(sink, data, Entry(name="", kind=Kind.FILE, size=len(data)))

    def _staged_data(self, part: IPart) -> bytes:
        if not isinstance(part, MemoryPart) or part.key not in self._staged:
            raise errors.NotFound("part is gone")
        return part.data

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
        await self._turn("publish", path)
        data = b"".join([self._staged_data(part) for part in parts])
        keys = frozenset(part.key for part in parts if isinstance(part, MemoryPart))
        return self._put(path, self._made(path, data, attributes, keys), exclusive, onto)

    async def discard(self, parts: Sequence[IPart]) -> None:
        """See `IComposes.discard`."""
        await self._turn("discard", ROOT)
        for key in {part.key for part in parts if isinstance(part, MemoryPart)} - self._used:
            self._staged.pop(key, None)

    async def make_link(self, path: Path, target: Path) -> None:
        """See `ILinks.make_link`."""
        await self._turn("make_link", path)
        if not target.object:
            raise errors.Unsupported("links lead to files")
        made = MemoryObject(b"", self.clock.seconds(), content_type="application/symlink", target=target)
        self._put(path, made, exclusive=True)

    async def usage(self, path: Path) -> Usage:
        """See `IQuota.usage`."""
        await self._turn("usage", path)
        return Usage(self._held(), self.quota_bytes, sum(map(len, self._containers.values())), None)
