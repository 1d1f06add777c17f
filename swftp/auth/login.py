"""
What a successful login is: a value for both protocols, and the count of a user's sessions.

A session's place is given back before anything that could wait: whoever logs out and in again at once is let in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from swftp.errors import Busy
from swftp.paths import ROOT, Path
from swftp.traces import UNNOTICED, Scrutiny


class Right(Protocol):
    """To talk to a store; one object for all that have the same."""

    def release(self) -> None:
        """One login less has it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Login:
    """One client that may come in.  Whoever gets it owes `Right.release`; `LoginRealm` does that."""

    name: str
    """As the client typed it."""
    user: str = field(repr=False)
    """The same for every spelling of one identity; what ``sessions_per_user`` counts by."""
    access: Right
    spellings: tuple[str, ...] = ()
    """Other names of the same user, as an administrator may write them."""
    root: Path = ROOT
    """What the client sees as ``/``."""
    method: str = "password"
    """``password`` or ``publickey``."""
    peer: str = ""
    """Address of the client."""
    protocol: str = ""
    """By which he came: ``sftp``, ``ftp``."""
    session: str = ""
    """Names it in our log, and in that of the store."""
    scrutiny: Scrutiny = UNNOTICED


class SessionCounter:
    """
    Sessions of each user, both protocols together: those of this process, and what it was told of others'.

    :ivar tell: is called with a user, and by how many his sessions here have changed (of the first of those that
        count together).
    """

    def __init__(self, limit: int, others: SessionCounter | None = None) -> None:
        """
        :param limit: sessions a user; 0: no limit.
        :param others: those of it count, too, as ours do there.
        """
        self._limit = limit
        self._first: SessionCounter = self if others is None else others._first
        self._sessions: Counter[str] = Counter() if others is None else others._sessions
        self._elsewhere: Counter[str] = Counter() if others is None else others._elsewhere
        self.tell: Callable[[str, int], object] = lambda user, count: None

    def __len__(self) -> int:
        """Sessions in this process."""
        return self._sessions.total()

    def share(self, user: str) -> float:
        """What part of the sessions of *user* is in this process; of a user who has none here, what it would be."""
        own = max(self._sessions[user], 1)
        return own / (own + self._elsewhere[user])

    def elsewhere(self, user: str, count: int) -> None:
        """By so many have the sessions of *user* in other processes changed."""
        _add(self._elsewhere, user, count)

    def enter(self, user: str) -> Place:
        """
        :raises Busy: *user* has as many sessions as allowed.
        """
        if self._limit and self._sessions[user] + self._elsewhere[user] >= self._limit:
            raise Busy("too many sessions of this user")
        self._count(user, 1)
        return Place(self, user)

    def _leave(self, user: str) -> None:
        self._count(user, -1)

    def _count(self, user: str, count: int) -> None:
        _add(self._sessions, user, count)
        self._first.tell(user, count)


class Place:
    """One session's place in the count."""

    def __init__(self, counter: SessionCounter, user: str) -> None:
        self._counter: SessionCounter | None = counter
        self._user = user

    def leave(self) -> None:
        """Give it back; again is harmless."""
        counter, self._counter = self._counter, None
        if counter is not None:
            counter._leave(self._user)


def _add(counter: Counter[str], key: str, count: int) -> None:
    counter[key] += count
    if not counter[key]:
        del counter[key]
