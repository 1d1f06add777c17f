"""What may be set for some logins and not for others."""

from __future__ import annotations

from dataclasses import dataclass

from swftp.config.fields import network_list, root_path, setting

PERMISSIONS = ("list", "read", "write", "overwrite", "delete", "rename", "mkdir")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginConfig:
    """
    ``[login *]``: what logins may do whose name is the second word, in which * and ? stand for anything; where
    several sections fit, each option is that of the last one that sets it.
    """

    root: str = setting("/", "directory, below that of the protocol, that these clients see as /", read=root_path)
    read_only: bool = setting(False, "allow list and read at most")
    permissions: tuple[str, ...] = setting(PERMISSIONS, "what is allowed", choices=PERMISSIONS)
    networks: tuple[str, ...] = setting((), "networks from which they may log in; default: any", read=network_list)
    denied_networks: tuple[str, ...] = setting((), "networks from which they may not", read=network_list)
    upload_rate: int = setting(
        0, "bytes a second that all sessions of one login may send; 0 is no limit", unit="bytes"
    )
    download_rate: int = setting(0, "the same of what they are sent", unit="bytes")
    verbose: bool = setting(
        False,
        "log each operation of theirs and each request to storage for it, whatever the level of the log; SIGHUP "
        "changes that of sessions that are there, too",
    )
