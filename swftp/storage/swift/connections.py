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


class _Pool(HTTPConnectionPool):
    """
    Connections that are kept alive.

    Nothing but its use tells whether an idle one is still good: firewalls and balancers forget those that are quiet.
    """

    retryAutomatically = False  # the client retries, and knows what may be repeated

    def fresh(self, key: Any, endpoint: IStreamClientEndpoint) -> Deferred[HTTP11ClientProtocol]:
        """As `getConnection`, of a connection that nobody has used."""
        made: Deferred[HTTP11ClientProtocol] = self._newConnection(key, endpoint)
        return made

    def doubt(self, key: Any) -> None:
        """Close what is idle of *key*."""
        for connection in list(self._connections.get(key, ())):
            self._timeouts[connection].cancel()
            self._removeConnection(key, connection)  # type: ignore[no-untyped-call]


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
        """
        See `IAgent`; the header ``Host`` is added to *headers*.

        What cannot be sent again does not leave on a connection that may be dead.
        """
        place, path = _parts(uri)
        host = self._hosts.get(place) or self._hosts.setdefault(place, self._host(uri))
        headers = headers or Headers()
        headers.setRawHeaders(b"Host", [host.header])
        make: Any = Request
        request = make(method, b"/" + path, headers, bodyProducer, self._pool.persistent)
        connect = self._pool.getConnection if getattr(bodyProducer, "replayable", True) else self._pool.fresh
        issued: Deferred[IResponse] = connect(host.key, host.endpoint)
        return issued.addCallback(lambda connection: connection.request(request))

    def doubt(self, uri: bytes) -> None:
        """Close idle connections to the host of *uri*."""
        host = self._hosts.get(_parts(uri)[0])
        if host is not None:
            self._pool.doubt(host.key)

    def _host(self, uri: bytes) -> _Host:
        parse: Any = URI.fromBytes
        parts = parse(uri)
        endpoint: Any = HostnameEndpoint(self._reactor, parts.host, parts.port, timeout=self._connect_timeout)
        if parts.scheme == b"https":
            endpoint = wrapClientTLS(self._policy.creatorForNetloc(parts.host, parts.port), endpoint)
        return _Host((parts.scheme, parts.host, parts.port), endpoint, parts.netloc)


def _parts(uri: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """Scheme and host, and what is behind them."""
    *place, path = uri.split(b"/", 3) if uri.count(b"/") > 2 else (uri, b"")
    return tuple(place), path


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
        make_pool: Any = _Pool
        self.downloads = Downloads()
        self.watch: StoreWatch = watch or Unwatched()
        self._pools: list[Any] = []
        self._agents: list[_Agent] = []

        def agent() -> _Agent:
            pool = make_pool(reactor, persistent=num_persistent_connections > 0)
            pool._factory = _Connecting
            pool.maxPersistentPerHost = max(1, num_persistent_connections)
            pool.cachedConnectionTimeout = connection_timeout
            self._pools.append(pool)
            self._agents.append(_Agent(reactor, pool, trusted, connect_timeout))
            return self._agents[-1]

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

    def doubt(self, url: str) -> None:
        """A request to *url* got no answer: idle connections to that host, which may be as dead, are closed."""
        for agent in self._agents:
            agent.doubt(url.encode("ascii"))

    async def close(self) -> None:
        """Close what is idle."""
        for pool in self._pools:
            await pool.closeCachedConnections()
