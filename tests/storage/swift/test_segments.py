"""Uploads in segments: when one ends, and a container for them that is new."""

from __future__ import annotations

from typing import Any

from swftp.entries import Attributes
from swftp.paths import resolve
from tests.storage.bytes import Source, md5
from tests.storage.swift.scripted import ScriptedCase
from tests.storage.swift.test_gateways import A, B, C, CrossingCase


class UploadTests(CrossingCase):
    """Which uploads go on: those nobody sweeps."""

    def stage(self) -> Any:
        return self.done(self.one.stage(B, Source(b"data", digest=md5(b"data"))))

    def test_from_part_to_publishing(self) -> None:
        """One goes on from its first part until it is published, and the next one of its name is another."""
        segments = self.one._segments
        self.assertEqual(segments.unpublished(), set())  # that of the file that is there was published
        seen = set()
        for _ in range(2):
            part = self.stage()
            prefix, _, number = part.name.rpartition("/")
            self.assertEqual(number, f"{0:08}")
            self.assertEqual(segments.unpublished(), {prefix})
            self.assertIn(prefix, segments.underway)
            self.done(self.one.publish(B, [part], Attributes(), replaces=None))
            self.assertEqual(segments.unpublished(), set())
            seen.add(prefix)
        self.assertEqual(len(seen), 2)

    def test_published_is_not_given_up(self) -> None:
        """What was published stays, whoever gives it up afterwards: a slice that was left over of a part."""
        part = self.stage()
        self.done(self.one.publish(B, [part], Attributes(), replaces=None))
        self.done(self.one.discard([part]))
        self.assertEqual(self.content(B), b"data")

    def test_renamed_while_written(self) -> None:
        """Parts staged for one name and published at another are noted to be its: their own name does not tell."""
        part = self.stage()
        self.done(self.one.publish(C, [part], Attributes(), replaces=None))
        listed = part.container, f"{part.name.rpartition('/')[0]}/names"
        self.assertEqual(self.done(self.other._segments.noted(listed)), [C])
        mine = self.stage()
        self.done(self.one.publish(B, [mine], Attributes(), replaces=None))
        self.assertFalse([name for name in self.left() if name.startswith(f"{mine.name.rpartition('/')[0]}/names")])

    def test_renamed_over(self) -> None:
        """The parts of what a renamed file replaces go with it, and none of its own."""
        self.make(B, b"three")
        self.done(self.one.rename(A, B))
        self.done(self.one.settle())
        self.assertEqual(self.content(B), b"onetwo")
        self.removed_in_the_end(B)

    def test_given_up_in_parts(self) -> None:
        """It ends with the last of its parts that is given up, not with the first."""
        one, two = self.stage(), self.stage()
        self.assertEqual(one.name.rpartition("/")[0], two.name.rpartition("/")[0])
        self.done(self.one.discard([one]))
        self.assertEqual(self.one._segments.unpublished(), {two.name.rpartition("/")[0]})
        self.done(self.one.discard([two]))
        self.assertEqual(self.one._segments.unpublished(), set())
        self.assertEqual(self.content(A), b"onetwo")


class ContainerTests(ScriptedCase):
    """The container of the segments is not there."""

    def test_unknown_for_a_while(self) -> None:
        """One that was just made is asked for again for longer than the 6 seconds that proxies believe it missing."""
        self.swift.expect(None, 404)
        self.swift.expect("HEAD /c", 204)
        self.swift.expect("PUT /c_segments", 201)
        for _ in range(4):
            self.swift.expect(None, 404)
        self.swift.expect(None, 201, headers={"Etag": md5(b"data")})
        d = self.begin(self.storage.stage(resolve("/c/a"), Source(b"data", digest=md5(b"data"))))
        self.assertGreater(self.passing(d), 6.0)
        self.successResultOf(d)
        self.check_script()
