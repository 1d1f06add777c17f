"""
Every option there is, section by section: durations are in seconds, sizes in bytes.

``etc/swftp.conf.sample`` and ``docs/configuration.md`` say the same; a test compares the three.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from swftp.config.fields import headers, setting

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class SftpConfig:
    """``[sftp]``: where the SFTP server listens and what one client may take."""

    host: str = setting("0.0.0.0", "address to listen on")  # noqa: S104  (a server that nobody reaches serves nobody)
    port: int = setting(5022, "port to listen on; 0 is any free one", most=65535)
    listen: tuple[str, ...] = setting(
        (), "Twisted endpoints to listen on instead of host and port, as in systemd:domain=INET:index=0"
    )
    priv_key: str = setting("", "file of a host key; the same as one of host_keys")
    host_keys: tuple[str, ...] = setting(
        (), "files of host keys; where none is set, keys are made in state_dir on the first run"
    )
    state_dir: str = setting(
        "", "where host keys are made; where it is not set, $STATE_DIRECTORY or ~/.local/state/swftp"
    )
    sessions_per_user: int = setting(10, "connections one user may have at once; 0 is no limit")
    connections: int = setting(1000, "connections there may be at once; 0 is no limit")
    login_timeout: float = setting(120.0, "how long a client may take to log in", unit="seconds")
    idle_timeout: float = setting(
        900.0, "how long a client that is logged in may say nothing; 0 is for ever", unit="seconds"
    )
    drain_timeout: float = setting(
        300.0, "how long running transfers may go on after SIGTERM before they are given up", unit="seconds"
    )
    verbose: bool = setting(False, "log each request to storage")


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageConfig:
    """``[storage]``: how we talk to Swift, and how files lie there."""

    num_persistent_connections: int = setting(
        100,
        "HTTP connections kept open for the next request, all clients together",
        old="sftp.num_persistent_connections",
    )
    num_connections_per_session: int = setting(
        10, "HTTP connections one session may use at once; 0 is no limit", old="sftp.num_connections_per_session"
    )
    connection_timeout: float = setting(
        240.0, "how long an idle HTTP connection is kept", unit="seconds", old="sftp.connection_timeout"
    )
    connect_timeout: float = setting(5.0, "how long a connection to storage may take to be made", unit="seconds")
    response_timeout: float = setting(60.0, "how long storage may say nothing in a request", unit="seconds")
    extra_headers: tuple[tuple[str, str], ...] = setting(
        (),
        'HTTP headers sent with each request, as Name: value, Name: "quoted, value"',
        old="sftp.extra_headers",
        read=headers,
    )
    rewrite_storage_scheme: str = setting(
        "",
        "http or https instead of that of the storage URL",
        choices=("", "http", "https"),
        old="sftp.rewrite_storage_scheme",
    )
    rewrite_storage_netloc: str = setting(
        "", "host:port instead of that of the storage URL", old="sftp.rewrite_storage_netloc"
    )
    layout: str = setting(
        "segments",
        "segments: files larger than segment_size become static large objects; plain: one object a file, 5 GiB at most",
        choices=("segments", "plain"),
    )
    segment_size: int = setting(32 * MIB, "size of a segment", unit="bytes", least=MIB, most=5 * GIB)
    hide_segments: bool = setting(True, "leave containers of segments out of the listing of /")
    mtime_in_listings: bool = setting(
        True, "keep the time of modification in Content-Type too, so that listings have it at no cost"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferConfig:
    """``[transfer]``: bytes in motion; nothing is ever kept on disk."""

    transfer_memory: int = setting(256 * MIB, "memory of all transfers together", unit="bytes", least=16 * MIB)
    session_memory: int = setting(64 * MIB, "memory of the transfers of one session", unit="bytes", least=4 * MIB)
    reorder_window: int = setting(8 * MIB, "how far a client may write ahead of a gap", unit="bytes", least=64 * KIB)
    read_ahead: int = setting(4 * MIB, "how much of a file is fetched before the client asks", unit="bytes", least=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class SshConfig:
    """``[ssh]``: the transport."""

    algorithms: str = setting(
        "modern", "compat adds what clients before about 2015 need", choices=("modern", "compat")
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LogConfig:
    """``[log]``: what the foreground commands print; under twistd its own options decide."""

    format: str = setting("text", "text, or one JSON object a line", choices=("text", "json"))
    level: str = setting("info", "the least that is logged", choices=("debug", "info", "warn", "error", "critical"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """All of ``swftp.conf``."""

    sftp: SftpConfig = field(default_factory=SftpConfig)
    storage: StorageConfig = field(default_factory=StorageConfig)
    transfer: TransferConfig = field(default_factory=TransferConfig)
    ssh: SshConfig = field(default_factory=SshConfig)
    log: LogConfig = field(default_factory=LogConfig)


_STATS = "statistics are not part of this version; the option does nothing"
OBSOLETE = {
    ("sftp", "pub_key"): "the public half is taken from priv_key; the option is not needed",
    ("sftp", "chiphers"): "weak ciphers are gone, see algorithms in [ssh]; the option does nothing",
    ("sftp", "macs"): "weak MACs are gone, see algorithms in [ssh]; the option does nothing",
    ("sftp", "compressions"): "there is no compression before login; the option does nothing",
    ("sftp", "log_statsd_host"): _STATS,
    ("sftp", "log_statsd_port"): _STATS,
    ("sftp", "log_statsd_sample_rate"): _STATS,
    ("sftp", "log_statsd_metric_prefix"): _STATS,
    ("sftp", "stats_host"): _STATS,
    ("sftp", "stats_port"): _STATS,
}
"""Options of 2014 that an old file may still hold, and what to say of each."""

FOREIGN = ("ftp",)
"""Sections of one file that other servers read."""
