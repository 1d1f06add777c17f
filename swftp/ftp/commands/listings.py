"""LIST, NLST, MLSD, MLST and STAT with a path."""

from __future__ import annotations

from contextlib import aclosing

from swftp import errors
from swftp.entries import Entry
from swftp.ftp.context import Context
from swftp.ftp.facts import chosen, facts, listed
from swftp.ftp.listing import find, lines, parse_argument, pieces
from swftp.ftp.reply import Refused, Reply, reply
from swftp.ftp.transfers import Transfer, send

LISTING = "directory listing to client"
"""What a transfer is about, for STAT."""
STAT_LIMIT = 1 << 20
"""Bytes of lines in one reply to STAT, which has to be held in memory as a whole."""


async def _listed(context: Context, argument: bytes, long: bool) -> Reply:
    with Transfer(context, LISTING) as transfer:
        wanted = parse_argument(argument, long=long)
        found = await find(context, wanted)
        return await send(context, transfer, pieces(context, wanted, found))


async def list_(context: Context, argument: bytes) -> Reply:
    """LIST, RFC 959 section 4.1.3."""
    return await _listed(context, argument, long=True)


async def nlst(context: Context, argument: bytes) -> Reply:
    """NLST, RFC 959 section 4.1.3; with ``-l`` as LIST: that is how old clients ask for it."""
    return await _listed(context, argument, long=False)


async def mlsd(context: Context, argument: bytes) -> Reply:
    """MLSD, RFC 3659 section 7.1: neither options nor patterns."""
    with Transfer(context, LISTING) as transfer:
        path = context.path(argument)
        names = chosen(context)
        try:
            listing = await context.session.listing(path)
        except errors.NotDirectory:
            raise Refused(501, "Not a directory.") from None

        def render(entry: Entry) -> bytes:
            return f"{listed(entry, path, names)} {entry.name}".encode()

        return await send(context, transfer, lines(listing, render))


async def mlst(context: Context, argument: bytes) -> Reply:
    """MLST, RFC 3659 section 7.1: of what stands there, not of what a link leads to."""
    path = context.path(argument)
    entry = await context.session.stat(path, follow=False)
    return reply(250, "Listing follows.", f"{facts(entry, path, chosen(context))} {path}", "End.")


async def stat_path(context: Context, argument: bytes) -> Reply:
    """
    STAT with a path, RFC 959 section 4.1.3: LIST over the control connection.

    :raises Refused: more entries than a reply may have.
    """
    wanted = parse_argument(argument, long=True)
    found, size = [], 0
    async with aclosing(pieces(context, wanted, await find(context, wanted))) as blocks:
        async for block in blocks:
            size += len(block)
            if size > STAT_LIMIT:
                raise Refused(450, "Too many entries for STAT; use LIST or MLSD.")
            found += block.decode().split("\r\n")[:-1]
    return reply(213, "Status follows:", *found, "End of status.")
