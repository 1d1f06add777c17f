"""
What a store can do, as it says itself (``GET /info``), or as every Swift does where it does not say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from twisted.logger import Logger

from swftp import errors
from swftp.storage.swift.client import Lost, SwiftClient

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes."""

    slo: bool = True
    max_segments: int = 1000
    max_file_size: int = 5368709122
    listing: int = 10_000
    """Names in one page of a listing."""
    bulk_delete: bool = False
    symlink: bool = False


def parse_limits(info: Any) -> Limits:
    """The limits in the JSON object that ``/info`` answered."""
    base = info.get("swift", {})
    slo = info.get("slo")
    listing = min(int(base.get("container_listing_limit", 10_000)), int(base.get("account_listing_limit", 10_000)))
    return Limits(
        slo=slo is not None,
        max_segments=int((slo or {}).get("max_manifest_segments", 1000)),
        max_file_size=int(base.get("max_file_size", Limits().max_file_size)),
        listing=max(1, listing),
        bulk_delete="bulk_delete" in info,
        symlink="symlink" in info,
    )


async def discover(client: SwiftClient) -> Limits:
    """The limits of *client*'s store; the usual ones where ``/info`` is switched off or makes no sense."""
    try:
        reply = await client.get_info()
        return parse_limits(json.loads(reply.body)) if reply.status == 200 else Limits()
    except (Lost, errors.StorageError, ValueError, TypeError, AttributeError) as error:
        log.info("the store does not tell its limits: {error}", error=str(error))
        return Limits()
