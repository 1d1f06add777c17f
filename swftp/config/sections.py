"""
Every option there is, section by section: durations are in seconds, sizes in bytes.

``etc/swftp.conf.sample`` and ``docs/configuration.md`` say the same; a test compares the three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from swftp.config.fields import ending, headers, network_list, pairs, port_range, public, public_of, secrets, setting
from swftp.config.files import ConfigError
from swftp.config.insight import EventsConfig, LogConfig, WebConfig
from swftp.config.limits import LimitsConfig, ThrottleConfig
from swftp.config.login import LoginConfig
from swftp.config.zerostor import ZerostorConfig
from swftp.secretfiles import located

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class SftpConfig:
    """``[sftp]``: where the SFTP server listens and what one client may take."""

    host: str = setting("0.0.0.0", "address to listen on")  # noqa: S104  (a server that nobody reaches serves nobody)
    port: int = setting(5022, "port to listen on; 0 is any free one", most=65535)
    listen: tuple[str, ...] = setting(
        (), "Twisted endpoints to listen on instead of host and port, as in systemd:domain=INET:index=0"
    )
    proxy_networks: tuple[str, ...] = setting(
        (),
        "networks of load balancers, whose connections begin with a PROXY header (version 1 or 2)",
        read=network_list,
    )
    priv_key: str = setting("", "file of a host key; the same as one of host_keys", read=located)
    host_keys: tuple[str, ...] = setting(
        (),
        "files of host keys; where none is set, keys are made in state_dir on the first run",
        read=secrets,
    )
    state_dir: str = setting(
        "",
        "where host keys are made, and the control socket is; where it is not set, $STATE_DIRECTORY or "
        "~/.local/state/swftp",
    )
    sessions_per_user: int = setting(10, "connections one user may have at once; 0 is no limit")
    root: str = setting("/", "directory of the account that clients see as /, as /container/directory")
    drain_timeout: float = setting(
        300.0, "how long running transfers may go on after SIGTERM before they are given up", unit="seconds"
    )
    stats_host: str = setting("", "address at which /stats.json is told to anybody, as in 2014; default: nowhere")
    stats_port: int = setting(38022, "its port", most=65535)
    log_statsd_host: str = setting("", "host of a StatsD that is told what is counted; default: none")
    log_statsd_port: int = setting(8125, "its port", least=1, most=65535)
    log_statsd_sample_rate: float = setting(10.0, "how often it is told", unit="seconds", least=1)
    log_statsd_metric_prefix: str = setting("swftp.sftp", "what names of its metrics begin with")
    verbose: bool = setting(False, "log each request to storage")


@dataclass(frozen=True, kw_only=True, slots=True)
class FtpConfig:
    """``[ftp]``: where the FTP server listens, what one client may take, and how it is protected (FTPS)."""

    host: str = setting("0.0.0.0", "address to listen on")  # noqa: S104  (as above)
    port: int = setting(5021, "port to listen on; 0 is any free one", most=65535)
    listen: tuple[str, ...] = setting(
        (), "Twisted endpoints to listen on instead of host and port, as in systemd:domain=INET:index=0"
    )
    implicit_listen: tuple[str, ...] = setting(
        (), "Twisted endpoints to listen on for implicit FTPS, as in tcp:990; needs certificate"
    )
    proxy_networks: tuple[str, ...] = setting(
        (),
        "networks of load balancers, whose connections begin with a PROXY header (version 1 or 2)",
        read=network_list,
    )
    proxy_data: bool = setting(
        False, "data connections that come from proxy_networks begin with such a header, too: check_peer may stay"
    )
    sessions_per_user: int = setting(10, "connections one user may have at once, SFTP included; 0 is no limit")
    state_dir: str = setting("", "where the control socket is; default: as of [sftp]")
    session_timeout: float = setting(
        60.0, "how long a client may say nothing while no transfer runs; 0 is for ever", unit="seconds"
    )
    no_transfer_timeout: float = setting(
        0.0, "how long a client may go without a transfer, whatever it says; 0 is for ever", unit="seconds"
    )
    stalled_timeout: float = setting(
        60.0, "how long a client may move no byte of a transfer; 0 is for ever", unit="seconds"
    )
    connect_timeout: float = setting(
        30.0, "how long the data connection of a transfer may take to come about", unit="seconds", least=1
    )
    login_grace: float = setting(120.0, "how long a client may take to log in", unit="seconds")
    max_failures: int = setting(6, "failed logins on one connection", least=1)
    failure_delay: float = setting(1.0, "how long a failed login waits for its answer", unit="seconds")
    welcome_message: str = setting(
        "Welcome to SwFTP - an FTP interface for Openstack Swift", "what a client is greeted with"
    )
    root: str = setting("/", "directory of the account that clients see as /, as /container/directory")
    drain_timeout: float = setting(
        300.0, "how long running transfers may go on after SIGTERM before they are given up", unit="seconds"
    )
    stats_host: str = setting("", "address at which /stats.json is told to anybody, as in 2014; default: nowhere")
    stats_port: int = setting(38021, "its port", most=65535)
    log_statsd_host: str = setting("", "host of a StatsD that is told what is counted; default: none")
    log_statsd_port: int = setting(8125, "its port", least=1, most=65535)
    log_statsd_sample_rate: float = setting(10.0, "how often it is told", unit="seconds", least=1)
    log_statsd_metric_prefix: str = setting("swftp.ftp", "what names of its metrics begin with")
    verbose: bool = setting(False, "log each request to storage")
    passive_ports: str = setting(
        "", "ports of passive data connections, as 50000-50999; default: any", read=port_range
    )
    masquerade_address: str = setting(
        "",
        "address or host name that PASV tells clients, looked up now and then; default: where they connected to",
        read=public,
    )
    masquerade_networks: tuple[tuple[str, str], ...] = setting(
        (),
        'the same for clients of some networks, as "10.0.0.0/8: 10.0.0.1, 192.168.0.0/16: gw.example.org"',
        read=public_of,
    )
    check_peer: bool = setting(True, "take data connections from the client's own address only")
    active: bool = setting(False, "allow PORT and EPRT, to the client's own address and ports from 1024 only")
    certificate: str = setting(
        "", "PEM file of the certificate and those up to its authority; without it there is no TLS", read=located
    )
    private_key: str = setting("", "PEM file of its key; default: in the file of the certificate", read=located)
    client_ca: str = setting("", "PEM file of the authorities whose certificates clients may show")
    client_crl: str = setting(
        "", "PEM file of their lists of revoked certificates, one of each authority; default: none is looked at"
    )
    client_certificate: str = setting(
        "optional", "whether a client has to show one, and so to say AUTH TLS", choices=("optional", "required")
    )
    client_name: str = setting(
        "cn",
        "what of it is the login name: common name, e-mail address or userPrincipalName",
        choices=("cn", "email", "upn"),
    )
    minimum_tls: str = setting("1.2", "lowest version of TLS", choices=("1.2", "1.3"))
    require_tls_login: bool = setting(False, "refuse USER and PASS before AUTH TLS")
    require_tls_data: bool = setting(False, "refuse transfers and listings without PROT P")
    tls_reuse: str = setting(
        "offered",
        "whether data connections may, or have to, resume the TLS session of their control connection",
        choices=("off", "offered", "required"),
    )
    accept_missing_close_notify: bool = setting(
        False, "take an upload over TLS for whole though the client only closed the connection"
    )
    ascii: str = setting(
        "convert", "what TYPE A does: convert the ends of lines, or refuse", choices=("convert", "refuse")
    )
    mode_z: bool = setting(False, "offer MODE Z, which compresses")


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthConfig:
    """``[auth]``: the identity service; names are those of keystoneauth1 and ``clouds.yaml``."""

    auth_url: str = setting(
        "",
        "identity service, as .../auth/v1.0 or .../v3; default: http://127.0.0.1:8080/auth/v1.0",
        old="auth_url",
    )
    auth_type: str = setting(
        "", "keystoneauth1 plugin; default: v1password where auth_url ends in /v1 or /v1.0, else password"
    )
    cloud: str = setting("", "cloud of clouds.yaml to take from what is not set here; default: $OS_CLOUD")
    region_name: str = setting("", "region of the object store; default: the first in the catalogue")
    interface: str = setting(
        "", "which endpoint of the object store; default: public", choices=("", "public", "internal", "admin")
    )
    user_domain_id: str = setting("", "domain of users whose login names none")
    user_domain_name: str = setting("", "the same, by name; default: the domain with the id default")
    project_domain_id: str = setting("", "domain of projects that a login names without one")
    project_domain_name: str = setting("", "the same, by name; default: the domain of the user")
    project_id: str = setting("", "project of logins that name none")
    project_name: str = setting("", "the same, by name; with v1password: the account instead of the user's own")
    options: tuple[tuple[str, str], ...] = setting(
        (), "further options of the plugin, as identity_provider: idp, protocol: openid", read=pairs
    )
    cacert: str = setting("", "PEM file of certificate authorities to trust; default: the system's")
    insecure: bool = setting(False, "verify no certificate, of identity service or storage")
    timeout: float = setting(30.0, "how long the identity service may take to answer", unit="seconds")
    threads: int = setting(8, "requests to the identity service at one time", least=1)
    rewrite_storage_scheme: str = setting(
        "",
        "http or https in the storage URL instead of what the identity service says",
        choices=("", "http", "https"),
        old="rewrite_storage_scheme",
    )
    rewrite_storage_netloc: str = setting(
        "",
        "the same for its host:port",
        old="rewrite_storage_netloc",
    )
    storage_hosts: tuple[str, ...] = setting(
        (), "hosts that a storage URL may name, *.example.org for all below one; default: any that is not link-local"
    )
    login_cache: float = setting(
        600.0, "how long the same secret is let in again without asking; 0 asks each time", unit="seconds"
    )
    refusal_cache: float = setting(30.0, "how long a refused secret is refused again without asking", unit="seconds")
    authorized_keys: str = setting("", "file of public keys and the logins they are good for; needs credentials")
    credentials: str = setting(
        "", "file of the secrets that public keys stand for, mode 0600; needs authorized_keys", read=located
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageConfig:
    """``[storage]``: which store there is; how we talk to Swift, and how files lie there."""

    storage: str = setting(
        "swift",
        "swift: OpenStack Swift, with its logins ([auth]); zerostor: a database and shards of your own ([zerostor])",
        choices=("swift", "zerostor"),
    )
    num_persistent_connections: int = setting(
        100,
        "HTTP connections kept open for the next request, all clients together",
        old="num_persistent_connections",
    )
    num_connections_per_session: int = setting(
        10,
        "HTTP connections one session may use at once beside those that wait for its client; 0 is no limit",
        old="num_connections_per_session",
    )
    connection_timeout: float = setting(
        240.0, "how long an idle HTTP connection is kept", unit="seconds", old="connection_timeout"
    )
    connect_timeout: float = setting(5.0, "how long a new HTTP connection may take", unit="seconds", least=0.1)
    response_timeout: float = setting(60.0, "how long storage may say nothing in a request", unit="seconds", least=1)
    look_timeout: float = setting(20.0, "the same of a request that only looks (HEAD)", unit="seconds", least=1)
    attempts: int = setting(4, "times a request is sent at most", least=1)
    repeat_for: float = setting(60.0, "after which a request that got no answer is not sent again", unit="seconds")
    extra_headers: tuple[tuple[str, str], ...] = setting(
        (),
        'HTTP headers sent with each request, as Name: value, Name: "quoted, value"',
        old="extra_headers",
        read=headers,
    )
    layout: str = setting(
        "slo",
        "slo: files above segment_size are static large objects; plain: one object a file, 5 GiB at most",
        choices=("slo", "plain"),
    )
    segments_suffix: str = setting(
        "_segments", "ending of the container that holds a container's segments", read=ending
    )
    hide_segments: bool = setting(True, "leave containers with that ending out of the listing of /")
    times_in_listings: bool = setting(
        True, "keep times of modification in Content-Type too, so that listings have them at no cost"
    )
    tree_limit: int = setting(10000, "objects that a directory may hold to be renamed", least=1)
    page_size: int = setting(
        10000, "names asked for in one listing request at most; the first ones ask for fewer", least=1, most=10000
    )
    sweep_every: float = setting(
        86400.0,
        "how often segments that dead gateways left are looked for, while their account is used; 0 is never",
        unit="seconds",
    )
    sweep_age: float = setting(
        604800.0, "silence of an upload after which its segments are taken for left over", unit="seconds", least=1
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferConfig:
    """``[transfer]``: bytes in motion; nothing is ever kept on disk."""

    transfer_memory: int = setting(256 * MIB, "memory of all transfers together", unit="bytes", least=16 * MIB)
    session_memory: int = setting(96 * MIB, "memory of the transfers of one session", unit="bytes", least=4 * MIB)
    segment_size: int = setting(
        32 * MIB, "files above this are stored in segments of this size", unit="bytes", least=MIB, most=5 * GIB
    )
    in_flight: int = setting(2, "segments of one file on their way to storage at a time", least=1)
    reorder_window: int = setting(
        8 * MIB, "how far ahead of a gap a client may write with layout = plain", unit="bytes", least=64 * KIB
    )
    sparse: int = setting(64 * GIB, "holes that a file may have", unit="bytes")
    stall: float = setting(20.0, "silence of a client after which what it sent is stored", unit="seconds", least=1)
    read_ahead: int = setting(4 * MIB, "how far ahead of a fast reader a file is fetched", unit="bytes")


@dataclass(frozen=True, kw_only=True, slots=True)
class SshConfig:
    """``[ssh]``: the transport."""

    policy: str = setting(
        "compat",
        "algorithms; modern: without the NIST curves, fixed groups and plain MACs that older clients need; "
        "pq-only: for clients with ML-KEM alone, as OpenSSH since 9.9",
        choices=("modern", "compat", "pq-only"),
    )
    banner: str = setting("", "text that clients show before login")
    prefer_fast_ciphers: bool = setting(True, "offer only AES-GCM to clients that have it")
    window: int = setting(
        2 * MIB,
        "what a client may send on a channel before we dealt with it, at most; many share",
        unit="bytes",
        least=64 * KIB,
        most=GIB,
    )
    login_grace: float = setting(120.0, "how long a client may take to log in", unit="seconds")
    max_failures: int = setting(6, "failed logins on one connection", least=1)
    failure_delay: float = setting(1.0, "how long a failed login waits for its answer", unit="seconds")
    idle_timeout: float = setting(
        900.0, "how long a client may do nothing with its files; 0 is for ever", unit="seconds"
    )
    keepalive_interval: float = setting(
        60.0, "silence after which a client is asked whether it is there; 0 never asks", unit="seconds"
    )
    keepalive_count: int = setting(3, "such questions without an answer before we hang up", least=1)
    rekey_bytes: int = setting(
        GIB, "bytes in either direction after which keys are changed", unit="bytes", least=64 * KIB, most=64 * GIB
    )
    rekey_seconds: float = setting(3600.0, "time after which keys are changed; 0 is never", unit="seconds")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessConfig:
    """``[process]``: how many processes of this machine are one gateway."""

    workers: int = setting(1, "processes that serve clients together; 0: one a core; 1: this one alone", most=256)


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """All of ``swftp.conf``."""

    sftp: SftpConfig = field(default_factory=SftpConfig)
    ftp: FtpConfig = field(default_factory=FtpConfig)
    auth: AuthConfig = field(default_factory=AuthConfig)
    throttle: ThrottleConfig = field(default_factory=ThrottleConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    storage: StorageConfig = field(default_factory=StorageConfig)
    zerostor: ZerostorConfig = field(default_factory=ZerostorConfig)
    transfer: TransferConfig = field(default_factory=TransferConfig)
    ssh: SshConfig = field(default_factory=SshConfig)
    log: LogConfig = field(default_factory=LogConfig)
    web: WebConfig = field(default_factory=WebConfig)
    events: EventsConfig = field(default_factory=EventsConfig)
    process: ProcessConfig = field(default_factory=ProcessConfig)
    logins: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Of each ``[login NAME]``, in their order: NAME, and the options it sets."""
    protocols: tuple[str, ...] = ("sftp", "ftp")
    """Sections of the protocols that are served."""
    places: Mapping[tuple[str, str], str] = field(default_factory=dict, compare=False, repr=False)
    """Section and option -> where it was set, for messages."""

    def problem(self, section: str, option: str, reason: str) -> ConfigError:
        """What to raise when an option, allowed by itself, cannot be used."""
        return ConfigError([f"{self.places.get((section, option), f'[{section}] {option}')}: {reason}"])


SECTIONS: dict[str, type] = {
    part.name: type(getattr(Config(), part.name))
    for part in fields(Config)
    if part.name not in ("places", "protocols", "logins")
}
"""Section -> its class, in the order of the documentation."""
FAMILIES: dict[str, type] = {"login": LoginConfig}
"""The same of sections of which there may be many: their first word."""

OBSOLETE = {
    ("sftp", "pub_key"): "the public half is taken from priv_key; the option is not needed",
    ("sftp", "chiphers"): "weak ciphers are gone, see policy in [ssh]; the option does nothing",
    ("sftp", "macs"): "weak MACs are gone, see policy in [ssh]; the option does nothing",
    ("sftp", "compressions"): "there is no compression before login; the option does nothing",
}
"""Options of 2014 that an old file may still hold, and what to say of each."""

PROTOCOLS = ("sftp", "ftp")
"""Sections of which a process may serve but one, and leave the other to another process."""
