"""Commands that move bytes: RETR STOR STOU APPE ABOR (RFC 959 section 4.1.3), and how listings are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from secrets import token_hex
from time import gmtime, strftime

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Attributes
from swftp.ftp.context import Context, Mode, Type
from swftp.ftp.receiving import Receiving
from swftp.ftp.reply import Refused, Reply, reply
from swftp.ftp.sending import Pieces, Sending
from swftp.ftp.transfer import Transfer
from swftp.session import OpenMode, Reader, Writer

__all__ = ["Transfer", "abor", "appe", "retr", "send", "stor", "stou"]

REPLACE = OpenMode(create=True, truncate=True)
RESUME = OpenMode(create=True)
APPEND = OpenMode(create=True, append=True)
UNIQUE = OpenMode(create=True, exclusive=True)
FIRST = 64 << 10
"""Bytes read before the data connection is."""


async def stor(context: Context, argument: bytes) -> Reply:
    """STOR; behind REST it goes on at that offset, and what came before that stays (RFC 3659 section 5.4)."""
    path = context.path(argument)
    with Transfer(context, f"{path} from client") as transfer:
        mode = RESUME if _restart(context) else REPLACE
        writer = await context.session.open_writer(path, mode, Attributes(), _nothing)
        return await _receive(context, transfer, writer, context.restart, counted=context.restart)


async def appe(context: Context, argument: bytes) -> Reply:
    """APPE."""
    path = context.path(argument)
    with Transfer(context, f"{path} from client") as transfer:
        writer = await context.session.open_writer(path, APPEND, Attributes(), _nothing)
        return await _receive(context, transfer, writer, writer.entry.size)


async def stou(context: Context, argument: bytes) -> Reply:
    """
    STOU: as STOR, under a name that nothing has; the argument is how it begins.

    Names are seen when they are stored: what nobody else can come upon meanwhile is a random one.
    """
    name = argument.strip() or strftime("upload-%Y%m%d-%H%M%S", gmtime(context.session.wall())).encode("ascii")
    path = context.path(b"%s.%s" % (name, token_hex(4).encode("ascii")))
    with Transfer(context, f"{path} from client") as transfer:
        writer = await context.session.open_writer(path, UNIQUE, Attributes(), _nothing)
        return await _receive(context, transfer, writer, 0, f"FILE: {path.name}")  # RFC 1123 section 4.1.2.9


def _nothing() -> None:
    """Nobody reads from what is being received."""


def _restart(context: Context) -> int:
    """Where REST said to begin.

    :raises Refused: nobody can tell where that is.
    """
    if context.restart and context.type is Type.ASCII:
        raise Refused(504, "REST counts bytes: TYPE I, please.")
    return context.restart


def _check_offset(offset: int, size: int) -> None:
    if offset > size:
        raise Refused(554, f"The file has {size} bytes: nothing can go on at {offset}.")


async def _receive(
    context: Context, transfer: Transfer, writer: Writer, offset: int, what: str = "", *, counted: int = 0
) -> Reply:
    """
    :param what: to tell the client, in place of what it is told of any other.
    :param counted: bytes that are there already, and may be among those that ALLO announced: lftp does so.
    """
    try:
        _check_offset(offset, writer.entry.size)
        pipe = Receiving(
            transfer.terms(),
            writer.write,
            offset,
            piece=writer.piece,
            text=context.type is Type.ASCII,
            inflated=context.mode is Mode.DEFLATE,
        )
        await transfer.move(pipe, what)
        allocated = context.allocated or 0
        if counted + pipe.came < allocated:
            raise errors.Interrupted(f"{allocated} bytes were announced and {pipe.came} came: nothing was changed")
        entry = await transfer.commit(lambda sure: writer.close(sure=sure))
        return reply(226, what or f"Stored, {entry.size} bytes.")
    finally:
        writer.lost()  # unless it was closed


async def retr(context: Context, argument: bytes) -> Reply:
    """RETR; behind REST from that offset on (RFC 3659 section 5)."""
    path = context.path(argument)
    bell = _Bell()
    with Transfer(context, f"{path} to client") as transfer:
        reader = await context.session.open_reader(path, bell.ring, 0 if context.restart else FIRST)
        try:
            offset, text, deflated = _restart(context), context.type is Type.ASCII, context.mode is Mode.DEFLATE
            first = await _first(transfer, reader, bell, offset)
            _check_offset(offset, reader.entry.size)
            pipe = Sending(
                transfer.terms(), reader.read, offset, first, piece=reader.piece, text=text, deflated=deflated
            )
            bell.rings = pipe.pump
            # clients show how far they are by the number in brackets
            await transfer.move(pipe, "" if text else f"Sending the file ({reader.entry.size - offset} bytes).")
            return reply(226, f"Sent, {pipe.moved} bytes.")
        finally:
            reader.close()


class _Bell:
    """Rings when more of a file is there."""

    def __init__(self) -> None:
        self.rings = _nothing

    def ring(self) -> None:
        self.rings()


async def _first(transfer: Transfer, reader: Reader, bell: _Bell, offset: int) -> bytes | memoryview:
    """The first bytes: with them it is certain what will be sent, and no error comes too late for 550."""
    while (data := reader.read(offset, FIRST)) is None:
        heard: Deferred[None] = Deferred()

        def ring(heard: Deferred[None] = heard) -> None:
            if not heard.called:
                heard.callback(None)

        bell.rings = ring
        await transfer.wait(heard)
    bell.rings = _nothing
    transfer.check()
    return data


async def send(context: Context, transfer: Transfer, pieces: AsyncIterator[bytes]) -> Reply:
    """Send *pieces*, which are as they are to be on the wire, over the data connection."""
    bell = _Bell()
    source = Pieces(pieces, bell.ring, context.session.background)
    pipe = Sending(transfer.terms(), source.read, deflated=context.mode is Mode.DEFLATE)
    bell.rings = pipe.pump
    try:
        await transfer.move(pipe)
    finally:
        bell.rings = _nothing  # else each would hold the other
    return reply(226, "Sent.")


async def abor(context: Context, argument: bytes) -> Reply:
    """ABOR: the transfer is answered first (RFC 959 section 4.1.3)."""
    transfer = context.transfer
    if transfer is not None:
        transfer.abort()
    else:
        context.data.close()
    await context.control.idle()
    return reply(225, "No transfer was running.") if transfer is None else reply(226, "Abort done.")
