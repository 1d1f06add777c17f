"""
A second name for an object: the first half of a rename.

A large object's second manifest shares the segments.  They are told so before it is there, so that whoever removes
the first name, through whatever gateway, leaves them alone.
"""

from __future__ import annotations

from swftp import errors
from swftp.storage.swift.client import Request
from swftp.storage.swift.describe import etag, quoted_name
from swftp.storage.swift.ledger import names_in
from swftp.storage.swift.objects import Names, Objects, path_of
from swftp.storage.swift.segments import Segments, copy_patience


class Twins:
    """Of one account."""

    def __init__(self, objects: Objects, segments: Segments) -> None:
        self._objects = objects
        self._segments = segments

    async def make(
        self,
        source: Names,
        target: Names,
        *,
        size: int = 0,
        slo: bool = False,
        version: str | None = None,
        only: str | None = None,
    ) -> str | None:
        """
        Give the object *source*, whatever it is, a second name; the ETag of what was copied, None if it is not there.

        A link stays a link.

        :param version: what is copied, else `Changed`.  Compared with the answer, not by If-Match: Swift compares the
            ETag of a manifest with that of the list in another form, and fails; of an object copied from a large one
            it compares that one's.
        :param only: ETag for If-Match all the same: `Changed` may then be wrong, but leaves *target* as it was.
        :raises Unavailable: of the manifests that it is made of one is not found, so that nobody knows all segments.
        """
        if not slo:
            return await self._copy(source, target, size, version, only)
        parts = await self._segments.read(source, whole=True)
        if not self._segments.are_ours(parts[0]):
            return await self._copy(source, target, size, version, only)
        names = names_in(parts)
        async with self._segments.claims.made(path_of(target), {container for container, _ in names}):
            await self._segments.remember(names, {path_of(source), path_of(target)}, anew=path_of(target))
            copied = await self._copy(source, target, size, version, only)
        await self._segments.remember_names(parts, source, target)  # another rename may have overwritten the list
        return copied

    async def _copy(
        self, source: Names, target: Names, size: int, version: str | None, only: str | None
    ) -> str | None:
        headers = {"X-Copy-From": quoted_name(*source)}
        if only is not None:
            headers["If-Match"] = f'"{only}"'
        request = Request(
            method="PUT",
            names=target,
            query={"multipart-manifest": "get", "symlink": "get"},
            headers=headers,
            patience=copy_patience(size),
        )
        try:
            answer = await self._objects.publish(request, {"etag": version} if version is not None else {})
        except errors.NotFound:
            if await self._objects.head(source, follow=False) is None:
                return None  # the listing was late
            raise
        except (errors.Changed, errors.StateUnknown) as error:  # which may have copied all the same
            if only is None or isinstance(error, errors.StateUnknown):
                await self._segments.remember_copy(source, target)
            raise
        return etag(answer)
