"""Pages of a container as pages of directories: compared with a model, at every page size."""

from __future__ import annotations

import json
import random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.entries import Kind
from swftp.paths import Path, is_plain
from swftp.storage.swift.client import Request
from swftp.storage.swift.listing import Lister
from swftp.storage.swift.refusals import Reply

COMPONENTS = ("a", "a!", "a-", "a.", "a0", "ab", "b", "", "\u00e4", "a\u00e4", "..", "c\nd")


class Listings:
    """Answers listing requests as Swift does: bytewise order, prefix, delimiter, marker, limit."""

    def __init__(self, rows: dict[str, dict[str, Any]]) -> None:
        self.rows = rows
        self.requests = 0
        self.limits: list[int] = []

    async def request(self, request: Request, *accepted: int) -> Reply:
        self.requests += 1
        query = request.query
        self.limits.append(int(query["limit"]))
        prefix, marker = query.get("prefix", "").encode(), query.get("marker", "").encode()
        found: dict[bytes, dict[str, Any]] = {}
        for name, row in self.rows.items():
            raw = name.encode()
            if not raw.startswith(prefix):
                continue
            inner, slash, _ = raw[len(prefix) :].partition(b"/")
            if query.get("delimiter") and slash:
                key = prefix + inner + b"/"
                found[key] = {"subdir": key.decode()}
            else:
                key = raw
                found[key] = {"name": name, **row}
            if key <= marker or (marker and marker.startswith(key) and key.endswith(b"/")):
                del found[key]
        page = [found[key] for key in sorted(found)][: int(query["limit"])]
        return Reply(200, {}, json.dumps(page).encode())


def everything(lister: Lister, path: Path) -> list[tuple[str, Kind]]:
    """All entries, over all pages."""

    async def work() -> list[tuple[str, Kind]]:
        found, after = [], None
        while True:
            page, _ = await lister.directory(path, after)
            found += [(entry.name, entry.kind) for entry in page.entries]
            after = page.after
            if after is None:
                return found

    results: list[Any] = []
    Deferred.fromCoroutine(work()).addBoth(results.append)
    if isinstance(results[0], list):
        return results[0]
    results[0].raiseException()
    raise AssertionError


class ModelTests(SynchronousTestCase):
    """Random containers."""

    def expected(self, names: dict[str, bool], prefix: str) -> dict[str, Kind]:
        """Names and kinds that the directory *prefix* has; *names* says which are markers."""
        model: dict[str, Kind] = {}
        for name, marker in names.items():
            inner, slash, _ = name[len(prefix) :].partition("/")
            if not name.startswith(prefix) or not is_plain(inner):
                continue
            if slash or marker:
                model.setdefault(inner, Kind.DIRECTORY)
            else:
                model[inner] = Kind.FILE
        return model

    def test_model(self) -> None:
        """Each name comes once, as a file if there is one, whatever else and however the pages fall."""
        generator = random.Random(7)
        for _ in range(400):
            names = {}
            for _ in range(generator.randrange(1, 25)):
                parts = [generator.choice(COMPONENTS) for _ in range(generator.randrange(1, 4))]
                names["/".join(parts) or "x"] = generator.random() < 0.3
            row = {"bytes": 0, "hash": "", "last_modified": "2020-01-01T00:00:00"}
            types = {True: "application/directory", False: "text/plain"}
            client: Any = Listings({name: {**row, "content_type": types[m]} for name, m in names.items()})
            for path in (Path(("c",)), Path(("c", "a")), Path(("c", "a", "a."))):
                prefix = f"{path.object}/" if path.object else ""
                for limit in (1, 2, 3, 100):
                    shown = everything(Lister(client, limit, ""), path)
                    self.assertEqual(len(shown), len(dict(shown)), (names, limit))
                    self.assertEqual(dict(shown), self.expected(names, prefix), (names, limit))

    def test_page_boundaries(self) -> None:
        """One request less than nothing is wasted: a page that is not full is the last; a full one may be."""
        for count, requests in ((0, 1), (9, 1), (10, 2), (11, 2), (20, 3)):
            row = {"bytes": 1, "hash": "", "content_type": "x", "last_modified": ""}
            client: Any = Listings({f"d/{i:04d}/x": row for i in range(count)})
            shown = everything(Lister(client, 10, ""), Path(("c", "d")))
            self.assertEqual((len(shown), client.requests), (count, requests))

    def test_pages_grow(self) -> None:
        """The first names of a long directory do not wait for a long page."""
        row = {"bytes": 1, "hash": "", "content_type": "x", "last_modified": ""}
        client: Any = Listings({f"{i:05d}": row for i in range(11_000)})
        shown = everything(Lister(client, 5000, ""), Path(("c",)))
        self.assertEqual((len(shown), len(dict(shown))), (11_000, 11_000))
        self.assertEqual(client.limits, [1000, 2000, 4000, 5000])

    def test_loop(self) -> None:
        """A store that does not move on ends in an error."""

        class Stuck(Listings):
            async def request(self, request: Request, *accepted: int) -> Reply:
                return Reply(200, {}, b'[{"name": "b", "bytes": 1}]')

        client: Any = Stuck({})
        self.assertRaises(errors.Unavailable, everything, Lister(client, 1, ""), Path(("c",)))

    def test_nonsense(self) -> None:
        """Rows that make no sense are an error, missing fields are not."""

        class Odd(Listings):
            body = b""

            async def request(self, request: Request, *accepted: int) -> Reply:
                return Reply(200, {}, self.body)

        client: Any = Odd({})
        for body in (b'[{"name": "a", "bytes": "x"}]', b'[{"name": "a", "bytes": -1}]', b'[{"subdir": 1}]'):
            client.body = body
            self.assertRaises(errors.Unavailable, everything, Lister(client, 9, ""), Path(("c",)))
        nulls = {"bytes": None, "hash": None, "content_type": None, "last_modified": None}
        client.body = json.dumps([{"name": "a", **nulls}]).encode()
        self.assertEqual(everything(Lister(client, 9, ""), Path(("c",))), [("a", Kind.FILE)])

    def test_bad_token(self) -> None:
        """A page nobody offered is refused."""
        client: Any = Listings({})
        d: Deferred[Any] = Deferred.fromCoroutine(Lister(client, 1, "").directory(Path(("c",)), "garbage"))
        self.failureResultOf(d, errors.InvalidRequest)
