"""Symbolic links that other tools or other logins made: where they lead a login that sees a part of the account."""

from __future__ import annotations

import json
from typing import Any

from swftp import errors
from swftp.entries import Attributes, Kind
from swftp.paths import Path, resolve
from tests.storage.bytes import Sink, fetched, md5, raises
from tests.storage.realswift import RealSwiftCase
from tests.storage.swift.scripted import ACCOUNT, ScriptedCase

LINK = resolve("/c/home/link")
FILE = {"Etag": md5(b"data"), "Content-Type": "text/plain", "X-Timestamp": "1600000000.00000"}
INSIDE, OUTSIDE = f"{ACCOUNT}/c/home/a%20b", f"{ACCOUNT}/c/homes/secret"
ELSEWHERE = (OUTSIDE, f"{ACCOUNT}/d/home/x", "/v1/AUTH_other/c/home/x", "/v1/AUTH_test2/c/home/x")


def followed(location: str) -> dict[str, str]:
    """Headers of the file that a link led to."""
    return {**FILE, "Content-Location": location}


class ConfinedTests(ScriptedCase):
    """The root is ``/c/home``."""

    def setUp(self) -> None:
        super().setUp()
        self.storage.confine(resolve("/c/home"))

    def test_inside(self) -> None:
        """Links within the root are followed, without a request more."""
        self.swift.expect("HEAD /c/home/link", headers=followed(INSIDE), length=4)
        self.assertEqual(self.done(self.storage.stat(LINK)).size, 4)
        self.swift.expect("GET /c/home/link", headers=followed(INSIDE), body=b"data")
        self.assertEqual(self.done(fetched(self.storage, LINK)), b"data")

    def test_read(self) -> None:
        """Nothing is told, and no byte given, of what is not below the root, of this account or of another one."""
        for location in ELSEWHERE:
            self.swift.expect("HEAD /c/home/link", headers=followed(location), length=4)
            self.fails(errors.PermissionDenied, self.storage.stat(LINK))
            sink = Sink()
            self.swift.expect("GET /c/home/link", headers=followed(location), body=b"data")
            self.fails(errors.PermissionDenied, self.storage.fetch(LINK, sink))
            self.assertEqual((sink.data, sink.entry), (b"", None))
            self.turn()
            self.assertEqual(len(self.swift.wires), 1)  # of HEAD: the other one would wait for us to read

    def test_read_of_nothing(self) -> None:
        """So it is with an empty file."""
        self.swift.expect("GET /c/home/link", 416)
        self.swift.expect("HEAD /c/home/link", headers=followed(OUTSIDE), length=0)
        self.fails(errors.PermissionDenied, self.storage.fetch(LINK, Sink(), 0, 4))

    def test_copied(self) -> None:
        """Nor can it be copied, whole or as a part of another file."""
        entry: Any = None
        for work in (
            lambda: self.storage.copy(LINK, LINK.parent.child("mine")),
            lambda: self.storage.copies(LINK, entry, LINK.parent.child("mine")),
            lambda: self.storage.adopt(LINK, entry),
        ):
            self.swift.expect("HEAD /c/home/link", headers=followed(OUTSIDE), length=4)
            self.fails(errors.PermissionDenied, work())

    def test_changed(self) -> None:
        """Times and modes are set of what is within the root."""
        for target, allowed in (("c/home/f", True), ("c/homes/f", False), ("d/home/f", False)):
            self.swift.expect("HEAD /c/home/link?symlink=get", headers={**FILE, "X-Symlink-Target": target}, length=0)
            if allowed:
                self.swift.expect("HEAD /c/home/f?symlink=get", headers=FILE, length=4)
                self.swift.expect("POST /c/home/f", 202)
                self.done(self.storage.update(LINK, Attributes(mtime=1.0)))
            else:
                self.fails(errors.PermissionDenied, self.storage.update(LINK, Attributes(mtime=1.0)))

    def test_the_link_itself(self) -> None:
        """It is seen and removed all the same."""
        headers = {**FILE, "X-Symlink-Target": "d/x"}
        self.swift.expect("HEAD /c/home/link?symlink=get", headers=headers, length=0)
        self.assertEqual(self.done(self.storage.stat(LINK, follow=False)).kind, Kind.SYMLINK)
        self.swift.expect("HEAD /c/home/link?symlink=get", headers=headers, length=0)
        self.swift.expect("DELETE /c/home/link", 204)
        self.done(self.storage.remove(LINK))


class RealTests(RealSwiftCase):
    """What Swift itself says of where a link led."""

    async def test_confined(self) -> None:
        """Over one link or two, links that leave the root give nothing, and those within it what they lead to."""
        container = self.account.new_container()
        for name, data in (("home/fi le", b"mine"), ("secret", b"theirs")):
            self.account.put(container, name, data)
        links = {"in": "home/fi%20le", "out": "secret", "twice": "home/in", "away": "home/out"}
        for name, target in links.items():
            self.account.put(container, f"home/{name}", b"", **{"X-Symlink-Target": f"{container}/{target}"})
        storage = await self.open()
        home = Path((container, "home"))
        storage.confine(home)
        for name in ("in", "twice", "fi le"):
            self.assertEqual((await storage.stat(home.child(name))).size, 4)
            self.assertEqual(await fetched(storage, home.child(name)), b"mine")
        for name in ("out", "away"):
            await raises(errors.PermissionDenied, storage.stat(home.child(name)))
            await raises(errors.PermissionDenied, fetched(storage, home.child(name)))
            await raises(errors.PermissionDenied, storage.copy(home.child(name), home.child("copy")))
            await raises(errors.PermissionDenied, storage.update(home.child(name), Attributes(mtime=1.0)))
        self.assertNotIn("home/copy", self.account.names(container))


class OtherAccountTests(ScriptedCase):
    """Links into another account, of a login that sees all of its own: Swift says what it may read."""

    def test_where_they_lead(self) -> None:
        """They do not lead to what has the same name in this account, in listings or one by one."""
        for account, target in (("AUTH_test", "/c/f"), ("AUTH_other", "/"), ("_test", "/"), ("AUTH_tesT", "/")):
            headers = {**FILE, "X-Symlink-Target": "c/f", "X-Symlink-Target-Account": account}
            self.swift.expect("HEAD /c/home/link?symlink=get", headers=headers, length=0)
            self.assertEqual(self.done(self.storage.stat(LINK, follow=False)).target, target)
            row = {"name": "home/link", "symlink_path": f"/v1/{account}/c/f", "bytes": 0}
            body = json.dumps([row]).encode()
            self.swift.expect("GET /c?format=json&limit=1000&prefix=home/&delimiter=/", body=body)
            [entry] = self.done(self.storage.list(resolve("/c/home"))).entries
            self.assertEqual(entry.target, target)

    def test_changed(self) -> None:
        """What is set through one is not set of what has the same name here."""
        headers = {**FILE, "X-Symlink-Target": "c/f", "X-Symlink-Target-Account": "AUTH_other"}
        self.swift.expect("HEAD /c/home/link?symlink=get", headers=headers, length=0)
        self.fails(errors.PermissionDenied, self.storage.update(LINK, Attributes(mtime=1.0)))

    def test_read(self) -> None:
        """It is read, if the store allows."""
        self.swift.expect("GET /c/home/link", headers=followed("/v1/AUTH_other/c/f"), body=b"data")
        self.assertEqual(self.done(fetched(self.storage, LINK)), b"data")
