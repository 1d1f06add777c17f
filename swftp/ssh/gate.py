"""
Which message may come when: the one guard before every handler.

A handler never asks whether it is its turn: a message that is not allowed in this phase does not reach one
(RFC 4252 section 6, RFC 4253 sections 7.1 and 9; what CVE-2025-32433 and CVE-2018-10933 lacked).
"""

from __future__ import annotations

from enum import Enum

from swftp.ssh.wire import Msg


class Phase(Enum):
    """How far a connection has come."""

    VERSION = "version"
    FIRST_KEX = "first key exchange"
    SERVICE = "no service yet"
    AUTH = "authentication"
    OPEN = "logged in"
    CLOSED = "closed"


class Exchange(Enum):
    """
    Where a key exchange is.

    We may send nothing else from ASKED on until ANSWERED, they nothing from GUESSED or AGREED on until NONE.
    """

    NONE = "none"
    ASKED = "our KEXINIT is out"
    GUESSED = "both KEXINIT are there; a packet follows that the client sent on a wrong guess"
    AGREED = "both KEXINIT are there"
    ANSWERED = "our NEWKEYS is out"


class Verdict(Enum):
    """What becomes of a message."""

    PASS = "pass"  # noqa: S105
    IGNORE = "ignore"
    UNKNOWN = "answer UNIMPLEMENTED"
    REFUSE = "disconnect"


_GENERIC = frozenset((Msg.DISCONNECT, Msg.IGNORE, Msg.UNIMPLEMENTED, Msg.DEBUG))
_PHASE: dict[Phase, frozenset[int]] = {
    Phase.VERSION: frozenset(),
    Phase.FIRST_KEX: frozenset((Msg.KEXINIT,)),
    Phase.SERVICE: frozenset((Msg.KEXINIT, Msg.EXT_INFO, Msg.SERVICE_REQUEST)),
    Phase.AUTH: frozenset(
        (Msg.KEXINIT, Msg.EXT_INFO, Msg.SERVICE_REQUEST, Msg.USERAUTH_REQUEST, Msg.USERAUTH_INFO_RESPONSE)
    ),
    Phase.OPEN: frozenset(
        (
            Msg.KEXINIT,
            Msg.GLOBAL_REQUEST,
            Msg.REQUEST_SUCCESS,
            Msg.REQUEST_FAILURE,
            Msg.CHANNEL_OPEN,
            Msg.CHANNEL_WINDOW_ADJUST,
            Msg.CHANNEL_DATA,
            Msg.CHANNEL_EXTENDED_DATA,
            Msg.CHANNEL_EOF,
            Msg.CHANNEL_CLOSE,
            Msg.CHANNEL_REQUEST,
        )
    ),
    Phase.CLOSED: frozenset(),
}
_KNOWN = frozenset(Msg)
METHOD = range(30, 50)
"""Messages of key exchange methods (RFC 4250 section 4.1.2): whichever a client guessed, one of them follows."""
_AWAITED: dict[Exchange, frozenset[int]] = {
    Exchange.GUESSED: frozenset((Msg.DISCONNECT, *METHOD)),
    Exchange.AGREED: frozenset((Msg.DISCONNECT, Msg.KEX_INIT)),
    Exchange.ANSWERED: frozenset((Msg.DISCONNECT, Msg.NEWKEYS)),
}


def verdict(phase: Phase, exchange: Exchange, number: int, strict: bool) -> Verdict:
    """
    What becomes of message *number*.

    :param strict: the client asked for strict key exchange: nothing but the exchange itself during the first one.
    """
    if phase in (Phase.VERSION, Phase.CLOSED):
        return Verdict.REFUSE
    awaited = _AWAITED.get(exchange)
    if awaited is not None:
        if number in awaited:
            return Verdict.PASS
        quiet = strict and phase is Phase.FIRST_KEX
        return Verdict.PASS if number in _GENERIC and not quiet else Verdict.REFUSE
    if number in _GENERIC or number in _PHASE[phase]:
        return Verdict.PASS
    if phase is Phase.OPEN:
        if number in (Msg.USERAUTH_REQUEST, Msg.USERAUTH_INFO_RESPONSE):
            return Verdict.IGNORE  # sent before the client saw SUCCESS (RFC 4252 section 5.1)
        if number not in _KNOWN:
            return Verdict.UNKNOWN
    return Verdict.REFUSE
