"""Requests about names: STAT, LSTAT, SETSTAT, REMOVE, RENAME, REALPATH and the symbolic links."""

from __future__ import annotations

from swftp import errors
from swftp.entries import Attributes, Kind
from swftp.paths import parse
from swftp.sftp import attributes
from swftp.sftp.context import Context
from swftp.sftp.files import as_copied, truncate_path
from swftp.sftp.wire import Attrs, Reply, attrs_reply, name_entry, name_reply


async def stat(context: Context, raw: bytes) -> Reply:
    """STAT, section 6.8."""
    return await _stat(context, raw, follow=True)


async def lstat(context: Context, raw: bytes) -> Reply:
    """LSTAT, section 6.8."""
    return await _stat(context, raw, follow=False)


async def _stat(context: Context, raw: bytes, *, follow: bool) -> Reply:
    path = parse(raw, context.cwd)
    entry = await context.session.stat(path, follow)
    for handle in context.table.twins(path):
        entry = as_copied(handle, entry)
    return attrs_reply(context.attrs(entry, path))


async def setstat(context: Context, raw: bytes, attrs: Attrs) -> None:
    """SETSTAT, section 6.9."""
    path = parse(raw, context.cwd)
    wanted = attributes.wanted(attrs)
    context.was_set(path, attrs)
    if attrs.size is not None:
        await truncate_path(context, path, attrs.size, wanted)
    elif wanted != Attributes():
        await context.session.update(path, wanted)
    else:  # owner and group alone: accepted, of what exists
        await context.session.stat(path)


async def lsetstat(context: Context, raw: bytes, attrs: Attrs) -> None:
    """
    ``lsetstat@openssh.com``: SETSTAT of the link itself, which keeps nothing of its own.

    :raises InvalidRequest: a size is asked for; the extension knows none.
    """
    if attrs.size is not None:
        raise errors.InvalidRequest("lsetstat sets no size")
    path = parse(raw, context.cwd)
    wanted = attributes.wanted(attrs)
    entry = await context.session.stat(path, follow=False)
    if entry.kind is not Kind.SYMLINK and wanted != Attributes():
        await context.session.update(path, wanted)


async def remove(context: Context, raw: bytes) -> None:
    """REMOVE, section 6.5."""
    await context.session.remove(parse(raw, context.cwd))


async def rename(context: Context, old: bytes, new: bytes) -> None:
    """RENAME, section 6.5: "it is an error if there already exists a file with the name specified by newpath"."""
    await context.session.rename(parse(old, context.cwd), parse(new, context.cwd), exclusive=True)


async def posix_rename(context: Context, old: bytes, new: bytes) -> None:
    """``posix-rename@openssh.com``: as rename(2), which replaces."""
    await context.session.rename(parse(old, context.cwd), parse(new, context.cwd), exclusive=False)


async def copy_file(context: Context, source: bytes, target: bytes, replace: int) -> None:
    """``copy-file`` of draft-ietf-secsh-filexfer-extensions-00: WinSCP's "Duplicate"; the store moves the bytes."""
    await context.session.copy(parse(source, context.cwd), parse(target, context.cwd), exclusive=not replace)


async def realpath(context: Context, raw: bytes) -> Reply:
    """REALPATH, section 6.11: by its text alone, so of what does not exist (yet) as well."""
    name = str(parse(raw, context.cwd)).encode("utf-8", "surrogatepass")
    return name_reply([name_entry(name, name, Attrs())])


async def readlink(context: Context, raw: bytes) -> Reply:
    """READLINK, section 6.10."""
    path = parse(raw, context.cwd)
    entry = await context.session.stat(path, follow=False)
    if entry.kind is not Kind.SYMLINK:
        raise errors.InvalidRequest("not a symbolic link")
    text = context.link_text(entry, path)
    return name_reply([name_entry(text, text, Attrs())])


LINK_FIRST = (b"-AsyncSSH_", b"-WinSCP", b"-libssh_", b"-libssh-", b"-ssh2js")
"""In the identification of clients that send SYMLINK in OpenSSH's order only to a server that says it is OpenSSH."""


async def symlink(context: Context, first: bytes, second: bytes) -> None:
    """
    SYMLINK, section 6.10.

    The draft has the link first.  OpenSSH has always sent the target first, and nearly every client follows it.
    """
    link, target = (first, second) if context.link_first else (second, first)
    path = parse(link, context.cwd)
    leads = parse(target, path.parent)
    await context.session.make_link(path, leads)
    context.recall.linked(path, str(leads), target)
