"""
Who may ask, and what every answer has in common.

The laws: without a token only the machine itself is answered, under a name of its own (a page elsewhere cannot have a
browser here ask for it, DNS rebinding included); a client's bytes never come back unescaped.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "SwFTP",
}
TEXT, JSON = "text/plain; charset=utf-8", "application/json"

log = Logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request."""

    body: bytes
    kind: str = TEXT
    status: int = 200


@dataclass(frozen=True, slots=True)
class Page:
    """What is at one path."""

    answer: Callable[[Request], Awaitable[Answer]]
    public: bool = False
    """Whether who has no token may ask: for probes, which learn nothing but yes and no."""


class Front(Resource):
    """All paths of one listener."""

    isLeaf = True

    def __init__(self, pages: Mapping[bytes, Page], token: str = "", *, anybody: bool = False) -> None:
        """
        :param token: what has to be shown; "": nothing, and only names of loopback are answered to.
        :param anybody: answer whoever comes by whatever name.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._pages = pages
        self._token = token.encode()
        self._anybody = anybody

    def render_GET(self, request: Request) -> bytes | int:
        """See `Resource`."""
        page = self._pages.get(request.path)
        refusal = self._refusal(request, page)
        if page is None or refusal is not None:
            return self._finished(request, refusal or Answer(b"not found\n", status=404))
        answered = Deferred.fromCoroutine(self._answered(page, request))
        gone = request.notifyFinish()
        gone.addErrback(lambda _: answered.cancel())
        answered.addCallbacks(
            lambda answer: self._send(request, answer), lambda failure: self._failed(request, failure)
        )
        return NOT_DONE_YET

    async def _answered(self, page: Page, request: Request) -> Answer:
        return await page.answer(request)

    def _refusal(self, request: Any, page: Page | None) -> Answer | None:
        if self._anybody or (page is not None and page.public):
            return None
        if self._token:
            if hmac.compare_digest(shown_token(_header(request, b"authorization")), self._token):
                return None
            request.setHeader("WWW-Authenticate", 'Basic realm="SwFTP", charset="UTF-8"')
            return Answer(b"a token is needed\n", status=401)
        if is_local(_header(request, b"host")):
            return None
        return Answer(b"ask by the name localhost\n", status=421)

    def _finished(self, request: Any, answer: Answer) -> bytes:
        request.setResponseCode(answer.status)
        for name, value in HEADERS.items():
            request.setHeader(name, value)
        request.setHeader("Content-Type", answer.kind)
        request.setHeader("Content-Length", str(len(answer.body)))
        return b"" if request.method == b"HEAD" else answer.body

    def _send(self, request: Any, answer: Answer) -> None:
        request.write(self._finished(request, answer))
        request.finish()

    def _failed(self, request: Any, failure: Failure) -> None:
        if request.finished or request._disconnected:
            return
        log.failure("{path} failed", failure, path=request.path.decode("ascii", "replace"))
        self._send(request, Answer(b"internal error\n", status=500))


def _header(request: Any, name: bytes) -> str:
    """As text, whatever bytes it holds: asked for as text, Twisted fails on what is no UTF-8."""
    value: bytes = request.getHeader(name) or b""
    return value.decode("utf-8", "replace")


def shown_token(header: str) -> bytes:
    """What ``Authorization`` holds: a Bearer token (RFC 6750), or the password of Basic (RFC 7617)."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode()
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def is_local(host: str) -> bool:
    """Whether *host*, a name or an address with or without a port, is one of the machine's own."""
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
