"""
What LIST, NLST and STAT are asked for, and entries of the store as lines, a page at a time.

The law: whatever the store holds, a line is one entry.  A name that would end its line, or that no client could send
back, is not listed.  Lines end in CRLF whatever TYPE says.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

from swftp import errors
from swftp.entries import Entry, Kind, Page
from swftp.ftp.context import Context
from swftp.paths import Path
from swftp.session import Listing, Listings
from swftp.session.shown import TYPE_BITS, link_text, ls_line, mode, seconds

BLOCK = 64 * 1024
"""About as many bytes are handed on at a time."""
PATTERN_LIMIT = 256
"""Characters of a pattern."""
_OPTIONS = re.compile(rb"-[1AFLRSTUacdhlnprtu]+(?= |\Z)|--(?= |\Z)")
"""What clients send in front of a path, as to ``ls``; anything else that begins with a dash is a name."""
_WILD = re.compile(r"[*?\[]")
_DOTS = ("", ".", "..")
_ODD = re.compile("[/\0\r\n\ud800-\udfff]")

Render = Callable[[Entry], bytes]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The argument of LIST, NLST or STAT."""

    path: bytes
    long: bool = False
    """``-l``: lines of ``ls -l``, not names."""
    hidden: bool = False
    """``-a``: a pattern matches names that begin with a dot, too.  Outside of patterns nothing is hidden."""
    itself: bool = False
    """``-d``: a directory, not what is in it."""


def parse_argument(argument: bytes, *, long: bool) -> Wanted:
    """
    Take options from *argument*; of the path behind them every blank counts.

    ``-R`` is ignored, as vsftpd does by default: a tree may be of any size.  So is order, which is the store's.
    """
    letters, path = b"", argument
    while path[:1] == b"-" and b"--" not in letters and (found := _OPTIONS.match(path)):
        letters += found[0]
        path = path[found.end() + 1 :]
    if not path.strip(b" "):
        path = b""
    return Wanted(path, long or b"l" in letters, b"a" in letters or b"A" in letters, b"d" in letters)


def nameable(entry: Entry) -> bool:
    """Whether a client could name *entry* back to us: `swftp.paths.is_plain`, and UTF-8."""
    return entry.name not in _DOTS and not _ODD.search(entry.name)


@dataclass(frozen=True, slots=True)
class Found:
    """What a `Wanted` means."""

    listing: Listing
    at: Path
    """Where the entries stand."""
    prefix: bytes
    """What stands before their names in NLST."""
    keep: Callable[[Entry], bool] = nameable
    """Those of them that are listed."""
    said: bytes = b""
    """What NLST calls the only entry: what the client called it."""


async def find(context: Context, wanted: Wanted) -> Found:
    """
    What *wanted* means.

    The names of NLST can be used as they are in other commands (RFC 1123 section 4.1.2.7), so those of another
    directory have its path, as the client said it, before them.

    :raises NotFound: the directory or file is not there; a pattern that nothing matches is no error, as with vsftpd.
    :raises InvalidName: a pattern is too long.
    """
    head, slash, last = wanted.path.rpartition(b"/")
    path = context.path(wanted.path)
    wild = _WILD.search(last.decode("utf-8", "replace"))
    if wanted.itself or wild:
        try:
            return await _itself(context, wanted, path)
        except errors.NotFound:
            if not wild:
                raise
        keep = _matcher(path.name, wanted.hidden)
        return Found(await context.session.listing(path.parent), path.parent, head + slash, keep)
    try:
        prefix = wanted.path.rstrip(b"/") + b"/" if wanted.path not in (b"", b".", b"./") else b""
        return Found(await context.session.listing(path), path, prefix)
    except errors.NotDirectory:
        return await _itself(context, wanted, path)


async def _itself(context: Context, wanted: Wanted, path: Path) -> Found:
    entry = await context.session.stat(path, follow=False)
    listing = await _one(entry if entry.name else replace(entry, name="/"))
    return Found(listing, path.parent, b"", lambda _: True, wanted.path or b".")


async def _one(entry: Entry) -> Listing:
    async def page(_: str | None) -> Page:
        return Page((entry,), None)

    return await Listings(1).open(page)


def _matcher(pattern: str, hidden: bool) -> Callable[[Entry], bool]:
    if len(pattern) > PATTERN_LIMIT:
        raise errors.InvalidName("pattern is too long")
    match = re.compile(fnmatch.translate(pattern)).match
    hidden = hidden or pattern.startswith(".")

    def keep(entry: Entry) -> bool:
        return bool(match(entry.name)) and (hidden or not entry.name.startswith(".")) and nameable(entry)

    return keep


async def lines(
    listing: Listing, render: Render, keep: Callable[[Entry], bool] = nameable
) -> AsyncGenerator[bytes, None]:
    """The lines of *listing*, about `BLOCK` bytes at a time; whoever stops early closes it."""
    found: list[bytes] = []
    size = 0
    try:
        while page := await listing.next():
            for entry in filter(keep, page):
                line = render(entry) + b"\r\n"
                found.append(line)
                size += len(line)
                if size >= BLOCK:
                    yield b"".join(found)
                    found, size = [], 0
        if found:
            yield b"".join(found)
    finally:
        listing.close()


def long_line(entry: Entry, at: Path, now: float) -> bytes:
    """
    The line of ``ls -l`` for *entry*, without its end.

    :param at: the directory it is in.
    :param now: seconds since the epoch.
    """
    name, size = entry.name.encode(), entry.size
    if entry.kind is Kind.SYMLINK:
        target = link_text(entry, at.child(entry.name)).encode("utf-8", "replace")
        size = len(target)
        if not any(c in target for c in b"\0\r\n"):
            name += b" -> " + target
    return ls_line(TYPE_BITS[entry.kind] | mode(entry), size, seconds(entry.mtime), name, now)


def pieces(context: Context, wanted: Wanted, found: Found) -> AsyncGenerator[bytes, None]:
    """The lines of *found*, as *wanted*."""
    now = context.session.wall()

    def long(entry: Entry) -> bytes:
        return long_line(entry, found.at, now)

    def short(entry: Entry) -> bytes:
        return found.said or found.prefix + entry.name.encode()

    return lines(found.listing, long if wanted.long else short, found.keep)
