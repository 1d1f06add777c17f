"""Who uses which segments: nothing that any object may still use is taken away."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from swftp import errors
from swftp.entries import Entry, Kind
from swftp.paths import Path, resolve
from swftp.storage.swift import Limits
from swftp.storage.swift.claims import claim_of
from swftp.storage.swift.manifests import manifest_etag, record_of
from swftp.storage.swift.objects import in_parallel
from tests.storage.bytes import Source, md5, raises
from tests.storage.swift.scripted import ScriptedCase, Seen
from tests.storage.swift.test_faults import HEAD
from tests.storage.swift.test_large import NOTHING, LargeCase

UPLOAD = "a/swftp-5f5e100-0123456789abcdef"
SEGMENT = {"name": f"/c_segments/{UPLOAD}/00000000", "hash": md5(b"x"), "bytes": 1}
SLO = {"X-Static-Large-Object": "True"}
NAMES = f"GET /c_segments/{UPLOAD}/names"
RECORDS = f"GET /c_segments?format=json&limit=100&prefix={UPLOAD}/names/"
LISTING = "GET /c_segments?format=json&limit=10000"


def claim(method: str, path: str) -> str:
    """A request about what says that *path* is about to use segments."""
    container, name = claim_of("c_segments", resolve(path))
    return f"{method} /{container}/{name}{'?symlink=get' if method == 'HEAD' else ''}"


class LookingTests(ScriptedCase):
    """What is looked at before anything is deleted."""

    limits = Limits(symlink=True, max_file_size=10)

    def listed(self, **kwargs: Any) -> None:
        """An upload of 2020 in the segments container."""
        row = {"name": f"{UPLOAD}/00000000", "bytes": 1, "last_modified": "2020-01-01T00:00:00.5", **kwargs}
        self.swift.expect(LISTING, body=json.dumps([row]).encode())

    def test_renamed_while_sweeping(self) -> None:
        """A name that vanishes under the sweep has left its successor in the list."""
        self.listed()
        self.gone()
        self.swift.expect(NAMES, body=b'["/c/a", "/c/b"]')
        self.swift.expect(RECORDS, body=b"[]")
        self.swift.expect(claim("HEAD", "/c/b"), 404).check = self.newest
        used = self.swift.expect("GET /c/b?multipart-manifest=get", headers=SLO, body=json.dumps([SEGMENT]).encode())
        used.check = self.newest
        self.swift.expect(NAMES, body=b'["/c/a", "/c/b"]').check = self.newest
        self.swift.expect(RECORDS, body=b"[]")
        self.assertEqual(self.done(self.storage.sweep("c")), 0)

    def gone(self) -> None:
        """The sweep looks at ``/c/a``, and again when nobody is about to publish it: it is not there."""
        self.swift.expect("GET /c/a?multipart-manifest=get", 404).check = self.newest
        self.swift.expect("HEAD /c", 204)
        self.swift.expect(claim("HEAD", "/c/a"), 404).check = self.newest
        self.swift.expect("GET /c/a?multipart-manifest=get", 404).check = self.newest

    def newest(self, seen: Seen) -> None:
        self.assertEqual(seen.headers["x-newest"], "true")

    def test_ours(self) -> None:
        """Segments are ours only if all are named and placed as we do it: no others are ever removed."""
        ours, ledger = _part(), self.storage._segments
        self.assertTrue(ledger.are_ours([ours, ours]))
        strange = replace(ours, name="a/slo/1500000000.0/1/1/00000000"), replace(ours, container="c")
        for segments in ([], *([one] for one in strange), *([ours, one] for one in strange)):
            self.assertFalse(ledger.are_ours(segments))

    def test_no_room_for_a_record(self) -> None:
        """Of an upload with so long a name that no record of it can be, only the list tells who uses it."""
        upload = f"{'x' * 988}/swftp-5f5e100-0123456789abcdef"
        self.swift.expect(f"GET /c_segments/{upload}/names", 404)
        written = self.swift.expect(f"PUT /c_segments/{upload}/names", 201)
        written.check = lambda seen: self.assertEqual(json.loads(seen.body), ["/c/b"])
        self.done(self.storage._segments.remember([("c_segments", f"{upload}/00000000")], {resolve("/c/b")}))

    def test_strangers(self) -> None:
        """Segments of other tools stay when the object goes: nobody can tell who else uses them."""
        for strange in ("/c_segments/a/slo/1500000000.0/1/1/00000000", f"/parts/{UPLOAD}/00000000"):
            body = json.dumps([{**SEGMENT, "name": strange}]).encode()
            self.swift.expect("HEAD /c/a?symlink=get", headers={**HEAD, **SLO}, length=1)
            self.swift.expect("GET /c/a?multipart-manifest=get", headers=SLO, body=body)
            self.swift.expect("DELETE /c/a", 204)
            self.done(self.storage.remove(resolve("/c/a")))
            self.done(self.storage.settle())

    def test_broken_list(self) -> None:
        """A list of users that does not parse is not one of nobody: all that it may be about stays."""
        for body in (b"nonsense", b"7"):
            self.listed()
            self.gone()
            self.swift.expect(NAMES, body=body)
            self.assertEqual(self.done(self.storage.sweep("c")), 0)

    def test_in_use(self) -> None:
        """Of an upload that its file still uses nothing else is asked."""
        self.listed()
        self.swift.expect("GET /c/a?multipart-manifest=get", headers=SLO, body=json.dumps([SEGMENT]).encode())
        self.assertEqual(self.done(self.storage.sweep("c")), 0)

    def test_two_renames_at_once(self) -> None:
        """A name that another rename took off the list with its own is on it again before the old one goes."""
        body = json.dumps([SEGMENT]).encode()
        large = {**HEAD, **SLO, "Etag": md5(md5(b"x").encode())}
        self.swift.expect("HEAD /c/a?symlink=get", headers=large, length=1)
        self.swift.expect("HEAD /c/b?symlink=get", 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=b/", body=b"[]")
        self.swift.expect("GET /c/a?multipart-manifest=get", headers=SLO, body=body)
        self.swift.expect(claim("PUT", "/c/b"), 201)
        put = NAMES.replace("GET", "PUT")
        record = self.swift.expect("PUT /c_segments/" + record_of(UPLOAD, resolve("/c/b")), 201)
        record.check = lambda seen: self.assertEqual(json.loads(seen.body), ["/c/b"])
        self.swift.expect(NAMES, 404)
        self.swift.expect(put, 201)
        self.swift.expect("PUT /c/b?multipart-manifest=get&symlink=get", 201, headers=large)
        self.swift.expect(claim("DELETE", "/c/b"), 204)
        self.swift.expect(NAMES, body=b'["/c/a", "/c/c"]')
        written = self.swift.expect(put, 201)
        written.check = lambda seen: self.assertEqual(json.loads(seen.body), ["/c/a", "/c/b", "/c/c"])
        self.swift.expect("DELETE /c/a", 204)
        self.done(self.storage.rename(resolve("/c/a"), resolve("/c/b")))

    def test_listed_and_not_found(self) -> None:
        """What a listing shows is there, though the store does not find it: its disks may be out of reach."""
        self.listed()
        self.gone()
        self.swift.expect(NAMES, 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=a", body=b'[{"name": "a"}]')
        self.assertEqual(self.done(self.storage.sweep("c")), 0)

    def test_neither_listed_nor_found(self) -> None:
        """What neither shows is gone, and so is its container where that is not there."""
        for listing in ({"body": b'[{"name": "ab"}]'}, {"status": 404}):
            self.listed()
            self.gone()
            self.swift.expect(NAMES, 404)
            self.swift.expect("GET /c?format=json&limit=1&prefix=a", **listing)  # type: ignore[arg-type]
            self.swift.expect(f"DELETE /c_segments/{UPLOAD}/00000000", 204)
            self.assertEqual(self.done(self.storage.sweep("c")), 1)

    def test_stored_and_not_found(self) -> None:
        """Where the store lists what it has just stored, but does not find it, nothing is taken for unused."""
        entry = Entry(name="a", kind=Kind.FILE, size=1, version="abc", detail={"large": "slo"})
        self.swift.expect("GET /c/a?multipart-manifest=get", headers=SLO, body=json.dumps([SEGMENT]).encode())
        self.swift.expect("PUT /c/a", 201, headers={"Etag": md5(b"data")})
        self.swift.expect("HEAD /c", 204)
        self.swift.expect(claim("HEAD", "/c/a"), 404)
        self.swift.expect("GET /c/a?multipart-manifest=get", 404)
        self.swift.expect(NAMES, 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=a", body=b'[{"name": "a"}]')
        self.done(self.storage.store(resolve("/c/a"), Source(b"data", digest=md5(b"data")), NOTHING, replaces=entry))

    def test_used_by_what_was_just_published(self) -> None:
        """What a new object is made of stays, whatever the store says to be at its name: it may be an older one."""
        old, new = _part(), replace(_part(), name=f"{UPLOAD}/00000001", etag=md5(b"y"), staged=True)
        entry = Entry(name="a", kind=Kind.FILE, size=2, version="abc", detail={"large": "slo"})
        other = {**SEGMENT, "name": f"/c_segments/{UPLOAD}/00000002"}
        self.swift.expect("GET /c/a?multipart-manifest=get", headers=SLO, body=json.dumps([SEGMENT, other]).encode())
        self.swift.expect(
            "PUT /c/a?multipart-manifest=put&heartbeat=on", 201, headers={"Etag": manifest_etag([old, new])}
        )
        self.swift.expect("HEAD /c", 204)
        self.swift.expect(claim("HEAD", "/c/a"), 404)
        self.swift.expect("GET /c/a?multipart-manifest=get", headers=HEAD)
        self.swift.expect(NAMES, 404)
        self.swift.expect(f"DELETE /c_segments/{UPLOAD}/00000002", 204)
        self.done(self.storage.publish(resolve("/c/a"), [old, new], NOTHING, replaces=entry))

    def test_looked_for_long(self) -> None:
        """Where looking took its time, names are looked at once more: one may have a new object of old segments."""
        self.listed()
        self.gone()
        slow = self.swift.expect(NAMES, 404)
        slow.check = lambda seen: setattr(self.clock, "rightNow", self.clock.rightNow + 1)
        self.swift.expect(claim("HEAD", "/c/a"), 404)
        self.swift.expect("GET /c/a?multipart-manifest=get", headers=SLO, body=json.dumps([SEGMENT]).encode())
        self.swift.expect(NAMES, 404)
        self.assertEqual(self.done(self.storage.sweep("c")), 0)

    def test_goes_on(self) -> None:
        """The age of an upload is that of its latest segment: one that goes on may have begun long ago."""
        old = {"name": f"{UPLOAD}/00000000", "bytes": 1, "last_modified": "2020-01-01T00:00:00.5"}
        for hours, asked in ((47, False), (49, True)):
            stored = datetime.fromtimestamp(self.clock.seconds() - hours * 3600, UTC).replace(tzinfo=None)
            young = {**old, "name": f"{UPLOAD}/00000001", "last_modified": stored.isoformat()}
            self.swift.expect(LISTING, body=json.dumps([old, young]).encode())
            if asked:
                self.swift.expect("GET /c/a?multipart-manifest=get", 503)
                self.swift.expect("GET /c/a?multipart-manifest=get", 503)
                self.swift.expect("GET /c/a?multipart-manifest=get", 503)
            self.assertEqual(self.done(self.storage.sweep("c")), 0)

    def test_no_time(self) -> None:
        """An upload whose age the store does not tell is not an old one."""
        for time in (None, "yesterday"):
            self.listed(last_modified=time)
            self.assertEqual(self.done(self.storage.sweep("c")), 0)

    def test_history(self) -> None:
        """In a container that keeps old versions, old versions keep their segments."""
        for name in ("X-Versions-Enabled", "X-Versions-Location", "X-History-Location"):
            self.listed()
            self.swift.expect("GET /c/a?multipart-manifest=get", 404)
            self.swift.expect("HEAD /c", 204, headers={name: "True"})
            self.assertEqual(self.done(self.storage.sweep("c")), 0)

    def test_copy_undecided(self) -> None:
        """Parts that a copy may be made of stay."""
        self.swift.expect("HEAD /c/a", headers=HEAD, length=15)
        self.swift.expect("HEAD /c/b?symlink=get", 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=b/", body=b"[]")
        self.swift.expect("HEAD /c/a", headers=HEAD, length=15)
        for _ in range(2):  # no object has more than ten bytes
            self.swift.expect(None, 201, headers={"Etag": md5(b"data")})
        for size in (10, 5):
            self.swift.expect(None, 200, headers={"Etag": md5(b"data")}, length=size)
        self.swift.expect("HEAD /c/a", headers=HEAD, length=15)
        for _ in range(3):
            self.swift.expect("PUT /c/b?multipart-manifest=put&heartbeat=on", 503)
            self.swift.expect("HEAD /c/b?symlink=get", 404)
        self.fails(errors.StateUnknown, self.storage.copy(resolve("/c/a"), resolve("/c/b")))

    def test_adopt_replaced(self) -> None:
        """A large object that is replaced while it is adopted, by one of its size, is not taken for the other."""
        entry = Entry(name="a", kind=Kind.FILE, size=1, version="abc", detail={"large": "slo"})
        self.swift.expect("HEAD /c/a", headers={**HEAD, **SLO, "Etag": '"abc"'}, length=1)
        self.swift.expect("GET /c/a?multipart-manifest=get", headers=SLO, body=json.dumps([SEGMENT]).encode())
        copied = self.swift.expect(None, 412)
        copied.check = lambda seen: self.assertEqual(seen.headers["if-match"], '"abc"')
        self.fails(errors.Changed, self.storage.adopt(resolve("/c/a"), entry))

    def test_adopt_nested_replaced(self) -> None:
        """So it is where its manifest lists manifests."""
        entry = Entry(name="a", kind=Kind.FILE, size=1, version="abc", detail={"large": "slo"})
        inner = {**SEGMENT, "name": f"/c_segments/{UPLOAD}/00000001m", "sub_slo": True}
        self.swift.expect("HEAD /c/a", headers={**HEAD, **SLO, "Etag": '"abc"'}, length=1)
        self.swift.expect("GET /c/a?multipart-manifest=get", headers=SLO, body=json.dumps([inner]).encode())
        line = f"GET /c_segments/{UPLOAD}/00000001m?multipart-manifest=get"
        self.swift.expect(line, headers=SLO, body=json.dumps([SEGMENT]).encode())
        self.swift.expect("HEAD /c/a", headers={**HEAD, **SLO, "Etag": '"def"'}, length=1)
        self.swift.expect(None, 412)
        self.fails(errors.Changed, self.storage.adopt(resolve("/c/a"), entry))

    def test_noted_together(self) -> None:
        """Names that are noted at the same time do not take each other off the list."""
        noted: list[str] = []

        def note(seen: Any) -> None:
            noted[:] = json.loads(seen.body)

        for known, names in ((b"[]", "de"), (b'["/c/d", "/c/e"]', "fg")):
            for name in names:
                self.swift.expect("PUT /c_segments/" + record_of(UPLOAD, resolve(f"/c/{name}")), 201)
            self.swift.expect(NAMES, body=known)
            self.swift.expect(NAMES.replace("GET", "PUT"), 201).check = note
        [segment] = [self.storage._segments]
        parts = [_part()], []
        work = [segment.remember_names(parts, ("c", one), ("c", other)) for one, other in (("d", "e"), ("f", "g"))]
        self.done(in_parallel(work))
        self.assertEqual(noted, ["/c/d", "/c/e", "/c/f", "/c/g"])


def _part() -> Any:
    from swftp.storage.swift.manifests import Segment

    return Segment("c_segments", f"{UPLOAD}/00000000", md5(b"x"), 1, 0, 1)


class RealTests(LargeCase):
    """The same in a real Swift."""

    async def test_two_names_moved_together(self) -> None:
        """Two names for one set of segments, moved with their directory: either can be removed, the other stays."""
        for first, second in (("a", "b"), ("b", "a")):
            entry = await self.make(self.at("d", "a"), b"one", b"two")
            names = (self.box, "d/a"), (self.box, "d/b")
            await self.storage._trees.copy_name(*names, size=entry.size, slo=True)
            await self.storage.rename(self.at("d"), self.at("e"))
            await self.storage.remove(self.at("e", first))
            await self.storage.settle()
            self.assertEqual(await self.content(self.at("e", second)), b"onetwo")
            await self.storage.remove(self.at("e", second))
            await self.storage.settle()
            self.assertEqual(self.segments(), [])

    async def test_names_stay(self) -> None:
        """A rename takes no name off the list, on which another rename may just be putting one."""
        await self.make(self.at("a"), b"one", b"two")
        await self.storage.rename(self.at("a"), self.at("b"))
        await self.storage.settle()
        [names] = [name for name in self.segments() if name.endswith("/names")]
        listed = json.loads(self.account.get(f"{self.box}_segments", names) or b"")
        self.assertEqual(listed, [f"/{self.box}/a", f"/{self.box}/b"])

    async def test_list_overwritten(self) -> None:
        """A name that another gateway has just taken off the list, with a rename of its own, keeps its segments."""
        entry = await self.make(self.at("a"), b"one", b"two")
        for target in ("b", "c"):
            await self.storage._trees.copy_name((self.box, "a"), (self.box, target), size=entry.size, slo=True)
        self.account.connection.delete_object(self.box, "a")
        [names] = [name for name in self.segments() if name.endswith("/names")]
        container = f"{self.box}_segments"
        self.account.put(container, names, json.dumps([f"/{self.box}/a", f"/{self.box}/c"]).encode())
        await self.storage.remove(self.at("c"))
        await self.storage.settle()
        self.assertEqual(await self.content(self.at("b")), b"onetwo")
        self.account.connection.delete_object(container, names)
        self.assertEqual(await self.storage.sweep(self.box, age=-10.0), 0)
        self.assertEqual(await self.content(self.at("b")), b"onetwo")
        await self.storage.remove(self.at("b"))
        await self.storage.settle()
        await self.storage.sweep(self.box, age=-10.0)
        self.assertEqual(self.segments(), [])

    async def test_old_versions(self) -> None:
        """What a container keeps of replaced and removed objects can be read."""
        connection = self.account.connection
        connection.post_container(self.box, {"X-Versions-Enabled": "true"})
        await self.make(self.at("f"), b"one", b"two")
        version = (self.account.head(self.box, "f") or {})["x-object-version-id"]
        await self.storage.store(self.at("f"), Source(b"new"), NOTHING)
        await self.storage.settle()
        old = connection.get_object(self.box, "f", query_string=f"version-id={version}")[1]
        self.assertEqual(old, b"onetwo")
        await self.make(self.at("g"), b"three", b"four")
        version = (self.account.head(self.box, "g") or {})["x-object-version-id"]
        await self.storage.remove(self.at("g"))
        await self.storage.settle()
        self.assertEqual(await self.storage.sweep(self.box, age=-10.0), 0)
        old = connection.get_object(self.box, "g", query_string=f"version-id={version}")[1]
        self.assertEqual(old, b"threefour")

    async def test_marker_moved_to_a_container(self) -> None:
        """A directory with a marker that ends with a slash becomes a container."""
        other = Path((f"{self.box}-new",))
        self.addCleanup(lambda: self.account.wipe(other.container))
        self.account.put(self.box, "d/")
        self.account.put(self.box, "d/f", b"data")
        await self.storage.rename(self.at("d"), other)
        self.assertEqual((self.account.names(other.container), self.account.names(self.box)), (["f"], []))

    async def test_segments_in_the_directory(self) -> None:
        """A directory that holds what a large object in it is made of is not moved from under it."""
        connection = self.account.connection
        etag = connection.put_object(self.box, "d/.file-segments/f/1", b"one")
        path = {"path": f"/{self.box}/d/.file-segments/f/1", "etag": etag}
        connection.put_object(self.box, "d/slo", json.dumps([path]), query_string="multipart-manifest=put")
        self.account.put(self.box, "e/dlo", X_Object_Manifest=f"{self.box}/e/.file-segments/f/")
        self.account.put(self.box, "e/.file-segments/f/1", b"two")
        for name, file, content in (("d", "slo", b"one"), ("e", "dlo", b"two")):
            await raises(errors.Unsupported, self.storage.rename(self.at(name), self.at("to")))
            self.assertEqual(await self.content(self.at(name, file)), content)
        await raises(errors.Unsupported, self.storage.rename(self.at(), Path((f"{self.box}-to",))))
        self.assertNotIn(f"{self.box}-to", self.account.containers())
        self.assertEqual([n for n in self.account.names(self.box) if n.startswith("to")], [])

    async def test_segments_renamed(self) -> None:
        """Nobody moves the segments that he does not see."""
        await self.make(self.at("f"), b"one", b"two")
        hidden = Path((f"{self.box}_segments",))
        [name] = [name for name in self.segments() if name.endswith("/00000000")]
        for source in (hidden, hidden.child("f"), Path((*hidden.parts, *name.split("/")))):
            await raises(errors.PermissionDenied, self.storage.rename(source, self.at("away")))
        self.assertEqual(await self.content(self.at("f")), b"onetwo")
