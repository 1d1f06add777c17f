"""
Which call may run beside which: those that touch one path take effect in the order they were made.

Pure: knows neither storage nor clock.  A call waits for earlier, unfinished ones only, so nobody waits for himself
and no two wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from twisted.internet.defer import Deferred

from swftp.paths import Path


@dataclass(frozen=True, slots=True)
class Claim:
    """What a call does with a path."""

    path: Path
    change: bool = False
    """It changes what stands there; otherwise it looks."""
    tree: bool = False
    """It means all that is below, too."""


def look(path: Path) -> Claim:
    """To see what stands at *path*."""
    return Claim(path)


def look_below(path: Path) -> Claim:
    """To see what is in the directory *path*."""
    return Claim(path, tree=True)


def change(path: Path) -> Claim:
    """To change what stands at *path*."""
    return Claim(path, change=True)


def change_below(path: Path) -> Claim:
    """To change, or rely on, all that is in the directory *path*."""
    return Claim(path, change=True, tree=True)


def conflict(earlier: Claim, later: Claim) -> bool:
    """Whether *later* has to wait for *earlier*."""
    if not (earlier.change or later.change):
        return False
    if earlier.path == later.path:
        return True
    if earlier.path.covers(later.path):
        return earlier.change or earlier.tree
    return later.tree and later.path.covers(earlier.path)


class Turn:
    """
    A call's place: ``async with`` it, and inside it is the call's turn.

    The place is taken when this is made, not when it is awaited.
    """

    __slots__ = ("_order", "blockers", "claims", "followers", "waiter")

    def __init__(self, order: Order, claims: tuple[Claim, ...]) -> None:
        self._order = order
        self.claims = claims
        self.blockers = 0
        self.followers: list[Turn] = []
        self.waiter: Deferred[None] | None = None

    async def __aenter__(self) -> Turn:
        try:
            if self.blockers:
                self.waiter = Deferred()
                await self.waiter
        except BaseException:
            self._order.leave(self)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._order.leave(self)


class Order:
    """The unfinished calls of one session."""

    def __init__(self) -> None:
        self._turns: dict[Path, list[tuple[Claim, Turn]]] = {}

    def __len__(self) -> int:
        return sum(len(turns) for turns in self._turns.values())

    def turn(self, *claims: Claim) -> Turn:
        """A place behind all earlier calls that one of *claims* conflicts with."""
        turn = Turn(self, claims)
        for earlier in {earlier for claim in claims for earlier in self._before(claim)}:
            earlier.followers.append(turn)
            turn.blockers += 1
        for claim in claims:
            self._turns.setdefault(claim.path, []).append((claim, turn))
        return turn

    def _before(self, claim: Claim) -> Iterator[Turn]:
        for path in self._related(claim):
            for earlier, turn in self._turns.get(path, ()):
                if conflict(earlier, claim):
                    yield turn

    def _related(self, claim: Claim) -> Iterator[Path]:
        if claim.tree:
            yield from [path for path in self._turns if claim.path.covers(path) and path != claim.path]
        path = claim.path
        while not path.is_root:
            yield path
            path = path.parent
        yield path

    def leave(self, turn: Turn) -> None:
        """*turn* is over; whoever waited for nobody else goes on."""
        for claim in turn.claims:
            turns = self._turns[claim.path]
            turns.remove((claim, turn))
            if not turns:
                del self._turns[claim.path]
        followers, turn.followers = turn.followers, []
        for follower in followers:
            follower.blockers -= 1
            if not follower.blockers and follower.waiter is not None:
                waiter, follower.waiter = follower.waiter, None
                waiter.callback(None)
