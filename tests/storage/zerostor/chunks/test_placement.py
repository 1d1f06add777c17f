"""The order in which an object would have shards."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from swftp.storage.zerostor.chunks.placement import ShardInfo, ranked
from swftp.storage.zerostor.values import ObjectId

NONE: Any = None


class RankedTests(SynchronousTestCase):
    """Five shards, of which two fail together."""

    infos = tuple(ShardInfo(number, NONE, group="rack" if number < 2 else "") for number in range(5))

    def test_together(self) -> None:
        """The two never follow before all others had their turn: each of those fails alone."""
        for seq in range(50):
            order = ranked(ObjectId(bytes(16), seq), self.infos)
            self.assertEqual({info.id for info in order}, set(range(5)))
            self.assertEqual(order[-1].group, "rack")
            self.assertEqual([info.group for info in order].count("rack"), 2)

    def test_beside(self) -> None:
        """Where one of them has a fragment already, the other one comes behind all that have none."""
        for seq in range(50):
            order = ranked(ObjectId(bytes(16), seq), self.infos[1:], beside=self.infos[:1])
            self.assertEqual(order[-1].id, 1)

    def test_same_everywhere(self) -> None:
        """It depends on the object and the shards, not on the order in which they are configured."""
        for seq in range(10):
            obj = ObjectId(bytes(16), seq)
            self.assertEqual(ranked(obj, self.infos), ranked(obj, reversed(self.infos)))
