"""How tokens are kept fresh, on a clock we hold."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from swftp.auth.access import CredentialAccess
from swftp.auth.logins import Identity
from swftp.auth.refusals import Denied, Down
from swftp.auth.tokens import Credential
from swftp.errors import Unauthorized, Unavailable
from swftp.interfaces import Access, IAccess
from tests.auth.fakes import Asked, Journal, clock

CREDENTIAL = Credential(Identity("v1password", (("username", "test:tester"),)), "secret")


class Harness:
    def setUp(self):
        self.clock = clock()
        self.asked = Asked()
        self.addCleanup(self.asked.end)
        self.access = CredentialAccess(self.asked, self.clock)
        self.serial = 0
        login = self.access.login(CREDENTIAL)
        self.access.hold(CREDENTIAL)
        self.first = self.token(3600)
        self.asked.answer(self.first)
        self.successResultOf(login)

    def token(self, life, name=None):
        self.serial += 1
        ends = None if life is None else self.clock.seconds() + life
        return Access(name or f"token-{self.serial}", "http://s.test/v1/A", ends)

    def get(self):
        return Deferred.fromCoroutine(self.access.get())

    def renew(self, stale):
        return Deferred.fromCoroutine(self.access.renew(stale))


class AccessTests(Harness, SynchronousTestCase):
    def test_interface(self):
        """It is what storage drivers ask for."""
        verifyObject(IAccess, self.access)

    def test_get(self):
        """A fresh token is given out without asking."""
        self.assertIs(self.successResultOf(self.get()), self.first)
        self.assertEqual(len(self.asked.credentials), 1)

    def test_renewed_early(self):
        """Five minutes before its end a token is renewed, once, and nobody waits for that."""
        self.clock.advance(3299)
        self.assertIs(self.successResultOf(self.get()), self.first)
        self.assertEqual(len(self.asked.credentials), 1)
        self.clock.advance(1)
        for _ in range(3):
            self.assertIs(self.successResultOf(self.get()), self.first)
        self.assertEqual(len(self.asked.credentials), 2)
        second = self.token(3600)
        self.asked.answer(second)
        self.assertIs(self.successResultOf(self.get()), second)

    def test_waits_at_the_end(self):
        """Only when it has ended do requests wait, for the one renewal."""
        self.clock.advance(3300)
        self.successResultOf(self.get())
        self.clock.advance(300)
        waiters = [self.get() for _ in range(3)]
        second = self.token(3600)
        self.asked.answer(second)
        for waiter in waiters:
            self.assertIs(self.successResultOf(waiter), second)
        self.assertEqual(len(self.asked.credentials), 2)

    def test_short_life(self):
        """A token of five minutes is not renewed all the time: after four of them."""
        self.clock.advance(3300)
        self.get()
        short = self.token(300)
        self.asked.answer(short)
        self.clock.advance(239)
        self.assertIs(self.successResultOf(self.get()), short)
        self.assertEqual(len(self.asked.credentials), 2)
        self.clock.advance(1)
        self.assertIs(self.successResultOf(self.get()), short)
        self.assertEqual(len(self.asked.credentials), 3)

    def test_same_token_again(self):
        """A service that hands out the old token until it ends (TempAuth) is asked a few times, not each time."""
        self.clock.advance(3299)
        for _ in range(301):
            self.clock.advance(1)
            waiter = self.get()
            if self.asked.pending:
                ended = self.clock.seconds() >= self.first.expires
                fresh = self.token(3600) if ended else Access("token-1", self.first.url, self.first.expires)
                self.asked.answer(fresh)
            self.assertTrue(self.successResultOf(waiter).expires > self.clock.seconds())
        self.assertIs(self.successResultOf(self.get()), fresh)
        self.assertEqual(fresh.token, "token-2")
        self.assertLessEqual(len(self.asked.credentials), 1 + 3)

    def test_outage_while_token_is_good(self):
        """An identity service that is down does not hurt before the token ends."""
        journal = Journal(self)
        self.clock.advance(3300)
        self.get()
        self.asked.answer(Down("all is lost"))
        self.assertIs(self.successResultOf(self.get()), self.first)
        self.assertEqual(len(self.asked.credentials), 2)
        self.assertEqual([line["reason"] for line in journal.lines("renewal_failed")], ["all is lost"])
        self.clock.advance(5)
        self.assertIs(self.successResultOf(self.get()), self.first)
        self.assertEqual(len(self.asked.credentials), 3)

    def test_outage_at_the_end(self):
        """Once the token has ended it does; the service is asked again every five seconds."""
        self.clock.advance(3601)
        waiter = self.get()
        self.asked.answer(Down("down"))
        self.failureResultOf(waiter, Unavailable)
        self.failureResultOf(self.get(), Unavailable)
        self.assertEqual(len(self.asked.credentials), 2)
        self.clock.advance(5)
        waiter = self.get()
        second = self.token(3600)
        self.asked.answer(second)
        self.assertIs(self.successResultOf(waiter), second)

    def test_without_end(self):
        """A token of which nobody knows the end is used until the store refuses it."""
        waiter = self.renew(self.first)
        endless = self.token(None)
        self.asked.answer(endless)
        self.successResultOf(waiter)
        self.clock.advance(10_000_000)
        self.assertIs(self.successResultOf(self.get()), endless)


class RefusedTokenTests(Harness, SynchronousTestCase):
    def test_once_for_all(self):
        """However many requests got a 401, one new token is asked for."""
        waiters = [self.renew(self.first) for _ in range(5)] + [self.get()]
        second = self.token(3600)
        self.asked.answer(second)
        for waiter in waiters:
            self.assertIs(self.successResultOf(waiter), second)

    def test_late_401(self):
        """A 401 for a token that was already replaced gets the new one without asking."""
        waiter = self.renew(self.first)
        second = self.token(3600)
        self.asked.answer(second)
        self.successResultOf(waiter)
        self.assertIs(self.successResultOf(self.renew(self.first)), second)
        self.assertEqual(len(self.asked.credentials), 2)

    def test_401_for_ever(self):
        """
        A store that refuses what was just renewed is an error, and nobody is asked again for a minute.

        But what it has refused once it may take for the next request, of this session or another.
        """
        waiter = self.renew(self.first)
        second = self.token(3600)
        self.asked.answer(second)
        self.successResultOf(waiter)
        for _ in range(10):
            self.clock.advance(5.9)
            self.failureResultOf(self.renew(second), Unauthorized)
            self.assertIs(self.successResultOf(self.get()), second)
        self.assertEqual(len(self.asked.credentials), 2)
        self.clock.advance(1.1)
        waiter = self.renew(second)
        third = self.token(3600)
        self.asked.answer(third)
        self.assertIs(self.successResultOf(waiter), third)

    def test_minute_after_minute(self):
        """A store that never takes a token costs the identity service one request a minute."""
        token = self.first
        for _ in range(600):
            waiter = self.renew(token)
            if self.asked.pending:
                token = self.token(3600)
                self.asked.answer(token)
                self.successResultOf(waiter)
            else:
                self.failureResultOf(waiter, Unauthorized)
            self.clock.advance(1)
        self.assertLessEqual(len(self.asked.credentials), 1 + 10)

    def test_same_token_refused(self):
        """A renewal that brings the refused token back is not taken for a new one."""
        waiter = self.renew(self.first)
        again = Access(self.first.token, self.first.url, self.first.expires)
        self.asked.answer(again)
        self.assertIs(self.successResultOf(waiter), again)
        self.failureResultOf(self.renew(self.first), Unauthorized)
        self.failureResultOf(self.renew(again), Unauthorized)
        self.assertEqual(len(self.asked.credentials), 2)

    def test_password_changed(self):
        """A secret that is no longer good is asked with once a minute, not once a request."""
        waiter = self.renew(self.first)
        self.asked.answer(Denied("changed"))
        self.failureResultOf(waiter, Unauthorized)
        self.failureResultOf(self.get(), Unauthorized)
        self.failureResultOf(self.renew(self.first), Unauthorized)
        self.assertEqual(len(self.asked.credentials), 2)
        self.clock.advance(60)
        self.assertNoResult(self.get())

    def test_early_renewal_denied(self):
        """A no to an early renewal leaves the token that the store still takes."""
        self.clock.advance(3300)
        self.get()
        self.asked.answer(Denied("changed"))
        self.assertIs(self.successResultOf(self.get()), self.first)
        self.clock.advance(59)
        self.get()
        self.assertEqual(len(self.asked.credentials), 2)

    def test_refused_during_early_renewal(self):
        """A token that the store refuses while it is being renewed is not given out when the renewal fails."""
        self.clock.advance(3300)
        self.get()
        refused = self.renew(self.first)
        late = self.get()
        self.asked.answer(Down("down"))
        for waiter in (refused, late, self.get()):
            self.failureResultOf(waiter, Unavailable)

    def test_one_gives_up(self):
        """A request that is cancelled does not end the renewal for the others."""
        first, second = self.renew(self.first), self.renew(self.first)
        first.cancel()
        self.failureResultOf(first)
        token = self.token(3600)
        self.asked.answer(token)
        self.assertIs(self.successResultOf(second), token)


class SecretTests(Harness, SynchronousTestCase):
    def test_dropped(self):
        """The last session takes the secret with it; the token serves what is left to do."""
        self.access.hold(CREDENTIAL)
        self.access.release()
        self.assertTrue(self.access.held)
        self.assertIs(self.access._credential, CREDENTIAL)
        self.access.release()
        self.assertFalse(self.access.held)
        self.assertIsNone(self.access._credential)
        self.assertIs(self.successResultOf(self.get()), self.first)
        self.clock.advance(3301)
        self.assertIs(self.successResultOf(self.get()), self.first)
        self.failureResultOf(self.renew(self.first), Unauthorized)
        self.assertEqual(len(self.asked.credentials), 1)

    def test_not_shown(self):
        """Neither secret nor token is in its representation."""
        shown = repr(self.access) + repr(vars(self.access))
        self.assertNotIn("secret'", shown)
        self.assertNotIn("token-1", shown)
