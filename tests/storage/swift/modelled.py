"""
A Swift that keeps what it is told, in memory, for gateways that get in each other's way.

It publishes in two steps, as Swift does: a copy's source and a manifest's segments are looked at, and a moment later
the object is there.  A test holds a request before either step, and lets it go on when something else has happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from twisted.internet.defer import Deferred, succeed

from swftp.storage.swift import SwiftClient
from swftp.storage.swift.features import KINDS
from tests.storage.bytes import md5
from tests.storage.swift.scripted import ACCOUNT, Agents, Answer, ScriptedCase, ScriptedSwift, Seen, Server, Wire

Names = tuple[str, str]
KEPT = ("content-type", "x-object-meta-mtime", "x-object-meta-claimed-by", "x-delete-at")


@dataclass
class Stored:
    """An object."""

    body: bytes
    stamp: float
    headers: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] | None = None
    """What a large object consists of."""
    until: float = float("inf")

    @property
    def etag(self) -> str:
        return md5(self.body) if self.rows is None else md5("".join(row["hash"] for row in self.rows).encode())

    @property
    def size(self) -> int:
        return len(self.body) if self.rows is None else sum(row["bytes"] for row in self.rows)

    def row(self) -> dict[str, Any]:
        """What a listing says of it."""
        large = {"slo_etag": f'"{self.etag}"'} if self.rows is not None else {}
        return {"bytes": self.size, "hash": self.etag, "last_modified": "2020-01-01T00:00:00.5", **large}

    def shown(self) -> dict[str, str]:
        quoted = f'"{self.etag}"' if self.rows is not None else self.etag
        large = {"X-Static-Large-Object": "True"} if self.rows is not None else {}
        return {**self.headers, **large, "Etag": quoted, "X-Timestamp": f"{self.stamp:.5f}"}


class ModelServer(Server):
    """One connection's other end, which answers out of the model."""

    swift: ModelSwift
    taken = False

    def give(self) -> None:
        if self.seen is None or self.taken:
            return
        self.taken = True
        self.swift.arrived(self.seen, lambda answer: self.tell(answer))

    def tell(self, answer: Answer) -> None:
        self.answer, self.taken = answer, False
        super().give()


class ModelSwift(ScriptedSwift):
    """
    One account.

    :ivar held: lets what is held go on, by the request's line.
    :ivar failing: lines of requests that are not done.
    :ivar losing: lines of requests that are done once without an answer.
    :ivar hidden: objects that are listed and not found, as if all their disks were out of reach.
    :ivar refusing: by line, the status with which the next such request is refused.
    """

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.objects: dict[Names, Stored] = {}
        self.gone: dict[Names, float] = {}
        self.ticks = 0
        self.holding: dict[str, bool] = {}
        self.held: dict[str, Callable[[], None]] = {}
        self.failing: set[str] = set()
        self.losing: set[str] = set()
        self.hidden: set[Names] = set()
        self.refusing: dict[str, int] = {}

    def hold(self, line: str, *, early: bool = False) -> None:
        """Hold the next request *line*: before it takes effect; *early*: before it looks at anything."""
        self.holding[line] = early

    def release(self, line: str) -> None:
        self.held.pop(line)()

    def connected(self, factory: Any) -> Deferred[Any]:
        protocol = factory.buildProtocol(None)
        server = ModelServer(self)
        wire = Wire(self.clock, server)
        server.wire, wire.protocol = wire, protocol
        self.wires.append(wire)
        protocol.makeConnection(wire)
        return succeed(protocol)

    def next(self, seen: Seen) -> Answer:
        self.requests.append(seen)
        return Answer()

    def arrived(self, seen: Seen, tell: Callable[[Answer], None]) -> None:
        line = unquote(seen.line)
        if line in self.failing:
            tell(Answer(503))
            return
        if line in self.refusing:
            tell(Answer(self.refusing.pop(line)))
            return
        if line in self.losing:
            self.losing.remove(line)
            self.begin(seen)()
            tell(Answer(reset=True))
            return
        early = self.holding.pop(line, None)

        def begin() -> None:
            commit = self.begin(seen)
            if early is False:
                self.held[line] = lambda: tell(commit())
            else:
                tell(commit())

        if early:
            self.held[line] = begin
        else:
            begin()

    def stamp(self) -> float:
        """The time of a change: the store keeps the latest one, whatever comes first."""
        self.ticks += 1
        return self.clock.seconds() + self.ticks / 1000

    def begin(self, seen: Seen) -> Callable[[], Answer]:
        """The first step of a request; returns the second."""
        stamp = self.stamp()
        path, _, query = seen.target.removeprefix(ACCOUNT).partition("?")
        container, _, name = unquote(path.lstrip("/")).partition("/")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if not name:
            return lambda: self.container(seen.method, container, options)
        names = container, name
        if seen.method == "PUT":
            return self.put(names, seen, options, stamp)
        if seen.method == "DELETE":
            return lambda: self.delete(names, stamp)
        return lambda: self.look(names, seen, options)

    def find(self, names: Names) -> Stored | None:
        found = self.objects.get(names)
        return found if found is not None and found.until > self.clock.seconds() else None

    def nested(self, path: str) -> dict[str, Any]:
        """What a manifest says of a segment that is a manifest itself."""
        _, container, name = path.split("/", 2)
        found = self.find((container, name))
        return {"sub_slo": True} if found is not None and found.rows is not None else {}

    def container(self, method: str, container: str, options: dict[str, str]) -> Answer:
        if method == "GET":
            return self.listing(container, options)
        full = any(self.find(names) for names in self.objects if names[0] == container)
        return Answer(409 if method == "DELETE" and full else 204)

    def listing(self, container: str, options: dict[str, str]) -> Answer:
        prefix, marker = options.get("prefix", ""), options.get("marker", "")
        found = [
            {"name": name, **stored.row()}
            for (where, name), stored in sorted(self.objects.items())
            if where == container and name.startswith(prefix) and name > marker and self.find((where, name))
        ]
        return Answer(200, body=json.dumps(found[: int(options["limit"])]).encode())

    def look(self, names: Names, seen: Seen, options: dict[str, str]) -> Answer:
        found = self.find(names)
        if found is None or names in self.hidden:
            return Answer(404)
        if seen.method == "HEAD":
            return Answer(200, headers=found.shown(), length=found.size)
        if found.rows is None:
            return Answer(200, headers=found.shown(), body=found.body)
        if "multipart-manifest" in options:
            return Answer(200, headers=found.shown(), body=json.dumps(found.rows).encode())
        parts = [self.find((row["name"].split("/")[1], row["name"].split("/", 2)[2])) for row in found.rows]
        if None in parts:
            return Answer(409)
        return Answer(200, headers=found.shown(), body=b"".join(part.body for part in parts if part is not None))

    def delete(self, names: Names, stamp: float) -> Answer:
        found = self.find(names)
        self.gone[names] = stamp
        if found is None or found.stamp > stamp:
            return Answer(404 if found is None else 409)
        del self.objects[names]
        return Answer(204)

    def put(self, names: Names, seen: Seen, options: dict[str, str], stamp: float) -> Callable[[], Answer]:
        made = Stored(seen.body, stamp, {name: value for name, value in seen.headers.items() if name in KEPT})
        if "x-delete-after" in seen.headers:
            made.until = self.clock.seconds() + float(seen.headers["x-delete-after"])
        if seen.headers.get("if-none-match") == "*" and self.find(names):
            return lambda: Answer(412)
        if "x-copy-from" in seen.headers:
            container, _, name = unquote(seen.headers["x-copy-from"]).lstrip("/").partition("/")
            source = self.find((container, name))
            if source is None:
                return lambda: Answer(404)
            made.body, made.rows, made.headers = source.body, source.rows, source.headers
        elif options.get("multipart-manifest") == "put":
            made.rows = [
                {"name": row["path"], "hash": row["etag"], "bytes": row["size_bytes"], **self.nested(row["path"])}
                for row in json.loads(seen.body)
            ]
        for row in made.rows or []:
            if self.find((row["name"].split("/")[1], row["name"].split("/", 2)[2])) is None:
                return lambda: Answer(400)

        def commit() -> Answer:
            if made.rows is not None:
                made.stamp = self.stamp()  # given when the segments have been looked at
            last = max(self.gone.get(names, 0.0), self.objects[names].stamp if names in self.objects else 0.0)
            if last < made.stamp:
                self.objects[names] = made
            if "heartbeat" not in options:
                return Answer(201, headers={"Etag": made.shown()["Etag"]})
            return Answer(202, body=json.dumps({"Response Status": "201 Created", "Etag": made.etag}).encode())

        return commit


class GatewaysCase(ScriptedCase):
    """Two gateways of one account: ``self.one`` and ``self.other``."""

    def setUp(self) -> None:
        super().setUp()
        self.swift: Any = ModelSwift(self.clock)
        self.one, self.other = self.gateway(), self.gateway()

    def gateway(self) -> Any:
        agents: Any = Agents(self.clock, self.swift)
        client = SwiftClient(
            self.clock, agents, self.tokens, self.policy, wall=self.clock.seconds, jitter=lambda: 0.0
        )
        return KINDS[True, True](client, self.options, self.limits)

    def done(self, work: Any) -> Any:
        d = self.begin(work)
        self.passing(d)
        return self.successResultOf(d)

    def left(self) -> list[str]:
        """Names in the segments container."""
        return sorted(name for (container, name), _ in self.swift.objects.items() if container == "c_segments")
