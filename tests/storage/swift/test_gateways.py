"""Two gateways at one large file: whatever the order of their steps, no name is left whose segments are gone."""

from __future__ import annotations

from typing import Any

from swftp import errors
from swftp.entries import Attributes, Entry
from swftp.paths import Path, resolve
from swftp.storage.swift import Limits
from swftp.storage.swift.claims import claim_of
from tests.storage.bytes import Source, fetched, md5
from tests.storage.swift.modelled import GatewaysCase

NOTHING = Attributes(mtime=1500000000.0)
A, B, C = (resolve(f"/c/{name}") for name in "abc")
COPY = "PUT /c/{}?multipart-manifest=get&symlink=get"
PUT_CLAIM = "PUT /c_segments/{}"
MANIFEST = "PUT /c/{}?multipart-manifest=put&heartbeat=on"


class CrossingCase(GatewaysCase):
    """``/c/a`` is a large file."""

    limits = Limits(symlink=True)

    def setUp(self) -> None:
        super().setUp()
        self.entry = self.make(A, b"one", b"two")

    def make(self, path: Path, *contents: bytes) -> Entry:
        return self.done(self.published(self.one, path, contents))

    async def published(self, gateway: Any, path: Path, contents: Any, onto: Entry | None = None) -> Entry:
        parts = list(await gateway.adopt(path, onto)) if onto is not None else []
        parts += [await gateway.stage(path, Source(data, digest=md5(data))) for data in contents]
        entry: Entry = await gateway.publish(path, parts, NOTHING, replaces=onto, onto=onto)
        return entry

    def appended(self, tail: bytes) -> Any:
        """The first gateway puts *tail* behind the file."""
        return self.published(self.one, A, [tail], self.entry)

    def content(self, path: Path) -> bytes:
        content: bytes = self.done(fetched(self.other, path))
        return content

    def meanwhile(self, line: str, work: Any, *others: Any, early: bool = False) -> Any:
        """
        Begin *work*, do all of *others* when its request *line* is held, and let that go on.

        :return: a Deferred that has the result of *work*, or its failure.
        """
        self.swift.hold(line, early=early)
        d = self.begin(work)
        self.assertIn(line, self.swift.held)
        for other in others:
            self.done(other)
        self.turn()
        self.swift.release(line)
        self.passing(d)
        self.done(self.one.settle())
        self.done(self.other.settle())
        return d

    def removed_in_the_end(self, *paths: Path) -> None:
        """With the last name all is gone."""
        for path in paths:
            self.done(self.other.remove(path))
        self.done(self.other.settle())
        self.assertEqual(self.left(), [])


class RenameTests(CrossingCase):
    """One gateway renames, the other one changes what it renames."""

    def test_removed(self) -> None:
        """The old name is removed while the new one is being made: the file is whole, and goes with its last name."""
        d = self.meanwhile(COPY.format("b"), self.one.rename(A, B), self.other.remove(A))
        self.successResultOf(d)
        self.assertEqual(self.content(B), b"onetwo")
        self.removed_in_the_end(B)

    def test_removed_before(self) -> None:
        """It is removed before the copy: nothing is renamed."""
        d = self.meanwhile(COPY.format("b"), self.one.rename(A, B), self.other.remove(A), early=True)
        self.failureResultOf(d, errors.NotFound)
        self.assertNotIn(("c", "b"), self.swift.objects)
        self.assertEqual(self.left(), [])

    def test_back(self) -> None:
        """So it is where the new name is the one that the segments were made for."""
        self.done(self.one.rename(A, B))
        d = self.meanwhile(COPY.format("a"), self.one.rename(B, A), self.other.remove(B))
        self.successResultOf(d)
        self.assertEqual(self.content(A), b"onetwo")
        self.removed_in_the_end(A)

    def test_replaced(self) -> None:
        """The old name gets another content meanwhile: what was renamed is whole."""
        new = self.other.store(A, Source(b"new"), NOTHING)
        self.meanwhile(COPY.format("b"), self.one.rename(A, B), new)
        self.assertEqual(self.content(B), b"onetwo")

    def test_in_a_directory(self) -> None:
        """So are those that move with their directory."""
        d, e = resolve("/c/d"), resolve("/c/e")
        self.done(self.one.rename(A, d.child("a")))
        self.meanwhile(COPY.format("e/a"), self.one.rename(d, e), self.other.remove(d.child("a")))
        self.assertEqual(self.content(e.child("a")), b"onetwo")
        self.removed_in_the_end(e.child("a"))

    def test_replaced_by_a_large_one(self) -> None:
        """A newer version that is copied in place of what was looked at is told to its own segments, if it stays."""
        for target, standing in ((B, False), (C, True)):
            if standing:
                self.make(target, b"old")
            self.entry = self.make(A, b"one", b"two")
            newer = self.published(self.other, A, [b"new", b"er"])
            d = self.meanwhile(COPY.format(target.name), self.one.rename(A, target), newer, early=True)
            self.failureResultOf(d, errors.Changed)
            self.assertEqual(self.content(A), b"newer")
            self.assertEqual(("c", target.name) in self.swift.objects, standing)
            self.done(self.other.remove(A))
            self.done(self.other.settle())
        self.assertEqual(self.content(C), b"newer")

    def test_replaced_in_a_directory(self) -> None:
        """So it is in a directory that is moved."""
        d, e = resolve("/c/d"), resolve("/c/e")
        self.done(self.one.rename(A, d.child("a")))

        listing = "GET /c?format=json&limit=10000&prefix=d/"
        self.swift.hold(COPY.format("e/a"), early=True)
        work = self.begin(self.one.rename(d, e))
        self.done(self.published(self.other, d.child("a"), [b"new", b"er"]))
        self.swift.hold(listing, early=True)
        self.swift.release(COPY.format("e/a"))
        self.turn()
        self.done(self.other.remove(d.child("a")))
        self.done(self.other.settle())
        self.swift.release(listing)
        self.passing(work)
        self.assertEqual(self.content(e.child("a")), b"newer")

    def test_moved_behind_the_back(self) -> None:
        """Who looks at one name after the other sees a file that moves from one not yet seen to one seen before."""
        self.done(self.one.rename(A, B))
        self.done(self.one.rename(B, C))
        self.done(self.one._trees.copy_name(("c", "c"), ("c", "a"), size=6, slo=True))
        d = self.meanwhile("GET /c/c?multipart-manifest=get", self.other.remove(A), self.one.rename(C, B))
        self.successResultOf(d)
        self.assertEqual(self.content(B), b"onetwo")
        self.removed_in_the_end(B)

    def test_crashed(self) -> None:
        """A gateway that dies in mid-rename keeps segments for two days at most."""
        self.swift.hold(COPY.format("b"))
        self.begin(self.one.rename(A, B))
        self.done(self.other.remove(A))
        self.done(self.other.settle())
        self.assertNotEqual(self.left(), [])
        self.assertEqual(self.done(self.other.sweep("c")), 0)
        self.clock.advance(48 * 3600.0)
        self.assertEqual(self.done(self.other.sweep("c")), 2)


class AppendTests(CrossingCase):
    """One gateway appends, the other one changes what it appends to."""

    async def cut(self, gateway: Any) -> None:
        parts = await gateway.adopt(A, self.entry)
        await gateway.publish(A, parts[:1], NOTHING, replaces=self.entry, onto=self.entry)

    def test_cut_and_renamed(self) -> None:
        """It is cut while the other one renames it: both are whole, or the cut is refused."""
        d = self.meanwhile(MANIFEST.format("a"), self.cut(self.one), self.other.rename(A, B))
        self.successResultOf(d)
        self.assertEqual((self.content(A), self.content(B)), (b"one", b"onetwo"))
        self.removed_in_the_end(A, B)
        self.entry = self.make(A, b"one", b"two")
        held = "GET /c/a?multipart-manifest=get"
        d = self.meanwhile(held, self.cut(self.one), self.other.rename(A, B), early=True)
        self.failureResultOf(d, errors.Changed, errors.NotFound)
        self.assertEqual(self.content(B), b"onetwo")
        self.removed_in_the_end(B)

    def test_appended(self) -> None:
        """A file that nobody else changes is appended to, and nothing of it is left in the end."""
        self.done(self.appended(b"three"))
        self.assertEqual(self.content(A), b"onetwothree")
        self.removed_in_the_end(A)

    def test_removed(self) -> None:
        """It is removed while the new version is being published: that one is whole."""
        d = self.meanwhile(MANIFEST.format("a"), self.appended(b"three"), self.other.remove(A))
        self.successResultOf(d)
        self.assertEqual(self.content(A), b"onetwothree")
        self.removed_in_the_end(A)

    def test_removed_before(self) -> None:
        """Who has begun to remove the segments is not overtaken: there is no file, and that is said."""
        [first, *_] = self.left()
        self.swift.hold(f"DELETE /c_segments/{first}")
        d = self.begin(self.other.remove(A))
        adopting = self.published(self.one, A, [b"three"], self.entry)
        self.assertTrue(d.called)
        self.failureResultOf(self.begin(adopting), errors.Changed)
        self.assertNotIn(("c", "a"), self.swift.objects)

    def test_removed_after_adopting(self) -> None:
        """So it is where the segments had been adopted already."""
        parts = self.done(self.one.adopt(A, self.entry))
        [first, *_] = self.left()
        self.swift.hold(f"DELETE /c_segments/{first}")
        self.done(self.other.remove(A))
        d = self.begin(self.one.publish(A, parts, NOTHING, replaces=self.entry, onto=self.entry))
        self.failureResultOf(d, errors.Changed)
        self.swift.release(f"DELETE /c_segments/{first}")
        self.done(self.other.settle())
        self.assertNotIn(("c", "a"), self.swift.objects)
        self.assertEqual(self.left(), [])

    def test_replaced(self) -> None:
        """It is replaced meanwhile: the content of who ends last is there, whole."""
        new = self.other.store(A, Source(b"new"), NOTHING)
        self.meanwhile(MANIFEST.format("a"), self.appended(b"three"), new)
        self.assertEqual(self.content(A), b"onetwothree")
        self.removed_in_the_end(A)

    def test_replaced_with_its_parts(self) -> None:
        """Of two who publish parts of the old content one ends first, and the other one is told."""

        self.swift.hold(MANIFEST.format("a"))
        appended, cut_off = self.begin(self.appended(b"three")), self.begin(self.cut(self.other))
        self.turn(0.5)
        self.swift.release(MANIFEST.format("a"))
        self.passing(cut_off)
        self.successResultOf(appended)
        self.failureResultOf(cut_off, errors.Changed)
        self.assertEqual(self.content(A), b"onetwothree")
        self.removed_in_the_end(A)

    def test_unknown(self) -> None:
        """Where it stays unknown whether there is a new version nobody takes its segments away for a while."""
        self.swift.failing.add(MANIFEST.format("a"))
        failed = self.begin(self.appended(b"three"))
        self.passing(failed)
        self.failureResultOf(failed, errors.StateUnknown)
        self.done(self.other.remove(A))
        self.done(self.other.settle())
        for name in ("00000000", "00000001"):
            self.assertTrue([found for found in self.left() if found.endswith(name)])

    def test_nobody_there(self) -> None:
        """A claim that a dead gateway left makes others wait as long as it might be alive, then it goes."""
        self.swift.hold(MANIFEST.format("a"))
        self.begin(self.appended(b"three"))
        for waits, left in ((True, 1), (False, 0)):
            entry = self.done(self.other.stat(A))
            d = self.begin(self.published(self.other, A, [b"more"], entry))
            self.assertEqual(self.passing(d) > 3.0, waits)
            self.successResultOf(d)
            self.assertEqual(len([name for name in self.left() if name.startswith(".swftp-claims/")]), left)
            self.clock.advance(600.0)


class ReplacedTests(CrossingCase):
    """A new file replaces the large one, and goes away itself before the segments of that are removed."""

    def replaced(self, meanwhile: Any) -> None:
        """A large file, by the first gateway; then *meanwhile*."""
        self.successResultOf(self.meanwhile("HEAD /c", self.stored(b"three"), meanwhile))

    async def stored(self, content: bytes) -> None:
        await self.one.publish(A, [await self.one.stage(A, Source(content, digest=md5(content)))], NOTHING)

    def test_removed(self) -> None:
        """Removed, through whatever gateway: nothing is left of either."""
        for gateway in (self.one, self.other):
            self.replaced(gateway.remove(A))
            self.assertEqual(self.left(), [])
            self.make(A, b"one", b"two")

    def test_renamed(self) -> None:
        """Renamed: the new file keeps its own segments, and is all that is left."""
        self.replaced(self.other.rename(A, B))
        self.assertEqual(self.content(B), b"three")
        self.removed_in_the_end(B)

    def test_used_elsewhere(self) -> None:
        """What another name uses stays, though the store does not find that either: a listing shows it."""
        self.swift.hold("DELETE /c/a")
        self.begin(self.one.rename(A, B))
        self.swift.hidden.add(("c", "b"))
        self.replaced(self.other.remove(A))
        self.swift.hidden.clear()
        self.assertEqual(self.content(B), b"onetwo")


class EmptiedTests(CrossingCase):
    """The container of a large file is removed right behind it."""

    def test_emptied(self) -> None:
        """The container of its segments goes as well, when they are gone."""
        self.meanwhile("HEAD /c", self.one.remove(A), self.one.remove_directory(A.parent))
        self.assertEqual(self.left(), [])
        self.assertEqual(self.swift.requests[-1].line, "DELETE /c_segments")


class ClaimTests(CrossingCase):
    """What a claim itself does where the store, or another gateway, is not as one hopes."""

    def claims(self) -> list[Any]:
        return [names for names in self.swift.objects if names[1].startswith(".swftp-claims/")]

    def test_lost_answer(self) -> None:
        """One whose answer was lost is known for our own when it is sent again: nobody waits, and it goes."""
        self.swift.losing.add(PUT_CLAIM.format(claim_of("c_segments", B)[1]))
        d = self.begin(self.one.rename(A, B))
        self.assertLess(self.passing(d), 2.0)
        self.successResultOf(d)
        self.assertEqual(self.claims(), [])
        self.done(self.other.settle())
        self.removed_in_the_end(B)

    def test_newer_elsewhere(self) -> None:
        """Where the store already has a newer change of it (202, 409) it is made again a moment later."""
        for status in (202, 409):
            self.swift.refusing[PUT_CLAIM.format(claim_of("c_segments", B)[1])] = status
            self.done(self.one.rename(A, B))
            self.done(self.one.rename(B, A))
        self.assertEqual(self.claims(), [])

    def test_one_of_two(self) -> None:
        """Where one of several cannot be made the others are withdrawn."""
        self.swift.refusing[PUT_CLAIM.format(claim_of("c_segments", B)[1]).replace("/c_", "/d_")] = 403

        async def claimed() -> None:
            async with self.one._segments.claims.made(B, ["c_segments", "d_segments"]):
                self.fail("made")

        d = self.begin(claimed())
        self.passing(d)
        self.failureResultOf(d, errors.PermissionDenied)
        self.assertEqual(self.claims(), [])


class NestedTests(CrossingCase):
    """With so many segments that the manifest consists of manifests."""

    limits = Limits(symlink=True, max_segments=2)

    def setUp(self) -> None:
        super().setUp()
        self.done(self.one.remove(A))
        self.done(self.one.settle())
        self.entry = self.make(A, b"one", b"two", b"three", b"four")
        self.done(self.cut())
        self.done(self.one.settle())

    async def cut(self) -> None:
        """The manifests nested in *A* become an upload without a segment."""
        parts = await self.one.adopt(A, self.entry)
        await self.one.publish(A, parts[:3], NOTHING, replaces=self.entry, onto=self.entry)

    def test_swept(self) -> None:
        """What such a file consists of is its own when it is renamed, too, and goes with it."""
        self.done(self.one.rename(A, B))
        self.done(self.one.settle())
        self.clock.advance(30 * 86400.0)
        before = self.left()
        self.assertEqual(self.done(self.other.sweep("c")), 0)
        self.assertEqual(self.left(), before)
        self.removed_in_the_end(B)

    def test_out_of_reach(self) -> None:
        """While a nested manifest is not found nothing is taken for unused."""
        [nested, *_] = [name for name in self.left() if name.endswith("m")]
        del self.swift.objects["c_segments", nested]
        before = self.left()
        self.clock.advance(30 * 86400.0)
        self.assertEqual(self.done(self.other.sweep("c")), 0)
        self.assertEqual(self.left(), before)

    def test_renamed_out_of_reach(self) -> None:
        """It is not renamed either: its segments could not be told."""
        [nested, *_] = [name for name in self.left() if name.endswith("m")]
        del self.swift.objects["c_segments", nested]
        before = self.left()
        d = self.begin(self.one.rename(A, B))
        self.passing(d)
        self.failureResultOf(d, errors.Unavailable)
        self.assertNotIn(("c", "b"), self.swift.objects)
        self.assertIn(("c", "a"), self.swift.objects)
        self.assertEqual(self.left(), before)
