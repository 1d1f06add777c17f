"""
A login is looked at in its turn, and then to the end, whether or not its client waits for that.

The law: who hangs up before his turn costs nothing; who hangs up later has his turn until the work is over.  Else
connecting and leaving would be a way to have any number looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from swftp.auth.login import Login
from swftp.auth.throttle import Throttle


def in_turn(throttle: Throttle, peer: str, look: Callable[[], Awaitable[Login]]) -> Deferred[Login]:
    """
    What *look* says of a client at *peer* (the text of its address).

    Cancelled, *look* is not called, or comes to its end for nobody: its `Login` is given back.
    """
    begun = False

    async def looked() -> Login:
        nonlocal begun
        async with throttle.turn(peer):
            begun = True
            return await look()

    def give_up(_: Deferred[Login]) -> None:
        if not begun:
            work.cancel()

    def over(result: Login | Failure) -> None:
        if not answer.called:
            answer.callback(result)
        elif isinstance(result, Login):
            result.access.release()

    answer: Deferred[Login] = Deferred(give_up)
    work = Deferred.fromCoroutine(looked())
    work.addBoth(over)
    return answer
