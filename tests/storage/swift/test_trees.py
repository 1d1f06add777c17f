"""Directories under faults: a late listing, a copy that fails, a container that is not quite empty yet."""

from __future__ import annotations

import json
from typing import Any

from swftp import errors
from swftp.entries import Attributes, Kind
from swftp.paths import resolve
from swftp.storage.swift import Options, Policy
from swftp.storage.swift.manifests import record_of
from swftp.storage.swift.objects import Objects
from swftp.storage.swift.trees import ROUNDS
from swftp.storage.vanished import LIFETIME
from tests.storage.bytes import Source, md5
from tests.storage.swift.scripted import ScriptedCase
from tests.storage.swift.test_requests import MARKER, PLAIN, STORED, row

COPY = "?multipart-manifest=get&symlink=get"


def page(*names: str) -> bytes:
    """A listing."""
    return json.dumps([row(name) for name in names]).encode()


class TreeCase(ScriptedCase):
    """A directory ``/c/d`` with files."""

    options = Options(tree_limit=3)

    def listing(self, prefix: str, *names: str, limit: int = 10000) -> None:
        """The store's next listing of *prefix* has *names*."""
        line = f"GET /c?format=json&limit={limit}" + (f"&prefix={prefix}" if prefix else "")
        self.swift.expect(line, body=page(*names))

    def store(self, path: str) -> None:
        """A file stored by us."""
        self.swift.expect(f"PUT {path}", 201, headers=STORED)
        self.done(self.storage.store(resolve(path), Source(b"data"), Attributes(), replaces=None))

    def remove(self, path: str) -> None:
        """A file removed by us."""
        self.swift.expect(f"HEAD {path}?symlink=get", headers=PLAIN, length=4)
        self.swift.expect(f"DELETE {path}", 204)
        self.done(self.storage.remove(resolve(path)))

    def move(self) -> Any:
        """The renaming of ``/c/d`` to ``/c/e``, after what it looks at first."""
        self.swift.expect("HEAD /c/d?symlink=get", headers=MARKER, length=0)
        self.swift.expect("HEAD /c/e?symlink=get", 404)
        self.listing("e/", limit=1)
        return self.storage.rename(resolve("/c/d"), resolve("/c/e"))


class MoveTests(TreeCase):
    """Renaming a directory."""

    policy = Policy(attempts=2)

    def test_moved(self) -> None:
        """All is copied before anything is deleted."""
        work = self.move()
        self.listing("d/", "d/a", "d/b")
        for name in ("a", "b"):
            self.swift.expect(f"PUT /c/e/{name}{COPY}", 201, headers=STORED)
        self.listing("d/", "d/a", "d/b")
        self.swift.expect("HEAD /c/d?symlink=get", headers=MARKER, length=0)
        self.swift.expect(f"PUT /c/e{COPY}", 201, headers=STORED)
        for name in ("a", "b"):
            self.swift.expect(f"DELETE /c/d/{name}", 204)
        self.swift.expect("HEAD /c/d?symlink=get", headers=MARKER, length=0)
        self.swift.expect("DELETE /c/d", 204)
        self.done(work)

    def test_copy_fails(self) -> None:
        """If one file cannot be copied, the source is whole and nothing of the target is left."""
        work = self.move()
        self.listing("d/", "d/a", "d/b")
        self.swift.expect(f"PUT /c/e/a{COPY}", 201, headers=STORED)
        self.swift.expect(f"PUT /c/e/b{COPY}", 413)
        self.swift.expect("DELETE /c/e/a", 204)
        self.fails(errors.TooLarge, work)

    def test_copy_undecided(self) -> None:
        """A copy of which nobody knows whether it was made is taken back, too."""
        work = self.move()
        self.listing("d/", "d/a")
        for _ in range(2):
            self.swift.expect(f"PUT /c/e/a{COPY}", 503)
            self.swift.expect("HEAD /c/e/a?symlink=get", 404)
        self.swift.expect("GET /c/e/a?multipart-manifest=get", 404)
        self.swift.expect("DELETE /c/e/a", 204)
        self.fails(errors.StateUnknown, work)

    def test_deleting_for_long(self) -> None:
        """What somebody stores at an old name while the others are deleted stays; only what was copied goes."""
        work = self.move()
        self.listing("d/", "d/a", "d/b")
        for name in ("a", "b"):
            self.swift.expect(f"PUT /c/e/{name}{COPY}", 201, headers=STORED)
        self.listing("d/", "d/a", "d/b")
        slow = self.swift.expect("HEAD /c/d?symlink=get", 404)
        slow.check = lambda seen: setattr(self.clock, "rightNow", self.clock.rightNow + 1)
        self.swift.expect(
            "GET /c?format=json&limit=10000&prefix=d/&end_marker=d/b ",
            body=json.dumps([row("d/a"), row("d/b", hash=md5(b"new"))]).encode(),
        )
        self.swift.expect("DELETE /c/d/a", 204)
        self.done(work)

    def test_too_large(self) -> None:
        """A directory with too many files is refused before anything is done."""
        work = self.move()
        self.listing("d/", "d/1", "d/2", "d/3", "d/4")
        self.fails(errors.Unsupported, work)

    def test_stale_listing(self) -> None:
        """What the listing still shows, but is gone, is not missed."""
        work = self.move()
        self.listing("d/", "d/a")
        self.swift.expect(f"PUT /c/e/a{COPY}", 404)
        self.swift.expect("HEAD /c/d/a?symlink=get", 404)
        self.listing("d/", "d/a")
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.swift.expect("PUT /c/e", 201, headers={"Etag": md5(b"")})
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.done(work)

    def test_late_listing(self) -> None:
        """What we stored a moment ago moves along, though no listing shows it yet."""
        self.store("/c/d/new")
        work = self.move()
        self.listing("d/")
        self.swift.expect("HEAD /c/d/new?symlink=get", headers=PLAIN, length=4)
        self.swift.expect(f"PUT /c/e/new{COPY}", 201, headers=STORED)
        self.listing("d/", "d/new")
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.swift.expect("DELETE /c/d/new", 204)
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.done(work)

    def changed(self, *names: str) -> None:
        """The store's next listing of ``d/`` has files of another content."""
        body = json.dumps([row(name, hash=md5(b"new")) for name in names]).encode()
        self.swift.expect("GET /c?format=json&limit=10000&prefix=d/", body=body)

    def test_replaced_meanwhile(self) -> None:
        """What somebody stores while the directory moves, moves along: it is not deleted with what was there."""
        new = {"Etag": md5(b"new")}
        work = self.move()
        self.listing("d/", "d/a")
        self.swift.expect(f"PUT /c/e/a{COPY}", 201, headers=STORED)
        self.changed("d/a", "d/b")
        self.swift.expect(f"PUT /c/e/a{COPY}", 201, headers=new)
        self.swift.expect(f"PUT /c/e/b{COPY}", 201, headers=new)
        self.changed("d/a", "d/b")
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.swift.expect("DELETE /c/d/a", 204)
        self.swift.expect("DELETE /c/d/b", 204)
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.done(work)

    def test_always_replaced(self) -> None:
        """A directory in which something changes all the time stays where it is."""
        work = self.move()
        self.listing("d/", "d/a")
        for i in range(ROUNDS):
            self.swift.expect(f"PUT /c/e/a{COPY}", 201, headers={"Etag": md5(b"new") if i % 2 else md5(b"data")})
            if i % 2:
                self.listing("d/", "d/a")
            else:
                self.changed("d/a")
        self.swift.expect("DELETE /c/e/a", 204)
        self.fails(errors.Changed, work)

    def test_large_since_listed(self) -> None:
        """A file that is large by now, which the listing does not know, has its new name noted with its segments."""
        upload = "d/a/swftp-5f5e100-0123456789abcdef"
        segment = {"name": f"/c_segments/{upload}/00000000", "hash": md5(b"x"), "bytes": 1}
        slo = {"X-Static-Large-Object": "True"}
        work = self.move()
        self.listing("d/", "d/a")
        self.swift.expect(f"PUT /c/e/a{COPY}", 201, headers={"Etag": '"abc"'})
        line = "GET /c/e/a?multipart-manifest=get"
        self.swift.expect(line, headers=slo, body=json.dumps([segment]).encode())
        self.swift.expect("PUT /c_segments/" + record_of(upload, resolve("/c/e/a")), 201)
        self.swift.expect(f"GET /c_segments/{upload}/names", 404)
        note = self.swift.expect(f"PUT /c_segments/{upload}/names", 201)
        note.check = lambda seen: self.assertEqual(json.loads(seen.body), ["/c/d/a", "/c/e/a"])
        self.listing("d/", "d/a")
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.swift.expect("DELETE /c/d/a", 204)
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.done(work)

    def test_target_not_listed(self) -> None:
        """A target in which we stored something that no listing shows yet is not empty."""
        for marker in ({"status": 404}, {"headers": MARKER, "length": 0}):
            self.store("/c/e/a")
            self.swift.expect("HEAD /c/d?symlink=get", headers=MARKER, length=0)
            self.swift.expect("HEAD /c/e?symlink=get", **marker)
            self.listing("e/", limit=2 if "headers" in marker else 1)
            self.swift.expect("HEAD /c/e/a?symlink=get", headers=PLAIN, length=4)
            self.fails(errors.NotEmpty, self.storage.rename(resolve("/c/d"), resolve("/c/e")))

    def test_source_stays(self) -> None:
        """If the source cannot be deleted, that is said; both are there."""
        work = self.move()
        self.listing("d/", "d/a")
        self.swift.expect(f"PUT /c/e/a{COPY}", 201, headers=STORED)
        self.listing("d/", "d/a")
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.swift.expect("DELETE /c/d/a", 403)
        self.fails(errors.Unavailable, work)

    def test_file_copied_not_deleted(self) -> None:
        """The same of a file."""
        self.swift.expect("HEAD /c/a?symlink=get", headers=PLAIN, length=4)
        self.swift.expect("HEAD /c/b?symlink=get", 404)
        self.listing("b/", limit=1)
        self.swift.expect(f"PUT /c/b{COPY}", 201, headers=STORED)
        self.swift.expect("DELETE /c/a", 403)
        self.fails(errors.PermissionDenied, self.storage.rename(resolve("/c/a"), resolve("/c/b")))

    def test_file_changed(self) -> None:
        """A file that is replaced while it is renamed is not deleted, and keeps its one name."""
        new = {**PLAIN, "Etag": md5(b"new")}
        for there, gone in ((new, True), (PLAIN, False)):
            self.swift.expect("HEAD /c/a?symlink=get", headers=PLAIN, length=4)
            self.swift.expect("HEAD /c/b?symlink=get", 404)
            self.listing("b/", limit=1)
            self.swift.expect(f"PUT /c/b{COPY}", 201, headers={"Etag": md5(b"new")})
            self.swift.expect("GET /c/b?multipart-manifest=get", headers=new)
            self.swift.expect("HEAD /c/a?symlink=get", headers=new, length=3)
            self.swift.expect("HEAD /c/b?symlink=get", headers=there, length=3)  # or somebody else's by now
            if gone:
                self.swift.expect("DELETE /c/b", 204)
            self.fails(errors.Changed, self.storage.rename(resolve("/c/a"), resolve("/c/b")))

    def test_file_large_by_now(self) -> None:
        """A copy of what is large since it was looked at, in place of another file, has its name noted beside it."""
        upload = "a/swftp-5f5e100-0123456789abcdef"
        segment = {"name": f"/c_segments/{upload}/00000000", "hash": md5(b"x"), "bytes": 1}
        for status, kind in ((201, errors.Changed), (503, errors.StateUnknown)):
            self.swift.expect("HEAD /c/a?symlink=get", headers=PLAIN, length=4)
            self.swift.expect("HEAD /c/b?symlink=get", headers=PLAIN, length=4)
            for _ in range(1 if status == 201 else self.policy.attempts):
                self.swift.expect(f"PUT /c/b{COPY}", status, headers={"Etag": md5(b"new")})
                if status == 503:
                    self.swift.expect("HEAD /c/b?symlink=get", headers={**PLAIN, "Etag": md5(b"new")}, length=1)
            slo = {"X-Static-Large-Object": "True"}
            self.swift.expect("GET /c/b?multipart-manifest=get", headers=slo, body=json.dumps([segment]).encode())
            if status == 201:
                self.swift.expect("PUT /c_segments/" + record_of(upload, resolve("/c/b")), 201)
            self.swift.expect(f"GET /c_segments/{upload}/names", 404)
            self.swift.expect(f"PUT /c_segments/{upload}/names", 201)
            self.fails(kind, self.storage.rename(resolve("/c/a"), resolve("/c/b")))

    def test_file_made_anew(self) -> None:
        """What somebody stored at the old name while the store copied for long is another file, and stays."""
        for found, headers, gone in (
            (200, {**PLAIN, "Etag": md5(b"new")}, False),
            (404, {}, False),
            (200, PLAIN, True),
        ):
            self.swift.expect("HEAD /c/a?symlink=get", headers=PLAIN, length=4)
            self.swift.expect("HEAD /c/b?symlink=get", 404)
            self.listing("b/", limit=1)
            copy = self.swift.expect(f"PUT /c/b{COPY}", 201, headers=STORED)
            copy.check = lambda seen: setattr(self.clock, "rightNow", self.clock.rightNow + 30)
            self.swift.expect("HEAD /c/a?symlink=get", found, headers=headers, length=4)
            if gone:
                self.swift.expect("DELETE /c/a", 204)
            self.assertEqual(self.done(self.storage.rename(resolve("/c/a"), resolve("/c/b"))).size, 4)


class AwkwardTests(TreeCase):
    """Objects of other tools whose names no client can say."""

    def row(self, name: str, **kwargs: Any) -> bytes:
        """A listing of one object."""
        return json.dumps([row(name, **kwargs)]).encode()

    def test_rmdir(self) -> None:
        """A directory with one of them in it is not empty, nor is one whose own name, with a slash, has content."""
        for name in ("d//a", "d/./a", "d/..", "d/a\r\nb", "d/"):
            self.swift.expect("GET /c?format=json&limit=100&prefix=d/", body=self.row(name))
            self.fails(errors.NotEmpty, self.storage.remove_directory(resolve("/c/d")))
        for more in ({"bytes": 0, "slo_etag": "x"}, {"bytes": 0, "symlink_path": "/v1/AUTH_test/c/x"}):
            self.swift.expect("GET /c?format=json&limit=100&prefix=d/", body=self.row("d/", **more))
            self.fails(errors.NotEmpty, self.storage.remove_directory(resolve("/c/d")))

    def test_empty_marker(self) -> None:
        """An empty object with a slash at its end is a marker, whatever its type: it goes with the directory."""
        self.swift.expect("GET /c?format=json&limit=100&prefix=d/", body=self.row("d/", bytes=0))
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.swift.expect("DELETE /c/d/", 204)
        self.done(self.storage.remove_directory(resolve("/c/d")))

    def test_replaced(self) -> None:
        """A directory whose own name has content is not replaced by another one."""
        self.swift.expect("HEAD /c/d?symlink=get", headers=MARKER, length=0)
        self.swift.expect("HEAD /c/e?symlink=get", headers=MARKER, length=0)
        self.swift.expect("GET /c?format=json&limit=2&prefix=e/", body=self.row("e/"))
        self.fails(errors.NotEmpty, self.storage.rename(resolve("/c/d"), resolve("/c/e")))

    def test_moved(self) -> None:
        """They move with their directory, each to the name that has the same behind the directory's."""
        work = self.move()
        names = ("d/", "d//a", "d/../b")
        self.listing("d/", *names)
        for name in names:
            self.swift.expect(f"PUT /c/e{name[1:]}{COPY}", 201, headers=STORED)
        self.listing("d/", *names)
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        deleted = self.swift.expect("POST ?bulk-delete", body=b'{"Response Status": "200 OK", "Errors": []}')
        deleted.check = lambda seen: self.assertEqual(seen.body.split(), [b"/c/d/", b"/c/d/../b", b"/c/d//a"])
        self.swift.expect("HEAD /c/d?symlink=get", 404)
        self.done(work)

    def test_moved_to_a_container(self) -> None:
        """Content whose name would be empty is not lost: the directory stays."""
        self.swift.expect("HEAD /c/d?symlink=get", headers=MARKER, length=0)
        self.swift.expect("HEAD /e", 404)
        self.listing("d/", "d/")
        self.swift.expect("PUT /e", 201)
        self.swift.expect("DELETE /e", 204)
        self.fails(errors.Unsupported, self.storage.rename(resolve("/c/d"), resolve("/e")))

    def test_listed_and_asked_for(self) -> None:
        """They are not listed, and no path a client can say leads to them."""
        names = ("d/", "d//a", "d/./a", "d/../a", "d/.", "d/..", "d/a\nb")
        rows = [row(name) for name in names if name.count("/") < 2]
        rows += [{"subdir": name[: name.index("/", 2) + 1]} for name in names if name.count("/") > 1]
        line = "GET /c?format=json&limit=1000&prefix=d/&delimiter=/"
        self.swift.expect(line, body=json.dumps(rows).encode())
        self.assertEqual(self.done(self.storage.list(resolve("/c/d"))).entries, ())
        asked = {str(resolve(f"/c/{name}")) for name in names if "\n" not in name}
        self.assertTrue(asked.isdisjoint(f"/c/{name}" for name in names))


class RemoveTests(TreeCase):
    """Removing directories while listings lag."""

    def test_many_stale_children(self) -> None:
        """Behind a hundred names that are gone the next ones are looked at, too."""
        for i in range(100):
            self.storage._trees.removed(resolve(f"/c/d/{i:03}"))
        self.listing("d/", *[f"d/{i:03}" for i in range(100)], limit=100)
        for i in range(100):
            self.swift.expect(f"HEAD /c/d/{i:03}?symlink=get", 404)
        self.swift.expect("GET /c?format=json&limit=100&prefix=d/&marker=d/099", body=page("d/kept"))
        self.fails(errors.NotEmpty, self.storage.remove_directory(resolve("/c/d")))

    def test_stale_child(self) -> None:
        """What we removed does not keep its directory, though the listing still shows it."""
        self.remove("/c/d/a")
        self.listing("d/", "d/a", limit=100)
        self.swift.expect("HEAD /c/d/a?symlink=get", 404)
        self.swift.expect("HEAD /c/d?symlink=get", headers=MARKER, length=0)
        self.swift.expect("DELETE /c/d", 204)
        self.done(self.storage.remove_directory(resolve("/c/d")))

    def test_stored_again(self) -> None:
        """What somebody stored again does."""
        self.remove("/c/d/a")
        self.listing("d/", "d/a", limit=100)
        self.swift.expect("HEAD /c/d/a?symlink=get", headers=PLAIN, length=4)
        self.fails(errors.NotEmpty, self.storage.remove_directory(resolve("/c/d")))

    def test_unlisted_child(self) -> None:
        """What we stored keeps its directory, though no listing shows it yet."""
        self.store("/c/d/new")
        self.listing("d/", limit=100)
        self.swift.expect("HEAD /c/d/new?symlink=get", headers=PLAIN, length=4)
        self.fails(errors.NotEmpty, self.storage.remove_directory(resolve("/c/d")))

    def test_container_lag(self) -> None:
        """A container that the store thinks is not empty is waited for, if only our removals are in it."""
        self.remove("/c/a")
        self.swift.expect("DELETE /c", 409)
        self.listing("", "a", limit=100)
        self.swift.expect("HEAD /c/a?symlink=get", 404)
        self.swift.expect("DELETE /c", 409)
        self.listing("", limit=100)
        self.swift.expect("DELETE /c", 204)
        self.swift.expect("DELETE /c_segments", 404)
        self.done(self.storage.remove_directory(resolve("/c")))

    def test_container_not_empty(self) -> None:
        """One with anything else in it is not."""
        self.swift.expect("DELETE /c", 409)
        self.listing("", "a", limit=100)
        self.fails(errors.NotEmpty, self.storage.remove_directory(resolve("/c")))

    def test_vanished_for_a_while(self) -> None:
        """A directory that vanished with its last file is remembered for a while only, and by its remover only."""
        self.remove("/c/d/a")
        for seconds, there in ((LIFETIME - 1, True), (2, False)):
            self.turn(seconds)
            self.swift.expect("HEAD /c/d", 404)
            self.listing("d/", limit=1)
            if there:
                self.assertEqual(self.done(self.storage.stat(resolve("/c/d"))).kind, Kind.DIRECTORY)
            else:
                self.fails(errors.NotFound, self.storage.stat(resolve("/c/d")))

    def test_bulk_delete_errors(self) -> None:
        """A bulk delete that says 200 and means no, or that the store does not know, is done one by one."""
        names = [("c", f"o{i}") for i in range(4)]
        for _, name in names:
            self.swift.expect(f"DELETE /c/{name}", 204)
        self.assertEqual(self.done(Objects(self.client, bulk_delete=False).delete_many(names)), [])
        self.swift.requests.clear()
        self.swift.expect(
            "POST ?bulk-delete", body=b'{"Response Status": "400 Bad Request", "Errors": [["/c/o1", "403"]]}'
        )
        for _, name in names:
            self.swift.expect(f"DELETE /c/{name}", 403 if name == "o1" else 204)
        self.assertEqual(self.done(self.storage._objects.delete_many(names)), [("c", "o1")])
        self.assertEqual(self.swift.requests[0].body, b"/c/o0\n/c/o1\n/c/o2\n/c/o3")
        for status, body in (
            (403, b""),
            (200, b'{"Response Status": "200 OK", "Errors": [["/c/o1", "403"]]}'),
            (200, b'{"Response Status": "500 Internal Error", "Errors": []}'),
            (200, b"<html>"),
        ):
            self.swift.expect("POST ?bulk-delete", status, body=body)
            for _, name in names:
                self.swift.expect(f"DELETE /c/{name}", 204)
            self.assertEqual(self.done(self.storage._objects.delete_many(names)), [])
        self.swift.expect(
            "POST ?bulk-delete", body=b'  {"Response Status": "200 OK", "Errors": [], "Number Deleted": 4}'
        )
        self.assertEqual(self.done(self.storage._objects.delete_many(names)), [])
