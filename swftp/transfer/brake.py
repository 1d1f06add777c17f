"""The brake of one file: replies to WRITEs that wait until there is room for more."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from swftp.transfer.budget import Share


class Brake:
    """
    One upload's.

    :ivar cap: bytes of memory that the file may take by itself.
    """

    __slots__ = ("_has_room", "_share", "_waiting", "cap")

    def __init__(self, share: Share, cap: int, has_room: Callable[[], bool]) -> None:
        """
        :param has_room: whether what the file is sent through takes more.
        """
        self._share = share
        self._has_room = has_room
        self._waiting: list[Deferred[None]] = []
        self.cap = cap

    def wait(self, granted: bool) -> Deferred[None]:
        """
        A Deferred that fires when there is room.

        :param granted: whether the budget has room, so that only the file itself is in the way.
        """
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        if not granted:
            self._share.wait()
        return waiter

    def ease(self) -> None:
        """Something has changed: let the client go on if there is room."""
        if self._waiting and not self._share.waiting and self._share.held <= self.cap and self._has_room():
            self.release()

    def release(self, error: BaseException | None = None) -> None:
        """Let everybody go on, or fail."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if error is None:
                waiter.callback(None)
            else:
                waiter.errback(Failure(error))  # type: ignore[no-untyped-call]
