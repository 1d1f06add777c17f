"""
The real Swift under the tests, and the other side: what is stored, seen without the gateway.

One Swift a test process and a set of options, started when the first test asks.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from swiftclient import ClientException, Connection

from tests.functional.processes import Child, in_memory, scratch

USER = "test:tester"
PASSWORD = "testing"


class Swift:
    """A running Swift; ``url`` is its TempAuth."""

    def __init__(self, *options: str, place: Path | None = None) -> None:
        """
        :param options: of `swftp.demo.embedded`.
        :param place: folder for its data; none: on the disk.
        """
        name = f"swift-{uuid.uuid4().hex[:6]}"
        self.listing_limit = int(dict(itertools.pairwise(options)).get("--listing-limit", "10000"))
        self.data = (place or scratch()) / name
        argv = [sys.executable, "-m", "swftp.demo.embedded", "--data", str(self.data), "--port", "0"]
        self.child = Child(name, [*argv, "--until-eof", *options])
        self.child.wait_for(lambda: '"url"' in self.child.log())
        line = next(line for line in self.child.log().splitlines() if '"url"' in line)
        self.url: str = json.loads(line)["url"]

    def account(self, user: str = USER, password: str = PASSWORD) -> Account:
        """The account of a login."""
        return Account(self, user, password)


@functools.cache
def swift(*options: str) -> Swift:
    """The Swift of this test process that was started with *options*."""
    return Swift(*options, place=in_memory())


class Account:
    """What one account holds, seen by python-swiftclient."""

    def __init__(self, server: Swift, user: str, password: str) -> None:
        self.server = server
        self.connection = Connection(authurl=server.url, user=user, key=password, retries=2)
        self._filled: set[str] = set()

    def new_container(self, prefix: str = "c") -> str:
        """Make a container of a name that was never used."""
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        self.connection.put_container(name)
        return name

    def put(self, container: str, name: str, content: bytes = b"", **headers: str) -> None:
        """Store an object; header names are given with underscores."""
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        self.connection.put_object(container, name, content, headers=sent)

    def put_directory(self, container: str, name: str) -> None:
        """Store a directory marker."""
        self.connection.put_object(container, name, b"", content_type="application/directory")

    def head(self, container: str, name: str) -> dict[str, str] | None:
        """Headers of an object, None where there is none."""
        try:
            headers: dict[str, str] = self.connection.head_object(container, name)
        except ClientException as error:
            if error.http_status == 404:
                return None
            raise
        return headers

    def get(self, container: str, name: str) -> bytes | None:
        """Content of an object, None where there is none; a body cut short is an error."""
        try:
            headers, body = self.connection.get_object(container, name)
        except ClientException as error:
            if error.http_status == 404:
                return None
            raise
        if len(body) != int(headers["content-length"]):
            raise AssertionError(f"{name}: {len(body)} bytes of {headers['content-length']}")
        content: bytes = body
        return content

    def names(self, container: str, prefix: str | None = None) -> list[str]:
        """Names of all objects of *container*; none where it does not exist."""
        try:
            return self._listed(functools.partial(self.connection.get_container, container), prefix)
        except ClientException as error:
            if error.http_status == 404:
                return []
            raise

    def containers(self, prefix: str | None = None) -> list[str]:
        """Names of all containers."""
        return self._listed(self.connection.get_account, prefix)

    def _listed(self, page: Callable[..., tuple[Any, list[dict[str, Any]]]], prefix: str | None) -> list[str]:
        """All of a listing; swiftclient's ``full_listing`` asks once more after a page that was not full."""
        found: list[str] = []
        while True:
            entries = page(prefix=prefix, marker=found[-1] if found else None)[1]
            found += [entry["name"] for entry in entries]
            if len(entries) < self.server.listing_limit:
                return found

    def segments(self, container: str) -> list[tuple[str, str]]:
        """(container, name) of everything that large objects of *container* are made of."""
        others = [name for name in self.containers(container) if name != container]
        return [(other, name) for other in others for name in self.names(other)]

    def put_large(self, container: str, name: str, parts: Iterable[bytes]) -> None:
        """Store a static large object as python-swiftclient does, segments in ``CONTAINER_segments``."""
        self.connection.put_container(f"{container}_segments")
        manifest = []
        for number, part in enumerate(parts):
            segment = f"{name}/slo/{number:08d}"
            etag = self.connection.put_object(f"{container}_segments", segment, part)
            manifest.append({"path": f"/{container}_segments/{segment}", "etag": etag, "size_bytes": len(part)})
        self.connection.put_object(container, name, json.dumps(manifest), query_string="multipart-manifest=put")

    def manifest(self, container: str, name: str) -> list[dict[str, Any]]:
        """The rows of a large object's manifest; none of any other object."""
        if "x-static-large-object" not in (self.head(container, name) or {}):
            return []
        rows: list[dict[str, Any]] = json.loads(
            self.connection.get_object(container, name, query_string="multipart-manifest=get")[1]
        )
        return rows

    def fill(self, container: str, names: Iterable[str]) -> None:
        """
        Put *names* into the listing of *container*, at once and without objects behind them.

        Ten thousand PUTs take a minute; a listing is a table, and this writes its rows.  The container
        stays for good: what does not exist cannot be removed.
        """
        self.fill_all({container: names})

    def fill_all(self, listings: Mapping[str, Iterable[str]]) -> None:
        """`fill` each container of *listings*."""
        self._filled.update(listings)
        rows = {self._database(container): list(names) for container, names in listings.items()}
        subprocess.run(
            [sys.executable, "-P", str(Path(__file__).with_name("rows.py"))],
            input=json.dumps(rows), text=True, check=True, cwd=self.server.data,
            env={"PYTHONPATH": ":".join(sys.path)},
        )  # fmt: skip

    def _database(self, container: str) -> str:
        for path in self.server.data.glob("d1/containers/**/*.db"):
            with contextlib.closing(sqlite3.connect(path)) as database:
                if database.execute("SELECT container FROM container_info").fetchone() == (container,):
                    return str(path)
        raise LookupError(container)

    def wipe(self, container: str) -> None:
        """Remove *container*, its segments and all that is in them; Swift's lag is waited out."""
        if container in self._filled:
            return
        for victim in self.containers(container):
            for _ in range(50):
                for name in self.names(victim):
                    with contextlib.suppress(ClientException):
                        self.connection.delete_object(victim, name)
                try:
                    self.connection.delete_container(victim)
                except ClientException as error:
                    if error.http_status == 409:
                        time.sleep(0.1)
                        continue
                break
