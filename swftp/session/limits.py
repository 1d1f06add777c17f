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
    transfer: TransferLimits = field(default_factory=TransferLimits)
