"""
The memory of all transfers of this process.

Bytes that have arrived cannot be refused: what can wait is the reply that lets the client send more.  The law: a
transfer that is told to wait is told to go on, those first that began first, and when nobody gives memory back by
himself the largest holder is asked to.
"""

from __future__ import annotations

from collections import deque
from itertools import count
from operator import attrgetter
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

TICK = 1.0
"""Seconds between two looks at who is idle."""
STUCK = 30.0
"""Seconds without any progress after which the largest holder that cannot give anything back is given up."""
LEAST_PART = 1 << 20
"""Bytes below which nothing is staged unless nothing else helps: Swift slows down reads of smaller segments."""
LEAST_GRANT = 64 << 10
FIRST_GRANT = 4 * LEAST_GRANT
"""Bytes of the first one; the next ones are what a client is seen to use within a tick."""
FEW = 2
"""Transfers that have a turn at the same time, at least."""
LINGERS = 3
"""Ticks within which a store that keeps up has what set out."""
MANY = 64
"""Transfers of which something is on its way: if so many are, a store that is slow is not for want of requests."""


class Member(Protocol):
    """A transfer, as the budget sees it."""

    def granted(self) -> None:
        """Its turn has come: it may take more."""

    def shrink(self, least: int) -> int:
        """Give memory back if that sets free *least* bytes or more; returns how many will be."""

    def tick(self, now: float) -> None:
        """About a second has passed."""

    def starve(self) -> None:
        """Nobody can go on, and this one holds most: fail, or, where that frees nothing, do nothing."""


class Group:
    """
    The transfers of one session.

    :ivar limit: bytes that they should not exceed together.
    :ivar leaving: bytes of theirs that are on their way out.
    :ivar waiting: how many of them wait for their turn.
    :ivar progress: seconds of the clock at which one had its turn, or the first began to wait for it.
    """

    __slots__ = ("leaving", "limit", "progress", "used", "waiting")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.leaving = 0
        self.waiting = 0
        self.progress = 0.0

    @property
    def wanting(self) -> bool:
        """Whether it is full, and too little is on its way out to change that soon."""
        return self.used > self.limit and self.leaving < self.limit // 8


class Share:
    """
    What one transfer holds of the budget.

    :ivar held: bytes in memory.
    :ivar leaving: those of them that are on their way to the store.
    :ivar place: the smallest of those that wait goes first.
    """

    __slots__ = (
        "_quantum",
        "_used",
        "allowance",
        "budget",
        "expires",
        "group",
        "held",
        "leaving",
        "member",
        "place",
        "waiting",
    )

    def __init__(self, budget: Budget, member: Member, group: Group) -> None:
        self.budget = budget
        self.place = budget.last_place()
        self._quantum = min(FIRST_GRANT, budget.largest_grant)
        self._used = 0
        self.member = member
        self.group = group
        self.held = 0
        self.leaving = 0
        self.allowance = 0
        self.expires = 0.0
        self.waiting = False

    def take(self, count: int) -> bool:
        """Hold *count* bytes more; False: wait for `Member.granted` before asking the client for more."""
        budget, group = self.budget, self.group
        self.held += count
        group.used += count
        budget.used += count
        if self.allowance:
            used = min(self.allowance, count)
            self._used += used
            self.allowance -= used
            budget.reserved -= used
            if self.allowance:
                return True
            budget.turns -= 1
            self._quantum = min(2 * self._quantum, budget.largest_grant)
            if budget.used + budget.reserved <= budget.mark and group.used <= group.limit:
                budget.settle()  # it goes on without a turn: nobody else would tell the next one
                return True
        return budget.used + budget.reserved <= budget.mark and group.used <= group.limit

    def wait(self) -> None:
        """Stand in the queue, unless that is so already."""
        if not self.waiting:
            self.waiting = True
            self.budget.enqueue(self)

    def depart(self, count: int) -> None:
        """*count* bytes of what is held are on their way out: it is others' turn to bring so many together."""
        self.place = self.budget.last_place()
        self.leaving += count
        self.group.leaving += count
        self.budget.leaving += count
        self.budget.left += count

    def conclude(self) -> None:
        """All that is held is on its way out, and the client brings no more."""
        self.depart(self.held - self.leaving)
        self.budget.forget(self)
        self.budget.settle()

    def give(self, count: int, departed: bool = False) -> None:
        """*count* bytes are held no more; *departed*: they were announced by `depart`."""
        self.held -= count
        self.group.used -= count
        self.budget.used -= count
        if departed:
            self.leaving -= count
            self.group.leaving -= count
            self.budget.leaving -= count
        self.budget.settle()

    def grant(self, now: float, most: int) -> int:
        """How much the next turn is for, *most* bytes at most; takes effect."""
        self.waiting = False
        self.allowance = min(self._quantum, most)
        self._used = 0
        self.expires = now + TICK
        return self.allowance

    def revoke(self) -> int:
        """Take the unused part of a grant away; the next one is smaller, and comes later.  Returns its bytes."""
        unused, self.allowance = self.allowance, 0
        if unused:
            self.budget.turns -= 1
            self.place = self.budget.last_place()
            self._quantum = max(LEAST_GRANT, min(2 * self._used, self._quantum))
        return unused

    def close(self) -> None:
        """Give everything back and leave."""
        self.budget.forget(self)  # first: the room that this makes is not for itself
        self.give(self.leaving, departed=True)
        self.give(self.held)
        self.budget.remove(self)


class Budget:
    """
    One a process.

    :ivar limit: bytes of memory for transfers.
    :ivar mark: above so many used, replies wait.
    :ivar used: bytes held.
    :ivar reserved: bytes promised to transfers that were told to go on; *turns*: how many those are.
    :ivar leaving: bytes held that are on their way out.
    :ivar left: bytes that set out since the last tick.
    :ivar dragging: whether what sets out takes long to get there, and few have something on its way.
    :ivar slow: whether half of the turns were too long for their clients: room that is kept for those is no room.
    :ivar last_place: gives a place behind all others.
    """

    def __init__(self, limit: int, clock: IReactorTime) -> None:
        self.last_place = count().__next__
        self.limit = limit
        self.mark = limit * 3 // 4
        self.largest_grant = max(LEAST_GRANT, limit // 64)
        self.used = 0
        self.reserved = self.turns = 0
        self.leaving = self.left = 0
        self._clock = clock
        self._shares: set[Share] = set()
        self._queue: list[Share] = []
        self._at_once = FEW
        self.slow = self.dragging = False
        self._lately = deque((0,) * LINGERS, LINGERS)
        self._early = max(LEAST_PART, limit // (2 * MANY))
        self._timer: IDelayedCall | None = None
        self._settling = False
        self._progress = 0.0

    @property
    def pressed(self) -> bool:
        """Whether replies wait."""
        return self.used + self.reserved > self.mark

    @property
    def room(self) -> int:
        """Bytes that may be taken before replies wait."""
        return self.mark - self.used - self.reserved

    @property
    def full(self) -> bool:
        """Whether somebody waits, there is nothing to give, and too little is or was on its way out to help soon."""
        none = self.pressed and (self.slow or self.used + LEAST_GRANT > self.limit)
        return none and bool(self._queue) and max(self.leaving, self.left) < self.limit // 8

    @property
    def wanting(self) -> bool:
        """Whether that is so, or one of a session that is full waits: what there is to give is not for him."""
        return self.full or any(share.group.wanting for share in self._queue)

    @property
    def hasty(self) -> bool:
        """Whether somebody waits for a store that takes more if it is given it in more requests."""
        return self.dragging and self.pressed and bool(self._queue)

    @property
    def fair(self) -> int:
        """Bytes that each transfer may have for nothing but speed."""
        return self.limit // 4 // max(1, len(self._shares))

    def join(self, member: Member, group: Group | None = None) -> Share:
        """A share for *member*; `Share.close` ends it."""
        share = Share(self, member, group or Group(self.limit))
        self._shares.add(share)
        if self._timer is None:
            self._timer = self._clock.callLater(TICK, self._tick)
        return share

    def remove(self, share: Share) -> None:
        """*share* holds nothing and wants nothing any more."""
        if share not in self._shares:
            return
        self._shares.remove(share)
        del share.member  # which holds it
        if not self._shares and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.dragging = False

    def forget(self, share: Share) -> None:
        """*share* wants nothing any more."""
        self.reserved -= share.revoke()
        if share.waiting:
            self._queue.remove(share)
            share.waiting = False
            share.group.waiting -= 1

    def enqueue(self, share: Share) -> None:
        """*share* waits for its turn."""
        if not self._queue:
            self._progress = self._clock.seconds()
        if not share.group.waiting:
            share.group.progress = self._clock.seconds()
        share.group.waiting += 1
        self._queue.append(share)
        self._hasten((share,))
        self.settle()
        if share.waiting and self.wanting:
            self._relieve(LEAST_PART, (share,))

    def settle(self) -> None:
        """
        Let some go on.

        Who began first is the first to go on until what he brings can leave, and goes behind all others then: each
        of many files is brought together as one, and none waits for more than a part of each of the others.  Few
        at a time, for then they are soon complete; more where these do not use what room there is.
        """
        busy = self._settling or self.turns >= self._at_once
        if busy or not self._queue or self.used + self.reserved + LEAST_GRANT > self.limit:
            return
        self._settling = True
        try:
            self._queue.sort(key=attrgetter("place"))
            for share in list(self._queue):
                room = self.limit - self.used - self.reserved
                if self.turns >= self._at_once or room < LEAST_GRANT:
                    break
                if share.waiting and share.group.used <= share.group.limit:
                    self._grant(share, room)
        finally:
            self._settling = False

    def _grant(self, share: Share, room: int) -> None:
        self._queue.remove(share)
        self._progress = share.group.progress = self._clock.seconds()
        share.group.waiting -= 1
        self.turns += 1
        self.reserved += share.grant(self._progress, room)
        share.member.granted()

    def _tick(self) -> None:
        now = self._clock.seconds()
        self._timer = self._clock.callLater(TICK, self._tick)
        lapsed = 0
        for share in list(self._shares):
            if share not in self._shares:
                continue
            if share.allowance and share.expires <= now:
                self.reserved -= share.revoke()
                lapsed += 1
            share.member.tick(now)
        self.slow = 2 * lapsed >= self._at_once
        room = self.used + self.reserved + self.largest_grant <= self.limit
        idle = self._queue and (self.slow or room)
        self._measure()
        self._at_once = max(FEW, min(2 * self._at_once, len(self._shares)) if idle else self._at_once // 2)
        if self.wanting:
            largest = self._candidates()
            if not (self._relieve(LEAST_PART, largest) or self._relieve(LEAST_GRANT, largest)):
                self._starve(now, largest)
            self._starve_sessions(now)
        self._hasten(tuple(self._queue))
        self.left = 0
        self.settle()

    def _measure(self) -> None:
        """Is there more on its way than set out lately?  Then some of it has been so for long."""
        self._lately.append(self.left)
        going = sum(share.leaving > 0 for share in self._shares)
        self.dragging = going < MANY and self.leaving > sum(self._lately)

    def _hasten(self, waiting: tuple[Share, ...]) -> None:
        """Those of *waiting* send what makes a part: of whole files memory holds fewer than a slow store takes."""
        for share in waiting:
            if self.hasty:
                share.member.shrink(self._early)

    def _candidates(self) -> list[Share]:
        """Who could help those that wait, largest first; where only a session is full, who is of that session."""
        groups = {share.group for share in self._queue}
        full = self.full
        shares = [share for share in self._shares if full or (share.group in groups and share.group.wanting)]
        return sorted(shares, key=lambda share: share.leaving - share.held)

    def _relieve(self, least: int, shares: tuple[Share, ...] | list[Share]) -> int:
        """Ask *shares*, one after the other, until enough is on its way out; returns how many bytes are."""
        freed = 0
        for share in shares:
            if not self.wanting or share.held - share.leaving < least:
                break
            freed += share.member.shrink(least)
        return freed

    def _starve(self, now: float, largest: list[Share]) -> None:
        if not self.full or not largest or self.leaving or now - self._progress < STUCK:
            return
        self._progress = largest[0].group.progress = now
        self._give_up(largest)

    def _starve_sessions(self, now: float) -> None:
        """Where a session is in its own way it is so however well others do."""
        for group in {share.group for share in self._queue}:
            if group.wanting and not group.leaving and now - group.progress >= STUCK:
                group.progress = now
                shares = [share for share in self._shares if share.group is group]
                self._give_up(sorted(shares, key=lambda share: -share.held))

    def _give_up(self, largest: list[Share]) -> None:
        """Let the first one fail that can: who reads, or is being stored, waits for the store himself."""
        for share in largest:
            held = share.held
            if held:
                share.member.starve()
            if share.held < held:
                return
