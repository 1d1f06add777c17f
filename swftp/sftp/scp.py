"""
The old scp protocol, as ``scp -O`` and programs of before 2022 speak it: ``scp -t`` takes, ``scp -f`` gives files.

There is no specification but OpenSSH's scp.c.  The law here: a file is stored when the client has sent all of it and
said that it was well, and no name from the client leads out of the directory it belongs in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from swftp import errors
from swftp.interfaces import ISessionChannel, ISubsystem
from swftp.session import Session
from swftp.session.bell import Bell
from swftp.sftp.stream import CRUMB
from swftp.sftp.words import Word, split

log = Logger()

LINE_LIMIT = 4096
"""Bytes of one line of the protocol; a name has at most 1024."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a command line asks for."""

    sink: bool
    """``-t``: the client sends; else ``-f``: it receives."""
    recursive: bool = False
    times: bool = False
    directory: bool = False
    """``-d``: the target has to be a directory."""
    paths: tuple[Word, ...]


def parse_command(line: bytes) -> Order | None:
    """
    What *line* asks for; None if it is not scp at all.

    :raises InvalidRequest: it is, but makes no sense, or a shell would be needed.
    """
    program = line.split(maxsplit=1)[:1]
    if not program or program[0].rpartition(b"/")[2] != b"scp":
        return None
    if len(line) > LINE_LIMIT:
        raise errors.InvalidRequest("command too long")
    try:
        words = split(line.decode("utf-8"))[1:]
    except UnicodeDecodeError:
        raise errors.InvalidRequest("command is not UTF-8") from None
    flags = ""
    while words and words[0].text.startswith("-"):
        word = words.pop(0).text
        if word == "--":
            break
        flags += word[1:]
    if set(flags) - set("tfrpdvq") or ("t" in flags) == ("f" in flags) or not words:
        raise errors.InvalidRequest("usage: scp -t|-f [-pqrv] [-d] path ...")
    if "t" in flags and len(words) != 1:
        raise errors.InvalidRequest("ambiguous target")
    return Order(
        sink="t" in flags,
        recursive="r" in flags,
        times="p" in flags,
        directory="d" in flags,
        paths=tuple(words),
    )


class ScpIO:
    """
    The bytes to and from one client, for a coroutine.

    :ivar bell: rings when either side moved.
    :ivar listening: whether it is the client's turn to say something.
    """

    def __init__(self, channel: ISessionChannel) -> None:
        self._channel = channel
        self._input: deque[memoryview | bytearray] = deque()
        self._ended = False
        self._lost = False
        self.bell = Bell()
        self.listening = False

    def received(self, pieces: Sequence[memoryview]) -> None:
        """See `ISubsystem.received`."""
        for piece in pieces:
            last = self._input[-1] if self._input else None
            if len(piece) >= CRUMB:
                self._input.append(piece)
            elif isinstance(last, bytearray):
                last += piece
            else:
                self._input.append(bytearray(piece))
        self.bell.ring()

    def end(self) -> None:
        """The client says that no more will come."""
        self._ended = True
        self.bell.ring()

    def lost(self) -> None:
        """Nothing will be heard any more, either."""
        self._lost = True
        self.bell.ring()

    async def some(self, limit: int) -> memoryview:
        """
        Between 1 and *limit* bytes.

        :raises Interrupted: the input has ended.
        """
        if await self.at_end():
            raise errors.Interrupted()
        piece = self._input.popleft()
        view = memoryview(bytes(piece)) if isinstance(piece, bytearray) else piece
        if len(view) > limit:
            self._input.appendleft(view[limit:])
            view = view[:limit]
        self._channel.credit(len(view))
        return view

    async def at_end(self) -> bool:
        """Whether the client has said all it had to say."""
        self.listening = True
        while not self._input and not self._ended and not self._lost:
            self.bell.mute()
            await self.bell.wait()
        self.listening = False
        return not self._input

    async def line(self) -> bytes:
        """
        The next line, without its end.

        :raises Malformed: it is too long.
        :raises Interrupted: the input has ended.
        """
        line = b""
        while len(line) <= LINE_LIMIT:
            if await self.at_end():
                raise errors.Interrupted()
            piece = bytes(self._input[0][:LINE_LIMIT])
            end = piece.find(b"\n")
            line += await self.some(len(piece) if end < 0 else end + 1)
            if end >= 0:
                return line[:-1]
        raise errors.Malformed("line too long")

    async def put(self, *parts: bytes | memoryview) -> None:
        """
        Send; returns when there is room for more.

        :raises Interrupted: the client is gone.
        """
        self._channel.put(*parts)
        while self._channel.backlog >= self._channel.high_water and not self._lost:
            self.bell.mute()
            await self.bell.wait()
        if self._lost:
            raise errors.Interrupted()

    async def acknowledged(self) -> str | None:
        """
        Hear whether the client is content; None if it is, else what it says.

        :raises Interrupted: it is through with us.
        """
        kind = bytes(await self.some(1))
        if kind == b"\0":
            return None
        message = (await self.line()).decode("utf-8", "replace")
        if kind == b"\1":
            return message
        raise errors.Interrupted(message)

    async def sent_well(self) -> str | None:
        """
        Hear whether the file before this was sent well; None if it was, else what the client says.

        libssh2 (curl, PHP) says nothing, but EOF, which OpenSSH's scp takes, too: all that was announced is here.

        :raises Interrupted: the client is gone.
        """
        if await self.at_end() and self._ended:
            return None
        return await self.acknowledged()

    async def complain(self, message: str) -> None:
        """Tell the client of an error it survives."""
        await self.put(b"\1scp: " + _one_line(message) + b"\n")

    async def give_up(self, message: str) -> None:
        """Tell the client of an error that ends it all."""
        await self.put(b"\2scp: " + _one_line(message) + b"\n")


def _one_line(message: str) -> bytes:
    return message.encode("utf-8", "replace").replace(b"\n", b"?").replace(b"\r", b"?")


Program = Callable[[Session, ScpIO, IReactorTime, Order], Coroutine[Any, Any, int]]
"""What does the work; returns an exit status."""


@implementer(ISubsystem)
class ScpServer:
    """Runs one scp command over one channel."""

    def __init__(self, session: Session, clock: IReactorTime, order: Order, program: Program) -> None:
        """
        :param session: may be shared with other channels of the login; whoever made it ends it.
        """
        self._session = session
        self._clock = clock
        self._order = order
        self._program = program
        self._io: ScpIO

    @property
    def waiting(self) -> bool:
        """Whether the client waits for us."""
        return not self._io.listening

    def connected(self, channel: ISessionChannel) -> None:
        """See `ISubsystem.connected`."""
        self._io = ScpIO(channel)
        self._session.background(self._run(channel, self._io))

    async def _run(self, channel: ISessionChannel, io: ScpIO) -> None:
        status = 1
        try:
            status = await self._program(self._session, io, self._clock, self._order)
        except errors.StorageError as error:
            channel.error(b"scp: " + _one_line(str(error)) + b"\n")
        except Exception:
            log.failure("{user} scp failed", user=self._session.user)
            channel.error(b"scp: internal error\n")
        channel.finish(status)

    def received(self, pieces: Sequence[memoryview]) -> None:
        """See `ISubsystem.received`."""
        self._io.received(pieces)

    def drained(self) -> None:
        """See `ISubsystem.drained`."""
        self._io.bell.ring()

    def ended(self) -> None:
        """See `ISubsystem.ended`."""
        self._io.end()

    def lost(self) -> None:
        """See `ISubsystem.lost`."""
        self._io.lost()


@implementer(ISubsystem)
class Refusal:
    """Says why a command is not run."""

    def __init__(self, message: str, status: int = 1) -> None:
        self._message = message
        self._status = status

    def connected(self, channel: ISessionChannel) -> None:
        """See `ISubsystem.connected`."""
        channel.error(b"scp: " + _one_line(self._message) + b"\n")
        channel.finish(self._status)

    def received(self, pieces: Sequence[memoryview]) -> None:
        """Whatever it is."""

    def drained(self) -> None:
        """There is nothing more to say."""

    def ended(self) -> None:
        """`connected` has finished already."""

    def lost(self) -> None:
        """Nothing was begun."""
