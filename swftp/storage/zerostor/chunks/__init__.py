"""Chunks: bytes of files as sealed, erasure-coded fragments on shards."""

from swftp.storage.zerostor.chunks.chunks import ChunkOptions, Chunks, Noticed, moved
from swftp.storage.zerostor.chunks.codec import CodecOptions
from swftp.storage.zerostor.chunks.fleet import ShardLevel
from swftp.storage.zerostor.chunks.fragments import OVERHEAD, Label
from swftp.storage.zerostor.chunks.keyring import Keyring, KeyStore
from swftp.storage.zerostor.chunks.layout import Layout
from swftp.storage.zerostor.chunks.masterkey import MasterKeys, UnusableMasterKey
from swftp.storage.zerostor.chunks.mending import Mended
from swftp.storage.zerostor.chunks.placement import ShardInfo, State

__all__ = [
    "OVERHEAD",
    "ChunkOptions",
    "Chunks",
    "CodecOptions",
    "KeyStore",
    "Keyring",
    "Label",
    "Layout",
    "MasterKeys",
    "Mended",
    "Noticed",
    "ShardInfo",
    "ShardLevel",
    "State",
    "UnusableMasterKey",
    "moved",
]
