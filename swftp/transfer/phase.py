"""The life of a file being written; what is not in the table cannot happen."""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """Of an upload."""

    RECEIVING = "receiving"
    CLOSING = "closed by the client, waiting for its turn"
    COMMITTING = "committing"
    STORED = "stored"
    FAILED = "failed"


TRANSITIONS = {
    Phase.RECEIVING: {"close": Phase.CLOSING, "lost": Phase.FAILED, "refused": Phase.FAILED},
    Phase.CLOSING: {"turn": Phase.COMMITTING, "lost": Phase.CLOSING, "refused": Phase.FAILED},
    Phase.COMMITTING: {"lost": Phase.COMMITTING, "stored": Phase.STORED, "refused": Phase.FAILED},
    Phase.STORED: {"lost": Phase.STORED},
    Phase.FAILED: {"lost": Phase.FAILED, "refused": Phase.FAILED},
}
CHANGEABLE = (Phase.RECEIVING, Phase.CLOSING)
"""By path, a file is changed until its turn to be stored has come."""
