"""Shards: where the fragments of chunks are kept.  `open_shard` opens one by its address."""

from swftp.storage.zerostor.shards.interfaces import (
    KEY_LIMIT,
    VALUE_LIMIT,
    Block,
    Capacity,
    Cursor,
    Health,
    Held,
    IShard,
    Offload,
    Refused,
    Value,
)
from swftp.storage.zerostor.shards.opening import open_shard, prepare

__all__ = [
    "KEY_LIMIT",
    "VALUE_LIMIT",
    "Block",
    "Capacity",
    "Cursor",
    "Health",
    "Held",
    "IShard",
    "Offload",
    "Refused",
    "Value",
    "open_shard",
    "prepare",
]
