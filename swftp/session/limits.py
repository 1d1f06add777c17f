"""What one session may take."""

from __future__ import annotations

from dataclasses import dataclass, field

from swftp.transfer.engine import TransferLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """Of files and memory."""

    open_files: int = 256
    """Files open at the same time."""
    memory: int = 64 << 20
    """Bytes of memory of all its transfers."""
    listed: int = 64 << 10
    """Entries of all directories that it lists at a time; ahead of the client half of them."""
    transfer: TransferLimits = field(default_factory=TransferLimits)
