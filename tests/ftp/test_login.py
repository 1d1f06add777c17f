"""Rules of `swftp.ftp.login` and `swftp.ftp.commands.access`: who gets in, and how safely."""

from __future__ import annotations

from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed

from swftp.auth.attempts import PASSWORD_LIMIT, USER_LIMIT
from swftp.auth.certificates import ICertificate
from swftp.auth.login import Login, SessionCounter
from swftp.auth.refusals import LoginRefused, LoginUnavailable
from swftp.ftp.context import HASH, Type
from swftp.paths import ROOT
from tests.ftp.case import PASSWORD, PEER, USER, ControlCase


class LoginTests(ControlCase):
    """USER and PASS."""

    sessions = 2

    def test_login(self) -> None:
        """Name and password, and the client's address, are what is asked about."""
        client = self.log_in()
        self.assertEqual(self.checker.asked, [(USER.encode(), PASSWORD.encode(), PEER)])
        self.assertEqual(client.codes("PWD"), [257])

    def test_password_with_blanks(self) -> None:
        """A password is all that stands behind one blank."""
        self.connect().type(f"USER {USER}", "PASS  two  words ")
        self.assertEqual(self.checker.asked[0][1], b" two  words ")

    def test_wrong(self) -> None:
        """A wrong login is refused after a while, whatever is wrong, in the same words; another may follow."""
        seen = []
        for error in (None, UnauthorizedLogin("no such user"), ZeroDivisionError()):
            self.checker.error = error
            client = self.connect()
            self.assertEqual(client.codes("USER me", "PASS wrong"), [331])
            self.clock.advance(0.9)
            self.assertEqual(client.hear(), [])
            self.clock.advance(0.1)
            seen.append(client.hear())
            self.checker.error = None
            self.assertEqual(client.codes("PASS x", f"USER {USER}", f"PASS {PASSWORD}"), [503, 331, 230])
            client.tcp.end()
        self.assertEqual(seen, [[(530, ["Login incorrect."])]] * 3)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_slow_refusal(self) -> None:
        """A refusal that took its time already is not held back any more."""
        self.checker.wait = Deferred()
        client = self.connect()
        client.type("USER me", "PASS wrong")
        self.clock.advance(5)
        client.hear()
        self.checker.wait.callback(None)
        self.clock.advance(0)
        self.assertEqual([code for code, _ in client.hear()], [530])

    def test_too_many(self) -> None:
        """After so many failures we hang up."""
        client = self.connect()
        for code in [530] * 5 + [421]:
            client.type("USER me", "PASS wrong")
            client.hear()
            self.clock.advance(1)
            self.assertEqual([found for found, _ in client.hear()], [code])
        self.assertTrue(client.tcp.disconnecting)

    def test_one_at_a_time(self) -> None:
        """Passwords that are sent ahead are not checked side by side."""
        client = self.connect()
        client.type("USER me", "PASS a", "USER me", "PASS b")
        self.assertEqual(len(self.checker.asked), 1)
        self.clock.advance(1)
        self.assertEqual(len(self.checker.asked), 2)
        client.tcp.end()

    def test_too_long(self) -> None:
        """Names and passwords that are too long are not even asked about, and refused as any other."""
        client = self.connect()
        for user, password in (("u" * (USER_LIMIT + 1), "x"), ("u", "x" * (PASSWORD_LIMIT + 1))):
            client.type(f"USER {user}", f"PASS {password}")
            self.clock.advance(1)
            self.assertEqual([code for code, _ in client.hear()], [331, 530])
        self.assertEqual(self.checker.asked, [])

    def test_out_of_order(self) -> None:
        """PASS needs USER, and no more once somebody is in."""
        client = self.connect()
        self.assertEqual(client.codes("PASS x"), [503])
        self.assertEqual(self.log_in().codes("PASS x"), [503])

    def test_outage(self) -> None:
        """An identity service that is down is no wrong password: 421, and come again."""
        self.checker.error = LoginUnavailable()
        client = self.connect()
        client.type(f"USER {USER}", f"PASS {PASSWORD}")
        self.clock.advance(1)
        self.assertEqual([code for code, _ in client.hear()], [331, 421])
        self.assertEqual(client.context.login.failures, 0)

    def test_sessions_of_a_user(self) -> None:
        """One session more than allowed is told 421; when one of the others ends, there is room at once."""
        first, _ = self.log_in(), self.log_in()
        third = self.connect()
        self.assertEqual(third.codes(f"USER {USER}", f"PASS {PASSWORD}"), [331, 421])
        first.tcp.end()
        self.log_in()

    def test_gone_while_checked(self) -> None:
        """A login that succeeds, though the client is gone and it was given up, ends at once."""
        self.checker.wait = Deferred(lambda wait: wait.callback(None))
        client = self.connect()
        client.type(f"USER {USER}", f"PASS {PASSWORD}")
        client.tcp.end()
        self.assertEqual((self.accounts[0].ended, len(self.counter)), (1, 0))

    def test_gone_while_waiting(self) -> None:
        """A client that goes, or that we hang up on, has nothing looked at any more."""
        for end in (lambda client: client.tcp.end(), lambda client: client.control.hang_up("Enough.")):
            given_up: list[object] = []
            self.checker.wait = Deferred(given_up.append)
            client = self.connect()
            client.type(f"USER {USER}", f"PASS {PASSWORD}")
            end(client)
            self.assertEqual(given_up, [self.checker.wait])
            self.assertEqual([code for code, _ in client.hear()], [331] if client.tcp.over else [331, 421])
            client.tcp.end()
        self.assertEqual((self.accounts, self.flushLoggedErrors()), ([], []))

    def test_gone_while_refused(self) -> None:
        """A client that goes while its refusal is held back takes nothing with it."""
        client = self.connect()
        client.type("USER me", "PASS wrong")
        client.tcp.end()
        self.clock.advance(1)
        self.assertEqual(client.context.login.session, None)

    def test_user_again(self) -> None:
        """USER begins a new login, and ends the old one."""
        client = self.log_in()
        self.assertEqual(client.codes("CWD /box", "TYPE A", f"USER {USER}", "PWD"), [250, 200, 331, 530])
        self.assertEqual(self.accounts[0].ended, 1)
        self.assertEqual(client.codes(f"PASS {PASSWORD}"), [230])
        self.assertEqual((client.context.cwd, client.context.type), (ROOT, Type.IMAGE))

    def test_rein(self) -> None:
        """REIN ends the session, and what was said goes with it."""
        client = self.log_in()
        client.type("CWD /box", "TYPE A", "EPSV ALL", "OPTS HASH MD5", "OPTS MLST type", "RNFR /box/a", "REST 5")
        client.hear()
        self.assertEqual(client.codes("REIN", "PWD"), [220, 530])
        context = client.context
        self.assertEqual((context.cwd, context.type, context.all_extended), (ROOT, Type.IMAGE, False))
        self.assertEqual((context.facts, context.hash_algorithm), (None, HASH))
        self.assertEqual((context.rename_from, context.restart), (None, 0))
        self.assertEqual((self.accounts[0].ended, len(self.counter)), (1, 0))

    def test_prepared_by_somebody_else(self) -> None:
        """The data connection that was prepared goes with whoever prepared it."""
        for line in ("REIN", f"USER {USER}"):
            client = self.log_in()
            client.type("EPSV")
            before = client.context.data.closed
            client.type(line)
            self.assertEqual(client.context.data.closed, before + 1, line)

    def test_what_needs_no_account(self) -> None:
        """ACCT is not needed, and there are no virtual hosts."""
        self.assertEqual(self.connect().codes("ACCT x", "HOST x"), [202, 504])


class FakeTls:
    """TLS that changes no byte, and remembers where it began."""

    def __init__(self) -> None:
        self.began: list[Any] = []

    def session(self) -> FakeTls:
        """As of `Tls`."""
        return self

    def protect(self, control: Any) -> Any:
        """As of `TlsSession`."""
        self.began.append(control.transport.value())
        return control.transport


class TlsCase(ControlCase):
    """With TLS that can be read."""

    def setUp(self) -> None:
        """AUTH is possible."""
        self.tls = FakeTls()
        super().setUp()

    def make_factory(self, **options: Any) -> Any:
        """See `ControlCase`."""
        return super().make_factory(tls=self.tls, **options)


class AuthTests(TlsCase):
    """AUTH, PBSZ, PROT (RFC 4217)."""

    def test_auth(self) -> None:
        """TLS begins behind the answer, once."""
        client = self.connect()
        self.assertEqual(client.codes("AUTH TLS"), [234])
        self.assertEqual(len(self.tls.began), 1)
        self.assertTrue(self.tls.began[0].startswith(b"234 "))
        self.assertEqual(client.codes("AUTH TLS", "AUTH KERBEROS"), [503, 504])

    def test_not_configured(self) -> None:
        """Without a certificate there is no TLS."""
        client = self.connect(ControlCase.make_factory(self))
        self.assertEqual(client.codes("AUTH TLS", "PBSZ 0", "PROT P"), [502, 503, 503])
        ((_, lines),) = client.ask("FEAT")
        self.assertFalse({"AUTH TLS", "PBSZ", "PROT"} & set(lines))

    def test_features(self) -> None:
        """With one, FEAT says so."""
        ((_, lines),) = self.connect().ask("FEAT")
        self.assertLessEqual({"AUTH TLS", "PBSZ", "PROT"}, set(lines))

    def test_injection(self) -> None:
        """Nothing that came in the clear behind AUTH is done: we hang up (CVE-2011-0411)."""
        for behind in (b"USER x\r\n", b"NOOP\r\n", b"N", b"\xff", b"\r\n"):
            client = self.connect()
            client.send(b"AUTH TLS\r\n" + behind)
            self.assertEqual([code for code, _ in client.hear()], [234], behind)
            self.assertTrue(client.tcp.disconnecting, behind)
            client.send(b"\r\nUSER x\r\n")
            self.assertEqual(client.hear(), [])
        self.assertEqual(self.tls.began, [])

    def test_injection_behind_a_command(self) -> None:
        """Nor what waits behind a command that waits."""
        client = self.connect()
        client.type("WAIT", "AUTH TLS", "USER x")
        self.wait.end()
        self.assertEqual([code for code, _ in client.hear()], [200, 234])
        self.assertEqual((self.tls.began, client.tcp.disconnecting), ([], True))

    def test_injection_behind_a_transfer(self) -> None:
        """Nor what waits behind a transfer."""
        client = self.log_in()
        client.type("MOVE", "AUTH TLS", "USER x")
        self.move.end(226)
        self.assertEqual([code for code, _ in client.hear()], [226, 234])
        self.assertEqual((self.tls.began, client.tcp.disconnecting), ([], True))

    def test_in_two_pieces(self) -> None:
        """AUTH cut anywhere is AUTH."""
        for cut in range(1, 10):
            client = self.connect()
            client.send(b"AUTH TLS\r\n"[:cut])
            client.send(b"AUTH TLS\r\n"[cut:])
            self.assertEqual([code for code, _ in client.hear()], [234])
            self.assertEqual(client.codes("NOOP"), [200])

    def test_who_was_there(self) -> None:
        """Who said something before TLS has to say it again."""
        client = self.log_in()
        self.assertEqual(client.codes("AUTH TLS"), [234])
        self.assertEqual(client.codes("PWD"), [530])
        self.assertEqual(self.accounts[0].ended, 1)
        client = self.connect()
        client.type(f"USER {USER}", "AUTH TLS")
        client.hear()
        self.assertEqual(client.codes(f"PASS {PASSWORD}"), [503])

    def test_protection(self) -> None:
        """PROT needs PBSZ, and PBSZ needs TLS."""
        client = self.connect()
        self.assertEqual(client.codes("PBSZ 0", "PROT P"), [503, 503])
        client.type("AUTH TLS")
        client.hear()
        self.assertEqual(client.codes("PROT P", "PBSZ x", "PBSZ 0", "PROT P"), [503, 501, 200, 200])
        self.assertTrue(client.context.protected)
        self.assertEqual(client.codes("PROT C", "PROT S", "PROT E", "PROT X"), [200, 536, 536, 504])
        self.assertFalse(client.context.protected)

    def test_ssl(self) -> None:
        """AUTH SSL and TLS-P mean protected data connections, too (RFC 4217 section 17)."""
        for mechanism, protected in (("SSL", True), ("tls-p", True), ("TLS", False), ("TLS-C", False)):
            client = self.connect()
            self.assertEqual(client.codes(f"AUTH {mechanism}"), [234], mechanism)
            self.assertIs(client.context.protected, protected, mechanism)

    def test_clear_again(self) -> None:
        """There is no way back."""
        client = self.connect()
        client.type("AUTH TLS")
        client.hear()
        self.assertEqual(client.codes("CCC"), [534])

    def test_implicit(self) -> None:
        """TLS before the greeting; data connections are protected without a word."""
        client = self.connect(self.make_factory(implicit=True))
        self.assertEqual(self.tls.began, [b""])
        self.assertEqual(client.greeting[0][0], 220)
        self.assertTrue(client.context.protected)
        self.assertEqual(client.codes("AUTH TLS", "PROT C"), [503, 200])


class RequiredTests(TlsCase):
    """Where TLS is required."""

    settings = {"require_tls_login": True, "require_tls_data": True}

    def test_login(self) -> None:
        """USER and PASS in the clear are refused, and the password is not looked at."""
        client = self.connect()
        self.assertEqual(client.codes(f"USER {USER}", f"PASS {PASSWORD}"), [530, 530])
        self.assertEqual(self.checker.asked, [])
        client.type("AUTH TLS")
        client.hear()
        self.assertEqual(client.codes(f"USER {USER}", f"PASS {PASSWORD}"), [331, 230])

    def test_data(self) -> None:
        """Data connections cannot be had in the clear."""
        client = self.connect()
        client.type("AUTH TLS")
        client.type("PBSZ 0")
        client.hear()
        self.assertEqual(client.codes("PROT C"), [534])


class TiedTests(TlsCase):
    """``tls_reuse = required``."""

    settings = {"tls_reuse": "required"}

    def test_no_way_around(self) -> None:
        """Who is protected has no data connection in the clear, which would be tied to nothing."""
        client = self.connect()
        client.type("AUTH TLS")
        client.hear()
        self.assertEqual(client.codes(f"USER {USER}", f"PASS {PASSWORD}", "RETR /box/a"), [331, 230, 522])
        self.assertEqual(client.codes("PBSZ 0", "PROT C", "LIST", "PROT P", "LIST"), [200, 534, 522, 200, 425])

    def test_in_the_clear(self) -> None:
        """Who says no AUTH TLS has nothing to resume; whether he is let in at all is for other options."""
        self.assertEqual(self.log_in().codes("RETR /box/a"), [425])


class CertificateTests(TlsCase):
    """Client certificates (RFC 4217 section 12)."""

    def setUp(self) -> None:
        """One that is good for two names, and a store of credentials that knows one of them."""
        super().setUp()
        self.known = Certificates(self.checker)
        self.factory.portal.registerChecker(self.known)
        self.client = self.connect()
        self.client.type("AUTH TLS")
        self.client.tcp.certified = (USER, "other")
        self.client.hear()

    def test_login(self) -> None:
        """USER with a name of the certificate is logged in without a password."""
        self.assertEqual(self.client.codes(f"USER {USER}", "PWD", "PASS x"), [232, 257, 503])

    def test_nothing_stored(self) -> None:
        """Where nothing is stored for it, the password is asked for."""
        self.assertEqual(self.client.codes("USER other", f"PASS {PASSWORD}"), [331, 230])
        self.assertEqual(self.known.asked, [b"other"])

    def test_another_name(self) -> None:
        """Another name is not even asked about, and the certificate is nobody's business then."""
        self.assertEqual(self.client.codes("USER third"), [331])
        self.assertEqual(self.known.asked, [])

    def test_too_many_sessions(self) -> None:
        """Limits are the same for everybody."""
        self.factory.portal.realm._counter = SessionCounter(1)  # type: ignore[attr-defined]
        self.assertEqual(self.client.codes(f"USER {USER}", f"USER {USER}"), [232, 232])
        other = self.connect()
        other.type("AUTH TLS")
        other.tcp.certified = (USER,)
        other.hear()
        self.assertEqual(other.codes(f"USER {USER}"), [421])

    def test_gone_while_checked(self) -> None:
        """A login that succeeds, though the client is gone and it was given up, ends at once."""
        self.known.wait = Deferred(lambda wait: wait.callback(None))
        self.client.type(f"USER {USER}")
        self.client.tcp.end()
        self.assertEqual(self.accounts[0].ended, 1)

    def test_without_credentials(self) -> None:
        """Without a file of credentials, certificates are no login."""
        del self.factory.portal.checkers[ICertificate]
        self.assertEqual(self.client.codes(f"USER {USER}", f"PASS {PASSWORD}"), [331, 230])


class Certificates:
    """Knows the credential of `USER` alone."""

    credentialInterfaces = (ICertificate,)

    def __init__(self, checker: Any) -> None:
        self.checker = checker
        self.asked: list[bytes] = []
        self.wait: Deferred[None] | None = None

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """As of `ICredentialsChecker`."""
        self.asked.append(credentials.username)
        if credentials.username != USER.encode():
            return fail(LoginRefused())
        found = Login(name=USER, user=USER, access=self.checker.access, peer=credentials.peer)
        return succeed(found) if self.wait is None else self.wait.addCallback(lambda _: found)
