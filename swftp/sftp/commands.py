"""
Which request is parsed how and done by whom: one row each.

A row's function is a plain call; what must wait is handed to a handle's queue or to `IReplies.attend`, both of which
answer in the end.  What the function raises is answered by its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from swftp.sftp import directories, files, names
from swftp.sftp.context import Context
from swftp.sftp.directories import DirectoryHandle
from swftp.sftp.handles import FileHandle, Handle, Outcome
from swftp.sftp.wire import ATTRS, STRING, UINT32, UINT64, Cursor, Field, Layout, Packet, Reply

Run = Callable[..., None]
Handler = Callable[..., Coroutine[Any, Any, Reply | None]]


@dataclass(frozen=True, slots=True)
class Command:
    """One kind of request."""

    layout: Layout
    run: Run
    """Called with the context, the request id and the fields."""

    def perform(self, context: Context, request: int, cursor: Cursor) -> None:
        """
        Do what the request whose fields *cursor* is at asks for.

        :raises Malformed: it does not parse.
        """
        self.run(context, request, *self.layout.parse(cursor))


def plain(run: Run, *fields: Field) -> Command:
    """A row whose function does all of it at once."""
    return Command(Layout(fields), run)


def on_path(handler: Handler, *fields: Field, names: int = 1, lenient: bool = False) -> Command:
    """
    A row about names: it starts at once, the session keeps the order.

    But where a file being written at one of the *names*, the first fields, has yet to begin what was asked of its
    handle before, it starts behind that.
    """

    def run(context: Context, request: int, *values: Any) -> None:
        late = context.table.behind(values[:names], context.cwd)
        if late:
            late[0].task(request, lambda: handler(context, *values), *late[1:])
            return

        def settle(outcome: Outcome) -> None:
            context.replies.done()
            context.replies.answer(request, outcome)

        context.replies.begun()
        context.replies.attend(handler(context, *values), settle)

    return Command(Layout(fields, lenient), run)


def on_handle(kind: type[Handle], handler: Handler, *fields: Field, bulky: bool = False) -> Command:
    """
    A row about a handle, its first field: it starts when what came before on that handle is done.

    :param bulky: see `Handle.task`.
    """

    def run(context: Context, request: int, name: bytes, *values: Any) -> None:
        handle = context.table.find(name, kind)
        handle.task(request, lambda: handler(context, handle, *values), bulky=bulky)

    return Command(Layout((STRING, *fields)), run)


def _read(context: Context, request: int, name: bytes, offset: int, length: int) -> None:
    context.table.find(name, FileHandle).read(request, offset, length)


def _write(context: Context, request: int, name: bytes, offset: int, data: bytes) -> None:
    context.table.find(name, FileHandle).write(request, offset, [memoryview(data)] if data else [], len(data))


COMMANDS: dict[int, Command] = {
    Packet.OPEN: on_path(files.open_file, STRING, UINT32, ATTRS),
    Packet.CLOSE: plain(files.close, STRING),
    Packet.READ: plain(_read, STRING, UINT64, UINT32),
    Packet.WRITE: plain(_write, STRING, UINT64, STRING),
    Packet.LSTAT: on_path(names.lstat, STRING),
    Packet.FSTAT: on_handle(FileHandle, files.fstat),
    Packet.SETSTAT: on_path(names.setstat, STRING, ATTRS),
    Packet.FSETSTAT: on_handle(FileHandle, files.fsetstat, ATTRS),
    Packet.OPENDIR: on_path(directories.opendir, STRING),
    Packet.READDIR: on_handle(DirectoryHandle, directories.readdir, bulky=True),
    Packet.REMOVE: on_path(names.remove, STRING),
    Packet.MKDIR: on_path(directories.mkdir, STRING, ATTRS),
    Packet.RMDIR: on_path(directories.rmdir, STRING),
    # "Flow" for macOS sends bytes after the path, and later drafts define some
    Packet.REALPATH: on_path(names.realpath, STRING, lenient=True),
    Packet.STAT: on_path(names.stat, STRING),
    Packet.RENAME: on_path(names.rename, STRING, STRING, names=2),
    Packet.READLINK: on_path(names.readlink, STRING),
    Packet.SYMLINK: on_path(names.symlink, STRING, STRING, names=2),
}
"""By packet type."""
