"""
What a successful login is: a value for both protocols, and the count of a user's sessions.

A session's place is given back before anything that could wait: whoever logs out and in again at once is let in.
"""

from __future__ import annotations

from collections import Counter
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
    """Sessions of each user in this process, both protocols together."""

    def __init__(self, limit: int, others: SessionCounter | None = None) -> None:
        """
        :param limit: sessions a user; 0: no limit.
        :param others: those of it count, too, as ours do there.
        """
        self._limit = limit
        self._sessions: Counter[str] = Counter() if others is None else others._sessions

    def __len__(self) -> int:
        return self._sessions.total()

    def enter(self, user: str) -> Place:
        """
        :raises Busy: *user* has as many sessions as allowed.
        """
        if self._limit and self._sessions[user] >= self._limit:
            raise Busy("too many sessions of this user")
        self._sessions[user] += 1
        return Place(self, user)

    def _leave(self, user: str) -> None:
        self._sessions[user] -= 1
        if not self._sessions[user]:
            del self._sessions[user]


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
