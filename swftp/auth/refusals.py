"""
Why a login did not happen, in words for the log; the client is told less.

A wrong secret and a service that is down are never the same: only the first counts against the client.
"""

from __future__ import annotations

from twisted.cred.error import UnauthorizedLogin

from swftp.errors import Unauthorized, Unavailable


class Denied(Unauthorized):
    """The identity service said no.  *reason* is for the log, not for the client."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Down(Unavailable):
    """The identity service gave no usable answer.  *reason* is for the log, not for the client."""

    default = "identity service unavailable, try again"

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class LoginRefused(UnauthorizedLogin):
    """The login is wrong: name, secret or key.  Which of them, the client is not told."""

    reason = "no such key for this login"

    def __init__(self) -> None:
        super().__init__("login refused")


class LoginThrottled(LoginRefused):
    """Too many wrong logins came from there; this one was not even looked at."""

    reason = "too many wrong logins from this address"


class LoginUnavailable(UnauthorizedLogin):
    """Nobody can say whether the login is right; FTP answers 421.  *reason* is for whoever runs the gateway."""

    def __init__(self, reason: str = "") -> None:
        super().__init__("temporarily unavailable")
        self.reason = reason
