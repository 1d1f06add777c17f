"""An HTTP agent that says how long the store took: it stands before the others, so nothing behind it knows."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from swftp.interfaces import StoreWatch


@implementer(IAgent)
class MeasuredAgent:
    """
    Passes everything on.

    :ivar seen: scheme and host of the last request.
    """

    def __init__(self, agent: IAgent, watch: StoreWatch, clock: IReactorTime) -> None:
        self._agent, self._watch, self._clock = agent, watch, clock
        self.seen = b""

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """See `IAgent`."""
        begun, verb = self._clock.seconds(), method.decode("ascii")
        self.seen = b"/".join(uri.split(b"/", 3)[:3])
        self._watch.asked()

        def ended(result: Any) -> Any:
            status = 0 if isinstance(result, Failure) else result.code
            self._watch.answered(verb, status, self._clock.seconds() - begun)
            return result

        issued: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        return issued.addBoth(ended)
