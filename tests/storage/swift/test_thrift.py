"""What a session asks of a Swift: as little as is right."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import maybeDeferred

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from swftp.session import OpenMode, Session
from swftp.storage.swift.driver import DLO_LOOKUPS
from swftp.transfer.budget import Budget
from tests.storage.bytes import md5
from tests.storage.swift.scripted import ScriptedCase
from tests.storage.swift.test_faults import FILE, HEAD, THE_PUT
from tests.storage.swift.test_requests import row

LISTING = "GET /c?format=json&limit=1000&delimiter=/"


class ThriftTests(ScriptedCase):
    """Requests of one session."""

    def setUp(self) -> None:
        super().setUp()
        self.session = Session(
            self.storage, budget=Budget(1 << 24, self.clock), clock=self.clock, offload=maybeDeferred
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

    def test_new_file(self) -> None:
        """A new small file in a directory that was listed is one look and one PUT."""
        self.listed(row("g"))
        mode = OpenMode(create=True, truncate=True)
        self.swift.expect("HEAD /c/f?symlink=get", 404)
        writer = self.done(self.session.open_writer(resolve("/c/f"), mode, Attributes(), lambda: None))
        writer.write(0, [b"data"], 4)
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        self.done(writer.close())

    def test_many_empty_files(self) -> None:
        """What a listing calls empty may be a large object of another tool: it is not taken for granted."""
        self.listed(*[row(f"{i:03d}", bytes=0, hash=md5(b"")) for i in range(DLO_LOOKUPS + 1)])
        self.swift.expect("HEAD /c/007", headers={**HEAD, "X-Object-Manifest": "c_parts/x"}, length=4)
        reader = self.done(self.session.open_reader(resolve("/c/007"), lambda: None))
        self.assertEqual(reader.entry.size, 4)
