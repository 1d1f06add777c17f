"""
The HTTP connections of one process to its stores, shared by all logins.

Small requests and file bytes have a pool each: a listing never waits behind an upload.  The plain
`Agent` is used, not treq's client, which decodes ``Content-Encoding: gzip``: a file's bytes are the object's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.web._newclient import HTTP11ClientProtocol, Request
from twisted.web.client import URI, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IPolicyForHTTPS, IResponse
from zope.interface import implementer

from swftp import errors, sockets
from swftp.interfaces import StoreWatch, Unwatched
from swftp.storage.swift.bodies import Hangup
from swftp.storage.swift.measured import MeasuredAgent

RECEIVE = 512 << 10
"""Bytes read at once.  Each download may hold so many more than its share of memory."""
TOGETHER = 2 << 20
"""Bytes that all downloads together read at once, where there are many; one that was paused, as its client stopped
reading, holds what it read last."""
LEAST_RECEIVE = 64 << 10


class Downloads:
    """
    Bodies that are being read.

    :ivar count: how many.
    """

    def __init__(self) -> None:
        self.count = 0

    @property
    def piece(self) -> int:
        """Bytes that each of them should read at once."""
        return max(LEAST_RECEIVE, min(RECEIVE, TOGETHER // max(1, self.count)))


@dataclass(frozen=True, slots=True)
class _Host:
    """Whom requests go to."""

    key: tuple[bytes, bytes, int]
    endpoint: IStreamClientEndpoint
    header: bytes
    """``Host``."""


@implementer(IAgent)
class _Agent:
    """
    As `twisted.web.client.Agent`, which takes the URL of each request to pieces, makes an endpoint and copies the
    headers: of a small file that is a tenth of all it costs.  Here a host is looked at once.
    """

    def __init__(self, reactor: Any, pool: Any, policy: IPolicyForHTTPS, connect_timeout: float) -> None:
        self._reactor = reactor
        self._pool = pool
        self._policy = policy
        self._connect_timeout = connect_timeout
        self._hosts: dict[tuple[bytes, ...], _Host] = {}

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """See `IAgent`; the header ``Host`` is added to *headers*."""
        *place, path = uri.split(b"/", 3) if uri.count(b"/") > 2 else (uri, b"")
        host = self._hosts.get(tuple(place)) or self._hosts.setdefault(tuple(place), self._host(uri))
        headers = headers or Headers()
        headers.setRawHeaders(b"Host", [host.header])
        make: Any = Request
        request = make(method, b"/" + path, headers, bodyProducer, self._pool.persistent)
        issued: Deferred[IResponse] = self._pool.getConnection(host.key, host.endpoint)
        return issued.addCallback(lambda connection: connection.request(request))

    def _host(self, uri: bytes) -> _Host:
        parse: Any = URI.fromBytes
        parts = parse(uri)
        endpoint: Any = HostnameEndpoint(self._reactor, parts.host, parts.port, timeout=self._connect_timeout)
        if parts.scheme == b"https":
            endpoint = wrapClientTLS(self._policy.creatorForNetloc(parts.host, parts.port), endpoint)
        return _Host((parts.scheme, parts.host, parts.port), endpoint, parts.netloc)


class _Prompt(HTTP11ClientProtocol):
    """A connection with large buffers, on which each request leaves at once, a small body together with its head."""

    def makeConnection(self, transport: Any) -> None:
        """See `IProtocol`."""
        tcp = getattr(transport, "transport", transport)  # the TCP connection below TLS
        sockets.tune(tcp, RECEIVE)
        self._hurry = sockets.Hurry(tcp)
        super().makeConnection(transport)  # type: ignore[no-untyped-call]

    def request(self, request: Any) -> Deferred[IResponse]:
        """See `HTTP11ClientProtocol`."""
        self._hurry.begin()
        try:
            asked: Deferred[IResponse] = super().request(request)
        finally:
            self._hurry.end()
        return asked


class _Connecting(Factory):
    """As the pool's own, which has no other way to be told not to log each connection twice."""

    noisy = False

    def __init__(self, quiescent: Any, about: str) -> None:
        self._quiescent = quiescent

    def buildProtocol(self, addr: IAddress | None) -> HTTP11ClientProtocol:
        """See `Factory`."""
        return _Prompt(self._quiescent)  # type: ignore[no-untyped-call]


class Connections:
    """
    Two agents over two pools of kept-alive connections.

    :ivar metadata: `IAgent` for requests without file content.
    :ivar bulk: `IAgent` for file content.
    :ivar downloads: what is coming in over `bulk`.
    :ivar watch: see `StoreWatch`.
    """

    metadata: IAgent
    bulk: IAgent

    def __init__(
        self,
        reactor: Any,
        *,
        num_persistent_connections: int = 100,
        connection_timeout: float = 240.0,
        connect_timeout: float = 5.0,
        policy: IPolicyForHTTPS | None = None,
        watch: StoreWatch | None = None,
    ) -> None:
        """
        :param num_persistent_connections: idle connections kept to one host, in each pool.
        :param connection_timeout: seconds an idle connection is kept.
        :param connect_timeout: seconds a new connection may take.
        :param policy: whose certificates are trusted; default: the platform's.
        :param watch: is told of each request.
        """
        trust: Any = BrowserLikePolicyForHTTPS
        trusted = policy or trust()
        make_pool: Any = HTTPConnectionPool
        self.downloads = Downloads()
        self.watch: StoreWatch = watch or Unwatched()
        self._pools: list[Any] = []

        def agent() -> IAgent:
            pool = make_pool(reactor, persistent=num_persistent_connections > 0)
            pool._factory = _Connecting
            pool.maxPersistentPerHost = max(1, num_persistent_connections)
            pool.cachedConnectionTimeout = connection_timeout
            pool.retryAutomatically = False  # the client retries, and knows what may be repeated
            self._pools.append(pool)
            return _Agent(reactor, pool, trusted, connect_timeout)

        self._plain = agent()
        self.metadata = self._measured = MeasuredAgent(self._plain, self.watch, reactor)
        self.bulk = MeasuredAgent(agent(), self.watch, reactor)

    async def probe(self, url: str) -> None:
        """
        Ask at *url*, and at the store that was asked last: any answer will do but that there is nobody behind.

        :raises Unavailable: one does not answer, or says so itself.
        """
        last = self._measured.seen
        health = last + b"/healthcheck" if last else b""  # swift.common.middleware.healthcheck
        for target in filter(None, (url.encode("ascii"), health)):
            try:
                response = await self._plain.request(b"GET", target, None, None)
            except Exception as error:  # whatever a socket, a name or a certificate has against it
                raise errors.Unavailable(f"no answer: {type(error).__name__}") from error
            response.deliverBody(Hangup())  # type: ignore[no-untyped-call]
            if response.code >= 500:
                raise errors.Unavailable(f"answered {response.code}")

    async def close(self) -> None:
        """Close what is idle."""
        for pool in self._pools:
            await pool.closeCachedConnections()
