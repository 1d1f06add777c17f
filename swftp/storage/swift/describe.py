"""
Swift's headers and listing rows <-> `Entry`.

A modification time travels twice: as ``X-Object-Meta-Mtime``, which other tools read, and as a parameter of the
Content-Type, which Swift returns in listings.  HEAD and listing describe an object alike, to the microsecond.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from swftp import errors
from swftp.entries import Attributes, Entry, Kind, Usage

DIRECTORY = "application/directory"
MARKERS = frozenset({DIRECTORY, "application/x-directory", "httpd/unix-directory", "text/directory"})
"""Content types by which tools mark a directory; the object is empty."""
SYMLINK = "application/symlink"
DEFAULT_MODES = {Kind.FILE: 0o644, Kind.DIRECTORY: 0o755}
"""Modes that need not be kept: every protocol shows them where the store knows none."""
TIMED: Mapping[str, str] = {"timed": "yes"}
"""Detail of an entry that has our parameters: no other tool made it."""
_UNTIMED: Mapping[str, str] = {}
KEPT = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "expires",
        "x-delete-at",
        "x-object-manifest",
        "x-robots-tag",
    }
)
"""Headers that a POST loses unless it sends them again."""


def guess_type(name: str) -> str:
    """The Content-Type of a new file *name*, as Swift itself would guess."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def number(value: float) -> str:
    """*value* in decimal with at most six digits after the point."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _float(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < 1e11 else None


def _mode(text: str | None) -> int | None:
    try:
        value = int(text or "", 8)
    except ValueError:
        return None
    return value if 0 <= value <= 0o7777 else None


def size_of(value: object) -> int:
    """
    A number of bytes that the store tells.

    :raises Unavailable: it is none.
    """
    try:
        size = value if type(value) is int else int(str(value))
    except ValueError:
        size = -1
    if size < 0:
        raise errors.Unavailable("storage tells no size that makes sense")
    return size


def split_type(content_type: str) -> tuple[str, dict[str, str]]:
    """*content_type* without our parameters, and those: ``mtime`` and ``mode``."""
    if ";" not in content_type:
        return content_type, {}
    base, *parameters = content_type.split(";")
    kept, ours = [base.strip()], {}
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name in ("mtime", "mode"):
            ours[name] = value
        elif name:
            kept.append(parameter.strip())
    return ";".join(kept), ours


def mode_to_keep(mode: int | None, kind: Kind) -> int | None:
    """*mode* where it says more than the default."""
    return None if mode is None or mode == DEFAULT_MODES.get(kind) else mode


def headers_for(content_type: str, mtime: float | None, mode: int | None, in_listings: bool = True) -> dict[str, str]:
    """Headers of a PUT or POST that keep *mtime* and *mode*."""
    headers = {}
    if mtime is not None:
        headers["X-Object-Meta-Mtime"] = number(mtime)
        content_type += f";mtime={number(mtime)}" if in_listings else ""
    if mode is not None:
        headers["X-Object-Meta-Mode"] = f"{mode:04o}"
        content_type += f";mode={mode:04o}" if in_listings else ""
    headers["Content-Type"] = content_type
    return headers


def etag(headers: Mapping[str, str]) -> str:
    """The ETag without quotes (Swift quotes those of large objects)."""
    return headers.get("etag", "").strip('"')


def version_of(headers: Mapping[str, str]) -> str:
    """What tells one content of the object from the next: its ETag, where the store tells one."""
    return etag(headers) or headers.get("last-modified", "")


def is_large(headers: Mapping[str, str]) -> bool:
    """Whether the object is a manifest: its ETag is no checksum of its content."""
    return "x-static-large-object" in headers or "x-object-manifest" in headers


def kind_of(content_type: str, size: int) -> Kind:
    """What an object of *content_type*, without parameters, is."""
    return Kind.DIRECTORY if size == 0 and content_type.partition(";")[0] in MARKERS else Kind.FILE


@lru_cache(maxsize=64)
def seconds(date: str) -> float:
    """
    An HTTP date, in seconds since the epoch: all answers of a second have the same, and it takes long to read.

    :raises ValueError: it is none.
    """
    return parsedate_to_datetime(date).timestamp()


def modified(headers: Mapping[str, str]) -> float | None:
    """When the store last changed the object: with microseconds, as listings say it, where it tells."""
    if (stamp := _float(headers.get("x-timestamp"))) is not None:
        return stamp
    try:
        return seconds(headers.get("last-modified", ""))
    except ValueError:
        return None


def entry_of(name: str, headers: Mapping[str, str]) -> Entry:
    """The file, marker or link *name* that HEAD or GET described with *headers*."""
    content_type, ours = split_type(headers.get("content-type", ""))
    mtime = _float(ours.get("mtime", headers.get("x-object-meta-mtime")))
    mtime = modified(headers) if mtime is None else mtime
    if "x-symlink-target" in headers:
        target = "/" if "x-symlink-target-account" in headers else "/" + unquote(headers["x-symlink-target"])
        return Entry(name=name, kind=Kind.SYMLINK, mtime=mtime, content_type=content_type, target=target)
    mode = _mode(ours.get("mode", headers.get("x-object-meta-mode")))
    size = size_of(headers.get("content-length", "0"))
    kind = kind_of(content_type, size)
    large = is_large(headers)
    return Entry(
        name=name,
        kind=kind,
        size=size,
        mtime=mtime,
        mode=mode_to_keep(mode, kind),
        version=version_of(headers) if kind is Kind.FILE else None,
        digest=etag(headers) or None if kind is Kind.FILE and not large else None,
        content_type=content_type,
        detail=large_detail(headers) or (TIMED if "mtime" in ours else _UNTIMED),
    )


def large_detail(headers: Mapping[str, str]) -> dict[str, str]:
    """What the driver wants to know again of a large object."""
    if "x-static-large-object" in headers:
        return {"large": "slo"}
    return {"large": "dlo"} if "x-object-manifest" in headers else {}


def stamp(text: str | None) -> float | None:
    """Seconds since the epoch of a listing's ``last_modified`` (ISO 8601 without zone, UTC)."""
    try:
        return datetime.fromisoformat(text or "").replace(tzinfo=UTC).timestamp()
    except (ValueError, TypeError):
        return None


def entry_of_row(name: str, row: Mapping[str, Any]) -> Entry:
    """The file, marker or link *name* that a container listing described with *row*."""
    content_type, ours = split_type(str(row.get("content_type") or ""))
    mtime = _float(ours.get("mtime")) if ours else None
    mtime = stamp(row.get("last_modified")) if mtime is None else mtime
    if "symlink_path" in row:
        target = unquote(str(row["symlink_path"])).split("/", 3)[3:]
        return Entry(
            name=name, kind=Kind.SYMLINK, mtime=mtime, content_type=content_type, target="/" + "".join(target)
        )
    size = size_of(row.get("bytes") or 0)
    kind = kind_of(content_type, size)
    large = "slo_etag" in row
    version = str(row.get("slo_etag") or row.get("hash") or "").strip('"') or None
    if kind is not Kind.FILE:
        version = None
    return Entry(
        name=name,
        kind=kind,
        size=size,
        mtime=mtime,
        mode=mode_to_keep(_mode(ours["mode"]), kind) if "mode" in ours else None,
        version=version,
        digest=None if large else version,
        content_type=content_type,
        detail={"large": "slo"} if large else TIMED if ours else _UNTIMED,
    )


def updated(headers: Mapping[str, str], attributes: Attributes, in_listings: bool) -> dict[str, str]:
    """Headers of the POST that sets *attributes* on the object HEAD described with *headers*, and keeps the rest."""
    was = entry_of("", headers)
    mtime = was.mtime if attributes.mtime is None else attributes.mtime
    mode = was.mode if attributes.mode is None else mode_to_keep(attributes.mode, was.kind)
    kept = {name: value for name, value in headers.items() if name in KEPT or name.startswith("x-object-meta-")}
    for name in ("x-object-meta-mtime", "x-object-meta-mode"):
        kept.pop(name, None)
    in_listings = in_listings and "x-object-manifest" not in headers  # with them it would pass for an empty file
    return kept | headers_for(was.content_type or "application/octet-stream", mtime, mode, in_listings)


def posted(headers: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """What HEAD would say now of the object that it described with *headers* before a POST of *new*."""
    kept = {name: value for name, value in headers.items() if not name.startswith("x-object-meta-")}
    return kept | {name.lower(): value for name, value in new.items()}


def quoted_name(container: str, key: str) -> str:
    """``container/object`` for a header, percent-encoded."""
    return quote(container, safe="") + "/" + quote(key, safe="/~")


def usage_of(headers: Mapping[str, str], kind: str) -> Usage:
    """What HEAD said of an account (*kind* ``x-account``) or container (``x-container``)."""

    def count(*names: str) -> int | None:
        return next((int(headers[name]) for name in names if headers.get(name, "").isdecimal()), None)

    return Usage(
        used_bytes=count(f"{kind}-bytes-used") or 0,
        quota_bytes=count(f"{kind}-quota-bytes", f"{kind}-meta-quota-bytes"),
        used_files=count(f"{kind}-object-count") or 0,
        quota_files=count(f"{kind}-quota-count", f"{kind}-meta-quota-count"),
    )
