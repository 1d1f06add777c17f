"""Logging in: one attempt at a time, only so many, and all refusals alike."""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from swftp.auth.attempts import ATTEMPTS, PASSWORD_LIMIT, USER_LIMIT
from swftp.auth.refusals import LoginRefused, LoginUnavailable
from swftp.errors import Busy, Unavailable
from swftp.ssh.gate import Phase
from swftp.ssh.settings import Settings
from swftp.ssh.userauth import QUEUE_LIMIT, REQUEST_SIZE
from swftp.ssh.wire import Msg, Reader, Reason, string
from tests.ssh.harness import Client, Server

FAILURE = string(b"publickey,password,keyboard-interactive") + b"\0"


@implementer(ICredentialsChecker)
class Checker:
    """Answers what it is told to, and notes what it was asked."""

    def __init__(self, *interfaces: Any) -> None:
        self.credentialInterfaces = interfaces or (IUsernamePassword, ISSHPrivateKey)
        self.asked: list[Any] = []
        self.answer: Any = None

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        self.asked.append(credentials)
        if isinstance(self.answer, Deferred):
            return self.answer
        return fail(self.answer) if isinstance(self.answer, Exception) else succeed(b"me")


def serving(checker: Checker, **settings: Any) -> Server:
    """A server that asks *checker*."""
    server = Server(Settings(**settings))
    server.factory.portal = Portal(server.realm, [checker])
    return server


def password(client: Client, word: bytes = b"secret", user: bytes = b"me") -> None:
    """Try to log in with *word*."""
    client.auth(b"password", b"\0", string(word), user=user)


class Methods(SynchronousTestCase):
    """Which ways in there are."""

    def test_none(self) -> None:
        """``none`` is answered at once with what there is, and does not count as a failure."""
        client = Client(Server(Settings(max_failures=1))).service()
        client.take(0)
        for _ in range(3):
            client.auth(b"none")
        self.assertEqual(client.messages, [(Msg.USERAUTH_FAILURE, FAILURE)] * 3)

    def test_only_what_can_be_checked(self) -> None:
        """Methods that no checker stands behind are neither listed nor taken."""
        client = Client(serving(Checker(ISSHPrivateKey))).service()
        client.take(0)
        client.auth(b"none")
        password(client)
        client.auth(b"keyboard-interactive", string(b""), string(b""))
        expected = (Msg.USERAUTH_FAILURE, string(b"publickey") + b"\0")
        self.assertEqual(client.messages, [expected] * 3)

    def test_unknown_method(self) -> None:
        """hostbased and inventions count as failures."""
        client = Client(Server(Settings(max_failures=2))).service()
        client.auth(b"hostbased", b"whatever")
        self.assertFalse(client.closed)
        client.auth(b"\xff")
        self.assertTrue(client.closed)

    def test_banner(self) -> None:
        """A banner comes before anything else is answered."""
        client = Client(Server(Settings(banner="Be nice.\r\n"))).service()
        (banner,) = client.take(Msg.USERAUTH_BANNER)
        self.assertEqual(Reader(banner).string(), b"Be nice.\r\n")


class Passwords(SynchronousTestCase):
    def test_right(self) -> None:
        """SUCCESS, and channels may be opened."""
        client = Client(Server()).service()
        password(client)
        self.assertEqual(client.numbers()[-1], Msg.USERAUTH_SUCCESS)
        self.assertIs(client.transport.phase, Phase.OPEN)

    def test_wrong(self) -> None:
        """FAILURE, a while after the request, and not before."""
        client = Client(Server(Settings(failure_delay=1.0))).service()
        client.take(0)
        password(client, b"wrong")
        client.clock.advance(0.9)
        client.pump()
        self.assertEqual(client.messages, [])
        client.clock.advance(0.2)
        client.pump()
        self.assertEqual(client.messages, [(Msg.USERAUTH_FAILURE, FAILURE)])

    def test_same_delay(self) -> None:
        """A checker that takes long to say no makes the client wait no longer than one that says it at once."""
        for taken in (0.0, 0.4, 0.9):
            checker = Checker()
            checker.answer = Deferred()
            client = Client(serving(checker, failure_delay=1.0)).service()
            client.take(0)
            password(client)
            client.clock.advance(taken)
            checker.answer.errback(UnauthorizedLogin())
            client.clock.advance(0.99 - taken)
            client.pump()
            self.assertEqual(client.messages, [])
            client.clock.advance(0.02)
            client.pump()
            self.assertEqual(client.numbers(), [Msg.USERAUTH_FAILURE])

    def test_peer(self) -> None:
        """The checker is told where the client is."""
        checker = Checker()
        client = Client(serving(checker), peer="198.51.100.7").service()
        password(client, b"secret", b"who")
        (asked,) = checker.asked
        self.assertEqual((asked.username, asked.password, asked.peer), (b"who", b"secret", "198.51.100.7"))

    def test_sizes(self) -> None:
        """A password beyond the limit is refused unseen; a user name beyond it ends the connection."""
        checker = Checker()
        client = Client(serving(checker, failure_delay=0.0)).service()
        client.take(0)
        password(client, bytes(PASSWORD_LIMIT + 1))
        self.assertEqual((client.numbers(), checker.asked), ([Msg.USERAUTH_FAILURE], []))
        password(client, b"x", b"u" * (USER_LIMIT + 1))
        self.assertTrue(client.closed)

    def test_change(self) -> None:
        """A change of password is refused; the old one is not checked either."""
        checker = Checker()
        client = Client(serving(checker, failure_delay=0.0)).service()
        client.take(0)
        client.auth(b"password", b"\1", string(b"secret"), string(b"new"))
        self.assertEqual((client.numbers(), checker.asked), ([Msg.USERAUTH_FAILURE], []))

    def test_other_service(self) -> None:
        """A login for another service than ssh-connection is not possible."""
        client = Client(Server()).service()
        client.send(
            Msg.USERAUTH_REQUEST, string(b"me") + string(b"other") + string(b"password") + b"\0" + string(b"secret")
        )
        self.assertEqual(client.reason()[0], Reason.SERVICE_NOT_AVAILABLE)


class KeyboardInteractive(SynchronousTestCase):
    """One prompt for the password (RFC 4256)."""

    def prompted(self, server: Server) -> Client:
        client = Client(server).service()
        client.take(0)
        client.auth(b"keyboard-interactive", string(b""), string(b""))
        (request,) = client.take(Msg.USERAUTH_REPLY)
        reader = Reader(request)
        self.assertEqual((reader.string(), reader.string(), reader.string()), (b"", b"", b""))
        self.assertEqual((reader.u32(), reader.string(), reader.flag()), (1, b"Password: ", False))
        return client

    def test_right(self) -> None:
        """The right answer logs in."""
        client = self.prompted(Server())
        client.send(Msg.USERAUTH_INFO_RESPONSE, b"\0\0\0\1" + string(b"secret"))
        self.assertEqual(client.numbers(), [Msg.USERAUTH_SUCCESS])

    def test_wrong(self) -> None:
        """A wrong answer, none, or several: a failure."""
        for answers in ([b"wrong"], [], [b"secret", b"secret"], [b"secret"] * 100):
            client = self.prompted(Server(Settings(failure_delay=0.0)))
            body = len(answers).to_bytes(4, "big") + b"".join(string(answer) for answer in answers)
            client.send(Msg.USERAUTH_INFO_RESPONSE, body)
            self.assertEqual(client.messages, [(Msg.USERAUTH_FAILURE, FAILURE)])

    def test_unasked(self) -> None:
        """An answer to no question ends the connection, also one that comes too late."""
        client = Client(Server()).service()
        client.send(Msg.USERAUTH_INFO_RESPONSE, b"\0\0\0\1" + string(b"secret"))
        self.assertTrue(client.closed)
        client = self.prompted(Server())
        client.auth(b"none")
        client.send(Msg.USERAUTH_INFO_RESPONSE, b"\0\0\0\1" + string(b"secret"))
        self.assertTrue(client.closed)

    def test_malformed(self) -> None:
        """An answer that does not parse ends the connection."""
        for body in (b"", b"\0\0\0\1", b"\0\0\0\1\0\0\0\7x", b"\0\0\0\1" + string(b"secret") + b"x"):
            client = self.prompted(Server())
            client.send(Msg.USERAUTH_INFO_RESPONSE, body)
            self.assertTrue(client.closed)


class Limits(SynchronousTestCase):
    def test_failures(self) -> None:
        """The last failure allowed is not answered but hung up on; the checker sees no more."""
        checker = Checker()
        checker.answer = LoginRefused()
        client = Client(serving(checker, max_failures=3, failure_delay=0.0)).service()
        client.take(0)
        for _ in range(2):
            password(client)
        self.assertEqual(client.numbers(), [Msg.USERAUTH_FAILURE] * 2)
        password(client)
        self.assertEqual(client.reason()[0], Reason.NO_MORE_AUTH_METHODS_AVAILABLE)
        password(client)
        self.assertEqual(len(checker.asked), 3)

    def test_requests(self) -> None:
        """Requests that count no failure are bounded too."""
        client = Client(Server()).service()
        for _ in range(ATTEMPTS):
            client.auth(b"none")
        self.assertFalse(client.closed)
        client.auth(b"none")
        self.assertTrue(client.closed)

    def test_one_at_a_time(self) -> None:
        """Requests sent ahead wait for the one under way, and are dealt with in order."""
        checker = Checker()
        waiting: Deferred[Any] = Deferred()
        checker.answer = waiting
        client = Client(serving(checker, failure_delay=0.0)).service()
        client.take(0)
        password(client, b"first")
        password(client, b"second")
        client.auth(b"none")
        self.assertEqual(len(checker.asked), 1)
        checker.answer = LoginRefused()
        waiting.errback(LoginRefused())
        client.pump()
        self.assertEqual([asked.password for asked in checker.asked], [b"first", b"second"])
        self.assertEqual(client.numbers(), [Msg.USERAUTH_FAILURE] * 3)

    def test_prompt_given_up(self) -> None:
        """What asks a question is given up for what waits behind it, and that is answered (RFC 4252 section 5.1)."""
        checker = Checker()
        waiting: Deferred[Any] = Deferred()
        checker.answer = waiting
        client = Client(serving(checker, failure_delay=0.0)).service()
        client.take(0)
        password(client, b"first")
        client.auth(b"keyboard-interactive", string(b""), string(b""))
        password(client, b"second")
        checker.answer = None
        waiting.errback(LoginRefused())
        client.pump()
        self.assertEqual(client.numbers(), [Msg.USERAUTH_FAILURE, Msg.USERAUTH_REPLY, Msg.USERAUTH_SUCCESS])

    def test_sent_ahead_of_success(self) -> None:
        """What waits when a login succeeds is forgotten (RFC 4252 section 5.1)."""
        checker = Checker()
        waiting: Deferred[Any] = Deferred()
        checker.answer = waiting
        client = Client(serving(checker)).service()
        client.take(0)
        password(client)
        client.auth(b"none")
        waiting.callback(b"me")
        client.pump()
        client.auth(b"none")
        self.assertEqual(client.numbers(), [Msg.USERAUTH_SUCCESS])
        self.assertEqual(len(checker.asked), 1)

    def test_queue(self) -> None:
        """Not more than a few of them."""
        checker = Checker()
        checker.answer = Deferred()
        self.addCleanup(checker.answer.callback, b"me")
        client = Client(serving(checker)).service()
        for _ in range(QUEUE_LIMIT + 1):
            password(client)
        self.assertFalse(client.closed)
        password(client)
        self.assertTrue(client.closed)

    def test_what_waits_is_small(self) -> None:
        """Whoever is not logged in cannot make us keep more than 32 KiB a request."""
        checker = Checker()
        checker.answer = Deferred()
        self.addCleanup(checker.answer.callback, b"me")
        client = Client(serving(checker)).service()
        password(client)
        password(client, bytes(REQUEST_SIZE - 100))
        self.assertFalse(client.closed)
        password(client, bytes(REQUEST_SIZE))
        self.assertTrue(client.closed)


class NotTheClientsFault(SynchronousTestCase):
    def test_backend_down(self) -> None:
        """While nobody can say whether the login is right, no failure is counted, and the user is told why."""
        for error in (Unavailable(), LoginUnavailable()):
            checker = Checker()
            checker.answer = error
            client = Client(serving(checker, max_failures=1, failure_delay=0.0)).service()
            client.take(0)
            password(client)
            self.assertEqual(client.numbers(), [Msg.USERAUTH_BANNER, Msg.USERAUTH_FAILURE])
            checker.answer = None
            password(client)
            self.assertEqual(client.numbers()[-1], Msg.USERAUTH_SUCCESS)

    def test_too_many_sessions(self) -> None:
        """A realm that is full ends the connection with the reason for it."""
        server = Server()
        server.realm.error = Busy()
        client = Client(server).service()
        password(client)
        self.assertEqual(client.reason()[0], Reason.TOO_MANY_CONNECTIONS)

    def test_bug(self) -> None:
        """A checker that breaks is logged; the client just fails."""
        checker = Checker()
        checker.answer = ZeroDivisionError()
        client = Client(serving(checker, failure_delay=0.0)).service()
        client.take(0)
        password(client)
        self.assertEqual(client.numbers(), [Msg.USERAUTH_FAILURE])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Vanishing(SynchronousTestCase):
    """A client that goes while it logs in."""

    def test_before_the_answer(self) -> None:
        """A login that succeeds for nobody, though it was given up, is logged out at once."""
        checker = Checker()
        checker.answer = Deferred(lambda waiting: waiting.callback(b"me"))
        server = serving(checker)
        client = Client(server).service()
        password(client)
        client.vanish()
        self.assertEqual(server.realm.logouts, 1)

    def test_given_up(self) -> None:
        """A client that goes has nothing looked at any more."""
        checker, given_up = Checker(), list[object]()
        waiting: Deferred[Any] = Deferred(given_up.append)
        checker.answer = waiting
        client = Client(serving(checker)).service()
        password(client)
        client.vanish()
        self.assertEqual((given_up, self.flushLoggedErrors()), ([waiting], []))

    def test_after_we_hung_up(self) -> None:
        """The same for one that we hung up on before its TCP connection is gone."""
        checker = Checker()
        waiting: Deferred[Any] = Deferred()
        checker.answer = waiting
        server = serving(checker)
        client = Client(server).service()
        password(client)
        client.send(Msg.CHANNEL_OPEN, b"")
        waiting.callback(b"me")
        self.assertEqual(server.realm.logouts, 1)
        self.assertIs(client.transport.phase, Phase.CLOSED)
        client.vanish()
        self.assertEqual(server.realm.logouts, 1)

    def test_during_the_delay(self) -> None:
        """No timer of a failed login outlives its client."""
        server = Server()
        client = Client(server).service()
        before = len(client.clock.getDelayedCalls())
        password(client, b"wrong")
        self.assertEqual(len(client.clock.getDelayedCalls()), before + 1)
        client.vanish()
        self.assertEqual(len(client.clock.getDelayedCalls()), before)

    def test_malformed(self) -> None:
        """Requests that do not parse end the connection, without a traceback."""
        head = string(b"me") + string(b"ssh-connection")
        for rest in (b"", string(b"password"), string(b"password") + b"\0", string(b"keyboard-interactive") + b"x"):
            client = Client(Server()).service()
            client.send(Msg.USERAUTH_REQUEST, head + rest)
            self.assertTrue(client.closed)
        client = Client(Server()).service()
        client.auth(b"publickey", b"\1")
        self.assertTrue(client.closed)

    def test_malformed_sent_ahead(self) -> None:
        """The same for requests that waited for the one before."""
        checker = Checker()
        waiting: Deferred[Any] = Deferred()
        checker.answer = waiting
        client = Client(serving(checker, failure_delay=0.0)).service()
        password(client)
        client.send(Msg.USERAUTH_REQUEST, string(b"me"))
        waiting.errback(LoginRefused())
        client.pump()
        self.assertTrue(client.closed)
        self.assertEqual(self.flushLoggedErrors(), [])
