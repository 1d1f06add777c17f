"""
One timer for many deadlines that need not be exact (txaio's `IBatchedTimer`).

Ten thousand sessions cost the reactor a handful of timers.  Such a timer may fire up to one bucket early or late:
times are checked when it does.  It is never cancelled, since that searches the bucket: whoever has no use for it any
more leaves behind an object that refers to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from txaio import tx

BUCKET = 5.0
"""Seconds by which a deadline may be missed."""


class Timer(Protocol):
    """What is needed of txaio's batched timer."""

    def call_later(self, delay: float, func: Callable[[], None]) -> object:
        """Call *func* about *delay* seconds from now."""


def batched_timer(clock: IReactorTime, bucket: float = BUCKET) -> Timer:
    """
    One timer for all connections.

    ``txaio.with_config`` takes no reactor but the one global one, so the class behind it is asked.

    :param bucket: seconds; calls that fall into one bucket cost one reactor timer.
    """
    api = tx._TxApi(SimpleNamespace(loop=clock))  # type: ignore[no-untyped-call]
    timer: Timer = api.make_batched_timer(bucket)  # type: ignore[no-untyped-call]
    return timer
