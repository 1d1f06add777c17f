"""What the server is and what it does: FEAT OPTS HELP SYST STAT NOOP CLNT CSID LANG."""

from __future__ import annotations

from swftp.ftp.command import Command
from swftp.ftp.commands.listings import stat_path
from swftp.ftp.context import Context, Type
from swftp.ftp.reply import Refused, Reply, reply

COLUMNS = 8
"""Words in a line of HELP."""


async def features(context: Context, argument: bytes) -> Reply:
    """FEAT (RFC 2389 section 3)."""
    found = [_feature(context, command) for command in context.control.commands.values()]
    lines = sorted({*filter(None, found), "UTF8"})
    return reply(211, "Features:", *lines, "End")


def _feature(context: Context, command: Command) -> str:
    return command.feature if isinstance(command.feature, str) else command.feature(context)


async def utf8(context: Context, argument: bytes) -> Reply:
    """OPTS UTF8: names are UTF-8 whatever is said (draft-ietf-ftpext-utf-8-option-00)."""
    if argument.strip().upper() == b"OFF":
        raise Refused(504, "Names are always UTF-8 here.")
    return reply(200, "UTF8 is on.")


async def options(context: Context, argument: bytes) -> Reply:
    """OPTS of something that has none."""
    raise Refused(501, "Option of what?")


async def help_(context: Context, argument: bytes) -> Reply:
    """HELP: the commands, or how one is written."""
    return _help(context, argument.decode("utf-8", "replace").strip().upper())


async def site_help(context: Context, argument: bytes) -> Reply:
    """SITE HELP."""
    return _help(context, f"SITE {argument.decode('utf-8', 'replace').strip().upper()}".strip())


def _help(context: Context, name: str) -> Reply:
    commands = context.control.commands
    if name in commands and name != "SITE":
        return reply(214, f"Usage: {name} {commands[name].usage}".rstrip())
    prefix = "SITE " if name == "SITE" else ""
    if name and not prefix:
        raise Refused(501, "Unknown command.")
    names = sorted(
        known.removeprefix(prefix)
        for known in commands
        if known.startswith(prefix) and " " not in known.removeprefix(prefix)
    )
    rows = [" ".join(f"{word:<8}" for word in names[at : at + COLUMNS]) for at in range(0, len(names), COLUMNS)]
    return reply(214, "Commands:", *rows, "End")


async def site(context: Context, argument: bytes) -> Reply:
    """SITE alone."""
    return _help(context, "SITE")


async def system(context: Context, argument: bytes) -> Reply:
    """SYST: what clients choose their parser of LIST by."""
    return reply(215, "UNIX Type: L8")


async def nothing(context: Context, argument: bytes) -> Reply:
    """NOOP."""
    return reply(200, "OK")


async def status(context: Context, argument: bytes) -> Reply:
    """STAT: of the connection and the transfer that runs, or with a path a listing (RFC 959 section 4.1.3)."""
    if argument.strip():
        return await stat_path(context, argument)
    control, transfer = context.control, context.transfer
    kind = "ASCII" if context.type is Type.ASCII else "Image"
    data = "protected" if context.protected else "in the clear"
    lines = [
        f"Connected from {control.peer}",
        f"Logged in as {context.login.user}",
        f"Type: {kind}; structure: File; mode: {context.mode.value}",
        f"Control connection {'protected' if control.tls else 'in the clear'}; data connections {data}",
        transfer.describe() if transfer is not None else "No transfer is running",
    ]
    return reply(211, "SwFTP status:", *lines, "End")


async def client(context: Context, argument: bytes) -> Reply:
    """CLNT: good to know."""
    return reply(200, "Noted.")


async def client_identity(context: Context, argument: bytes) -> Reply:
    """CSID (draft-peterson-streamlined-ftp-command-extensions-10 section 4)."""
    return reply(200, "Name=SwFTP; OS=Unix; CaseSensitive=1; DirSep=/;")


async def language(context: Context, argument: bytes) -> Reply:
    """LANG (RFC 2640 section 4): English."""
    wanted = argument.strip().lower()
    if wanted and not wanted.startswith((b"en", b"*")):
        raise Refused(504, "English is what there is.")
    return reply(200, "English it is.")
