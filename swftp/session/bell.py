"""Reading an open file from a coroutine: wait for the `ready` callback of its reader, and never miss it."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from swftp.session.files import Reader, Writer


class Bell:
    """A callback that a coroutine can wait for."""

    __slots__ = ("_rung", "_waiting")

    def __init__(self) -> None:
        self._rung = False
        self._waiting: Deferred[None] | None = None

    def ring(self) -> None:
        """It is worth looking again."""
        self._rung = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def mute(self) -> None:
        """What rang before now is of no interest."""
        self._rung = False

    async def wait(self) -> None:
        """Return when it rang after `mute`."""
        if not self._rung:
            self._waiting = Deferred()
            await self._waiting


async def fetch(file: Reader | Writer, bell: Bell, offset: int, length: int) -> bytes | memoryview:
    """At most *length* bytes of *file* at *offset*; ``b""`` at its end.  *bell* is what *file* was opened with."""
    while True:
        bell.mute()
        data = file.read(offset, length)
        if data is not None:
            return data
        await bell.wait()
