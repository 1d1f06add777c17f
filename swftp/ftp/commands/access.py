"""Who is there and how safely: USER PASS ACCT REIN QUIT, AUTH PBSZ PROT CCC (RFC 4217), HOST (RFC 7151)."""

from __future__ import annotations

from swftp.ftp.context import HASH, Context, Mode, Type
from swftp.ftp.reply import Refused, Reply, reply
from swftp.paths import ROOT

TLS = {b"TLS": False, b"TLS-C": False, b"TLS-P": True, b"SSL": True}
"""
Mechanisms of AUTH that are TLS (RFC 4217 section 17) -> whether they mean PROT P, too.

Clients that say SSL are older than PBSZ and PROT.
"""


async def user(context: Context, argument: bytes) -> Reply:
    """USER: begins a login, also where somebody is logged in already (RFC 959 section 4.1.1)."""
    _needs_tls(context)
    _fresh(context)
    answer = context.login.named(argument)
    names = context.control.names(context.settings.client_name)
    if context.login.user in names and await context.login.certified():
        return reply(232, "Logged in by certificate.")
    return answer


async def password(context: Context, argument: bytes) -> Reply:
    """PASS."""
    _needs_tls(context)
    return await context.login.password(argument)


async def account(context: Context, argument: bytes) -> Reply:
    """ACCT: nobody needs one here."""
    return reply(202, "Not needed.")


async def reinitialize(context: Context, argument: bytes) -> Reply:
    """REIN: as if the connection were new, but for TLS."""
    context.login.forget()
    _fresh(context)
    return reply(220, "Please log in.")


async def leave(context: Context, argument: bytes) -> Reply:
    """QUIT; waits for a transfer that runs, as everything does."""
    return reply(221, "Goodbye.")


async def auth(context: Context, argument: bytes) -> Reply:
    """AUTH (RFC 2228 section 3): TLS begins behind the answer, and with it all is as if the connection were new."""
    mechanism = argument.strip().upper()
    if mechanism not in TLS:
        raise Refused(504, "TLS is what there is.")
    if context.control.tls is not None:
        raise Refused(503, "TLS is on already.")
    if not context.control.can_tls:
        raise Refused(502, "TLS is not configured here.")
    _fresh(context)
    context.protected = TLS[mechanism]
    return reply(234, "TLS, please.")


async def buffer_size(context: Context, argument: bytes) -> Reply:
    """PBSZ: of TLS it is 0 (RFC 4217 section 8)."""
    if context.control.tls is None:
        raise Refused(503, "AUTH TLS comes first.")
    if not argument.strip().isdigit():
        raise Refused(501, "A number, please.")
    context.sized = True
    return reply(200, "PBSZ=0")


async def protection(context: Context, argument: bytes) -> Reply:
    """PROT C or P (RFC 4217 section 9)."""
    if context.control.tls is None:
        raise Refused(503, "AUTH TLS comes first.")
    if not context.sized:
        raise Refused(503, "PBSZ comes first.")
    level = argument.strip().upper()
    if level == b"P":
        context.protected = True
    elif level == b"C":
        if context.settings.protects(secured=True):
            raise Refused(534, "Data connections have to be protected here.")
        context.protected = False
    elif level in (b"S", b"E"):
        raise Refused(536, "C or P, please.")
    else:
        raise Refused(504, "C or P, please.")
    return reply(200, "Data connections are " + ("protected." if context.protected else "in the clear."))


async def clear_control(context: Context, argument: bytes) -> Reply:
    """CCC: what came through TLS would be mixed with what did not; never."""
    raise Refused(534, "The control connection stays protected.")


async def host(context: Context, argument: bytes) -> Reply:
    """HOST: there is one host here."""
    raise Refused(504, "There are no virtual hosts here.")


def _needs_tls(context: Context) -> None:
    if context.settings.require_tls_login and context.control.tls is None:
        raise Refused(530, "Please say AUTH TLS first.")


def _fresh(context: Context) -> None:
    """What was said before is said of somebody else."""
    context.cwd, context.type, context.mode, context.all_extended = ROOT, Type.IMAGE, Mode.STREAM, False
    context.facts, context.hash_algorithm = None, HASH
    context.data.close()
