"""What a deployment may choose of the FTP server, and what it may not."""

from __future__ import annotations

from dataclasses import dataclass

LINE_LIMIT = 8192
"""Bytes of one command line."""
AHEAD_BYTES = 64 << 10
"""
Bytes of commands that wait for the one that is being done.  Above this we stop reading; during a transfer, whose end
counts only while the client is there, we cannot know of its loss without reading, and hang up.
"""
LINE_COST = 64
"""Bytes that keeping a line costs beside its own."""
LINGER = 10.0
"""Seconds in which a client has to take what was sent before we closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Durations are in seconds; 0 turns a timeout or limit off."""

    welcome_message: str = "Welcome to SwFTP - an FTP interface for Openstack Swift"
    """Text of the greeting."""
    login_grace: float = 120.0
    """From accept to login."""
    max_failures: int = 6
    """Failed logins on one connection."""
    failure_delay: float = 1.0
    """From a PASS to the answer that it failed."""
    session_timeout: float = 60.0
    """Without a command, and no transfer running."""
    no_transfer_timeout: float = 0.0
    """Without a transfer, whatever commands come."""
    stalled_timeout: float = 60.0
    """A running transfer without a byte moved by the client."""
    connect_timeout: float = 30.0
    """For the data connection to be made, after the command that needs it."""
    active: bool = False
    """Whether PORT and EPRT are allowed: to the client's own address and ports from 1024 only."""
    passive_ports: tuple[int, int] | None = None
    """First and last port of passive data connections; None: any."""
    check_peer: bool = True
    """Whether data connections have to come from the control connection's address."""
    masquerade_address: str = ""
    """Host name or address told to clients in PASV replies; empty: that of the control connection."""
    masquerade_networks: tuple[tuple[str, str], ...] = ()
    """Client network, and the host name or address told to clients of it."""
    require_tls_login: bool = False
    """Refuse USER and PASS in the clear."""
    require_tls_data: bool = False
    """Refuse transfers and listings on data connections in the clear."""
    tls_reuse: str = "offered"
    """``off``, ``offered`` or ``required``: whether data connections resume the control connection's TLS session."""
    client_name: str = "cn"
    """What of a client's certificate is the login name: ``cn``, ``email`` or ``upn``."""
    accept_missing_close_notify: bool = False
    """Take the end of a TLS data connection for the end of the file though the client did not say so in TLS."""
    ascii: str = "convert"
    """``convert`` or ``refuse``: what TYPE A does."""
    mode_z: bool = False
    """Whether MODE Z (deflate) is offered."""

    def protects(self, secured: bool) -> bool:
        """
        Whether data connections have to be protected.

        :param secured: the control connection is: where its session has to be resumed, what is in the clear is not
            tied to it.
        """
        return self.require_tls_data or (secured and self.tls_reuse == "required")
