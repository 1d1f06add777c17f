"""
A Swift that answers what the test tells it to, over connections in memory, on a clock the test holds.

The HTTP client is Twisted's own; only the wire below it and the server behind it are made up.  An answer can come
early, late, in part, never, or not at all because the connection is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint, ITCPTransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from swftp.interfaces import Access, IAccess, Unwatched
from swftp.storage.swift import Limits, Options, Policy, SwiftClient
from swftp.storage.swift.connections import Downloads
from swftp.storage.swift.features import KINDS

ACCOUNT = "/v1/AUTH_test"
PHRASES = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content"}


@dataclass
class Seen:
    """A request as the server saw it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    whole: bool = False
    """The body came to its end."""

    @property
    def line(self) -> str:
        """Method and target below the account."""
        return f"{self.method} {self.target.removeprefix(ACCOUNT)}"


@dataclass
class Answer:
    """What the server does with one request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    early: bool = False
    """Answer after the headers, not after the body."""
    length: int | None = None
    """Content-Length that is told; None: the true one."""
    cut: bool = False
    """End the connection after the body."""
    reset: bool = False
    """End the connection instead of answering."""
    silent: bool = False
    """Do not answer."""
    check: Callable[[Seen], object] = lambda seen: None


@implementer(ITCPTransport)
class Wire:
    """The client's end of a connection: buffers as TCP does, delivers on the clock's next turn."""

    disconnecting = False

    def __init__(self, clock: Clock, server: Server) -> None:
        self.clock = clock
        self.server = server
        self.protocol: Any = None
        self.producer: Any = None
        self.paused = False
        self.lost = False
        self.incoming: list[bytes] = []
        self.reason: Exception | None = None

    def write(self, data: bytes) -> None:
        if not self.lost:
            data = bytes(data)
            self.clock.callLater(0, lambda: self.server.received(data))

    def writeSequence(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None
        if self.disconnecting:
            self.close(ConnectionDone())

    def loseConnection(self) -> None:
        self.disconnecting = True
        if self.producer is None:
            self.clock.callLater(0, lambda: self.close(ConnectionDone()))

    def abortConnection(self) -> None:
        self.clock.callLater(0, lambda: self.close(ConnectionLost()))

    def stopProducing(self) -> None:
        self.loseConnection()

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        self.clock.callLater(0, self.deliver)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def feed(self, data: bytes) -> None:
        """The server sends *data*."""
        self.incoming.append(data)
        self.clock.callLater(0, self.deliver)

    def end(self, reason: Exception) -> None:
        """The server ends the connection, after what it sent."""
        self.reason = reason
        self.clock.callLater(0, self.deliver)

    def deliver(self) -> None:
        while self.incoming and not self.paused and not self.lost:
            self.protocol.dataReceived(self.incoming.pop(0))
        if self.reason is not None and not self.incoming and not self.paused:
            self.close(self.reason)

    def close(self, reason: Exception) -> None:
        if self.lost:
            return
        self.lost = True
        self.server.gone(self)
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))


class Server:
    """One connection's other end."""

    def __init__(self, swift: ScriptedSwift) -> None:
        self.swift = swift
        self.buffer = b""
        self.seen: Seen | None = None
        self.answer: Answer | None = None
        self.wire: Wire

    def gone(self, wire: Wire) -> None:
        self.swift.wires.remove(wire)

    def received(self, data: bytes) -> None:
        self.buffer += data
        if self.seen is None:
            head, separator, rest = self.buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            self.buffer = rest
            self.begin(head.decode("latin-1").split("\r\n"))
        self.take_body()

    def begin(self, lines: list[str]) -> None:
        method, target, _ = lines[0].split(" ")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        self.seen = Seen(method, target, {name.lower(): value for name, value in headers.items()})
        self.answer = self.swift.next(self.seen)
        if self.answer.early or (self.answer.reset and self.answer.early):
            self.give()

    def take_body(self) -> None:
        seen = self.seen
        if seen is None or seen.whole:
            return None
        if seen.headers.get("transfer-encoding") == "chunked":
            while b"\r\n" in self.buffer:
                size, _, rest = self.buffer.partition(b"\r\n")
                if len(rest) < int(size, 16) + 2:
                    return None
                seen.body += rest[: int(size, 16)]
                self.buffer = rest[int(size, 16) + 2 :]
                if int(size, 16) == 0:
                    return self.end_of_body()
            return None
        missing = int(seen.headers.get("content-length", "0")) - len(seen.body)
        seen.body += self.buffer[:missing]
        self.buffer = self.buffer[missing:]
        if len(seen.body) == int(seen.headers.get("content-length", "0")):
            self.end_of_body()
        return None

    def end_of_body(self) -> None:
        if self.seen is not None:
            self.seen.whole = True
        if self.answer is not None and not self.answer.early:
            self.give()
        elif self.answer is not None and not self.answer.silent:
            self.seen = None

    def give(self) -> None:
        answer, seen = self.answer, self.seen
        if answer is None or seen is None or answer.silent:
            return
        answer.check(seen)
        if answer.reset:
            self.wire.end(ConnectionLost())
            return
        headers = {"Content-Length": str(len(answer.body)), "X-Trans-Id": "tx-test", **answer.headers}
        if answer.length is not None:
            headers["Content-Length"] = str(answer.length)
        lines = [f"HTTP/1.1 {answer.status} {PHRASES.get(answer.status, 'Other')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wire.feed("\r\n".join([*lines, "", ""]).encode())
        if seen.method != "HEAD" and answer.body:
            self.wire.feed(answer.body)
        if seen.whole:
            self.seen = None
        if answer.cut:
            self.wire.end(ConnectionLost())


class ScriptedSwift:
    """
    Answers requests in the order of the script; one that is not in it fails the test.

    :ivar requests: all that were made.
    :ivar refuse: connections to refuse; *refusal*: how.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.script: list[tuple[str | None, Answer]] = []
        self.requests: list[Seen] = []
        self.surprises: list[str] = []
        self.wires: list[Wire] = []
        self.connects = 0
        self.refuse = 0
        self.refusal: type[Exception] = ConnectionRefusedError

    def expect(self, line: str | None, status: int = 200, **kwargs: Any) -> Answer:
        """Answer the next request, which is *line* (``METHOD target``; None: any), with *status*."""
        answer = Answer(status, **kwargs)
        self.script.append((line, answer))
        return answer

    def next(self, seen: Seen) -> Answer:
        self.requests.append(seen)
        line = unquote(seen.line)
        if not self.script or self.script[0][0] not in (None, line):
            wanted = self.script[0][0] if self.script else "nothing"
            self.surprises.append(f"{line}, not {wanted}")
            return Answer(silent=True)
        return self.script.pop(0)[1]

    def connected(self, factory: Any) -> Deferred[Any]:
        self.connects += 1
        if self.refuse:
            self.refuse -= 1
            raise self.refusal()
        protocol = factory.buildProtocol(None)
        server = Server(self)
        wire = Wire(self.clock, server)
        server.wire, wire.protocol = wire, protocol
        self.wires.append(wire)
        protocol.makeConnection(wire)
        return succeed(protocol)


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class Endpoint:
    """Leads to the scripted Swift, whatever the address."""

    def __init__(self, swift: ScriptedSwift) -> None:
        self._swift = swift

    def endpointForURI(self, uri: object) -> Endpoint:
        return self

    def connect(self, factory: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: Any) -> Any:
        return await self._swift.connected(factory)


class Agents:
    """In place of `swftp.storage.swift.Connections`."""

    def __init__(self, clock: Clock, swift: ScriptedSwift) -> None:
        def agent() -> Any:
            pool = HTTPConnectionPool(clock)
            pool.retryAutomatically = False
            return Agent.usingEndpointFactory(clock, Endpoint(swift), pool)

        self.metadata, self.bulk = agent(), agent()
        self.downloads = Downloads()
        self.watch = Unwatched()
        self.doubted: list[str] = []

    def doubt(self, url: str) -> None:
        """See `Connections.doubt`."""
        self.doubted.append(url)


@implementer(IAccess)
class Tokens:
    """Numbered tokens."""

    def __init__(self) -> None:
        self.number = 1

    async def get(self) -> Access:
        return Access(f"token-{self.number}", f"http://swift.test{ACCOUNT}", None)

    async def renew(self, stale: Access) -> Access:
        self.number += 1
        return await self.get()


class ScriptedCase(SynchronousTestCase):
    """A store over a scripted Swift; ``self.swift`` is the script, ``self.clock`` the time, ``self.moved`` how far
    the wall clock was moved."""

    limits = Limits(bulk_delete=True, symlink=True)
    options = Options()
    policy = Policy(attempts=3, response_timeout=60.0)

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000.0)
        self.swift = ScriptedSwift(self.clock)
        self.tokens = Tokens()
        self.moved = 0.0
        agents: Any = Agents(self.clock, self.swift)
        self.agents: Agents = agents

        def wall() -> float:
            return self.clock.seconds() + self.moved

        self.client = SwiftClient(self.clock, agents, self.tokens, self.policy, wall=wall, jitter=lambda: 0.0)
        self.storage: Any = KINDS[True, True](self.client, self.options, self.limits)

    def begin(self, work: Awaitable[Any]) -> Deferred[Any]:
        """Start *work* and let happen what happens at once."""
        d: Deferred[Any] = Deferred.fromCoroutine(work)
        self.turn()
        return d

    def turn(self, seconds: float = 0.0) -> None:
        """Let *seconds* pass, and everything that is due."""
        self.clock.advance(seconds)
        for _ in range(200):
            self.clock.advance(0)

    def passing(self, d: Deferred[Any], limit: float = 1000.0) -> float:
        """Let time pass until *d* has a result; how many seconds that took."""
        start = self.clock.seconds()
        while not d.called and self.clock.seconds() - start < limit:
            self.turn(0.25)
        return self.clock.seconds() - start

    def done(self, work: Awaitable[Any]) -> Any:
        """The result of *work*, which made all requests of the script, and no others."""
        d = self.begin(work)
        self.passing(d)
        result = self.successResultOf(d)
        self.check_script()
        return result

    def fails(self, kind: type[Exception], work: Awaitable[Any]) -> Any:
        """The error of exactly *kind* of *work*, which made all requests of the script, and no others."""
        d = self.begin(work)
        self.passing(d)
        error = self.failureResultOf(d).value
        self.assertIs(type(error), kind, repr(error))
        self.check_script()
        return error

    def check_script(self) -> None:
        """The script was followed to its end."""
        self.assertEqual(self.swift.surprises, [])
        self.assertEqual([line for line, _ in self.swift.script], [])

    def lines(self) -> list[str]:
        """The requests made."""
        return [unquote(seen.line) for seen in self.swift.requests]
