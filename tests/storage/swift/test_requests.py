"""How many requests each verb costs, and what they are: no more than the operation needs."""

from __future__ import annotations

import json
from typing import Any

from swftp import errors
from swftp.entries import Attributes, Kind
from swftp.paths import Path, resolve
from swftp.storage.swift import Limits, Policy, SwiftClient, discover
from swftp.storage.swift.client import Request
from tests.storage.bytes import Source, md5
from tests.storage.swift.scripted import ScriptedCase

NOTHING = Attributes(mtime=1500000000.0)
FILE = resolve("/c/d/f")
PLAIN = {"Etag": md5(b"data"), "Content-Type": "text/plain", "X-Timestamp": "1600000000.00000"}
MARKER = {"Etag": md5(b""), "Content-Type": "application/directory", "X-Timestamp": "1600000000.00000"}
SLO = {**PLAIN, "Etag": '"abc"', "X-Static-Large-Object": "True"}
STORED = {"Etag": md5(b"data")}


def row(name: str, **kwargs: Any) -> dict[str, Any]:
    """A listing's row of a plain object."""
    defaults = {
        "hash": md5(b"data"),
        "bytes": 4,
        "content_type": "text/plain",
        "last_modified": "2020-01-01T00:00:00.5",
    }
    return {"name": name, **defaults, **kwargs}


class CountTests(ScriptedCase):
    """One request where one is right."""

    def test_root(self) -> None:
        """The account is a directory without asking: users with access to a container only may not ask."""
        self.assertEqual(self.done(self.storage.stat(Path())).kind, Kind.DIRECTORY)
        self.swift.expect("GET ?format=json&limit=1000", 403)
        self.fails(errors.PermissionDenied, self.storage.list(Path()))

    def test_stat(self) -> None:
        """A file, marker or link: one HEAD; an implied directory or nothing: a listing of one row more."""
        for headers, kind in ((PLAIN, Kind.FILE), (MARKER, Kind.DIRECTORY)):
            self.swift.expect("HEAD /c/d/f", headers=headers, length=0)
            self.assertEqual(self.done(self.storage.stat(FILE)).kind, kind)
        for rows in ([], [row("d/f/x")]):
            self.swift.expect("HEAD /c/d/f?symlink=get", 404)
            self.swift.expect("GET /c?format=json&limit=1&prefix=d/f/", body=json.dumps(rows).encode())
            work = self.storage.stat(FILE, follow=False)
            if rows:
                self.assertEqual(self.done(work).kind, Kind.DIRECTORY)
            else:
                self.fails(errors.NotFound, work)
        self.swift.expect("HEAD /c/d/f", 404)
        self.fails(errors.NotFound, self.storage.stat(FILE, implied=False))

    def test_list_root(self) -> None:
        """Containers are directories; those of segments, and names that no client could say, are left out."""
        rows = [{"name": "a", "bytes": 5, "count": 1, "last_modified": "2020-01-01T00:00:00.5"}]
        rows += [{"name": name, "bytes": 0, "count": 0} for name in ("a_segments", "b\nc", "..", "d", "e")]
        self.storage._lister._limit = 3
        after, entries = None, []
        for line, page in (("limit=3", rows[:3]), ("limit=3&marker=b\nc", rows[3:]), ("limit=3&marker=e", [])):
            self.swift.expect(f"GET ?format=json&{line}", body=json.dumps(page).encode())
            found = self.done(self.storage.list(Path(), after))
            after, entries = found.after, [*entries, *found.entries]
        self.assertIsNone(after)
        self.assertEqual([(e.name, e.size) for e in entries], [("a", 5), ("d", 0), ("e", 0)])
        self.assertEqual({e.kind for e in entries}, {Kind.DIRECTORY})
        self.assertEqual(entries[0].mtime, 1577836800.5)

    def test_list(self) -> None:
        """A page: one GET, however many files, if they are ours or have bytes."""
        rows = [row("d/a"), row("d/b", bytes=0, content_type="text/plain;mtime=1"), {"subdir": "d/c/"}]
        self.swift.expect("GET /c?format=json&limit=1000&prefix=d/&delimiter=/", body=json.dumps(rows).encode())
        page = self.done(self.storage.list(resolve("/c/d")))
        self.assertEqual([entry.name for entry in page.entries], ["a", "b", "c"])
        self.assertIsNone(page.after)
        self.storage._lister._limit = 3
        self.swift.expect("GET /c?format=json&limit=3&prefix=d/&delimiter=/", body=json.dumps(rows).encode())
        page = self.done(self.storage.list(resolve("/c/d")))
        self.swift.expect("GET /c?format=json&limit=3&prefix=d/&marker=d/c/&delimiter=/", body=b"[]")
        last = self.done(self.storage.list(resolve("/c/d"), page.after))  # nothing more: that is no missing directory
        self.assertEqual((last.entries, last.after), ((), None))

    def test_dlo_lookups(self) -> None:
        """Strangers' empty files are looked at, as they may be large; very many of them are not."""
        rows = [row("a", bytes=0), row("b", bytes=0), row("c")]
        line = "GET /c?format=json&limit=1000&delimiter=/"
        self.swift.expect(line, body=json.dumps(rows).encode())
        self.swift.expect("HEAD /c/a", headers={**PLAIN, "X-Object-Manifest": "x/y"}, length=77)
        self.swift.expect("HEAD /c/b", headers=PLAIN, length=0)
        page = self.done(self.storage.list(resolve("/c")))
        self.assertEqual([entry.size for entry in page.entries], [77, 0, 4])
        self.swift.expect(line, body=json.dumps([row(f"{i}", bytes=0) for i in range(101)]).encode())
        self.done(self.storage.list(resolve("/c")))

    def test_store(self) -> None:
        """A new file that was looked for: one PUT; an exclusive one, too; one not looked for: a HEAD before."""
        for kwargs in ({"replaces": None}, {"exclusive": True}):
            self.swift.expect("PUT /c/d/f", 201, headers=STORED)
            self.done(self.storage.store(FILE, Source(b"data"), NOTHING, **kwargs))
        self.swift.expect("HEAD /c/d/f?symlink=get", headers=PLAIN, length=4)
        self.swift.expect("PUT /c/d/f", 201, headers=STORED)
        self.done(self.storage.store(FILE, Source(b"data"), NOTHING))

    def test_remove(self) -> None:
        """A plain file that was seen: one DELETE; else a HEAD before."""
        self.swift.expect("HEAD /c/d/f?symlink=get", headers=PLAIN, length=4)
        seen = self.done(self.storage.stat(FILE, follow=False))
        self.swift.expect("DELETE /c/d/f", 204)
        self.done(self.storage.remove(FILE, seen=seen))
        self.swift.expect("DELETE /c/d/f", 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=d/f/", body=b"[]")
        self.fails(errors.NotFound, self.storage.remove(FILE, seen=seen))
        self.swift.expect("HEAD /c/d/f?symlink=get", headers=PLAIN, length=4)
        self.swift.expect("DELETE /c/d/f", 204)
        self.done(self.storage.remove(FILE))

    def test_update(self) -> None:
        """A HEAD, for what a POST would drop, and the POST; nothing for nothing."""
        self.swift.expect("HEAD /c/d/f?symlink=get", headers={**PLAIN, "X-Delete-At": "4000000000"}, length=4)
        self.swift.expect("POST /c/d/f", 202)
        self.done(self.storage.update(FILE, NOTHING))
        self.assertEqual(self.swift.requests[1].headers["x-delete-at"], "4000000000")
        self.done(self.storage.update(FILE, Attributes()))

    def test_update_implied(self) -> None:
        """Directories without an object take the time silently; what is nowhere does not."""
        for rows in ([row("d/f/x")], []):
            self.swift.expect("HEAD /c/d/f?symlink=get", 404)
            self.swift.expect("HEAD /c/d/f", 404)
            self.swift.expect("GET /c?format=json&limit=1&prefix=d/f/", body=json.dumps(rows).encode())
            if rows:
                self.done(self.storage.update(FILE, NOTHING))
            else:
                self.fails(errors.NotFound, self.storage.update(FILE, NOTHING))
        self.done(self.storage.update(resolve("/c"), NOTHING))

    def test_stage(self) -> None:
        """A part: one PUT with length and checksum; the segments container only when it turns out to be missing."""
        source = Source(b"data", digest=md5(b"data"))
        self.swift.expect(None, 404)
        self.swift.expect("HEAD /c", 204, headers={"X-Storage-Policy": "gold", "X-Container-Read": ".r:*"})
        self.swift.expect("PUT /c_segments", 201)
        self.swift.expect(None, 404)
        self.swift.expect(None, 201, headers=STORED)
        self.swift.expect(None, 201, headers=STORED)
        self.done(self.two_parts(source))
        made = self.swift.requests[2].headers
        self.assertEqual((made["x-storage-policy"], made["x-container-read"]), ("gold", ".r:*"))
        last = self.swift.requests[-1].headers
        self.assertEqual((last["content-length"], last["etag"]), ("4", md5(b"data")))

    async def two_parts(self, source: Source) -> None:
        """Stage two."""
        for _ in range(2):
            await self.storage.stage(FILE, source)

    def test_publish(self) -> None:
        """A file of parts: one PUT of the manifest, whose true status is in the body."""
        for _ in range(2):
            self.swift.expect(None, 201, headers=STORED)
        self.swift.expect(None, 202, body=b'  {"Response Status": "201 Created", "Etag": "\\"%b\\""}' % self.etag)
        entry = self.done(self.publish())
        self.assertEqual((entry.size, entry.version, entry.digest), (8, self.etag.decode(), None))
        self.assertEqual(self.lines()[-1], "PUT /c/d/f?multipart-manifest=put&heartbeat=on")
        rows = json.loads(self.swift.requests[-1].body)
        self.assertEqual([(r["etag"], r["size_bytes"]) for r in rows], [(md5(b"data"), 4)] * 2)

    etag = md5((md5(b"data") * 2).encode()).encode()

    async def publish(self) -> Any:
        """A file of two parts."""
        parts = [await self.storage.stage(FILE, Source(b"data", digest=md5(b"data"))) for _ in range(2)]
        return await self.storage.publish(FILE, parts, NOTHING, replaces=None)

    def test_publish_refused(self) -> None:
        """A 202 that ends in a refusal is one; a part that is missing or changed makes no file."""
        for status, kind in (
            ("400 Bad Request", errors.Changed),
            ("413 Request Entity Too Large", errors.TooLarge),
            ("403 Forbidden", errors.PermissionDenied),
            ("404 Not Found", errors.NotFound),
        ):
            for _ in range(2):
                self.swift.expect(None, 201, headers=STORED)
            body = json.dumps({"Response Status": status, "Errors": [["/c_segments/x", "404 Not Found"]]}).encode()
            self.swift.expect(None, 202, body=body)
            self.fails(kind, self.publish())

    def test_part_that_could_not_be_looked_at(self) -> None:
        """Swift refuses a manifest for good where a server that has a part is busy: it is sent again."""
        body = json.dumps(
            {
                "Response Status": "400 Bad Request",
                "Errors": [["/c_segments/x", "404 Not Found"], ["/c_segments/y", "503 Service Unavailable"]],
            }
        ).encode()
        for _ in range(2):
            self.swift.expect(None, 201, headers=STORED)
        self.swift.expect("PUT /c/d/f?multipart-manifest=put&heartbeat=on", 202, body=body)
        told = json.dumps({"Response Status": "201 Created", "Etag": f'"{self.etag.decode()}"'}).encode()
        self.swift.expect("PUT /c/d/f?multipart-manifest=put&heartbeat=on", 202, body=told)
        self.assertEqual(self.done(self.publish()).size, 8)

    def test_publish_undecided(self) -> None:
        """A heartbeat that stops, or does not parse, is looked up."""
        found = {**SLO, "Etag": f'"{self.etag.decode()}"', "X-Object-Meta-Mtime": "1500000000"}
        for answer in ({"body": b"   ", "length": 100, "cut": True}, {"body": b"  <html>"}, {"body": b""}):
            for _ in range(2):
                self.swift.expect(None, 201, headers=STORED)
            self.swift.expect(None, 202, **answer)
            self.swift.expect("HEAD /c/d/f?symlink=get", headers=found, length=8)
            self.done(self.publish())

    def test_make_directory(self) -> None:
        """A container: one PUT; a directory: is the parent one, is it there already, the marker."""
        self.swift.expect("PUT /c", 201)
        self.done(self.storage.make_directory(resolve("/c")))
        self.swift.expect("GET /c?format=json&limit=1&prefix=d/", body=b"[]")
        self.swift.expect("PUT /c/d", 201, headers={"Etag": md5(b"")})
        self.done(self.storage.make_directory(resolve("/c/d")))
        seen = self.swift.requests[-1].headers
        self.assertEqual(seen["if-none-match"], "*")
        self.assertTrue(seen["content-type"].startswith("application/directory;mtime="))

    def test_usage(self) -> None:
        """A container with a quota speaks for itself; else the account does."""
        account = {"X-Account-Bytes-Used": "10", "X-Account-Object-Count": "2", "X-Account-Meta-Quota-Bytes": "100"}
        self.swift.expect("HEAD /c", 204, headers={"X-Container-Bytes-Used": "5"})
        self.swift.expect("HEAD ", 204, headers=account)
        usage = self.done(self.storage.usage(FILE))
        self.assertEqual((usage.used_bytes, usage.quota_bytes, usage.used_files), (10, 100, 2))
        container = {"X-Container-Bytes-Used": "5", "X-Container-Meta-Quota-Bytes": "50"}
        self.swift.expect("HEAD /c", 204, headers=container)
        usage = self.done(self.storage.usage(FILE))
        self.assertEqual((usage.used_bytes, usage.quota_bytes, usage.quota_files), (5, 50, None))


class ClientTests(ScriptedCase):
    """What goes with every request."""

    policy = Policy(extra_headers={"X-Extra": "yes"}, storage_scheme="https", storage_netloc="inside.test:8443")

    def test_headers(self) -> None:
        """Extra headers and the session's name go along; the storage URL is rewritten, after a renewal, too."""
        agents: Any = self.client._connections
        client = SwiftClient(self.clock, agents, self.tokens, self.policy, wall=self.clock.seconds, session="s" * 40)
        self.swift.expect("HEAD ", 401)
        self.swift.expect("HEAD ", 204)
        self.done(client.request(Request(method="HEAD"), 204))
        for seen in self.swift.requests:
            self.assertEqual(seen.headers["x-extra"], "yes")
            self.assertEqual(seen.headers["x-trans-id-extra"], "s" * 32)
            self.assertEqual(seen.headers["host"], "inside.test:8443")

    def test_info(self) -> None:
        """Limits are asked for beside the account, without a token; silence on them changes nothing."""
        info = {
            "swift": {"max_file_size": 1000, "container_listing_limit": 50, "account_listing_limit": 70},
            "slo": {"max_manifest_segments": 7},
            "bulk_delete": {},
        }
        self.swift.expect("GET /info", body=json.dumps(info).encode())
        limits = Limits(slo=True, max_segments=7, max_file_size=1000, listing=50, bulk_delete=True, symlink=False)
        self.assertEqual(self.done(discover(self.client)), limits)
        self.assertNotIn("x-auth-token", self.swift.requests[0].headers)
        for answer in (
            {"status": 403},
            {"body": b"<html>"},
            {"body": b"[]"},
            {"reset": True},
            {"body": b'{"swift": 1}'},
        ):
            self.swift.expect("GET /info", **answer)
            self.assertEqual(self.done(discover(self.client)), Limits())

    def test_no_slo(self) -> None:
        """A store that says nothing of SLO has none."""
        self.swift.expect("GET /info", body=b'{"swift": {}}')
        self.assertFalse(self.done(discover(self.client)).slo)

    def test_clock(self) -> None:
        """Times are the store's: a gateway whose clock is an hour late stamps files rightly."""
        self.swift.expect("HEAD /c", 204, headers={"Date": "Tue, 14 Nov 2023 23:13:20 GMT"})
        self.done(self.storage.stat(resolve("/c")))
        self.assertLess(abs(self.client.now() - self.clock.seconds() - 3600.0), 1.0)

    def test_secrets(self) -> None:
        """No error and no repr holds a token."""
        for _ in range(self.policy.attempts):
            self.swift.expect("HEAD /c", 503)
        error = self.fails(errors.Unavailable, self.storage.stat(resolve("/c")))
        for text in (str(error), repr(error.__cause__), repr(self.client), repr(self.swift.requests[0].line)):
            self.assertNotIn("token-1", text)
