"""Events reach their receiver, and nobody else feels them."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from swftp.config import Config, ConfigError, EventsConfig
from swftp.events import PAUSES, ROOM, TIMEOUT, Events, signature
from swftp.paths import resolve
from tests.test_insight import IDENTITY, InsightCase, gateway_of

SECRET = b"0123456789abcdef"


class Response:
    """An answer whose body nobody wants."""

    def __init__(self, code: int) -> None:
        self.code = code

    def deliverBody(self, protocol: object) -> None:
        """See `IResponse`."""


class Receiver:
    """An `IAgent` that answers when the test says so; notes what it was sent."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.headers: list[Headers] = []
        self.answers: list[Deferred[Response]] = []

    def request(self, method: bytes, uri: bytes, headers: Headers, body: Any) -> Deferred[Response]:
        """See `IAgent`."""
        written: list[bytes] = []
        body.startProducing(Consumer(written))
        self.raw.append(b"".join(written))
        self.bodies.append(json.loads(self.raw[-1]))
        self.headers.append(headers)
        self.answers.append(Deferred())
        return self.answers[-1]

    def answer(self, code: int) -> None:
        """To the last request."""
        self.answers[-1].callback(Response(code))


class Consumer:
    """Takes a body."""

    def __init__(self, written: list[bytes]) -> None:
        self.write = written.append


class EventsTests(SynchronousTestCase):
    """One receiver."""

    def setUp(self) -> None:
        self.clock, self.receiver = Clock(), Receiver()
        self.names = iter(range(1_000_000))
        self.events = Events(
            self.receiver,  # type: ignore[arg-type]
            self.clock,
            "http://receiver.test/",
            frozenset({"upload", "login"}),
            secret=SECRET,
            wall=lambda: 1_700_000_000.5,
            name=lambda: str(next(self.names)),
        )
        self.events.startService()
        self.addCleanup(lambda: self.events.running and self.events.stopService())

    def upload(self, path: str = "/box/a", outcome: str = "ok") -> None:
        """It is over."""
        self.events({"event": "upload", "path": path, "bytes": 3, "user": "me", "outcome": outcome, "log_time": 1})

    def test_told(self) -> None:
        """What happened, to whom and when, signed so that nobody else can say it."""
        self.upload()
        (body,) = self.receiver.bodies
        wanted = {"event": "upload", "path": "/box/a", "bytes": 3, "user": "me", "id": "0", "time": 1_700_000_000.5}
        self.assertEqual(body, wanted)
        (headers,) = self.receiver.headers
        self.assertEqual(headers.getRawHeaders("X-SwFTP-Timestamp"), ["1700000000"])
        signed = f"sha256={signature(SECRET, '1700000000', self.receiver.raw[0])}"
        self.assertEqual(headers.getRawHeaders("X-SwFTP-Signature"), [signed])
        self.receiver.answer(204)
        self.assertEqual((self.events.lost, len(self.events._waiting)), (0, 0))

    def test_not_told(self) -> None:
        """What was not asked for, and what failed, is none."""
        self.events({"event": "download", "path": "/box/a"})
        self.events({"log_format": "no event"})
        self.upload(outcome="client_abort")
        self.assertEqual(self.receiver.bodies, [])

    def test_order(self) -> None:
        """One after the other: the next is told when the one before was taken."""
        self.upload("/box/a")
        self.upload("/box/b")
        self.assertEqual(len(self.receiver.bodies), 1)
        self.receiver.answer(200)
        self.assertEqual([body["path"] for body in self.receiver.bodies], ["/box/a", "/box/b"])

    def test_again(self) -> None:
        """Who is away, late or busy is told again, under the same name, until it is given up; then comes the next."""
        self.upload("/box/a")
        self.upload("/box/b")
        self.receiver.answer(503)
        for pause in PAUSES[:-1]:
            self.clock.advance(pause)
            self.clock.advance(TIMEOUT)
        self.clock.advance(PAUSES[-1])
        self.receiver.answers[-1].errback(ConnectionError())
        self.assertEqual([body["id"] for body in self.receiver.bodies], ["0"] * (len(PAUSES) + 1) + ["1"])
        self.assertEqual(self.events.lost, 1)

    def test_no(self) -> None:
        """A receiver that refuses an event would refuse it again: it is given up at once."""
        self.upload()
        self.receiver.answer(404)
        self.clock.advance(sum(PAUSES))
        self.assertEqual((len(self.receiver.bodies), self.events.lost), (1, 1))

    def test_bounded(self) -> None:
        """However long the receiver is away, so many wait and no more; the rest is counted."""
        for _ in range(ROOM + 50):
            self.upload()
        self.assertEqual((len(self.events._waiting), self.events.lost), (ROOM, 50))

    def test_end(self) -> None:
        """The end waits for nobody; what was not told is counted."""
        self.upload()
        self.upload()
        self.events.stopService()
        self.assertEqual((self.events.lost, self.clock.getDelayedCalls()), (2, []))
        self.upload()
        self.assertEqual(len(self.receiver.bodies), 1)


class ConfiguredTests(InsightCase):
    """In a gateway."""

    def config(self) -> Config:
        """As of `InsightCase`."""
        events = EventsConfig(url="http://receiver.test/", on=("remove",))
        return Config(auth=IDENTITY, events=events, protocols=("ftp",))

    def test_told(self) -> None:
        """What a client does is told, as soon as it is done; he does not wait for that."""
        receiver = Receiver()
        self.insight._events._agent = receiver  # type: ignore[union-attr, assignment]
        self.do(self.account.session().remove(resolve("/box/a")))
        (body,) = receiver.bodies
        self.assertEqual((body["event"], body["path"], body["session"]), ("remove", "/box/a", "sftp-me"))

    def test_unusable(self) -> None:
        """What is no URL, and a secret that is none, are found before anybody is let in."""
        for options in ({"url": "ftp://x/"}, {"url": "http://a b/"}, {"url": "http://x/", "secret_file": "/none"}):
            config = Config(auth=IDENTITY, events=EventsConfig(**options), protocols=("ftp",))
            self.assertIn("[events] ", str(self.assertRaises(ConfigError, gateway_of, config, self.reactor, "x")))
