"""
StatsD over UDP, by the names of 2014 (https://github.com/statsd/statsd/blob/master/docs/metric_types.md).

Whether anybody listens is not our business: nothing waits for it, and nothing fails without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import LoopingCall

DATAGRAM = 1432
"""Bytes: what fits an Ethernet frame however it is carried (statsd's own advice)."""

Numbers = Callable[[], tuple[Mapping[str, float], Mapping[str, float]]]
"""Totals that only grow, and levels."""


class Statsd(Service):
    """Sends what was counted since the last time, every few seconds."""

    def __init__(self, reactor: Any, to: tuple[str, int], every: float, prefix: str, numbers: Numbers) -> None:
        """
        :param to: host and port.
        :param every: seconds.
        :param prefix: what names begin with, without the dot.
        """
        self._reactor, (self._host, self._port), self._every = reactor, to, every
        self._prefix, self._numbers = prefix, numbers
        self._sent: dict[str, float] = {}
        self._to: tuple[str, int] | None = None
        self._protocol = DatagramProtocol()
        self._loop: Any = LoopingCall(self._send)
        self._loop.clock = reactor

    def startService(self) -> None:
        """See `IService`."""
        super().startService()  # type: ignore[no-untyped-call]
        self._reactor.listenUDP(0, self._protocol, interface="::" if ":" in self._host else "")
        self._reactor.resolve(self._host).addCallbacks(self._found, lambda _: None)
        self._loop.start(self._every, now=False)

    def _found(self, address: str) -> None:
        self._to = address, self._port

    def stopService(self) -> Any:
        """See `IService`; sends the rest."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self._loop.running:
            self._loop.stop()
        self._send()
        transport: Any = self._protocol.transport
        return transport.stopListening() if transport is not None else None

    def _send(self) -> None:
        if self._to is None:  # its name did not resolve: again, next time
            self._reactor.resolve(self._host).addCallbacks(self._found, lambda _: None)
            return
        transport: Any = self._protocol.transport
        for datagram in datagrams(self._lines()):
            with suppress(OSError):  # no network, or no room in the socket: an error would end all further telling
                transport.write(datagram, self._to)

    def _lines(self) -> Iterator[str]:
        totals, levels = self._numbers()
        for name, value in totals.items():
            gain = value - self._sent.get(name, 0.0)
            self._sent[name] = value
            if gain > 0:
                yield f"{self._prefix}.{name}:{gain:.0f}|c"
        for name, value in levels.items():
            yield f"{self._prefix}.{name}:{value:.0f}|g"


def datagrams(lines: Iterator[str]) -> Iterator[bytes]:
    """*lines*, as many together as fit."""
    together = b""
    for line in lines:
        raw = line.encode("ascii", "replace")
        if together and len(together) + 1 + len(raw) > DATAGRAM:
            yield together
            together = b""
        together = together + b"\n" + raw if together else raw
    if together:
        yield together
