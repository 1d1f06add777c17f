"""
What both protocols make of an attempt to log in: what counts, and how long a refusal takes.

To a client, every refused attempt looks and lasts the same, whatever was wrong.
"""

from __future__ import annotations

from enum import Enum

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from swftp.auth.refusals import LoginUnavailable
from swftp.errors import Busy, Unavailable

USER_LIMIT = 1024
"""Bytes of a user name."""
PASSWORD_LIMIT = 1024
"""Bytes of a password: hashing a longer one is work that anybody could ask for."""
ATTEMPTS = 64
"""Requests of one connection that is not logged in."""


class Verdict(Enum):
    """Why a login did not happen, as far as it concerns a protocol."""

    WRONG = "the client is to blame, and it counts"
    DOWN = "nobody can say at the moment"
    BUSY = "too many sessions: this connection can do nothing more"
    BROKEN = "a fault of ours; told as WRONG"


def judge(error: BaseException) -> Verdict:
    """What *error* of a login means."""
    if isinstance(error, Busy):
        return Verdict.BUSY
    if isinstance(error, Unavailable | LoginUnavailable):
        return Verdict.DOWN
    return Verdict.WRONG if isinstance(error, UnauthorizedLogin) else Verdict.BROKEN


def wait_out(clock: IReactorTime, started: float, delay: float) -> Deferred[None]:
    """Fires *delay* seconds after *started*: when an attempt that began then may be told that it failed."""
    return deferLater(clock, max(started + delay - clock.seconds(), 0), lambda: None)
