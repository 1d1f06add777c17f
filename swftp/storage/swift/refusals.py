"""
What Swift refuses, in our words: the one place where HTTP statuses become errors.

An error's body is never shown nor logged: a balancer's page is no message for a client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from swftp import errors


@dataclass(frozen=True, slots=True)
class Reply:
    """What a store answered, whole."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: bytes = field(default=b"", repr=False)
    sent: Mapping[str, str] = field(default_factory=dict)
    """``etag`` and ``content-length`` of the body that the request carried to its end, if any."""
    attempt: int = 0
    """Which sending of the request this answers, from 0."""

    @property
    def transaction(self) -> str:
        """Swift's name of the request, by which its logs can be searched."""
        return self.headers.get("x-trans-id", "-")


REFUSALS: dict[int, tuple[type[errors.StorageError], str]] = {
    202: (errors.Unavailable, "a newer version was stored at the same time"),
    400: (errors.InvalidName, "storage does not accept this name or request"),
    401: (errors.Unauthorized, ""),
    403: (errors.PermissionDenied, ""),
    404: (errors.NotFound, ""),
    405: (errors.Unsupported, ""),
    408: (errors.Unavailable, ""),
    409: (errors.Unavailable, "conflict with another change, try again"),
    411: (errors.InvalidRequest, ""),
    412: (errors.Changed, ""),
    413: (errors.TooLarge, ""),
    414: (errors.InvalidName, "file name too long"),
    416: (errors.InvalidRequest, "offset beyond the end"),
    422: (errors.Damaged, ""),
    497: (errors.PermissionDenied, "account is blocked"),
    507: (errors.QuotaExceeded, "storage is full"),
}

RETRIED = frozenset({408, 429, 498, 499, 500, 502, 503, 504, 507, 529})
"""Statuses after which the same request may succeed."""
UNDECIDED = frozenset({500, 502, 503, 504, 507})
"""Statuses that leave open whether a change took effect: an object server may finish it later."""


def refusal(reply: Reply) -> errors.StorageError:
    """The error that *reply*, which is none of the answers hoped for, stands for."""
    kind, text = REFUSALS.get(reply.status, (errors.Unavailable, ""))
    if reply.status == 413 and b"quota" in reply.body.lower():
        kind = errors.QuotaExceeded
    if issubclass(kind, errors.Unavailable | errors.Corrupt):
        text = f"{text or kind.default} ({reply.status}, {reply.transaction})"
    return kind(text)
