"""The configuration files of a Swift that is one process on loopback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BACKENDS = ("account", "container", "object")
"""The servers behind the proxy."""

SWIFT = """\
[swift-hash]
swift_hash_path_prefix = swftp
swift_hash_path_suffix = swftp
[swift-constraints]
max_file_size = {max_file_size}
container_listing_limit = {listing_limit}
account_listing_limit = {listing_limit}
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
log_requests = false
"""
PROXY = """\
client_chunk_size = 262144
[pipeline:main]
pipeline = {pipeline} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
expose_info = {expose_info}
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
KEYSTONE = """\
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
user_domain_id = default
project_domain_id = default
project_name = service
username = swift
password = swiftpass
delay_auth_decision = true
cache = swift.cache
token_cache_time = 1
include_service_catalog = false
[filter:keystoneauth]
use = egg:swift#keystoneauth
reseller_prefix = KEY
operator_roles = admin, member
project_reader_roles = reader
"""
"""Beside TempAuth's, the accounts ``KEY_<id>`` of Keystone's projects; Keystone knows Swift as swift/swiftpass."""
PLAIN_FILTERS = {
    "catch_errors": "catch_errors",
    "gatekeeper": "gatekeeper",
    "healthcheck": "healthcheck",
    "listing_formats": "listing_formats",
    "bulk": "bulk",
    "tempurl": "tempurl",
    "copy": "copy",
    "container-quotas": "container_quotas",
    "account-quotas": "account_quotas",
    "dlo": "dlo",
    "symlink": "symlink",
}
"""Filters without options of ours: name in the pipeline -> entry point."""
PIPELINE = (
    "catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl tempauth copy "
    "container-quotas account-quotas slo dlo versioned_writes symlink"
)


def write_swift(etc: Path, max_file_size: int, listing_limit: int = 10_000) -> None:
    """``swift.conf``, which Swift wants to see before it is imported."""
    (etc / "swift.conf").write_text(SWIFT.format(max_file_size=max_file_size, listing_limit=listing_limit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """What the proxy is to be like."""

    users: Sequence[str]
    """``account:user:key:groups``."""
    keystone: str = ""
    """URL of a Keystone whose tokens it takes, too."""
    max_segments: int = 1000
    """Of a static large object."""
    without: Sequence[str] = ()
    """Filters that it does not have, as ``slo``."""
    expose_info: bool = True
    """Whether it tells its limits."""

    def text(self) -> str:
        """Of its file, as far as it is the proxy's alone."""
        pipeline = " ".join(name for name in PIPELINE.split() if name not in self.without)
        if self.keystone:
            pipeline = pipeline.replace("tempauth", "authtoken keystoneauth tempauth")
        users = "\n".join(map(_user, self.users))
        text = PROXY.format(pipeline=pipeline, users=users, expose_info=self.expose_info)
        text += _filters({**PLAIN_FILTERS, "slo": "slo"}) + f"max_manifest_segments = {self.max_segments}\n"
        return text + (KEYSTONE.format(url=self.keystone) if self.keystone else "")


def write_server(etc: Path, kind: str, port: int, data: Path, proxy: Proxy) -> Path:
    """
    The file of one server.

    :param kind: one of `BACKENDS`, or ``proxy``, which is like *proxy*.
    """
    text = SERVER.format(port=port, etc=etc)
    if kind == "proxy":
        text += proxy.text()
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
