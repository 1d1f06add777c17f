"""
Few at a time, and names in turn: a burst of one name's holds up that name.

Where too many wait it is the last of the name of which most do that has to go, and nobody waits for long.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from swftp.auth.refusals import Down

T = TypeVar("T")
PATIENCE = 30.0
"""Seconds for which somebody waits, as for a database that is away."""


class Turns:
    """
    :param most: at a time.
    :param limit: that wait.
    """

    def __init__(self, most: int, limit: int, clock: IReactorTime) -> None:
        self._free = most
        self._limit = limit
        self._clock = clock
        self._waiting: OrderedDict[str, deque[Deferred[None]]] = OrderedDict()

    async def run(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """
        What *work* gives, when it is the turn of *name*.

        :raises Down: too many wait, or that takes too long.
        """
        if self._free:
            self._free -= 1
        else:
            await self._turn(name)
        try:
            return await work()
        finally:
            self._pass_on()

    async def _turn(self, name: str) -> None:
        self._make_room(name)
        turn: Deferred[None] = Deferred(lambda turn: self._forget(name, turn))
        self._waiting.setdefault(name, deque()).append(turn)
        turn.addTimeout(PATIENCE, self._clock)
        try:
            await turn
        except TimeoutError:
            raise Down("too many passwords wait to be compared") from None

    def _make_room(self, name: str) -> None:
        if sum(map(len, self._waiting.values())) < self._limit:
            return
        longest = max(self._waiting, key=lambda other: len(self._waiting[other]))
        error = Down("too many passwords wait to be compared")
        if len(self._waiting.get(name, ())) + 1 >= len(self._waiting[longest]):
            raise error
        last = self._waiting[longest][-1]
        self._forget(longest, last)
        last.errback(error)

    def _forget(self, name: str, turn: Deferred[None]) -> None:
        self._waiting[name].remove(turn)
        if not self._waiting[name]:
            del self._waiting[name]

    def _pass_on(self) -> None:
        if not self._waiting:
            self._free += 1
            return
        name, waiting = next(iter(self._waiting.items()))
        turn = waiting[0]
        self._waiting.move_to_end(name)
        self._forget(name, turn)
        turn.callback(None)
