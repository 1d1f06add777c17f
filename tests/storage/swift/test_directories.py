"""Directories and containers: what counts as empty, and what the store does not know yet."""

from __future__ import annotations

import json
from typing import Any

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from tests.storage.bytes import Source, md5
from tests.storage.swift.test_requests import MARKER, PLAIN, STORED, row
from tests.storage.swift.test_trees import TreeCase

D, E = resolve("/c/d"), resolve("/c/e")


class EmptyTests(TreeCase):
    """A directory in a directory is something, however empty it is itself."""

    def only(self, name: str, limit: int) -> None:
        """A listing that has a marker, or its parent's own, and nothing else."""
        rows = [row(name, bytes=0, content_type="application/directory")]
        prefix = f"{name[0]}/"
        self.swift.expect(f"GET /c?format=json&limit={limit}&prefix={prefix}", body=json.dumps(rows).encode())

    def test_not_replaced(self) -> None:
        """A directory that holds one is not replaced by another."""
        self.swift.expect("HEAD /c/d?symlink=get", headers=MARKER, length=0)
        self.swift.expect("HEAD /c/e?symlink=get", headers=MARKER, length=0)
        self.only("e/sub", 2)
        self.fails(errors.NotEmpty, self.storage.rename(D, E))

    def test_not_removed(self) -> None:
        """Nor removed."""
        self.only("d/sub", 100)
        self.fails(errors.NotEmpty, self.storage.remove_directory(D))

    def test_made_a_moment_ago(self) -> None:
        """Though no listing shows it yet."""
        self.swift.expect("HEAD /c/d", headers=MARKER, length=0)
        self.swift.expect("GET /c?format=json&limit=1&prefix=d/sub/", body=b"[]")
        self.swift.expect("PUT /c/d/sub", 201, headers={"Etag": MARKER["Etag"]})
        self.done(self.storage.make_directory(D.child("sub")))
        self.listing("d/", limit=100)
        self.swift.expect("HEAD /c/d/sub?symlink=get", headers=MARKER, length=0)
        self.fails(errors.NotEmpty, self.storage.remove_directory(D))

    def test_vanished(self) -> None:
        """One that vanished with its last file is removed once, by who removed that; a missing one is not."""
        self.remove("/c/d/a")
        for _ in range(2):
            self.listing("d/", limit=100)
            self.swift.expect("HEAD /c/d?symlink=get", 404)
        d = self.begin(self.storage.remove_directory(D))
        self.passing(d)
        self.successResultOf(d)
        self.fails(errors.NotFound, self.storage.remove_directory(D))

    def test_file(self) -> None:
        """A file is no directory, and stays."""
        self.listing("d/", limit=100)
        self.swift.expect("HEAD /c/d?symlink=get", headers=PLAIN, length=0)
        self.fails(errors.NotDirectory, self.storage.remove_directory(D))


class TornTests(TreeCase):
    """A large file in a directory that moves, with or without what it is made of."""

    def moving(self, **kwargs: Any) -> Any:
        """``/c/d`` with one file is to be moved."""
        work = self.move()
        self.swift.expect(
            "GET /c?format=json&limit=10000&prefix=d/", body=json.dumps([row("d/a", **kwargs)]).encode()
        )
        return work

    def goes_on(self, work: Any) -> None:
        """The file is copied."""
        self.swift.expect("PUT /c/e/a?multipart-manifest=get&symlink=get", 403)
        self.fails(errors.PermissionDenied, work)

    def test_segments(self) -> None:
        """Where its segments are in the directory, too, nothing is moved; elsewhere they are called as they like."""
        for name, torn in (("/c/d/parts/1", True), ("/c/parts/1", False), ("/x/d/parts/1", False)):
            work = self.moving(slo_etag='"abc"')
            body = json.dumps([{"name": name, "hash": md5(b"x"), "bytes": 1}]).encode()
            for _ in range(1 if torn else 2):
                self.swift.expect(
                    "GET /c/d/a?multipart-manifest=get", headers={"X-Static-Large-Object": "True"}, body=body
                )
            if torn:
                self.fails(errors.Unsupported, work)
            else:
                self.goes_on(work)

    def test_prefix(self) -> None:
        """So it is with a prefix that other tools' large files have: all of it, or some, may be in the directory."""
        for parts, torn in (
            ("c/d/parts", True),
            ("c/d", True),
            ("c/parts", False),
            ("x/d/parts", False),
            ("", False),
        ):
            work = self.moving(bytes=0)
            headers = {**PLAIN, "X-Object-Manifest": parts} if parts else PLAIN
            self.swift.expect("HEAD /c/d/a?symlink=get", headers=headers, length=0)
            if torn:
                self.fails(errors.Unsupported, work)
            else:
                self.goes_on(work)

    def test_ours(self) -> None:
        """An empty file of our own is no large one: it costs no look."""
        self.goes_on(self.moving(bytes=0, content_type="text/plain;mtime=1"))


class ContainerTests(TreeCase):
    """Containers that come and go."""

    def made(self) -> None:
        self.swift.expect("PUT /c", 201)
        self.done(self.storage.make_directory(D.parent))

    def store(self, path: str = "/c/f") -> None:
        work = self.storage.store(resolve(path), Source(b"data"), Attributes(), replaces=None)
        self.work = self.begin(work)

    def test_unknown_for_a_while(self) -> None:
        """What is stored in a new one outlasts the 6 seconds for which proxies may believe it missing."""
        self.made()
        for status in (404, 404, 404, 404, 201):
            self.swift.expect("PUT /c/f", status, headers=STORED)
        self.store()
        self.assertGreater(self.passing(self.work), 6.0)
        self.successResultOf(self.work)
        self.check_script()

    def test_removed_elsewhere(self) -> None:
        """It is not waited for without end."""
        self.made()
        for _ in range(5):
            self.swift.expect("PUT /c/f", 404)
        self.store()
        self.passing(self.work)
        self.failureResultOf(self.work, errors.NotFound)
        self.check_script()

    def test_missing(self) -> None:
        """One that is not there cannot be removed; one of whose removal the answer was lost was removed."""
        self.swift.expect("DELETE /c", 404)
        self.fails(errors.NotFound, self.storage.remove_directory(D.parent))
        self.swift.expect("DELETE /c", reset=True)
        self.swift.expect("DELETE /c", 404)
        self.swift.expect("DELETE /c_segments", 404)
        self.done(self.storage.remove_directory(D.parent))

    def test_gone_while_waited_for(self) -> None:
        """So was one that goes while it is waited for."""
        self.remove("/c/a")
        self.swift.expect("DELETE /c", 409)
        self.listing("", "a", limit=100)
        self.swift.expect("HEAD /c/a?symlink=get", 404)
        self.swift.expect("DELETE /c", 404)
        self.swift.expect("DELETE /c_segments", 404)
        self.done(self.storage.remove_directory(D.parent))

    def test_stale_for_long(self) -> None:
        """The store gets some seconds to notice that it is empty."""
        self.remove("/c/a")
        for _ in range(5):
            self.swift.expect("DELETE /c", 409)
            self.listing("", "a", limit=100)
            self.swift.expect("HEAD /c/a?symlink=get", 404)
        self.work = self.begin(self.storage.remove_directory(D.parent))
        self.assertGreater(self.passing(self.work), 7.0)
        self.failureResultOf(self.work, errors.NotEmpty)
        self.check_script()
