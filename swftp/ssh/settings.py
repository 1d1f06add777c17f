"""What a deployment may choose of the SSH layer, and what it may not."""

from __future__ import annotations

from dataclasses import dataclass

from swftp.ssh.algorithms import COMPAT, Policy

MAX_DATA = 261184
"""Bytes of data in one packet that we accept: one SFTP WRITE of 255 KiB with its header."""
MAX_REMOTE_DATA = 262144
"""Bytes of data in one packet that we send, however much the client would take."""
MIN_REMOTE_DATA = 1024
"""A client that takes less in one packet is refused: it would make us send thousands of packets a reply."""
CHANNELS = 10
"""Channels open at once in one connection."""
REQUESTS_BEFORE_SUBSYSTEM = 256
"""Requests (env, pty-req...) on a channel before it runs something."""
HIGH_WATER = 256 << 10
"""Bytes of output in a channel above which its subsystem should produce no more."""
RECEIVE_SIZE = 1 << 20
"""Bytes asked of the socket at once: no client sends more than its windows, however much that is."""
HELD_LIMIT = 256 << 10
"""Bytes of messages kept back during a key exchange, or sent to a client that does not read."""
HELD_OVERHEAD = 64
"""Bytes that a message costs beside its own."""
VERSION_LIMIT = 255
"""Bytes of the client's version line (RFC 4253 section 4.2)."""
EXTENSIONS = 64
"""Extensions a client may name in EXT_INFO."""
FIRST_KEX_PACKETS = 32
"""Packets a client may need for the first key exchange."""
EARLY_EXCHANGES = 4
"""Key exchanges a client may have before it logs in."""
LINGER = 10.0
"""Seconds in which a client has to take what was sent before we closed."""
TAILOR_WAIT = 0.5
"""Seconds after which our KEXINIT goes out although the client's has not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Durations are in seconds, sizes in bytes; 0 turns a timeout or limit off."""

    policy: Policy = COMPAT
    version: str = "SwFTP_2"
    """Software version that clients are told."""
    banner: str = ""
    """Text shown before login."""
    prefer_fast_ciphers: bool = True
    """Offer only AES-GCM to clients that have it."""
    window: int = 2 << 20
    """What a client may send on a channel before we dealt with it, at most."""
    first_window: int = 128 << 10
    """What it may send on a new one."""
    windows: int = 64 << 20
    """What all clients may send together: with more channels than that is enough for each has less."""
    login_grace: float = 120.0
    """From accept to login."""
    max_failures: int = 6
    """Failed logins on one connection."""
    failure_delay: float = 1.0
    """From a login request to the answer that it failed."""
    idle_timeout: float = 900.0
    """Without file traffic, and none outstanding."""
    keepalive_interval: float = 60.0
    """Of silence before the client is asked whether it is still there."""
    keepalive_count: int = 3
    """Questions without an answer before we hang up."""
    rekey_bytes: int = 1 << 30
    """In either direction before we ask for new keys; at most 64 GiB."""
    rekey_seconds: float = 3600.0
    """After which we ask for new keys."""
