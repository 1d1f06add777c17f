"""Claims by themselves: when one counts as made, and by whom."""

from __future__ import annotations

from typing import Any

from twisted.web.http import datetimeToString

from swftp import errors
from swftp.paths import resolve
from swftp.storage.swift.claims import BY, DEAD, claim_of
from tests.storage.swift.scripted import ScriptedCase, Seen

PATH = resolve("/c/b")
CONTAINER, NAME = claim_of("c_segments", PATH)
PUT, HEAD, DELETE = f"PUT /{CONTAINER}/{NAME}", f"HEAD /{CONTAINER}/{NAME}?symlink=get", f"DELETE /{CONTAINER}/{NAME}"


class MadeTests(ScriptedCase):
    """What counts as a claim."""

    def setUp(self) -> None:
        super().setUp()
        self.worked = 0

    async def claimed(self) -> None:
        async with self.storage._segments.claims.made(PATH, [CONTAINER]):
            self.worked += 1

    def standing(self, age: float) -> Any:
        """The claim of another gateway is found, that is *age* seconds old."""
        since = datetimeToString(self.clock.seconds() - age).decode()
        return self.swift.expect(HEAD, headers={"Last-Modified": since, BY: "other"})

    def test_never_made(self) -> None:
        """Where none can be made, and none is there, nothing is published: it could lose its segments."""
        for _ in range(4):
            self.swift.expect(PUT, 202)
            self.swift.expect(HEAD, 404)
        self.fails(errors.Unavailable, self.claimed())
        self.assertEqual(self.worked, 0)

    def test_looked_at_newest(self) -> None:
        """All replicas are asked for the claim in the way: one that missed it does not say that it is there."""

        def newest(seen: Seen) -> None:
            self.assertEqual(seen.headers["x-newest"], "true")

        self.swift.expect(PUT, 412)
        self.swift.expect(HEAD, 404).check = newest
        self.swift.expect(PUT, 201)
        self.swift.expect(DELETE, 204)
        self.done(self.claimed())
        self.assertEqual(self.worked, 1)

    def test_taken_over(self) -> None:
        """The claim of a dead gateway is made anew: it would end in the middle of the work."""

        def anew(seen: Seen) -> None:
            self.assertNotIn("if-none-match", seen.headers)
            self.assertNotEqual(seen.headers[BY.lower()], "other")
            self.assertGreater(float(seen.headers["x-delete-after"]), DEAD)

        self.swift.expect(PUT, 412)
        self.standing(DEAD)
        self.swift.expect(PUT, 201).check = anew
        self.swift.expect(DELETE, 204)
        self.done(self.claimed())
        self.assertEqual(self.worked, 1)

    def test_alive(self) -> None:
        """That of a gateway at work serves us, too, and is left to it; so is one of which no age is told."""
        for first in (lambda: self.standing(5), lambda: self.swift.expect(HEAD, headers={BY: "other"})):
            self.worked = 0
            for look in range(4):
                self.swift.expect(PUT, 412)
                if look:
                    self.standing(5)
                else:
                    first()
            self.done(self.claimed())
            self.assertEqual(self.worked, 1)

    def test_of_a_name(self) -> None:
        """Each name has a claim of its own, in whatever container its segments are."""
        self.assertNotEqual(claim_of("s", resolve("/c/a")), claim_of("s", resolve("/d/a")))
        self.assertNotEqual(claim_of("s", resolve("/c/a")), claim_of("s", resolve("/c/b")))
