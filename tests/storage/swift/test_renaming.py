"""Renaming a file: what is looked at, and what goes."""

from __future__ import annotations

from typing import Any

from swftp import errors
from swftp.entries import Entry, Kind
from swftp.paths import resolve
from tests.storage.bytes import md5
from tests.storage.swift.scripted import ScriptedCase
from tests.storage.swift.test_requests import MARKER, PLAIN, STORED
from tests.storage.swift.test_trees import COPY, page

A, B = resolve("/c/d/a"), resolve("/c/b")
LINK = {**PLAIN, "X-Symlink-Target": "c/x"}


class RenamingTests(ScriptedCase):
    """``/c/d/a`` becomes ``/c/b``, where nothing is."""

    def looked(self, headers: dict[str, str]) -> None:
        """The store is asked for both."""
        self.swift.expect("HEAD /c/d/a?symlink=get", headers=headers, length=4)
        self.swift.expect("HEAD /c/b?symlink=get", 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=b/", body=b"[]")

    def later(self, _: Any) -> None:
        self.clock.rightNow += 1

    def test_slow_link(self) -> None:
        """A link goes from its old name however long the copy took: it has no version to be compared."""
        self.looked(LINK)
        self.swift.expect(f"PUT /c/b{COPY}", 201, headers=STORED).check = self.later
        self.swift.expect("DELETE /c/d/a", 204)
        self.done(self.storage.rename(A, B))

    def test_directory_left_empty(self) -> None:
        """The old name does not keep its directory, though the listing still shows it."""
        self.looked(PLAIN)
        self.swift.expect(f"PUT /c/b{COPY}", 201, headers=STORED)
        self.swift.expect("DELETE /c/d/a", 204)
        self.done(self.storage.rename(A, B))
        self.swift.expect("GET /c?format=json&limit=100&prefix=d/", body=page("d/a"))
        self.swift.expect("HEAD /c/d/a?symlink=get", 404)
        self.swift.expect("HEAD /c/d?symlink=get", headers=MARKER, length=0)
        self.swift.expect("DELETE /c/d", 204)
        self.done(self.storage.remove_directory(A.parent))

    def test_directory_not_empty_any_more(self) -> None:
        """The new name keeps its directory, though no listing shows it yet."""
        self.swift.expect("HEAD /c/b?symlink=get", headers=PLAIN, length=4)
        self.swift.expect("HEAD /c/e/b?symlink=get", 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=e/b/", body=b"[]")
        self.swift.expect(f"PUT /c/e/b{COPY}", 201, headers=STORED)
        self.swift.expect("DELETE /c/b", 204)
        self.done(self.storage.rename(B, resolve("/c/e/b")))
        self.swift.expect("GET /c?format=json&limit=100&prefix=e/", body=b"[]")
        self.swift.expect("HEAD /c/e/b?symlink=get", headers=PLAIN, length=4)
        self.fails(errors.NotEmpty, self.storage.remove_directory(resolve("/c/e")))

    def test_no_checksum(self) -> None:
        """What was seen without a checksum is looked at: nothing else would tell what the store copies by now."""
        self.looked(PLAIN)
        self.swift.expect(f"PUT /c/b{COPY}", 201, headers=STORED)
        self.swift.expect("DELETE /c/d/a", 204)
        seen = Entry(name="a", kind=Kind.FILE, size=4)
        self.done(self.storage.rename(A, B, known=(seen, None)))

    def test_undecided(self) -> None:
        """A copy that may be there after all is looked at: it may be a large one by now, whose segments are used."""
        self.swift.expect("HEAD /c/b?symlink=get", 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=b/", body=b"[]")
        for _ in range(3):
            self.swift.expect(f"PUT /c/b{COPY}", 503)
            self.swift.expect("HEAD /c/b?symlink=get", 404)
        for _ in range(3):  # nor can that be found out: the first error stays what it is
            self.swift.expect("GET /c/b?multipart-manifest=get", 503)
        seen = Entry(name="a", kind=Kind.FILE, size=4, version=md5(b"data"), digest=md5(b"data"))
        self.fails(errors.StateUnknown, self.storage.rename(A, B, known=(seen, None)))
        self.assertEqual([one for one in self.swift.requests if one.method == "DELETE"], [])

    def test_nothing_is_done(self) -> None:
        """To itself it is renamed by a look, to a name that is to be new but is not, or into itself, not at all."""
        self.swift.expect("HEAD /c/d/a?symlink=get", headers=PLAIN, length=4)
        self.done(self.storage.rename(A, A))
        for path in ("/c/d/a", "/c/b"):
            self.swift.expect(f"HEAD {path}?symlink=get", headers=PLAIN, length=4)
        self.fails(errors.AlreadyExists, self.storage.rename(A, B, exclusive=True))
        self.swift.expect("HEAD /c/d?symlink=get", headers=MARKER, length=0)
        self.swift.expect("HEAD /c/d/e?symlink=get", 404)
        self.swift.expect("GET /c?format=json&limit=1&prefix=d/e/", body=b"[]")
        self.fails(errors.InvalidRequest, self.storage.rename(A.parent, A.parent.child("e")))
