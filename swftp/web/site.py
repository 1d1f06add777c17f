"""twisted.web's server, made quiet and small: it logs no probe and keeps nothing that a client sends."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.protocols.policies import ThrottlingFactory
from twisted.web.resource import IResource
from twisted.web.server import Site

TIMEOUT = 30.0
"""Seconds that a client may be silent."""
CONNECTIONS = 100
"""At the same time; more are closed at once."""


class _Forgetful(BytesIO):
    """A body that nobody wants: twisted.web would put a long one into a file."""

    def write(self, data: Any) -> int:
        """Forget *data*."""
        return len(data)


class _QuietSite(Site):
    def getContentFile(self, length: int | None) -> BytesIO:
        """See `twisted.web.server.Request.gotLength`."""
        return _Forgetful()

    def log(self, request: Any) -> None:
        """Nothing: whoever wants to know who asks has a proxy before this."""


def site(root: IResource, reactor: Any) -> Any:
    """The factory of an HTTP server of *root*."""
    quiet: Any = _QuietSite
    inner = quiet(root, timeout=TIMEOUT, reactor=reactor)
    inner.displayTracebacks = False
    throttling: Any = ThrottlingFactory
    outer = throttling(inner, maxConnectionCount=CONNECTIONS)
    outer.noisy = False
    return outer
