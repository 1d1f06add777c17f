"""twisted.web's server, made quiet and small: it logs no probe, keeps nothing that a client sends, waits for none."""

from __future__ import annotations

from collections import OrderedDict
from io import BytesIO
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Site

TIMEOUT = 30.0
"""Seconds that a client has for a whole request, and to take the answer; it is hung up on within 15 more."""
CONNECTIONS = 100
"""At the same time; for one more, that which has asked for nothing longest is closed."""


class _Forgetful(BytesIO):
    """A body that nobody wants: twisted.web would put a long one into a file."""

    def write(self, data: Any) -> int:
        """Forget *data*."""
        return len(data)


class _Brief(HTTPChannel):
    """One connection."""

    site: _QuietSite
    transport: Any

    def connectionMade(self) -> None:
        """See `IProtocol`."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.site.came(self)

    def resetTimeout(self) -> None:
        """Nothing: more time for each byte would be no limit."""

    def allContentReceived(self) -> None:
        """A request is whole."""
        self.site.asked(self)
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: Any) -> None:
        """It is answered: who does not take that is not waited for, even where it was the last."""
        self.setTimeout(TIMEOUT)  # type: ignore[no-untyped-call]
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See `IProtocol`."""
        self.site.left(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class _QuietSite(Site):
    """
    All of them.

    :ivar open: the connections, that which has asked for nothing longest first.
    """

    protocol: Any = _Brief

    def __init__(self, root: IResource, reactor: Any) -> None:
        quiet: Any = super()
        quiet.__init__(root, timeout=TIMEOUT, reactor=reactor)
        self.displayTracebacks = False
        self.noisy = False
        self.open: OrderedDict[_Brief, None] = OrderedDict()

    def came(self, channel: _Brief) -> None:
        """A connection was made."""
        if len(self.open) >= CONNECTIONS:
            next(iter(self.open)).transport.abortConnection()
        self.open[channel] = None

    def asked(self, channel: _Brief) -> None:
        """*channel* has asked for something."""
        self.open.move_to_end(channel)

    def left(self, channel: _Brief) -> None:
        """A connection is gone."""
        self.open.pop(channel, None)

    def acceptableProtocols(self) -> list[bytes]:
        """See `IProtocolNegotiationFactory`: what `_Brief` speaks, whatever else is installed."""
        return [b"http/1.1"]

    def getContentFile(self, length: int | None) -> BytesIO:
        """See `twisted.web.server.Request.gotLength`."""
        return _Forgetful()

    def log(self, request: Any) -> None:
        """Nothing: whoever wants to know who asks has a proxy before this."""


def site(root: IResource, reactor: Any) -> _QuietSite:
    """The factory of an HTTP server of *root*."""
    return _QuietSite(root, reactor)
