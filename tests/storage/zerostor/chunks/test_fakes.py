"""The shard that these tests use does what every shard does."""

from __future__ import annotations

from twisted.internet.task import Clock

from tests.storage.zerostor.chunks.fakes import MemoryShard
from tests.storage.zerostor.shards.case import ShardCase
from tests.storage.zerostor.shards.contract import DamageContract, ShardContract


class MemoryShardTests(ShardContract, DamageContract, ShardCase):
    """`MemoryShard` keeps the contract."""

    keeps_checksums = False
    get_sees_damage = False

    def make_shard(self) -> MemoryShard:
        """An empty one."""
        self.clock = Clock()
        return MemoryShard(self.clock)

    def wall(self) -> float:
        """The shard has the clock of its test."""
        return self.clock.seconds()

    def damage(self, key: bytes) -> None:
        """Flip a bit."""
        value = self.shard.values[key]
        self.shard.values[key] = bytes((value[0] ^ 1,)) + value[1:]
