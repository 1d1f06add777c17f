"""
Where symbolic links lead: out of the account, or of the part of it that a login may see.

The store follows links itself, and says so in the answer (``Content-Location``, swift/common/middleware/symlink.py):
what is refused here costs no request.  What it would let a token read is its own business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from swftp import errors
from swftp.paths import Path
from swftp.storage.swift.client import SwiftClient

ACCOUNT = "x-symlink-target-account"
OUTSIDE = "the link leads outside"


async def check_followed(client: SwiftClient, headers: Mapping[str, str]) -> None:
    """
    Look at the *headers* of an answer, which may be that of the object a link leads to.

    :raises PermissionDenied: it is out of the login's root.
    """
    location = headers.get("content-location")
    if location is None or client.root.is_root:
        return
    base, path = await _base(client), unquote(urlsplit(location).path)
    if not path.startswith(base) or not client.root.covers(Path(tuple(path.removeprefix(base).split("/")))):
        raise errors.PermissionDenied(OUTSIDE)


async def localized(client: SwiftClient, headers: Mapping[str, str]) -> Mapping[str, str]:
    """*headers* of a link, which name an account only where it is another one."""
    if (
        ACCOUNT not in headers
        or f"/{unquote(headers[ACCOUNT])}/" != (await _base(client))[-len(headers[ACCOUNT]) - 2 :]
    ):
        return headers
    return {name: value for name, value in headers.items() if name != ACCOUNT}


async def localize(client: SwiftClient, rows: list[dict[str, Any]]) -> None:
    """Let links among the *rows* of a listing that lead out of the account lead nowhere."""
    for row in rows:
        if "symlink_path" in row and not unquote(str(row["symlink_path"])).startswith(await _base(client)):
            row["symlink_path"] = ""


async def _base(client: SwiftClient) -> str:
    """The path of the account in URLs, unquoted, with a slash at its end."""
    return unquote(urlsplit(await client.account()).path) + "/"
