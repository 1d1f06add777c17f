"""The HTTP connections of a process."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path
from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import BrowserLikePolicyForHTTPS, ResponseFailed
from twisted.web.iweb import IAgent, IPolicyForHTTPS
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from swftp import sockets
from swftp.storage.swift.bodies import Bytes, Upload, collect
from swftp.storage.swift.connections import LEAST_RECEIVE, RECEIVE, TOGETHER, Connections, Downloads, _Agent
from tests.auth.test_transport import certificate


class DownloadsTests(SynchronousTestCase):
    """How much a download reads at once."""

    def test_few_read_much(self) -> None:
        """As much as is fast."""
        downloads = Downloads()
        for downloads.count in (0, 1, 4):
            self.assertEqual(downloads.piece, RECEIVE)

    def test_many_read_less(self) -> None:
        """What all hold together stays as it is, until pieces become crumbs."""
        downloads = Downloads()
        for downloads.count in (10, 20, 32):
            self.assertLessEqual(downloads.piece * downloads.count, TOGETHER)
        downloads.count = 1000
        self.assertEqual(downloads.piece, LEAST_RECEIVE)


class _Pool:
    """A pool whose connections keep what they are asked."""

    persistent = True

    def __init__(self) -> None:
        self.asked: list[tuple[object, object]] = []
        self.requests: list[Any] = []

    def getConnection(self, key: object, endpoint: object) -> Deferred[_Pool]:
        """See `HTTPConnectionPool`."""
        self.asked.append((key, endpoint))
        return succeed(self)

    def request(self, request: object) -> None:
        """See `HTTP11ClientProtocol`."""
        self.requests.append(request)


class HostsTests(SynchronousTestCase):
    """Where requests go."""

    def setUp(self) -> None:
        self.pool = _Pool()
        self.agent = _Agent(MemoryReactor(), self.pool, BrowserLikePolicyForHTTPS(), 5.0)

    def test_once_for_a_host(self) -> None:
        """Two objects of one store are one endpoint; another port or scheme is another."""
        for uri in (b"http://a:1/x", b"http://a:1/y", b"http://a:2/x", b"https://a:1/x", b"https://a:1/y"):
            self.agent.request(b"GET", uri)
        keys, made = zip(*self.pool.asked, strict=True)
        self.assertEqual(keys[0], (b"http", b"a", 1))
        self.assertEqual((keys[0], keys[3]), (keys[1], keys[4]))
        self.assertIs(made[0], made[1])
        self.assertIs(made[3], made[4])
        self.assertEqual(len(set(map(id, made))), 3)

    def test_what_is_asked(self) -> None:
        """All behind the host, or "/"; the header Host says which."""
        for uri in (b"http://a:1/v1/b//c%2F?x=y&z", b"http://[::1]:80"):
            self.agent.request(b"PUT", uri)
        self.assertEqual([request.uri for request in self.pool.requests], [b"/v1/b//c%2F?x=y&z", b"/"])
        hosts = [request.headers.getRawHeaders(b"Host") for request in self.pool.requests]
        self.assertEqual(hosts, [[b"a:1"], [b"[::1]:80"]])

    def test_no_request_in_a_url(self) -> None:
        """A line end in a URL is refused, not sent."""
        with self.assertRaises(ValueError):
            self.agent.request(b"GET", b"http://a:1/x HTTP/1.1\r\nX: y")


class _Forgotten(Protocol):
    """A connection that answers once: whoever uses it again is reset."""

    used = False
    seen = b""

    def dataReceived(self, data: bytes) -> None:
        """See `IProtocol`."""
        self.seen += data
        if self.used:
            self.transport.abortConnection()
        elif self.seen.endswith((b"\r\n\r\n", b"body")):
            self.used = True
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


class _Echo(Resource):
    """Answers with the MD5 of what it was sent."""

    isLeaf = True

    def render_PUT(self, request: Any) -> bytes:
        """See `Resource`."""
        return md5(request.content.read(), usedforsecurity=False).hexdigest().encode()


@implementer(IPolicyForHTTPS)
class _Trust:
    """Of one certificate."""

    def __init__(self, certificate: Path) -> None:
        self._root: Any = ssl.Certificate.loadPEM(certificate.read_bytes())  # type: ignore[no-untyped-call]

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        """See `IPolicyForHTTPS`."""
        return ssl.optionsForClientTLS(hostname.decode(), ssl.trustRootFromCertificates([self._root]))


class RequestTests(TestCase):
    """Requests over real sockets."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.certificate: tuple[Path, Path] = certificate(folder)  # type: ignore[no-untyped-call]

    async def send(self, base: str, connections: Connections) -> None:
        """Bodies around the size up to which they leave with the head, twice each on one connection."""
        for size in (0, 1, sockets.TOGETHER, sockets.TOGETHER + 1, 3 << 20):
            body = Bytes(bytes(size))
            for _ in range(2):
                response = await connections.bulk.request(b"PUT", f"{base}/x".encode(), None, Upload(body))
                answer = await collect(response, 100, reactor, 10.0)  # type: ignore[arg-type]
                self.assertEqual(answer.decode(), body.digest)

    async def test_dead_idle_connections(self) -> None:
        """One that turns out to be dead is the last of those that were idle with it; what cannot be sent again needs
        none."""
        any_reactor: Any = reactor
        port = any_reactor.listenTCP(0, Factory.forProtocol(_Forgotten), interface="127.0.0.1")  # type: ignore[no-untyped-call]
        self.addCleanup(port.stopListening)
        connections = Connections(reactor)
        url = f"http://127.0.0.1:{port.getHost().port}"

        async def ask(agent: IAgent, body: Upload | None = None) -> None:
            method = b"GET" if body is None else b"PUT"
            response = await agent.request(method, url.encode() + b"/x", None, body)
            await collect(response, 100, reactor, 10.0)  # type: ignore[arg-type]

        try:
            for agent in (connections.metadata, connections.bulk):
                await gatherResults([Deferred.fromCoroutine(ask(agent)) for _ in range(3)])
            await self.assertFailure(Deferred.fromCoroutine(ask(connections.metadata)), ResponseFailed)
            body = Bytes(b"body")
            body.replayable = False
            await ask(connections.bulk, Upload(body))
            connections.doubt(url + "/v1/a")
            await ask(connections.metadata)
            await ask(connections.bulk)
        finally:
            await connections.close()

    async def test_whole(self) -> None:
        """A request arrives as it was, in the clear and over TLS, however its body is put together."""
        public, private = self.certificate
        any_reactor: Any = reactor
        listen = {"interface": "127.0.0.1"}
        tls = ssl.DefaultOpenSSLContextFactory(str(private), str(public))  # type: ignore[no-untyped-call]
        clear = any_reactor.listenTCP(0, Site(_Echo()), **listen)  # type: ignore[no-untyped-call]
        secure = any_reactor.listenSSL(0, Site(_Echo()), tls, **listen)  # type: ignore[no-untyped-call]
        for port in (clear, secure):
            self.addCleanup(port.stopListening)
        connections = Connections(reactor, policy=_Trust(public))
        try:
            await self.send(f"http://127.0.0.1:{clear.getHost().port}", connections)
            await self.send(f"https://127.0.0.1:{secure.getHost().port}", connections)
        finally:
            await connections.close()
