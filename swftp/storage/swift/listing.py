"""
Container listings, page by page, as directories.

Swift's order is that of bytes: between an object ``x`` and the directory ``x/`` may lie any number of names
(``x-1``, ``x.txt``).  A page's token therefore carries, beside Swift's marker, which prefixes of the marker were
listed as objects: ``x/`` is then not listed again, however far the page boundary lies between them.

Pages grow: a client sees the first names of a long directory before the store has put ten thousand together.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.logger import Logger

from swftp import errors
from swftp.entries import Entry, Kind, Page
from swftp.paths import Path, is_plain
from swftp.storage.swift.client import Request, SwiftClient
from swftp.storage.swift.describe import entry_of_row, size_of, stamp
from swftp.storage.swift.links import localize

log = Logger()

PAGE_LIMIT = 64 * 1024 * 1024
"""Bytes of one page's JSON at most: 10,000 names of 1024 bytes with room to spare."""

FIRST_PAGE = 1000
"""Names in the first page of a directory; each further one has twice as many, up to what was configured."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Token:
    """Where the next page begins, how long it is, and which prefixes of that name were listed."""

    limit: int = FIRST_PAGE
    marker: str = ""
    listed: tuple[str, ...] = ()

    def text(self) -> str:
        return json.dumps([self.limit, self.marker, *self.listed])

    @classmethod
    def parse(cls, text: str | None) -> _Token:
        if text is None:
            return cls()
        try:
            limit, marker, *listed = json.loads(text)
        except ValueError:
            raise errors.InvalidRequest("no such page") from None
        return cls(limit, marker, tuple(listed))


async def rows(
    client: SwiftClient,
    container: str,
    *,
    limit: int,
    prefix: str = "",
    marker: str = "",
    end_marker: str = "",
    delimiter: str = "",
) -> list[Row]:
    """
    One page of Swift's own rows: of *container*, or of the account where that is ``""``.

    :raises NotFound: there is no such container.
    """
    query = {"format": "json", "limit": str(limit), "prefix": prefix, "marker": marker, "end_marker": end_marker}
    query["delimiter"] = delimiter
    reply = await client.request(
        Request(
            method="GET",
            names=(container,) if container else (),
            query={name: value for name, value in query.items() if value},
            limit=PAGE_LIMIT,
        ),
        200,
        204,
    )
    try:
        found = json.loads(b"[]" if reply.status == 204 else reply.body)
        names = [row.get("name", row.get("subdir")) if delimiter else row["name"] for row in found]
        if not all(isinstance(name, str) for name in names):
            raise ValueError("a row without name")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise errors.Unavailable(f"listing does not parse ({reply.transaction})") from error
    result: list[Row] = found
    await localize(client, result)
    return result


async def every_page(
    client: SwiftClient, container: str, *, limit: int, prefix: str = "", marker: str = ""
) -> AsyncIterator[list[Row]]:
    """
    All objects of *container* under *prefix*, in pages of *limit*.

    :param container: ``""``: all containers of the account.
    :param marker: begin behind this name.
    """
    while True:
        page = await rows(client, container, limit=limit, prefix=prefix, marker=marker)
        yield page
        if len(page) < limit:
            return
        marker = _next_marker(page, marker)


def _next_marker(page: list[Row], marker: str) -> str:
    """The marker of the page after *page*: a last ``subdir`` keeps its slash, or it would come again."""
    last = page[-1]
    following = str(last.get("subdir", last.get("name")))
    if following.encode() <= marker.encode():
        raise errors.Unavailable("listing does not move on")
    return following


def content_of(row: Row) -> str:
    """What tells one content of a listed object from the next."""
    return str(row.get("slo_etag") or row.get("hash") or "").strip('"')


def is_bare(row: Row) -> bool:
    """Whether an object whose name ends with a slash is nothing but a directory's marker: of whatever type, empty."""
    return not size_of(row.get("bytes") or 0) and not any(name in row for name in ("slo_etag", "symlink_path"))


async def unchanged(
    client: SwiftClient, container: str, prefix: str, limit: int, names: Sequence[str], known: Mapping[str, str]
) -> list[str]:
    """Those of *names*, sorted and all below *prefix*, that a listing does not show to be others than are *known*."""
    page = await rows(
        client,
        container,
        limit=limit,
        prefix=prefix,
        marker=names[0][:-1] if len(names[0]) > len(prefix) + 1 else "",
        end_marker=names[-1] + " ",
    )
    now = {str(row["name"]): content_of(row) for row in page}
    return [name for name in names if now.get(name, known[name]) == known[name]]


class Lister:
    """Turns Swift's rows into pages of entries."""

    def __init__(self, client: SwiftClient, limit: int, hidden: str) -> None:
        """
        :param limit: rows asked for at once.
        :param hidden: containers whose name ends so are not listed; ``""``: all are.
        """
        self._client = client
        self._limit = limit
        self._hidden = hidden

    async def containers(self, after: str | None) -> Page:
        """A page of the account."""
        token = _Token.parse(after)
        page = await rows(self._client, "", limit=min(token.limit, self._limit), marker=token.marker)
        entries = tuple(
            Entry(
                name=row["name"],
                kind=Kind.DIRECTORY,
                size=size_of(row.get("bytes") or 0),
                mtime=stamp(row.get("last_modified")),
            )
            for row in page
            if is_plain(row["name"]) and not (self._hidden and row["name"].endswith(self._hidden))
        )
        return Page(entries, self._after(page, token, ()))

    async def directory(self, path: Path, after: str | None) -> tuple[Page, bool]:
        """
        A page of the directory *path*, and whether anything at all stands there or below.

        DLO manifests come with size 0, as the store lists them.
        """
        token = _Token.parse(after)
        prefix = f"{path.object}/" if path.object else ""
        limit = min(token.limit, self._limit)
        page = await rows(
            self._client, path.container, limit=limit, prefix=prefix, marker=token.marker, delimiter="/"
        )
        merger = _Merger(prefix, token.listed)
        entries = tuple(merger.entries(page))
        if merger.skipped:
            log.warn(
                "{count} names in {container} cannot be named by a client and are not listed",
                count=merger.skipped,
                container=path.container,
            )
        following = self._after(page, token, merger.open_prefixes(page))
        return Page(entries, following), bool(page) or after is not None

    def _after(self, page: list[Row], token: _Token, listed: tuple[str, ...]) -> str | None:
        limit = min(token.limit, self._limit)
        if len(page) < limit:
            return None
        return _Token(2 * limit, _next_marker(page, token.marker), listed).text()


class _Merger:
    """Rows in Swift's order -> entries, each name once."""

    def __init__(self, prefix: str, listed: tuple[str, ...]) -> None:
        self._prefix = prefix
        self._listed = list(listed)
        self.skipped = 0

    def entries(self, page: list[Row]) -> Iterator[Entry]:
        start = len(self._prefix)
        for row in page:
            full = row.get("subdir")
            if full is None:
                full = row["name"]
                if full == self._prefix:
                    continue  # the directory's own marker, by a tool that ends them with a slash
                name = full[start:]
            else:
                name = full[start:-1]
            if not is_plain(name):
                self.skipped += 1
                continue
            self._forget(full)
            if "subdir" not in row:
                self._listed.append(full)
                yield entry_of_row(name, row)
            elif full[:-1] not in self._listed:
                yield Entry(name=name, kind=Kind.DIRECTORY)

    def _forget(self, current: str) -> None:
        """Only a prefix of the current name can still be followed by its own directory."""
        while self._listed and not current.startswith(self._listed[-1]):
            self._listed.pop()

    def open_prefixes(self, page: list[Row]) -> tuple[str, ...]:
        return tuple(self._listed) if page else ()
