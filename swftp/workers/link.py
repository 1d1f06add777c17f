"""
What supervisor and worker say to each other: JSON objects, each behind its length, on a pair of sockets.

The law: nothing here waits for the other side.  What a side that does not read has not been told is kept together by
whoever tells (see `swftp.workers.tally.Outgoing`), or is left out.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

LONGEST = 32 << 20
"""Bytes of one message: many thousand ``[login NAME]`` sections."""
PATIENCE = 1.0
"""Seconds that an answer may take."""

Told = Callable[[Mapping[str, Any]], object]
Asked = Callable[[Mapping[str, Any]], Awaitable[Any]]

log = Logger()


@implementer(IPushProducer)
class Flow:
    """
    Whether the other side reads.

    :ivar full: it does not.
    """

    def __init__(self) -> None:
        self.full = False
        self._waiting: list[Callable[[], object]] = []

    def when_room(self, act: Callable[[], object]) -> None:
        """Call *act* when it reads again."""
        self._waiting.append(act)

    def pauseProducing(self) -> None:
        """See `IPushProducer`."""
        self.full = True

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""
        self.full = False
        waiting, self._waiting = self._waiting, []
        for act in waiting:
            act()

    def stopProducing(self) -> None:
        """See `IPushProducer`; nothing will ever be read."""
        self.full = True


class Link(Int32StringReceiver):
    """
    One side's end.

    :ivar flow: whether the other side reads.
    """

    MAX_LENGTH = LONGEST
    transport: Any

    def __init__(
        self, clock: IReactorTime, told: Mapping[str, Told], asked: Mapping[str, Asked], lost: Callable[[], object]
    ) -> None:
        """
        :param told: kind of message -> what is done with it.
        :param asked: question -> its answer.
        :param lost: called when there is no other side any more.
        """
        self.flow = Flow()
        self._clock, self._lost = clock, lost
        self._told: dict[str, Told] = {**told, "ask": self._answer, "answer": self._answered}
        self._asked = asked
        self._numbers = count()
        self._there = False
        self._waiting: dict[int, Deferred[Any]] = {}

    def connectionMade(self) -> None:
        """See `Int32StringReceiver`."""
        self._there = True
        self.transport.registerProducer(self.flow, True)

    def tell(self, kind: str, **fields: Any) -> None:
        """Say it; whether it is heard nobody knows."""
        if self._there:
            self.sendString(json.dumps({"kind": kind, **fields}).encode())  # type: ignore[no-untyped-call]

    def ask(self, what: str, seconds: float = PATIENCE, **fields: Any) -> Deferred[Any]:
        """The other side's answer within *seconds*; fails with `TimeoutError`, or `ConnectionLost`."""
        number = next(self._numbers)
        waiting: Deferred[Any] = Deferred()
        self._waiting[number] = waiting
        self.tell("ask", number=number, what=what, **fields)
        waiting.addTimeout(seconds, self._clock)
        return waiting.addErrback(self._unanswered, number)

    def _unanswered(self, failure: Failure, number: int) -> Failure:
        self._waiting.pop(number, None)
        return failure

    def stringReceived(self, string: bytes) -> None:
        """See `Int32StringReceiver`."""
        message = json.loads(string)
        try:
            self._told[message["kind"]](message)
        except Exception:
            log.failure("{kind} went wrong", kind=message.get("kind"))

    def _answer(self, message: Mapping[str, Any]) -> None:
        answering = Deferred.fromCoroutine(self._found(message))
        answering.addCallback(lambda value: self.tell("answer", number=message["number"], value=value))
        answering.addErrback(lambda failure: log.failure("{what} went wrong", failure, what=message["what"]))

    async def _found(self, message: Mapping[str, Any]) -> Any:
        return await self._asked[message["what"]](message)

    def _answered(self, message: Mapping[str, Any]) -> None:
        waiting = self._waiting.pop(message["number"], None)
        if waiting is not None and not waiting.called:
            waiting.callback(message["value"])

    def connectionLost(self, reason: Any = None) -> None:
        """See `Int32StringReceiver`."""
        self._there = False
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            if not each.called:
                each.errback(ConnectionLost())
        self._lost()
