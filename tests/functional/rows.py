"""
Writes names into container databases of a Swift, as if objects had been put.

    python -P rows.py < {"path of a database": ["name", ...], ...}

A program, run by its path: Swift's modules do not belong into a process of tests, nor those of tests into this one.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from typing import Any

from swift.common.utils import Timestamp
from swift.container.backend import ContainerBroker


def write(path: str, names: Iterable[str]) -> None:
    """Put *names* into the listing of the database at *path*."""
    rows: list[dict[str, Any]] = [
        {
            "name": name, "created_at": Timestamp.now().internal, "size": 10, "deleted": 0,
            "content_type": "text/plain", "etag": hashlib.md5(b"").hexdigest(), "storage_policy_index": 0,
        }
        for name in names
    ]  # fmt: skip
    ContainerBroker(path).merge_items(rows)


if __name__ == "__main__":
    for path, names in json.load(sys.stdin).items():
        write(path, names)
