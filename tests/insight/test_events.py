"""Events reach their receiver, and nobody else feels them."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from swftp.config import Config, ConfigError, EventsConfig
from swftp.insight.events import PAUSES, ROOM, Events
from swftp.insight.receivers import TIMEOUT, Command, NotTaken, Posted, signature
from swftp.paths import resolve
from tests.insight.test_insight import IDENTITY, InsightCase, gateway_of

SECRET = b"0123456789abcdef"


COMMANDS: tuple[dict[str, Any], ...] = ({"command": "/none/such"}, {"command": "/etc"}, {"command": "/etc/passwd x"})
"""None of which can be run."""


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
        self.start(at_once=1)

    def start(self, at_once: int) -> None:
        """Tell *at_once* at a time."""
        agent: Any = self.receiver
        self.events = Events(
            Posted(agent, self.clock, "http://receiver.test/", SECRET, self.wall),
            self.clock,
            frozenset({"upload", "login"}),
            at_once=at_once,
            wall=self.wall,
            name=lambda: str(next(self.names)),
        )
        self.events.startService()
        self.addCleanup(lambda events: events.running and events.stopService(), self.events)

    def wall(self) -> float:
        """The time."""
        return 1_700_000_000.5

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
        self.assertEqual((self.events.lost, self.events.pending), (0, 0))

    def test_exact_names(self) -> None:
        """A receiver opens what it is told of: names are not cut, masked, or made fit for a line of the log."""
        odd = "/box/a\tb \x1b[2J \u202e \x85 \u65e5 X-Auth-Token: AUTH_tk0123 \udcff"
        for name in (odd, "/" + "c" * 256 + "/" + "\u65e5" * 1024):
            self.upload(name)
            self.assertEqual(self.receiver.bodies[-1]["path"], name)
            self.assertTrue(self.receiver.raw[-1].isascii())
            self.receiver.answer(204)

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
        self.assertEqual((self.events.pending, self.events.lost), (ROOM, 50))

    def test_several(self) -> None:
        """Where several may be told at one time, one that is slow holds up no other, and no more are told."""
        self.start(at_once=2)
        for path in ("/box/a", "/box/b", "/box/c", "/box/d"):
            self.upload(path)
        self.assertEqual(len(self.receiver.bodies), 2)
        self.receiver.answers[1].callback(Response(200))
        self.assertEqual([body["path"] for body in self.receiver.bodies], ["/box/a", "/box/b", "/box/c"])
        self.assertEqual(self.events.pending, 3)

    def test_end(self) -> None:
        """The end waits for nobody; what was not told is counted."""
        self.upload()
        self.upload()
        self.events.stopService()
        self.assertEqual((self.events.lost, self.clock.getDelayedCalls()), (2, []))
        self.upload()
        self.assertEqual(len(self.receiver.bodies), 1)


class Started:
    """An `IReactorProcess` whose processes do what the test says, and the transport of the last of them."""

    pid = 4711

    def __init__(self) -> None:
        self.runs: list[tuple[Any, ...]] = []
        self.killed: list[tuple[int, int]] = []
        self.written: list[tuple[int, bytes] | str] = []

    def spawnProcess(self, protocol: Any, program: str, words: list[str], env: dict[str, str]) -> None:
        """See `IReactorProcess`."""
        self.protocol = protocol
        self.runs.append((program, words, env))
        protocol.makeConnection(self)

    def kill(self, group: int, number: int) -> None:
        """See `os.killpg`; that it ended is seen later."""
        self.killed.append((group, number))

    def end(self, code: int | None = None, signal: int | None = None) -> None:
        """The last one does."""
        error = ProcessTerminated(code, signal) if code or signal else ProcessDone(0)
        self.protocol.processExited(Failure(error))

    def writeToChild(self, descriptor: int, data: bytes) -> None:
        """See `IProcessTransport`."""
        self.written.append((descriptor, data))

    def closeStdin(self) -> None:
        """See `IProcessTransport`."""
        self.written.append("end")

    def loseConnection(self) -> None:
        """See `IProcessTransport`."""


class CommandTests(SynchronousTestCase):
    """A run for each event."""

    def setUp(self) -> None:
        self.clock, self.started = Clock(), Started()
        environ = {"PATH": "/bin", "OS_PASSWORD": "secret", "NOTIFY_SOCKET": "/run/x"}
        reactor: Any = self.started
        self.command = Command(reactor, self.clock, ["/bin/x", "-q"], 60.0, environ, self.started.kill)

    def tell(self) -> Deferred[None]:
        """Of an event."""
        return Deferred.fromCoroutine(self.command.tell(b'{"path": "/$(reboot)"}'))

    def test_input(self) -> None:
        """The event is what it reads, and nothing else of it or of our environment gets there."""
        told = self.tell()
        self.assertEqual(self.started.runs, [("setsid", ["setsid", "/bin/x", "-q"], {"PATH": "/bin"})])
        self.assertEqual(self.started.written, [(0, b'{"path": "/$(reboot)"}'), "end"])
        self.assertNoResult(told)
        self.started.end()
        self.successResultOf(told)
        self.assertEqual((self.started.killed, self.clock.getDelayedCalls()), ([], []))

    def test_failed(self) -> None:
        """Any other end says why, and may be tried again."""
        told = self.tell()
        self.started.protocol.errReceived(b"one\ntwo \x1b[2J\n")
        self.started.end(code=3)
        refusal = self.failureResultOf(told, NotTaken).value
        self.assertEqual((str(refusal), refusal.final), ("ended with 3: two \\x1b[2J", False))

    def test_talkative(self) -> None:
        """However much it complains, little of it is kept."""
        told = self.tell()
        for _ in range(1000):
            self.started.protocol.errReceived(b"x" * 65536)
        self.started.end(signal=11)
        self.assertLess(len(str(self.failureResultOf(told, NotTaken).value)), 1024)

    def test_late(self) -> None:
        """A run that takes too long is killed, with its children."""
        told = self.tell()
        self.clock.advance(60.0)
        self.assertEqual(self.started.killed, [(4711, 9)])
        self.started.end(signal=9)
        self.assertEqual(str(self.failureResultOf(told, NotTaken).value), "killed after 60 seconds")

    def test_end(self) -> None:
        """What runs when the gateway ends is killed."""
        told = self.tell()
        told.cancel()
        self.failureResultOf(told, CancelledError)
        self.assertEqual((self.started.killed, self.clock.getDelayedCalls()), ([(4711, 9)], []))


class ConfiguredTests(InsightCase):
    """In a gateway."""

    def config(self) -> Config:
        """As of `InsightCase`."""
        events = EventsConfig(url="http://receiver.test/", on=("remove",))
        return Config(auth=IDENTITY, events=events, protocols=("ftp",))

    def test_told(self) -> None:
        """What a client does is told, as soon as it is done; he does not wait for that."""
        receiver: Any = Receiver()
        (events,) = self.insight._events
        posted: Any = events._receiver
        posted._agent = receiver
        self.do(self.account.session().remove(resolve("/box/a")))
        (body,) = receiver.bodies
        self.assertEqual((body["event"], body["path"], body["session"]), ("remove", "/box/a", "sftp-me"))

    def test_unusable(self) -> None:
        """What is no URL, and a secret that is none, are found before anybody is let in."""
        for options in (
            {"url": "ftp://x/"},
            {"url": "http://a b/"},
            {"url": "http://x/", "secret_file": "/none"},
            *COMMANDS,
        ):
            config = Config(auth=IDENTITY, events=EventsConfig(**options), protocols=("ftp",))
            self.assertIn("[events] ", str(self.assertRaises(ConfigError, gateway_of, config, self.reactor, "x")))
