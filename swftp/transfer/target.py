"""What an upload is to write, and over what."""

from __future__ import annotations

from dataclasses import dataclass

from swftp.entries import Entry
from swftp.paths import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One open file's."""

    path: Path
    base: Entry | None = None
    """The object whose content the file starts with; None: it starts empty, and exists once it is closed."""
    append: bool = False
    """All writes go to the end (SSH_FXF_APPEND), as O_APPEND has it."""
    exclusive: bool = False
    """The object may not exist when the file is closed."""
    absent: bool = False
    """*exclusive* only because there was nothing to append to: what has come meanwhile is a change, not a refusal."""
