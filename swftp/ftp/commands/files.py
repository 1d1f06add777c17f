"""Names and what belongs to them: MKD RMD DELE RNFR RNTO SIZE MDTM MFMT AVBL COMB, SITE CHMOD UTIME SYMLINK COPY."""

from __future__ import annotations

import re

from swftp import errors
from swftp.entries import Attributes, Kind
from swftp.ftp.commands.navigation import quoted
from swftp.ftp.context import Context, Type
from swftp.ftp.facts import parse_time, timestamp
from swftp.ftp.reply import Refused, Reply, reply

TIMED = re.compile(rb"(\d{14}(?:\.\d+)?) (.+)", re.DOTALL)
MINUTES = re.compile(rb"(\d{12}|\d{14}) (.+)", re.DOTALL)
THREE_TIMES = re.compile(rb"(.+) (\d{14}) (\d{14}) (\d{14}) UTC", re.DOTALL | re.IGNORECASE)
WORD = re.compile(rb'\s*(?:"((?:[^"]|"")*)"|([^"\s]\S*))(?=\s|\Z)')
WORDS = 1024
"""Names of one COMB."""


async def make_directory(context: Context, argument: bytes) -> Reply:
    """MKD."""
    path = context.path(argument)
    await context.session.make_directory(path)
    return reply(257, f"{quoted(path)} created.")


async def remove_directory(context: Context, argument: bytes) -> Reply:
    """RMD: of an empty directory only."""
    await context.session.remove_directory(context.path(argument))
    return reply(250, "Directory removed.")


async def delete(context: Context, argument: bytes) -> Reply:
    """DELE."""
    await context.session.remove(context.path(argument))
    return reply(250, "File removed.")


async def rename_from(context: Context, argument: bytes) -> Reply:
    """RNFR."""
    path = context.path(argument)
    if not path.is_root:
        await context.session.stat(path, follow=False)
    context.rename_from = path
    return reply(350, "And the new name?")


async def rename_to(context: Context, argument: bytes) -> Reply:
    """RNTO: replaces what is there, as every FTP server on a file system does."""
    source = context.rename_from
    if source is None:
        raise Refused(503, "RNFR comes first.")
    await context.session.rename(source, context.path(argument))
    return reply(250, "Renamed.")


async def size(context: Context, argument: bytes) -> Reply:
    """
    SIZE (RFC 3659 section 4): of a container what it holds, of other directories 0, as in 2014.

    :raises Refused: 550 in TYPE A: nobody has counted the lines.
    """
    if context.type is Type.ASCII:
        raise Refused(550, "The size is known in TYPE I only.")
    path = context.path(argument)
    entry = await context.session.stat(path)
    known = entry.kind is Kind.FILE or path.is_container
    return reply(213, str(entry.size if known else 0))


async def modified(context: Context, argument: bytes) -> Reply:
    """MDTM (RFC 3659 section 3); also with a time before the name, as FlashFXP and ncftp set it."""
    try:
        entry = await context.session.stat(context.path(argument))
    except errors.NotFound:
        if not TIMED.fullmatch(argument):
            raise
        return await modify(context, argument)
    if entry.kind is not Kind.FILE:
        raise Refused(550, "Not a file.")
    return reply(213, timestamp(entry.mtime))


async def modify(context: Context, argument: bytes) -> Reply:
    """MFMT (draft-somers-ftp-mfxx-04 section 3.1)."""
    found = TIMED.fullmatch(argument)
    if not found:
        raise Refused(501, "YYYYMMDDHHMMSS and a name, please.")
    path = context.path(found[2])
    moment = parse_time(found[1])
    await context.session.update(path, Attributes(mtime=moment))
    return reply(213, f"Modify={timestamp(moment)}; {found[2].decode('utf-8', 'replace')}")


async def available(context: Context, argument: bytes) -> Reply:
    """
    AVBL (draft-peterson-streamlined-ftp-command-extensions-10 section 4): bytes that the quota leaves.

    :raises Refused: 550, there is no quota.
    """
    usage = await context.session.usage(context.path(argument))
    if usage.quota_bytes is None:
        raise Refused(550, "There is no limit here.")
    return reply(213, str(max(usage.quota_bytes - usage.used_bytes, 0)))


async def combine(context: Context, argument: bytes) -> Reply:
    """COMB, as CuteFTP and Globus have it: parts become the end of one file, made by the store, and then go."""
    target, *parts = [context.path(word) for word in words(argument)]
    if not parts:
        raise Refused(501, "A file and its parts, please.")
    await context.session.combine(target, parts)
    for part in dict.fromkeys(parts):
        await context.session.remove(part)
    return reply(250, f"{len(parts)} parts combined.")


async def change_mode(context: Context, argument: bytes) -> Reply:
    """SITE CHMOD."""
    mode, _, name = argument.partition(b" ")
    if not re.fullmatch(rb"[0-7]{1,4}", mode) or not name:
        raise Refused(501, "Octal digits and a name, please.")
    await context.session.update(context.path(name), Attributes(mode=int(mode, 8)))
    return reply(200, "Mode changed.")


async def touch(context: Context, argument: bytes) -> Reply:
    """SITE UTIME: a time and a name (FileZilla's old servers), or a name and three times (ncftp, ProFTPD)."""
    if found := THREE_TIMES.fullmatch(argument):
        name, moment = found[1], found[3]
    elif found := MINUTES.fullmatch(argument):
        name, moment = found[2], found[1].ljust(14, b"0")
    else:
        raise Refused(501, "YYYYMMDDHHMMSS and a name, please.")
    await context.session.update(context.path(name), Attributes(mtime=parse_time(moment)))
    return reply(200, "Time changed.")


async def link(context: Context, argument: bytes) -> Reply:
    """SITE SYMLINK target link, relative to where we are both of them."""
    target, path = _two(argument)
    await context.session.make_link(context.path(path), context.path(target))
    return reply(200, "Link made.")


async def copy(context: Context, argument: bytes) -> Reply:
    """SITE COPY source target: by the store; replaces a file."""
    source, target = _two(argument)
    await context.session.copy(context.path(source), context.path(target))
    return reply(200, "Copied.")


def _two(argument: bytes) -> list[bytes]:
    found = words(argument)
    if len(found) != 2:
        raise Refused(501, 'Two names, please; one with blanks as "a b".')
    return found


def words(argument: bytes) -> list[bytes]:
    """
    The words of *argument*; one with blanks stands in double quotes, in which two of them mean one.

    :raises Refused: 501, a quote has no end, or there are too many.
    """
    rest = argument.rstrip()
    found: list[bytes] = []
    at = 0
    while at < len(rest):
        match = WORD.match(rest, at)
        if match is None or len(found) >= WORDS:
            raise Refused(501, "The names make no sense.")
        found.append(match[1].replace(b'""', b'"') if match[1] is not None else match[2])
        at = match.end()
    return found
