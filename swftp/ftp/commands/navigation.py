"""Where we are: PWD CWD CDUP."""

from __future__ import annotations

from swftp import errors
from swftp.entries import Kind
from swftp.ftp.context import Context
from swftp.ftp.reply import Reply, reply
from swftp.paths import Path


def quoted(path: Path) -> str:
    """*path* as replies 257 have it (RFC 959 appendix II)."""
    return '"' + str(path).replace('"', '""') + '"'


async def print_directory(context: Context, argument: bytes) -> Reply:
    """PWD."""
    return reply(257, f"{quoted(context.cwd)} is where you are.")


async def change_directory(context: Context, argument: bytes) -> Reply:
    """CWD."""
    return await _go(context, context.path(argument))


async def change_up(context: Context, argument: bytes) -> Reply:
    """CDUP: from the root it leads to the root.  "Reply codes shall be identical to those of CWD" (RFC 959 4.1.1)."""
    return await _go(context, context.cwd.parent)


async def _go(context: Context, path: Path) -> Reply:
    """
    :raises NotDirectory: *path* is none.
    """
    if not path.is_root and (await context.session.stat(path)).kind is not Kind.DIRECTORY:
        raise errors.NotDirectory()
    context.session  # noqa: B018  (somebody has to be logged in)
    context.cwd = path
    return reply(250, f"{quoted(path)} is where you are.")
