"""What the next transfer is to be like: TYPE STRU MODE REST ALLO, PASV EPSV PORT EPRT (RFC 959, RFC 2428)."""

from __future__ import annotations

import re
from ipaddress import ip_address

from swftp.ftp.context import Context, Mode, Type
from swftp.ftp.reply import Refused, Reply, reply

LARGEST = (1 << 63) - 1
WORTH_ASKING = 1 << 20
"""Bytes from which on ALLO looks at the quota: lftp says it before every file, and the upload itself is told, too."""
FAMILIES = {b"1": 4, b"2": 6}
"""Network protocols of RFC 2428 section 2 -> versions of IP."""
NUMBERS = re.compile(rb"(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})")


async def type_(context: Context, argument: bytes) -> Reply:
    """TYPE A, A N, I, L 8."""
    wanted = argument.strip().upper()
    if wanted in (b"A", b"A N"):
        if context.settings.ascii == "refuse":
            raise Refused(504, "Files are transferred as they are here: TYPE I.")
        context.type = Type.ASCII
    elif wanted in (b"I", b"L 8"):
        context.type = Type.IMAGE
    else:
        raise Refused(504, "A or I, please.")
    return reply(200, f"Type is {context.type.value}.")


async def structure(context: Context, argument: bytes) -> Reply:
    """STRU F."""
    if argument.strip().upper() != b"F":
        raise Refused(504, "F, please.")
    return reply(200, "Structure is F.")


async def mode(context: Context, argument: bytes) -> Reply:
    """MODE S, and Z where it is offered (draft-preston-ftpext-deflate-04)."""
    wanted = argument.strip().upper()
    if wanted == b"S":
        context.mode = Mode.STREAM
    elif wanted == b"Z" and context.settings.mode_z:
        context.mode = Mode.DEFLATE
    else:
        raise Refused(504, "S, please.")
    return reply(200, f"Mode is {context.mode.value}.")


async def restart(context: Context, argument: bytes) -> Reply:
    """REST (RFC 3659 section 5): where the next transfer begins, in bytes of the file."""
    offset = _number(argument)
    if offset and context.type is Type.ASCII:
        raise Refused(504, "Bytes can be counted in TYPE I only.")
    context.restart = offset
    return reply(350, f"Restarting at {offset}.")


async def allocate(context: Context, argument: bytes) -> Reply:
    """
    ALLO: how many bytes the next upload has; fewer will not be stored.

    :raises Refused: 552, there is no room for them.
    """
    size, *record = argument.split()
    if record and (len(record) != 2 or record[0].upper() != b"R"):
        raise Refused(501, "ALLO bytes, please.")
    context.allocated = _number(size)
    usage = await context.usage() if context.allocated >= WORTH_ASKING else None
    left = None if usage is None or usage.quota_bytes is None else usage.quota_bytes - usage.used_bytes
    if left is not None and left < context.allocated:
        context.allocated = None
        raise Refused(552, "Quota exceeded.")
    return reply(200, "OK")


def _number(argument: bytes) -> int:
    text = argument.strip()
    if not text.isdigit() or len(text) > 19 or int(text) > LARGEST:
        raise Refused(501, "A number of bytes, please.")
    return int(text)


async def passive(context: Context, argument: bytes) -> Reply:
    """PASV."""
    _no_longer(context)
    if _version(context.control.host) != 4:
        raise Refused(425, "This connection is one of IPv6: EPSV, please.")
    address = await context.data.public_address()
    if _version(address) != 4:
        raise Refused(425, "We have no address of IPv4: EPSV, please.")
    context.session  # noqa: B018  (who has left meanwhile would leave an open port behind)
    port = context.data.passive()
    numbers = ",".join([*address.split("."), str(port >> 8), str(port & 255)])
    return reply(227, f"Entering Passive Mode ({numbers}).")


async def extended_passive(context: Context, argument: bytes) -> Reply:
    """EPSV, RFC 2428 section 3."""
    wanted = argument.strip().upper()
    if wanted == b"ALL":
        context.all_extended = True
        return reply(200, "EPSV it is.")
    if wanted and FAMILIES.get(wanted) != _version(context.control.host):
        raise Refused(
            522, f"Network protocol not supported, use ({1 if _version(context.control.host) == 4 else 2})."
        )
    port = context.data.passive()
    return reply(229, f"Entering Extended Passive Mode (|||{port}|).")


async def port(context: Context, argument: bytes) -> Reply:
    """PORT."""
    _may_connect(context)
    found = NUMBERS.fullmatch(argument.strip())
    numbers = [int(number) for number in found.groups()] if found else []
    if not numbers or max(numbers) > 255:
        raise Refused(501, "Six numbers from 0 to 255, please.")
    context.data.active(".".join(map(str, numbers[:4])), numbers[4] << 8 | numbers[5])
    return reply(200, "OK")


async def extended_port(context: Context, argument: bytes) -> Reply:
    """EPRT, RFC 2428 section 2."""
    _may_connect(context)
    text = argument.strip()
    parts = text[1:-1].split(text[:1]) if text[:1] and text[:1] == text[-1:] else []
    if len(parts) != 3 or not re.fullmatch(rb"\d{1,5}", parts[2]):
        raise Refused(501, "|protocol|address|port|, please.")
    if parts[0] not in FAMILIES:
        raise Refused(522, "Network protocol not supported, use (1,2).")
    try:
        address = ip_address(parts[1].decode("ascii"))
    except ValueError:
        raise Refused(501, "No such address.") from None
    if address.version != FAMILIES[parts[0]]:
        raise Refused(501, "No address of that protocol.")
    context.data.active(str(address), int(parts[2]))
    return reply(200, "OK")


def _may_connect(context: Context) -> None:
    _no_longer(context)
    if not context.settings.active:
        raise Refused(502, "Active mode is off here: EPSV or PASV, please.")


def _no_longer(context: Context) -> None:
    if context.all_extended:
        raise Refused(503, "EPSV ALL was said.")


def _version(host: str) -> int:
    """Of IP; an IPv4 address in an IPv6 one counts as what it is."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return 4
    return 4 if getattr(address, "ipv4_mapped", None) else address.version
