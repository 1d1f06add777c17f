"""The status page's server in memory: bytes in, bytes out."""

from __future__ import annotations

import json
from typing import Any

from prometheus_client import CollectorRegistry, Gauge
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from swftp.web import Front, pages, site


class Known:
    """In place of `swftp.insight.insight.Insight`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        Gauge("gw_something", "of a test", registry=self.registry).set(1)
        self.since = -1
        self.trouble = self.absence = ""

    async def look(self) -> None:
        """See `Answers`."""

    def status(self, since: int) -> dict[str, Any]:
        """See `Answers`."""
        self.since = since
        return {"state": "serving"}

    def sessions(self) -> list[dict[str, Any]]:
        """See `Answers`."""
        return [{"user": "</script><b>"}]

    def statistics(self) -> dict[str, dict[str, float]]:
        """See `Answers`."""
        return {"totals": {"auth.succeed": 1}, "rates": {}}

    def healthy(self) -> str:
        """See `Answers`."""
        return self.trouble

    async def ready(self) -> str:
        """See `Answers`."""
        return self.absence


class Reply:
    """What came back."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def ask(front: Front, path: str, method: str = "GET", host: str = "localhost:8080", more: str = "") -> Reply:
    """One request over a connection of its own."""
    protocol = site(front, Clock()).buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
    wire: Any = StringTransport()
    protocol.makeConnection(wire)
    protocol.dataReceived(
        f"{method} {path} HTTP/1.0\r\nHost: {host}\r\n{more}\r\n".encode("utf-8", "surrogateescape")
    )
    return Reply(wire.value())


def front(known: Known, token: str = "") -> Front:
    """All pages."""
    return Front(pages(known), token)
