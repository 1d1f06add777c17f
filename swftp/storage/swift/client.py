"""
HTTP verbs with a token: one request and what may be repeated of it.

A request is repeated only where that cannot do harm; whether one that got no answer took effect is told apart
from one that certainly did not (`Lost.whole`), and left to the caller.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.error import DNSLookupError, TCPTimedOutError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse

from swftp import errors, traces
from swftp.interfaces import Access, IAccess, IByteSource
from swftp.paths import ROOT, quoted
from swftp.storage.swift import describe
from swftp.storage.swift.bodies import Hangup, Upload, Watchdog, collect
from swftp.storage.swift.connections import Connections
from swftp.storage.swift.refusals import RETRIED, Reply, refusal
from swftp.traces import UNNOTICED, Scrutiny

log = Logger()

ERROR_LIMIT = 64 * 1024
"""Bytes read of an answer that is not expected to be long."""
INFO_LIMIT = 1024 * 1024
"""Bytes read of what the store says of itself."""
BACKOFF = 0.5
"""Seconds before the first repetition; doubled for each further one."""
BACKOFF_LIMIT = 30.0
"""Seconds between two repetitions at most, whatever ``Retry-After`` says."""
SLOW = 10.0
"""Seconds of patience from which a request waits its turn among uploads: a large copy holds up no listing."""
UNREACHABLE = (TCPTimedOutError, ConnectTimeout, DNSLookupError)


class Lost(Exception):
    """
    No answer came.

    :ivar whole: the request was sent to its end, so it may have taken effect.
    :ivar sent: as `Reply.sent`.
    :ivar hopeless: the next attempt would take as long, and end alike.
    """

    def __init__(
        self, reason: str, whole: bool, sent: Mapping[str, str] | None = None, hopeless: bool = False
    ) -> None:
        super().__init__(reason)
        self.whole = whole
        self.sent = sent or {}
        self.hopeless = hopeless


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request below the account's URL."""

    method: str
    names: tuple[str, ...] = ()
    """Container, object."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: IByteSource | None = None
    limit: int = ERROR_LIMIT
    """Bytes of the answer's body at most."""
    patience: float = 0.0
    """Seconds that the store may think beyond the usual."""
    bulk: bool = False
    """Carries file content."""
    needs: str = ""
    """Header (in lower case) without which the body of a 200 is not what is wanted, and is not read."""

    @property
    def replayable(self) -> bool:
        """Whether it can be sent again."""
        return self.body is None or self.body.replayable

    def target(self, base: str) -> bytes:
        """Its URL below *base*."""
        query = "&".join(f"{quote(k)}={quote(v, safe='')}" if v else quote(k) for k, v in self.query.items())
        return f"{base}{quoted(*self.names)}{'?' + query if query else ''}".encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient the client is; durations in seconds."""

    attempts: int = 4
    """Times a request is sent at most."""
    repeat_for: float = 60.0
    """After which no request that got no answer is sent again."""
    response_timeout: float = 60.0
    """From the end of a request to its answer, and between two pieces of either."""
    look_timeout: float = 20.0
    """The same of requests that only look (HEAD): a host that died holds nobody up for long."""
    connections_per_session: int = 10
    """Requests in flight of one login, of small ones and of uploads each; 0: no limit.

    Not of those that go at the pace of the client: downloads, and uploads whose source cannot be replayed."""
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request."""
    storage_scheme: str = ""
    """Replaces the scheme of the storage URL."""
    storage_netloc: str = ""
    """Replaces host and port of the storage URL."""
    log_requests: bool = False
    """One line in the log for each answer."""


class SwiftClient:
    """What one login says to its store; *root* is what links may lead it to, see `swftp.storage.swift.links`."""

    def __init__(
        self,
        clock: IReactorTime,
        connections: Connections,
        access: IAccess,
        policy: Policy | None = None,
        *,
        wall: Callable[[], float],
        session: str = "",
        scrutiny: Scrutiny = UNNOTICED,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """
        :param clock: for what lasts; nobody sets it.
        :param wall: seconds since the epoch, as this machine believes.
        :param session: our name of the session for the store's logs (``X-Trans-Id-Extra``), 32 characters are sent.
        :param scrutiny: of the login, which is logged as the policy would have it of all.
        :param jitter: a number in [0, 1) that keeps clients from coming back at the same moment.
        """
        self.clock = clock
        self.policy = policy or Policy()
        self._wall = wall
        self._epoch = wall() - clock.seconds()
        self.root = ROOT
        self.downloads = connections.downloads
        self._connections = connections
        self._access = access
        self._session, self._scrutiny = session[:32], scrutiny
        self._jitter = jitter
        limit = self.policy.connections_per_session
        self._turns = {bulk: DeferredSemaphore(limit) if limit else None for bulk in (False, True)}

    def now(self) -> float:
        """
        The store's wall clock as its last answer showed it, in seconds since the epoch.

        A gateway whose own clock is wrong, or is being set, gives right times.
        """
        return self.clock.seconds() + self._epoch

    async def account(self) -> str:
        """The account's URL."""
        return self._base((await self._access.get()).url)

    async def request(self, request: Request, *accepted: int) -> Reply:
        """
        Send *request*, which may be repeated without harm, until it gets one of the *accepted* statuses.

        :raises StorageError: what any other status stands for.
        """
        reply: Reply | None = None
        end = self.clock.seconds() + self.policy.repeat_for
        for attempt in range(self.policy.attempts):
            if attempt:
                self.repeating(reply)
                await self.pause(attempt, reply)
            try:
                reply = await self.attempt(request)
            except Lost as lost:
                reply = None
                log.info("{method} got no answer: {reason}", method=request.method, reason=str(lost))
                if request.replayable and not lost.hopeless and self.clock.seconds() < end:
                    continue
                raise errors.Unavailable() from lost
            if reply.status in accepted:
                return replace(reply, attempt=attempt)
            if reply.status not in RETRIED or not request.replayable:
                break
        raise errors.Unavailable() if reply is None else refusal(reply)

    def repeating(self, reply: Reply | None) -> None:
        """A request is about to be sent again, due to *reply* (None: no answer)."""
        self._connections.watch.retried(0 if reply is None else reply.status)

    async def pause(self, attempt: int, reply: Reply | None = None) -> None:
        """Wait before repetition number *attempt*, which is due to *reply* (None: no answer)."""
        delay = BACKOFF * 2.0 ** (attempt - 1)
        if reply is None and attempt == 1:
            delay = 0.0  # a kept-alive connection that the store had just closed
        after = reply.headers.get("retry-after", "") if reply is not None else ""
        if after.isdecimal():
            delay = max(delay, float(after))
        delay = min(delay, BACKOFF_LIMIT) * (0.5 + self._jitter() / 2)
        await deferLater(self.clock, delay)

    async def attempt(self, request: Request) -> Reply:
        """
        Send *request* once (twice if the token had to be renewed); any status is a result.

        :raises Lost: there was no answer.
        :raises CancelledError: the caller waits no more; the connection is closed.
        """
        # A stream waits for its client, who may in turn be waiting for another of his files: it holds no turn.
        turns = self._turns[request.bulk or request.patience >= SLOW] if request.replayable else None
        if turns is not None:
            await turns.acquire()
        try:
            upload, response = await self._authorized(request)
            reply = await self._reply(request, response)
        finally:
            if turns is not None:
                turns.release()
        if upload is not None and reply.status < 300 and not upload.complete:
            raise Lost("answer before the end of the body", whole=False)
        return replace(reply, sent=upload.sent) if upload is not None and upload.complete else reply

    async def get_info(self) -> Reply:
        """
        What the store says of itself, at ``/info`` beside the account's URL; asked for once, without a token.

        :raises Lost: there was no answer.
        """
        access = await self._access.get()
        parts = urlsplit(self._base(access.url))
        path = parts.path.rpartition("/v1/")[0] + "/info"
        request = Request(method="GET", limit=INFO_LIMIT)
        there = Access("", urlunsplit((parts.scheme, parts.netloc, path, "", "")), None)
        _, response = await self._send(request, there)
        return await self._reply(request, response)

    async def open(self, request: Request) -> IResponse:
        """
        Send *request* and leave the body of its answer to the caller; not limited in number.

        :raises Lost: there was no answer.
        """
        return (await self._authorized(request))[1]

    async def _authorized(self, request: Request) -> tuple[Upload | None, IResponse]:
        access = await self._access.get()
        upload, response = await self._send(request, access)
        if response.code == 401:
            self._discard(response)
            log.info("token refused, renewing it", transaction=_header(response, b"X-Trans-Id"))
            access = await self._access.renew(access)
            if not request.replayable:
                raise errors.Unavailable("login was renewed in mid-transfer, try again")
            upload, response = await self._send(request, access)
        return upload, response

    async def _send(self, request: Request, access: Access) -> tuple[Upload | None, IResponse]:
        upload = Upload(request.body) if request.body is not None else None
        agent = self._connections.bulk if request.bulk else self._connections.metadata
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            waiting.cancel()

        timeout = self.policy.look_timeout if request.method == "HEAD" else self.policy.response_timeout
        watchdog = Watchdog(
            self.clock,
            timeout + request.patience,
            expire,
            (lambda: upload.waiting) if upload is not None else (lambda: False),
        )
        if upload is not None:
            upload.progress = lambda: setattr(watchdog, "seen", True)
        waiting = self._issue(agent, request, access, upload)
        try:
            response = await waiting
        except Exception as error:
            if upload is not None:
                upload.stopProducing()
            lost = _lost(error, upload, expired)
            if isinstance(lost, Lost):
                self._connections.doubt(self._base(access.url))
            raise lost from error
        finally:
            watchdog.stop()
        if upload is not None:
            upload.abandon()
        self._observe(request, response)
        return upload, response

    def _issue(self, agent: IAgent, request: Request, access: Access, upload: Upload | None) -> Deferred[IResponse]:
        headers = Headers({"User-Agent": ["SwFTP"]})
        if access.token:
            headers.setRawHeaders("X-Auth-Token", [access.token])
        if self._session:
            headers.setRawHeaders("X-Trans-Id-Extra", [self._session])
        for source in (self.policy.extra_headers, request.headers):
            for name, value in source.items():
                headers.setRawHeaders(name, [value.encode("utf-8")])
        issued: Deferred[IResponse] = agent.request(
            request.method.encode(), request.target(self._base(access.url)), headers, upload
        )
        return issued

    def _base(self, url: str) -> str:
        if not self.policy.storage_scheme and not self.policy.storage_netloc:
            return url.rstrip("/")
        parts = urlsplit(url)
        scheme = self.policy.storage_scheme or parts.scheme
        netloc = self.policy.storage_netloc or parts.netloc
        return urlunsplit((scheme, netloc, parts.path, "", "")).rstrip("/")

    def _observe(self, request: Request, response: IResponse) -> None:
        traces.noticed(_header(response, b"X-Trans-Id"))
        if self.policy.log_requests or self._scrutiny.on:
            self._scrutiny.logger(log).info(
                "{session}: {method} {names} -> {status} {transaction}",
                event="store_request",
                session=self._session,
                method=request.method,
                names=request.names,
                status=response.code,
                transaction=_header(response, b"X-Trans-Id"),
            )
        try:
            date = describe.seconds(_header(response, b"Date"))
        except ValueError:
            return
        skew = date + 0.5 - self._wall()  # a Date has whole seconds: ours is better where they agree
        self._epoch = self._wall() - self.clock.seconds() + (skew if abs(skew) > 2.0 else 0.0)

    def _discard(self, response: IResponse) -> None:
        """Read and forget the body, so that its connection can be used again."""
        d: Any = Deferred.fromCoroutine(collect(response, ERROR_LIMIT, self.clock, self.policy.response_timeout))
        d.addErrback(lambda _: None)

    async def _reply(self, request: Request, response: IResponse) -> Reply:
        headers = headers_of(response)
        if request.needs and response.code == 200 and request.needs not in headers:
            response.deliverBody(Hangup())  # type: ignore[no-untyped-call]
            return Reply(response.code, headers)
        limit = request.limit if response.code < 300 else ERROR_LIMIT
        timeout = self.policy.response_timeout + request.patience
        try:
            body = await collect(response, limit, self.clock, timeout)
        except CancelledError:
            raise
        except Exception as error:
            if response.code < 300:
                raise Lost(f"answer was cut: {error}", whole=True) from error
            body = b""  # the status says enough
        return Reply(response.code, headers, body)


def headers_of(response: IResponse) -> dict[str, str]:
    """The headers of *response*, with lower-case names."""
    return {
        name.decode("latin-1").lower(): values[-1].decode("utf-8", "replace")
        for name, values in response.headers.getAllRawHeaders()
    }


def _header(response: IResponse, name: bytes) -> str:
    values = response.headers.getRawHeaders(name)
    return values[0].decode("latin-1") if values else "-"


def _lost(error: Exception, upload: Upload | None, expired: bool) -> Exception:
    """What the failure of a request means: our source's own error, or `Lost`."""
    whole = upload is None or upload.complete
    sent = upload.sent if upload is not None and whole else {}
    if expired:
        return Lost("no answer in time", whole, sent)
    reasons: list[Failure] = getattr(error, "reasons", [])
    if isinstance(error, CancelledError) or any(isinstance(reason.value, CancelledError) for reason in reasons):
        return CancelledError()  # nobody waits any more: nothing is to be sent again
    if isinstance(error, RequestGenerationFailed):
        cause = reasons[0].value
        if isinstance(cause, errors.StorageError):
            return cause
        return Lost(f"source failed: {type(cause).__name__}", whole=False)
    if isinstance(error, UNREACHABLE):
        return Lost(type(error).__name__, whole=False, hopeless=True)
    return Lost(type(error).__name__, whole and isinstance(error, ResponseFailed), sent)
