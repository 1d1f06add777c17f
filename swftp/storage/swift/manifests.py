"""
Static large objects as values: segments, their names, and the manifests that list them.

Our segments are ``<object>/swftp-<time>-<random>/<number>`` in the container ``<container>_segments``: the name says
which object they were made for, and no other tool's segments look like it.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zope.interface import implementer

from swftp import errors
from swftp.interfaces import IPart
from swftp.paths import OBJECT_LIMIT, Path

MIN_SIZE = 1024 * 1024
"""Bytes below which Swift slows a download down: to one segment a second, after the first ten."""
MANY_SMALL = 10
"""Small segments that a manifest may have before they are joined, and how many are joined at once."""
GROUP_LIMIT = 64 * 1024 * 1024
"""Bytes of joined segments at most."""

RECORD = "names"
"""Behind an upload's prefix: the object that lists the names its segments serve, if not only the first one."""
LONGEST = len(f"/{RECORD}/") + 32
"""Characters of what is put behind an upload's prefix, at most."""

_OURS = re.compile(r"\A(?P<upload>(?P<object>.+)/swftp-[0-9a-f]+-[0-9a-f]{16})/[0-9]{8}(?P<nested>m?)\Z", re.DOTALL)
_LONG = ".swftp-long/"


@implementer(IPart)
@dataclass(frozen=True, slots=True)
class Segment:
    """``[offset, offset + size)`` of a stored object of *total* bytes."""

    container: str
    name: str
    etag: str
    total: int
    offset: int
    size: int
    staged: bool = False
    """Made for this writer and, until published, used by no object."""

    @property
    def names(self) -> tuple[str, str]:
        """Container and object."""
        return self.container, self.name

    @property
    def span(self) -> str:
        """The range as a manifest has it; ``""``: the whole object."""
        return "" if self.size == self.total else f"{self.offset}-{self.offset + self.size - 1}"

    def slice(self, offset: int, length: int) -> Segment:
        """See `IPart.slice`."""
        if offset < 0 or length < 1 or offset + length > self.size:
            raise errors.InvalidRequest("range outside of the part")
        return replace(self, offset=self.offset + offset, size=length)


def upload_prefix(path: Path, stamp: int, token: str) -> str:
    """Where the segments of one upload to *path* go."""
    tail = f"/swftp-{stamp:x}-{token}"
    if len(path.object.encode()) + len(tail) + LONGEST <= OBJECT_LIMIT:
        return path.object + tail
    return _LONG + hashlib.sha256(path.object.encode()).hexdigest() + tail


def upload_of(name: str) -> str | None:
    """The upload that the segment *name* belongs to; None: it is not ours."""
    match = _OURS.match(name)
    return match["upload"] if match else None


def upload_of_any(name: str) -> str | None:
    """The upload that *name*, a segment or a record of who uses them, belongs to; None: it is not ours."""
    before, record, after = name.rpartition(f"/{RECORD}")
    is_record = record and (not after or (after[0] == "/" and "/" not in after[1:]))
    return upload_of(f"{before}/{0:08d}" if is_record else name)


def record_of(upload: str, path: Path) -> str:
    """The object that says that *path* uses segments of *upload*: nobody else writes it."""
    return f"{upload}/{RECORD}/{hashlib.sha256(str(path).encode()).hexdigest()[:32]}"


def home_of(container: str, upload: str, suffix: str) -> Path | None:
    """The path that *upload* was made for; None where its name was too long to tell."""
    name = upload.rpartition("/")[0]
    if name.startswith(_LONG) or not container.endswith(suffix):
        return None
    return Path((container.removesuffix(suffix), *name.split("/")))


def manifest(segments: Iterable[Segment]) -> bytes:
    """The body of the PUT that makes *segments* one object."""
    rows = []
    for segment in segments:
        row: dict[str, Any] = {"path": f"/{segment.container}/{segment.name}", "etag": segment.etag}
        row["size_bytes"] = segment.total
        if segment.span:
            row["range"] = segment.span
        rows.append(row)
    return json.dumps(rows).encode()


def manifest_etag(segments: Iterable[Segment]) -> str:
    """The ETag of the object made of *segments* (swift/common/middleware/slo.py: MD5 of their ETags)."""
    digest = hashlib.md5(usedforsecurity=False)
    for segment in segments:
        digest.update((f"{segment.etag}:{segment.span};" if segment.span else segment.etag).encode())
    return digest.hexdigest()


def parse_manifest(body: bytes, inline: bool = False) -> list[tuple[Segment, bool]]:
    """
    The segments that ``?multipart-manifest=get`` shows, and of each whether it is a manifest itself.

    Bytes that the manifest holds itself, as other tools make it, are in none: then sizes do not add up to the file's.

    :param inline: show them, too, as segments without a container.
    :raises Unavailable: it is no manifest.
    """
    found = []
    try:
        for row in json.loads(body):
            if "data" in row:
                size = len(b64decode(row["data"]))
                found += [(Segment("", "", "", size, 0, size), False)] if inline else []
                continue
            _, container, name = row["name"].split("/", 2)
            total = int(row["bytes"])
            first, _, last = str(row.get("range") or f"0-{total - 1}").partition("-")
            segment = Segment(container, name, row["hash"], total, int(first), int(last) - int(first) + 1)
            found.append((segment, bool(row.get("sub_slo"))))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.Unavailable("manifest does not parse") from error
    return found


def merged(segments: Iterable[Segment]) -> list[Segment]:
    """*segments* with neighbouring ranges of one object joined."""
    result: list[Segment] = []
    for segment in segments:
        last = result[-1] if result else None
        if last is not None and last.names == segment.names and last.offset + last.size == segment.offset:
            result[-1] = replace(last, size=last.size + segment.size)
        else:
            result.append(segment)
    return result


def _size(group: Sequence[Segment]) -> int:
    return sum(segment.size for segment in group)


def small(segments: Iterable[Segment]) -> int:
    """How many of *segments* are small."""
    return sum(segment.size < MIN_SIZE for segment in segments)


def grouped(segments: Sequence[Segment], limit: int = MANY_SMALL, most: int = GROUP_LIMIT) -> list[list[Segment]]:
    """
    *segments* in groups to be joined by the store, so that fewer are small; a group of one stays as it is.

    No group has more than *most* bytes, nor more than *limit* segments, which is `MANY_SMALL` at most: the store
    slows its own copying down, too.  A small one takes what it lacks from the edge of a large neighbour: patches all
    over a large file cost copies of a MiB, never of the file.
    """
    groups: list[list[Segment]] = []
    for segment in segments:
        last = groups[-1] if groups else []
        before = last[-1] if last else segment
        room = 0 < len(last) < limit
        if room and _size(last) < MIN_SIZE and segment.size >= 2 * MIN_SIZE:
            last.append(segment.slice(0, MIN_SIZE))
            groups.append([segment.slice(MIN_SIZE, segment.size - MIN_SIZE)])
        elif len(last) == 1 and segment.size < MIN_SIZE and before.size >= 2 * MIN_SIZE:
            last[0] = before.slice(0, before.size - MIN_SIZE)
            groups.append([before.slice(before.size - MIN_SIZE, MIN_SIZE), segment])
        elif room and min(_size(last), segment.size) < MIN_SIZE and _size(last) + segment.size <= most:
            last.append(segment)
        else:
            groups.append([segment])
    return groups
