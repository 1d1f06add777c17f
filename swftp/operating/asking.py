"""The other end of `swftp.operating.console`."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from swftp.operating.console import NAME

PATIENCE = 10.0
"""Seconds that a gateway may say nothing."""


def gateways(directory: Path) -> list[Path]:
    """Sockets of those that may run."""
    return sorted(directory.glob(f"{NAME}*"))


@contextmanager
def asked(path: Path, request: str) -> Iterator[Iterator[dict[str, Any]]]:
    """
    The answers of the gateway at *path*, until it has no more.

    :raises OSError: nobody is there, or we may not ask.
    """
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(PATIENCE)
        try:
            wire.connect(str(path))
        except ConnectionRefusedError:
            with suppress(OSError):
                path.unlink()  # of a process that was killed
            raise
        wire.sendall(request.encode() + b"\n")
        with wire.makefile("rb") as lines:
            yield (json.loads(line) for line in lines)
