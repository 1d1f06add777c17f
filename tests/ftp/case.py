"""
What tests of the control connection begin with: a server over a store in memory, and a client that types.

The data connection here is one that only remembers what was asked of it; `tests.ftp.test_data` has the real one.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.cred.credentials import IUsernamePassword
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.limits import Admission, AdmissionLimits
from swftp.auth.login import Login, SessionCounter
from swftp.auth.realm import LoginRealm
from swftp.auth.refusals import LoginRefused
from swftp.ftp.command import Argument, Command, Kind
from swftp.ftp.context import Context
from swftp.ftp.control import Control
from swftp.ftp.factory import Factory
from swftp.ftp.interfaces import IFtpAccount
from swftp.ftp.reply import Reply, reply
from swftp.ftp.settings import Settings
from swftp.ftp.table import COMMANDS
from swftp.session import Session
from swftp.storage.memory import MemoryStorage
from swftp.timers import batched_timer
from tests.sftp.case import NOW, make_session

USER, PASSWORD = "test:tester", "testing"
PEER = "192.0.2.1"


class FakeData:
    """A data connection that remembers."""

    def __init__(self) -> None:
        self.prepared: list[tuple[Any, ...]] = []
        self.closed = 0

    def passive(self) -> int:
        """As `DataChannel.passive`."""
        self.prepared.append(("passive",))
        return 40000

    async def public_address(self) -> str:
        """As `DataChannel.public_address`."""
        return "192.0.2.99"

    def active(self, host: str, port: int) -> None:
        """As `DataChannel.active`."""
        self.prepared.append(("active", host, port))

    def close(self) -> None:
        """As `DataChannel.close`."""
        self.closed += 1


class Tcp(StringTransport):
    """A client's TCP connection that really ends when it is told to."""

    protocol: Control
    over = False
    aborted = False
    reading = True
    certified: tuple[str, ...] = ()

    def loseConnection(self) -> None:
        """As of `ITransport`."""
        self.disconnecting = True

    def abortConnection(self) -> None:
        """As of `ITCPTransport`."""
        self.aborted = True
        self.end(ConnectionLost())

    def end(self, reason: Exception | None = None) -> None:
        """The connection is gone."""
        if not self.over:
            self.over = True
            self.producer = None  # as TCP does
            self.protocol.connectionLost(Failure(reason or ConnectionDone()))

    def pauseProducing(self) -> None:
        """As of `IPushProducer`."""
        self.reading = False

    def resumeProducing(self) -> None:
        """As of `IPushProducer`."""
        self.reading = True

    def names(self, kind: str) -> tuple[str, ...]:
        """As of `Secured`: there is no certificate."""
        return self.certified

    def unregisterProducer(self) -> None:
        """As of `IConsumer`, but may be said twice."""
        self.producer = None


class Account:
    """The avatar of a login."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.ended = 0
        self.busy = False

    def session(self) -> Session:
        """As of `IFtpAccount`."""
        return self._session

    def logout(self) -> None:
        """Remember it."""
        self.ended += 1
        self._session.lost()


class Access:
    """A right that remembers whether it was given back."""

    released = 0

    def release(self) -> None:
        """As `CredentialAccess.release`."""
        self.released += 1


class Checker:
    """Knows one password.  ``wait``: what logins wait for; ``error``: what they fail with."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes, str]] = []
        self.wait: Deferred[None] | None = None
        self.error: Exception | None = None
        self.access = Access()

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """As of `ICredentialsChecker`."""
        self.asked.append((credentials.username, credentials.password, credentials.peer))
        if self.wait is not None:
            return self.wait.addCallback(lambda _: self._answer(credentials))
        return self._answer(credentials)

    def _answer(self, credentials: Any) -> Deferred[Any]:
        if self.error is not None:
            return fail(self.error)
        if credentials.password != PASSWORD.encode():
            return fail(LoginRefused())
        access: Any = self.access
        name = credentials.username.decode()
        return succeed(Login(name=name, user=name, access=access, peer=credentials.peer))


class Waits:
    """A command under test that ends when it is told to."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.running: list[Deferred[Reply]] = []

    async def __call__(self, context: Context, argument: bytes) -> Reply:
        self.asked.append(argument)
        wait: Deferred[Reply] = Deferred()
        self.running.append(wait)
        return await wait

    def end(self, code: int = 200, text: str = "done") -> None:
        """Answer the one that has waited longest."""
        self.running.pop(0).callback(reply(code, text))

    def end_all(self) -> None:
        """Answer all, and those that come to their turn by that."""
        while self.running:
            self.end()


class ControlCase(SynchronousTestCase):
    """``self.storage`` has ``/box/a``.  ``WAIT`` is a command that waits, ``MOVE`` one that is a transfer."""

    settings: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    sessions = 0

    def setUp(self) -> None:
        """A server, and nobody there."""
        self.clock = Clock()
        self.clock.advance(NOW)
        self.storage = MemoryStorage(self.clock)
        self.storage["/box/a"] = b"hello, world"
        self.checker = Checker()
        self.accounts: list[Account] = []
        self.wait, self.move = Waits(), Waits()
        self.counter = SessionCounter(self.sessions)
        self.factory = self.make_factory()
        self.addCleanup(self.let_all_end)

    def let_all_end(self) -> None:
        """Whatever still waits for a command or the delay of a refusal."""
        self.wait.end_all()
        self.move.end_all()
        self.clock.pump([self.factory.settings.failure_delay] * 3)

    def make_factory(self, **options: Any) -> Factory:
        """The server."""
        commands = {
            **COMMANDS,
            "WAIT": Command(self.wait, Argument.OPTIONAL, kind=Kind(login=False)),
            "MOVE": Command(self.move, Argument.OPTIONAL, kind=Kind(login=False, transfer=True)),
        }
        return Factory(
            Portal(LoginRealm(IFtpAccount, self._account, self.counter), [self.checker]),
            self.clock,
            Settings(**self.settings),
            Admission(AdmissionLimits(**self.limits)),
            batched_timer(self.clock),
            lambda peer, host: FakeData(),
            commands=commands,
            **options,
        )

    def _account(self, login: Login, mind: object) -> Account:
        self.accounts.append(Account(make_session(self.storage, self.clock)))
        return self.accounts[-1]

    def connect(self, factory: Factory | None = None, peer: str = PEER) -> Client:
        """A client; its greeting is read."""
        client = Client(factory or self.factory, peer, self.clock)
        if client.tcp.value():
            client.greeting = client.hear()
        return client

    def log_in(self) -> Client:
        """A client that is logged in."""
        client = self.connect()
        self.assertEqual(client.codes(f"USER {USER}", f"PASS {PASSWORD}"), [331, 230])
        return client


class Client:
    """Types commands, and reads replies as RFC 959 section 4.2 has them."""

    def __init__(self, factory: Factory, peer: str, clock: Clock) -> None:
        self.greeting: list[tuple[int, list[str]]] = []
        self.clock = clock
        self.control = factory.buildProtocol(None)
        from twisted.internet.address import IPv4Address

        self.tcp = Tcp(IPv4Address("TCP", "127.0.0.1", 5021), IPv4Address("TCP", peer, 50000))
        self.tcp.protocol = self.control
        self.control.makeConnection(self.tcp)
        self.context: Context = self.control.context  # whose control forgets it in the end

    def type(self, *lines: str | bytes) -> None:
        """Send *lines* in one piece."""
        self.send(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\r\n" for line in lines))

    def send(self, data: bytes) -> None:
        """Send *data* as it is."""
        self.control.dataReceived(data)
        self.clock.pump([0] * 5)

    def hear(self) -> list[tuple[int, list[str]]]:
        """All replies that came: code and lines."""
        data = self.tcp.value()
        self.tcp.clear()
        assert data == b"" or data.endswith(b"\r\n"), data
        replies: list[tuple[int, list[str]]] = []
        lines = data.decode().split("\r\n")[:-1]
        while lines:
            line = lines.pop(0)
            match = re.fullmatch(r"(\d{3})([ -])(.*)", line)
            assert match, line
            texts = [match[3]]
            while match[2] == "-":
                line = lines.pop(0)
                if end := re.fullmatch(match[1] + " (.*)", line):
                    texts.append(end[1])
                    break
                assert line.startswith(" "), line
                texts.append(line[1:])
            replies.append((int(match[1]), texts))
        return replies

    def ask(self, *lines: str | bytes) -> list[tuple[int, list[str]]]:
        """What *lines* are answered with."""
        self.type(*lines)
        return self.hear()

    def codes(self, *lines: str | bytes) -> list[int]:
        """The codes of the answers to *lines*."""
        return [code for code, _ in self.ask(*lines)]
