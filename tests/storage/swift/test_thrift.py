"""What a session asks of a Swift: as little as is right."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import maybeDeferred

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from swftp.session import OpenMode, Session, Writer
from swftp.storage.swift.driver import DLO_LOOKUPS
from swftp.transfer.budget import Budget
from tests.storage.bytes import md5
from tests.storage.swift.scripted import ScriptedCase
from tests.storage.swift.test_faults import FILE, HEAD, THE_PUT
from tests.storage.swift.test_requests import row

NEW = OpenMode(create=True, truncate=True)
LISTING = "GET /c?format=json&limit=1000&delimiter=/"


class ThriftTests(ScriptedCase):
    """Requests of one session."""

    def setUp(self) -> None:
        super().setUp()
        self.session = Session(
            self.storage,
            budget=Budget(1 << 24, self.clock),
            clock=self.clock,
            wall=self.clock.seconds,
            offload=maybeDeferred,
        )

    def listed(self, *rows: dict[str, Any]) -> None:
        """The session lists ``/c``."""
        self.swift.expect(LISTING, body=json.dumps(rows).encode())
        self.done(self.session.listing(FILE.parent))

    def test_remove_what_was_listed(self) -> None:
        """A plain file that was just seen is removed in one request."""
        self.listed(row("f"))
        self.swift.expect("DELETE /c/f", 204)
        self.done(self.session.remove(FILE))

    def test_remove_what_was_looked_at(self) -> None:
        """However it was seen."""
        self.swift.expect("HEAD /c/f?symlink=get", headers=HEAD, length=4)
        self.done(self.session.stat(FILE, follow=False))
        self.swift.expect("DELETE /c/f", 204)
        self.done(self.session.remove(FILE))

    def test_remove_what_was_seen_long_ago(self) -> None:
        """It is not believed for long."""
        self.listed(row("f"))
        self.turn(5.0)
        self.swift.expect("HEAD /c/f?symlink=get", 200, headers=HEAD, length=4)
        self.swift.expect("DELETE /c/f", 204)
        self.done(self.session.remove(FILE))

    def test_remove_what_was_a_directory(self) -> None:
        """That something is no file, the store itself has to say."""
        self.listed({"subdir": "f/"})
        self.swift.expect("HEAD /c/f?symlink=get", 200, headers=HEAD, length=4)
        self.swift.expect("DELETE /c/f", 204)
        self.done(self.session.remove(FILE))

    def test_remove_what_is_gone(self) -> None:
        """What somebody else removed meanwhile is missing."""
        self.listed(row("f"))
        self.swift.expect("DELETE /c/f", 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=f/", body=b"[]")
        self.fails(errors.NotFound, self.session.remove(FILE))

    def test_remove_what_became_a_directory(self) -> None:
        """A late listing does not make a file of a directory that was just made in its place: it stays."""
        self.swift.expect("HEAD /c/f?symlink=get", headers=HEAD, length=4)
        self.swift.expect("DELETE /c/f", 204)
        self.done(self.session.remove(FILE))
        self.swift.expect("GET /c?format=json&limit=1&prefix=f/", body=b"[]")
        self.swift.expect("PUT /c/f", 201, headers={"Etag": md5(b"")})
        self.done(self.session.make_directory(FILE))
        self.turn(1.0)
        self.listed(row("f"))
        self.swift.expect("HEAD /c/f?symlink=get", headers={"Content-Type": "application/directory"}, length=0)
        self.fails(errors.IsDirectory, self.session.remove(FILE))

    def test_new_file(self) -> None:
        """A new small file in a directory that was listed is one look and one PUT."""
        self.listed(row("g"))
        self.swift.expect("HEAD /c/f?symlink=get", 404)
        writer = self.done(self.session.open_writer(resolve("/c/f"), NEW, Attributes(), lambda: None))
        writer.write(0, [b"data"], 4)
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        self.done(writer.close())

    def test_many_empty_files(self) -> None:
        """What a listing calls empty may be a large object of another tool: it is not taken for granted."""
        self.listed(*[row(f"{i:03d}", bytes=0, hash=md5(b"")) for i in range(DLO_LOOKUPS + 1)])
        self.swift.expect("HEAD /c/007?symlink=get", headers={**HEAD, "X-Object-Manifest": "c_parts/x"}, length=4)
        reader = self.done(self.session.open_reader(resolve("/c/007"), lambda: None))
        self.assertEqual(reader.entry.size, 4)

    def test_size_of_an_empty_file(self) -> None:
        """Nor is anybody told that it is empty."""
        self.listed(*[row(f"{i:03d}", bytes=0, hash=md5(b"")) for i in range(DLO_LOOKUPS + 1)])
        self.swift.expect("HEAD /c/007?symlink=get", headers={**HEAD, "X-Object-Manifest": "c_parts/x"}, length=4)
        self.assertEqual(self.done(self.session.stat(resolve("/c/007"))).size, 4)

    def seen_missing(self) -> Writer:
        """A file where nothing was a moment ago."""
        self.listed(row("g"))
        self.swift.expect("HEAD /c/f?symlink=get", 404)
        writer: Writer = self.done(self.session.open_writer(FILE, NEW, Attributes(), lambda: None))
        writer.write(0, [b"data"], 4)
        return writer

    def test_directory_where_nothing_was(self) -> None:
        """What another gateway made since OPEN is seen by the store itself, at no cost: a directory stays one."""
        writer = self.seen_missing()
        self.swift.expect(THE_PUT, 412)
        self.swift.expect("HEAD /c/f?symlink=get", headers={"Content-Type": "application/directory"}, length=0)
        self.fails(errors.IsDirectory, writer.close())

    def test_file_where_nothing_was(self) -> None:
        """A file is replaced: the last CLOSE wins."""
        writer = self.seen_missing()
        self.swift.expect(THE_PUT, 412)
        self.swift.expect("HEAD /c/f?symlink=get", headers=HEAD, length=4)
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        self.done(writer.close())


class NewDirectoryTests(ScriptedCase):
    """Files in a directory that this login has just made."""

    PUT = "PUT /c/d/f"
    LOOK = "HEAD /c/d/f?symlink=get"

    def setUp(self) -> None:
        super().setUp()
        self.session = Session(
            self.storage,
            budget=Budget(1 << 24, self.clock),
            clock=self.clock,
            wall=self.clock.seconds,
            offload=maybeDeferred,
        )
        self.swift.expect("GET /c?format=json&limit=1&prefix=d/", body=b"[]")
        self.swift.expect("PUT /c/d", 201, headers={"Etag": md5(b"")})
        self.done(self.session.make_directory(resolve("/c/d")))
        self.swift.requests.clear()

    def opened(self, path: str = "/c/d/f", mode: OpenMode = NEW) -> Writer:
        """A new small file, open."""
        writer: Writer = self.done(self.session.open_writer(resolve(path), mode, Attributes(), lambda: None))
        writer.write(0, [b"data"], 4)
        return writer

    def stored(self, line: str = PUT) -> None:
        """The store takes the file."""
        self.swift.expect(line, 201, headers={"Etag": md5(b"data")})

    def test_one_request(self) -> None:
        """Nothing but the PUT, which the store refuses where something is after all."""
        self.turn(30.0)
        for name in "abc":
            writer = self.opened(f"/c/d/{name}")
            self.stored(f"PUT /c/d/{name}")
            self.done(writer.close())
        self.assertEqual([seen.headers.get("if-none-match") for seen in self.swift.requests], ["*"] * 3)

    def test_for_a_minute(self) -> None:
        """Then it is a directory like any other."""
        self.turn(61.0)
        self.swift.expect(self.LOOK, 404)
        self.swift.expect("HEAD /c/d?symlink=get", headers={"Content-Type": "application/directory"}, length=0)
        writer = self.opened()
        self.stored()
        self.done(writer.close())

    def test_what_was_put_there(self) -> None:
        """A name that this process gave to something is looked at, and so is one that is to be kept or read."""
        writer = self.opened()
        self.stored()
        self.done(writer.close())
        self.turn(5.0)
        self.swift.expect(self.LOOK, headers=HEAD, length=4)
        self.opened()
        self.swift.expect("HEAD /c/d/g?symlink=get", 404)
        self.opened("/c/d/g", OpenMode(create=True))

    def test_file_in_the_way(self) -> None:
        """A file that another gateway put there meanwhile is replaced."""
        writer = self.opened()
        self.swift.expect(self.PUT, 412)
        self.swift.expect(self.LOOK, headers=HEAD, length=4)
        self.stored()
        self.done(writer.close())
        self.assertNotIn("if-none-match", self.swift.requests[-1].headers)

    def test_gone_again(self) -> None:
        """What is no longer in the way is in nobody's way."""
        writer = self.opened()
        self.swift.expect(self.PUT, 412)
        self.swift.expect(self.LOOK, 404)
        self.stored()
        self.done(writer.close())

    def test_directory_in_the_way(self) -> None:
        """It stays."""
        writer = self.opened()
        self.swift.expect(self.PUT, 412)
        self.swift.expect(self.LOOK, headers={"Content-Type": "application/directory"}, length=0)
        self.fails(errors.IsDirectory, writer.close())

    def test_link_in_the_way(self) -> None:
        """It stays, and what it leads to: nobody knew at OPEN whom to follow."""
        writer = self.opened()
        self.swift.expect(self.PUT, 412)
        self.swift.expect(self.LOOK, headers={**HEAD, "X-Symlink-Target": "c/x"}, length=0)
        self.fails(errors.Changed, writer.close())

    def test_answer_lost(self) -> None:
        """Our own file, stored by the attempt that got no answer, is not in our way."""
        writer = self.opened()
        first = self.swift.expect(self.PUT, reset=True)
        seen: list[Any] = []
        first.check = seen.append
        found = {**HEAD, "X-Object-Meta-Mtime": "1700000000"}
        self.swift.expect(self.LOOK, 404)
        self.swift.expect(self.PUT, 412)
        self.swift.expect(self.LOOK, headers=found, length=4)
        self.done(writer.close())

    COPY = "PUT /c/d/g?multipart-manifest=get&symlink=get"

    def written(self) -> None:
        """The file, stored by this session."""
        writer = self.opened()
        self.stored()
        self.done(writer.close())

    def rename(self, exclusive: bool = False) -> Any:
        """Of the file, in its directory."""
        return self.session.rename(resolve("/c/d/f"), resolve("/c/d/g"), exclusive)

    def test_rename(self) -> None:
        """As rclone does with each file: a look at the new name, a copy, and the old name goes; STAT is free."""
        self.written()
        self.swift.expect("HEAD /c/d/g?symlink=get", 404)
        self.stored(self.COPY)
        self.swift.expect("DELETE /c/d/f", 204)
        self.done(self.rename())
        self.assertEqual(self.done(self.session.stat(resolve("/c/d/g"))).size, 4)

    def test_times(self) -> None:
        """As rclone and WinSCP set them: what is there is kept; the STAT that follows is free."""
        self.written()
        others = {"Cache-Control": "no-cache", "X-Object-Meta-Owner": "me", "X-Object-Meta-Mode": "0600"}
        self.swift.expect(self.LOOK, headers={**HEAD, **others}, length=4)
        post = self.swift.expect("POST /c/d/f", 202)
        seen: list[Any] = []
        post.check = seen.append
        self.done(self.session.update(resolve("/c/d/f"), Attributes(mtime=1.5e9)))
        entry = self.done(self.session.stat(resolve("/c/d/f")))
        self.assertEqual((entry.size, entry.mtime, entry.mode, entry.version), (4, 1.5e9, 0o600, md5(b"data")))
        self.assertEqual(seen[0].headers["x-object-meta-owner"], "me")

    def test_rename_of_what_changed(self) -> None:
        """What another gateway made of the file is seen before the new name is touched, and is what is renamed."""
        self.written()
        other = {"headers": {**HEAD, "Etag": md5(b"other")}}
        self.swift.expect("HEAD /c/d/g?symlink=get", 404)
        first = self.swift.expect(self.COPY, 412)
        seen: list[Any] = []
        first.check = seen.append
        self.swift.expect(self.LOOK, **other, length=5)
        self.swift.expect("HEAD /c/d/g?symlink=get", 404)
        self.swift.expect(self.COPY, 201, **other)
        self.swift.expect("DELETE /c/d/f", 204)
        self.assertEqual(self.done(self.rename()).size, 5)
        self.assertEqual(seen[0].headers["if-match"], f'"{md5(b"data")}"')
        copies = [request for request in self.swift.requests if request.line == self.COPY]
        self.assertNotIn("if-match", copies[-1].headers)

    def test_rename_of_what_became_a_directory(self) -> None:
        """A file at the new name is not replaced by a directory that the old one has become."""
        self.written()
        self.swift.expect("HEAD /c/d/g?symlink=get", headers=HEAD, length=4)
        self.swift.expect(self.COPY, 412)
        self.swift.expect(self.LOOK, headers={"Content-Type": "application/directory"}, length=0)
        self.swift.expect("HEAD /c/d/g?symlink=get", headers=HEAD, length=4)
        self.fails(errors.NotDirectory, self.rename())

    def test_rename_of_an_empty_file(self) -> None:
        """An empty file, a directory and a link have one checksum: the store has to say what it is."""
        writer = self.done(self.session.open_writer(resolve("/c/d/f"), NEW, Attributes(), lambda: None))
        self.swift.expect(self.PUT, 201, headers={"Etag": md5(b"")})
        self.done(writer.close())
        self.swift.expect(self.LOOK, headers={"Content-Type": "application/directory"}, length=0)
        self.swift.expect("HEAD /c/d/g?symlink=get", headers=HEAD, length=4)
        self.fails(errors.NotDirectory, self.rename())

    def test_rename_to_a_directory(self) -> None:
        """That no object has a name says not that no directory has it."""
        self.written()
        self.swift.expect("HEAD /c/e?symlink=get", 404)
        self.opened("/c/e", OpenMode(create=True)).lost()
        self.swift.expect("HEAD /c/e?symlink=get", 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=e/", body=b'[{"name": "e/x"}]')
        self.fails(errors.IsDirectory, self.session.rename(resolve("/c/d/f"), resolve("/c/e")))

    def test_rename_of_what_is_gone(self) -> None:
        """It is not believed to be there."""
        self.written()
        self.swift.expect("HEAD /c/d/g?symlink=get", 404)
        self.swift.expect(self.COPY, 404)
        self.swift.expect(self.LOOK, 404)
        self.swift.expect(self.LOOK, 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=d/f/", body=b"[]")
        self.fails(errors.NotFound, self.rename())

    def test_rename_to_nothing_only(self) -> None:
        """Where nothing may be replaced nothing is taken for granted of the old name."""
        self.written()
        self.swift.expect(self.LOOK, headers=HEAD, length=4)
        self.swift.expect("HEAD /c/d/g?symlink=get", 404)
        self.stored(self.COPY)
        self.swift.expect("DELETE /c/d/f", 204)
        self.done(self.rename(exclusive=True))
