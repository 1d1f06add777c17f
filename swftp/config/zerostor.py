"""The options of the store of our own: durations are in seconds, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass

from swftp.config.fields import setting
from swftp.secretfiles import located

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ZerostorConfig:
    """``[zerostor]``: names in a SQL database, bytes on shards; in force with storage = zerostor in [storage]."""

    database: str = setting(
        "", "URL: sqlite:////absolute/file.db, postgresql+psycopg://user@host/name or cockroachdb+psycopg://..."
    )
    shards: tuple[str, ...] = setting(
        (),
        "where fragments go: file:///dir, redis://[:password@]host:port/db, zdb://[:password@]host:port/namespace; "
        "rediss: and zdbs: are over TLS; those that fail together get #group behind them",
    )
    master_key: str = setting(
        "", "file of the key that encrypts the keys of accounts, mode 0600; init makes it", read=located
    )
    layout: str = setting("ec:2+1", "fragments of a chunk: ec:k+m (any k of k+m give it back) or copy:n")
    min_fragments: int = setting(
        0, "fragments that must be stored before a write counts; 0: so many that the layout can lose one more, or k"
    )
    chunk_size: int = setting(
        4 * MIB, "files are cut in chunks of this size", unit="bytes", least=64 * KIB, most=7 * MIB
    )
    compress: bool = setting(True, "compress chunks that get smaller by it (zstd)")
    compress_level: int = setting(1, "of zstd", least=1, most=19)
    chunk_memory: int = setting(
        64 * MIB, "memory of chunks on their way to and from shards", unit="bytes", least=16 * MIB
    )
    read_cache: int = setting(64 * MIB, "memory of chunks that were read lately", unit="bytes")
    threads: int = setting(2, "threads that compress, encrypt and cut chunks", least=1, most=64)
    connections: int = setting(8, "connections to the database", least=2, most=256)
    cache_mode: str = setting(
        "shared",
        "names in memory; shared: other gateways' changes show within a second; exclusive: for one gateway alone",
        choices=("shared", "exclusive"),
    )
    cache_names: int = setting(200_000, "names kept in memory, about 0.5 kB each")
    lease: float = setting(
        60.0,
        "silence after which other gateways take this one for dead and clear up after it",
        unit="seconds",
        least=3,
    )
    grace: float = setting(
        86400.0, "how long the bytes of removed files stay for those who read them", unit="seconds", least=1
    )
    sweep_every: float = setting(60.0, "how often garbage and lost fragments are seen to", unit="seconds", least=1)
    scrub_every: float = setting(
        604800.0, "how often all fragments are looked at, slowly; 0 is never", unit="seconds"
    )
