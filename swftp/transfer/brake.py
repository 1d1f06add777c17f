"""The brake of one file: replies to WRITEs that wait until there is room for more."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from swftp.transfer.budget import Share


class Brake:
    """
    One upload's.

    :ivar cap: bytes of memory that the file may take by itself.
    """

    __slots__ = ("_error", "_share", "_waiting", "cap")

    def __init__(self, share: Share, cap: int) -> None:
        self._share = share
        self._waiting: list[Deferred[None]] = []
        self._error: BaseException | None = None
        self.cap = cap

    def wait(self, granted: bool) -> Deferred[None]:
        """
        A Deferred that fires when there is room, and fails if the file fails before, or has.

        :param granted: whether the budget has room, so that only the file itself is in the way.
        """
        if self._error is not None:  # within the call that would wait: nobody else will tell
            return fail(self._error)
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        if not granted:
            self._share.wait()
        return waiter

    def ease(self, has_room: bool) -> bool:
        """
        Something has changed: let the client go on if there is room.

        :param has_room: whether what the file is sent through takes more.
        :return: whether he waited, and was let go on.
        """
        eased = has_room and bool(self._waiting) and not self._share.waiting and self._share.held <= self.cap
        if eased:
            self.release()
        return eased

    def release(self, error: BaseException | None = None) -> None:
        """Let everybody go on, or fail: then whoever comes later, too."""
        self._error = error
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if error is None:
                waiter.callback(None)
            else:
                waiter.errback(Failure(error))  # type: ignore[no-untyped-call]
