"""
By which name a store's own log knows what it did for a client.

Whoever begins something for a client opens a `Trace`; whatever asks the store for it meanwhile, however deep, leaves
there what the store calls that request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from twisted.logger import Logger

DETAIL = "swftp.detail"
"""Namespace of the lines about a login that is scrutinised: they are wanted whatever the level of others."""


detail = Logger(namespace=DETAIL)


class Scrutiny:
    """
    How closely one login is looked at.

    :ivar on: log whatever it does, and each request to the store for it; may change at any time.
    """

    def __init__(self, *, on: bool = False) -> None:
        self.on = on

    def logger(self, usual: Logger) -> Logger:
        """For a line about what the login does: *usual*, or one that no level keeps quiet."""
        return detail if self.on else usual


UNNOTICED = Scrutiny()
"""Of what nobody looks at."""


class Trace:
    """
    What one request of a client's led to.

    :ivar transaction: the store's name of the last request for it (Swift's ``X-Trans-Id``), or "".
    """

    __slots__ = ("transaction",)

    def __init__(self) -> None:
        self.transaction = ""


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


@contextmanager
def tracing() -> Iterator[Trace]:
    """A trace of what is done within; of coroutines that are started there, too."""
    trace = Trace()
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)


def noticed(transaction: str) -> None:
    """The store answered, and calls the request *transaction*."""
    trace = _current.get()
    if trace is not None:
        trace.transaction = transaction
