"""How seldom the identity service is asked, on a clock we hold."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.cache import KNOWN_LIMIT, REFUSED_LIMIT, SWEEP_EVERY, WAITING_LIMIT, AccessCache
from swftp.auth.logins import parse
from swftp.auth.refusals import Denied, Down
from swftp.auth.settings import AuthSettings
from swftp.interfaces import Access
from tests.auth.fakes import SECRET, Asked, clock

SETTINGS = AuthSettings()


class CacheTests(SynchronousTestCase):
    def setUp(self):
        self.clock = clock()
        self.asked = Asked()
        self.addCleanup(self.asked.end)
        self.cache = AccessCache(SETTINGS, self.asked, self.clock, b"k" * 32)

    def login(self, secret=SECRET, name="test:tester"):
        return Deferred.fromCoroutine(self.cache.login(parse(name, SETTINGS), secret))

    def grant(self, life=86400):
        self.asked.answer(Access("token", "http://s.test/v1/A", self.clock.seconds() + life))

    def logged_in(self, **login):
        waiting = self.login(**login)
        self.grant()
        return self.successResultOf(waiting)

    @property
    def count(self):
        return len(self.asked.credentials)

    def test_shared(self):
        """Sessions of one credential share one access; a login soon after another is not asked for."""
        first = self.logged_in()
        self.assertIs(self.successResultOf(self.login()), first)
        self.assertEqual(self.count, 1)

    def test_password_change_bites(self):
        """After ten minutes a login is asked for again, and a no is a no while sessions go on."""
        first = self.logged_in()
        self.clock.advance(599)
        self.assertIs(self.successResultOf(self.login()), first)
        self.clock.advance(1)
        late = self.login()
        self.asked.answer(Denied("no"))
        self.failureResultOf(late, Denied)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(first.get())).token, "token")

    def test_refused_renewal(self):
        """What the service refused when a token was renewed it is asked again at the next login, however soon."""
        first = self.login()
        self.grant(life=500)
        access = self.successResultOf(first)
        self.clock.advance(450)
        self.successResultOf(Deferred.fromCoroutine(access.get()))  # good yet, and renewed behind our back
        self.asked.answer(Denied("no"))
        late = self.login()
        self.asked.answer(Denied("no"))
        self.failureResultOf(late, Denied)

    def test_ended_token(self):
        """A token that has ended lets nobody in unasked."""
        waiting = self.login()
        self.grant(life=10)
        self.successResultOf(waiting)
        self.clock.advance(10)
        self.assertNoResult(self.login())
        self.assertEqual(self.count, 2)

    def test_always_ask(self):
        """With a cache of 0 seconds each login is asked for, but logins at one time only once."""
        self.cache = AccessCache(AuthSettings(login_cache=0), self.asked, self.clock, b"k" * 32)
        self.logged_in()
        both = [self.login(), self.login()]
        self.assertEqual(self.count, 2)
        self.grant()
        for waiting in both:
            self.successResultOf(waiting)

    def test_burst(self):
        """A hundred sessions of one credential that come at once cost one request."""
        waiting = [self.login() for _ in range(100)]
        self.grant()
        self.assertEqual(len({id(self.successResultOf(one)) for one in waiting}), 1)
        self.assertEqual(self.count, 1)

    def test_burst_in_outage(self):
        """They also share the news that the service is down, and the next one asks again."""
        waiting = [self.login() for _ in range(100)]
        self.asked.answer(Down("down"))
        for one in waiting:
            self.failureResultOf(one, Down)
        self.login()
        self.assertEqual(self.count, 2)

    def test_refusal_remembered(self):
        """A wrong secret is refused again for 30 seconds without asking; the right one is asked for."""
        wrong = self.login("wrong")
        self.asked.answer(Denied("no"))
        self.failureResultOf(wrong, Denied)
        self.failureResultOf(self.login("wrong"), Denied)
        self.assertEqual(self.count, 1)
        self.logged_in()
        self.clock.advance(30)
        self.assertNoResult(self.login("wrong"))
        self.assertEqual(self.count, 3)

    def test_outage_not_remembered(self):
        """An outage is not a refusal: the next login asks."""
        waiting = self.login()
        self.asked.answer(Down("down"))
        self.failureResultOf(waiting, Down)
        self.logged_in()

    def test_one_guess_at_a_time(self):
        """Guesses at one user are asked for one after the other; other users do not wait for them."""
        guesses = [self.login(f"guess {n}") for n in range(3)]
        self.assertEqual(self.count, 1)
        pending = self.asked.pending.pop()
        self.logged_in(name="test:other")
        pending.errback(Denied("no"))
        self.failureResultOf(guesses[0], Denied)
        self.assertEqual(self.count, 3)

    def test_one_guess_whatever_project(self):
        """Guesses at one Keystone user wait for each other, whatever project they name."""
        settings = AuthSettings(auth_url="https://identity.test/v3")
        names = [f"ann/project{n}" for n in range(3)]
        guesses = [Deferred.fromCoroutine(self.cache.login(parse(name, settings), name)) for name in names]
        self.assertEqual(self.count, 1)
        guesses.append(Deferred.fromCoroutine(self.cache.login(parse("bob", settings), "guess")))
        self.assertEqual(self.count, 2)
        while self.asked.pending:
            self.asked.pending.pop(0).errback(Denied("no"))
        for guess in guesses:
            self.failureResultOf(guess, Denied)

    def test_queue_of_guesses(self):
        """So many guesses at one user wait, and no more; those who waited too long are not asked for."""
        guesses = [self.login(f"guess {n}") for n in range(WAITING_LIMIT + 2)]
        self.failureResultOf(guesses.pop(), Down)
        self.clock.advance(30)
        self.asked.answer(Denied("no"))
        self.failureResultOf(guesses.pop(0), Denied)
        for guess in guesses:
            self.failureResultOf(guess, Down)
        self.assertEqual(self.count, 1)

    def test_gives_up(self):
        """A client that goes away in mid-login holds nothing, and ends nothing for the others."""
        gone, other = self.login(), self.login()
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.grant()
        access = self.successResultOf(other)
        access.release()
        self.assertFalse(access.held)

    def test_secret_only_while_held(self):
        """What is kept for the next login has no secret; the next login brings it back."""
        access = self.logged_in()
        access.release()
        self.assertIsNone(access._credential)
        self.assertIs(self.successResultOf(self.login()), access)
        self.assertEqual(access._credential.secret, SECRET)

    def test_keys_are_no_secrets(self):
        """Keys depend on the secret, the user and this process, and say nothing of them."""
        self.logged_in()
        self.logged_in(secret="other")
        self.logged_in(name="test:other")
        other = AccessCache(SETTINGS, self.asked, self.clock, b"K" * 32)
        waiting = Deferred.fromCoroutine(other.login(parse("test:tester", SETTINGS), SECRET))
        self.grant()
        self.successResultOf(waiting)
        keys = {*self.cache._known, *other._known}
        self.assertEqual({len(key) for key in keys}, {32})
        self.assertEqual(len(keys), 4)

    def test_forgotten(self):
        """What no session holds is forgotten when it is of no more use; what is held is not."""
        held = self.logged_in()
        self.logged_in(name="test:other").release()
        wrong = self.login("wrong")
        self.asked.answer(Denied("no"))
        self.failureResultOf(wrong, Denied)
        self.clock.advance(601)
        self.logged_in(name="test:third").release()
        self.assertEqual(len(self.cache._known), 2)
        self.assertIn(held, self.cache._known.values())
        self.assertEqual(self.cache._refused_until, {})

    def test_far_from_full(self):
        """As long as there is room, what is good yet is remembered, however much there is of it."""
        access = self.logged_in()
        access.release()
        known = {b"%d" % n for n in range(KNOWN_LIMIT * 3 // 4)}
        self.cache._known.update(dict.fromkeys(known, access))
        self.clock.advance(SWEEP_EVERY)
        self.logged_in(name="test:last")
        self.assertEqual(len(known - self.cache._known.keys()), 0)

    def test_bounded(self):
        """Neither the good nor the bad are remembered without bound."""
        for n in range(REFUSED_LIMIT + 10):
            self.cache._remember_refusal(b"%d" % n)
        self.assertEqual(len(self.cache._refused_until), REFUSED_LIMIT)
        access = self.logged_in()
        access.release()
        self.cache._known.update((b"%d" % n, access) for n in range(KNOWN_LIMIT + 10))
        self.logged_in(name="test:last")
        self.assertLessEqual(len(self.cache._known), KNOWN_LIMIT + 1)
