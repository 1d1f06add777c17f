"""
Whether those who have logged in may still be here: who is disabled or removed meanwhile can do nothing more soon.

One question to the database for all of them, now and then; while it does not answer, everybody stays.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from weakref import WeakValueDictionary

from swftp.errors import PermissionDenied

LOOK_EVERY = 5.0
"""Seconds: twice that is what a disabled login has at most, if the database is not slow."""


class Pass:
    """
    Of one login name, for all its storages.

    :ivar valid: until the name is disabled or removed.
    """

    def __init__(self) -> None:
        self.valid = True

    def check(self) -> None:
        """
        :raises PermissionDenied: not any more.
        """
        if not self.valid:
            raise PermissionDenied("this login is disabled")


class Admission:
    """
    Of one process.

    :param allowed: says which of these names may log in.
    """

    def __init__(self, allowed: Callable[[Collection[str]], Awaitable[Collection[str]]]) -> None:
        self._allowed = allowed
        self._passes: WeakValueDictionary[str, Pass] = WeakValueDictionary()

    def enter(self, name: str) -> Pass:
        """*name* has just logged in."""
        found = self._passes.get(name)
        if found is None or not found.valid:
            found = self._passes[name] = Pass()
        return found

    async def look(self) -> None:
        """
        Look at all who are here.

        :raises Unavailable: the database is not there.
        """
        passes = dict(self._passes)
        if not passes:
            return
        allowed = await self._allowed(list(passes))
        for name, one in passes.items():
            one.valid = name in allowed
