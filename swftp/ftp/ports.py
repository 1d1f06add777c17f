"""
The ports of passive data connections, which all control connections of the process share.

The law: which port comes next cannot be told from those before (RFC 2577 section 8).
"""

from __future__ import annotations

from secrets import SystemRandom
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory


class NoPort(Exception):
    """All are in use."""


class Ports:
    """A range of them."""

    def __init__(self, reactor: Any, span: tuple[int, int] | None, random: Any = None) -> None:
        """
        :param span: the first and the last; None: the system chooses.
        :param random: a `random.Random`.
        """
        self._reactor = reactor
        self._all = list(range(span[0], span[1] + 1)) if span is not None else [0]
        self._random = random or SystemRandom()

    def listen(self, host: str, factory: Factory) -> IListeningPort:
        """
        Listen on one of them at our address *host*.

        :raises NoPort: there is none, or the address is not ours any more.
        """
        error: CannotListenError | None = None
        begin = self._random.randrange(len(self._all))
        step = self._step()
        for number in range(len(self._all)):
            port = self._all[(begin + number * step) % len(self._all)]
            try:
                found: IListeningPort = self._reactor.listenTCP(port, factory, backlog=4, interface=host)
            except CannotListenError as raised:
                error = raised
            else:
                return found
        raise NoPort(f"no port for passive data connections on {host}: {error}") from error

    def _step(self) -> int:
        """Comes past every port once, in another order each time."""
        count = len(self._all)
        while True:
            step: int = self._random.randrange(1, count + 1)
            if _coprime(step, count):
                return step

    def release(self, port: IListeningPort) -> None:
        """Listen there no more; what was accepted stays."""
        port.stopListening()  # it cannot fail, and nobody has to wait for it


def _coprime(one: int, other: int) -> bool:
    while other:
        one, other = other, one % other
    return one == 1
