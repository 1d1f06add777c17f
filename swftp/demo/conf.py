"""The configuration files of a Swift that is one process on loopback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

BACKENDS = ("account", "container", "object")
"""The servers behind the proxy."""

SWIFT = """\
[swift-hash]
swift_hash_path_prefix = swftp
swift_hash_path_suffix = swftp
[swift-constraints]
max_file_size = {max_file_size}
"""
SERVER = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {etc}
log_level = WARNING
"""
BACKEND = """\
devices = {data}
mount_check = false
fallocate_reserve = 0
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
disk_chunk_size = 262144
"""
PROXY = """\
client_chunk_size = 262144
[pipeline:main]
pipeline = {pipeline} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
object_chunk_size = 262144
[filter:cache]
paste.filter_factory = swftp.demo.cache:filter_factory
[filter:tempauth]
use = egg:swift#tempauth
storage_url_scheme = http
{users}
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
"""
PLAIN_FILTERS = {
    "catch_errors": "catch_errors",
    "gatekeeper": "gatekeeper",
    "healthcheck": "healthcheck",
    "proxy-logging": "proxy_logging",
    "listing_formats": "listing_formats",
    "bulk": "bulk",
    "tempurl": "tempurl",
    "copy": "copy",
    "container-quotas": "container_quotas",
    "account-quotas": "account_quotas",
    "slo": "slo",
    "dlo": "dlo",
    "symlink": "symlink",
}
"""Filters without options of ours: name in the pipeline -> entry point."""
PIPELINE = (
    "catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl tempauth copy "
    "container-quotas account-quotas slo dlo versioned_writes symlink"
)


def write_swift(etc: Path, max_file_size: int) -> None:
    """``swift.conf``, which Swift wants to see before it is imported."""
    (etc / "swift.conf").write_text(SWIFT.format(max_file_size=max_file_size))


def write_server(etc: Path, kind: str, port: int, data: Path, users: Sequence[str]) -> Path:
    """
    The file of one server.

    :param kind: one of `BACKENDS`, or ``proxy``.
    :param users: ``account:user:key:groups``, for the proxy.
    """
    text = SERVER.format(port=port, etc=etc)
    if kind == "proxy":
        text += PROXY.format(pipeline=PIPELINE, users="\n".join(map(_user, users))) + _filters(PLAIN_FILTERS)
    else:
        text += BACKEND.format(kind=kind, data=data)
    path = etc / f"{kind}-server.conf"
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _user(text: str) -> str:
    account, user, key, groups = [*text.split(":", 3), "", "", ""][:4]
    return f"user_{account}_{user} = {key} {groups}"


def _filters(filters: Mapping[str, str]) -> str:
    return "".join(f"[filter:{name}]\nuse = egg:swift#{egg}\n" for name, egg in filters.items())
