"""Who is refused for how long, on a clock we hold."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.throttle import Offence, Throttle, ThrottleSettings
from tests.auth.fakes import at_once, clock


class ThrottleTests(SynchronousTestCase):
    def setUp(self):
        self.clock = clock()
        self.make()

    def make(self, **settings):
        self.throttle = Throttle(ThrottleSettings(**settings), self.clock)

    def offend(self, peer="192.0.2.1", times=1, offence=Offence.BAD_LOGIN):
        for _ in range(times):
            self.throttle.failed(peer, offence)

    def test_forgiven(self):
        """A typing error or two are not held against anybody."""
        self.offend(times=2)
        self.assertFalse(self.throttle.refused("192.0.2.1"))

    def test_refused(self):
        """From 15 seconds of penalties on the source is refused, until they have passed."""
        self.offend(times=3)
        self.assertTrue(self.throttle.refused("192.0.2.1"))
        self.assertFalse(self.throttle.refused("192.0.2.2"))
        self.clock.advance(14.9)
        self.assertTrue(self.throttle.refused("192.0.2.1"))
        self.clock.advance(0.1)
        self.assertFalse(self.throttle.refused("192.0.2.1"))

    def test_decays(self):
        """A mistake every two minutes never adds up."""
        for _ in range(100):
            self.offend()
            self.assertFalse(self.throttle.refused("192.0.2.1"))
            self.clock.advance(120)

    def guesses(self, seconds, crowd=1, every=0.1):
        """Passwords of one source that are looked at within *seconds*, if each is wrong after a tenth of a second."""
        looked_at = []

        async def guess():
            async with self.throttle.turn("192.0.2.1"):
                if not self.throttle.refused("192.0.2.1"):
                    looked_at.append(self.clock.seconds())
                    await deferLater(self.clock, 0.1)
                    self.offend()

        running = []
        for _ in range(int(seconds / every)):
            running = [one for one in running if not one.called]
            while len(running) < crowd:
                running.append(Deferred.fromCoroutine(guess()))
            self.clock.advance(every)
        return len(looked_at)

    def test_budget(self):
        """However a source guesses, fast, slowly or a hundred at once, 20 guesses in ten minutes are looked at."""
        for crowd, every in ((1, 0.1), (8, 0.1), (100, 0.5), (1, 5.0), (2, 16.0), (1, 21.0), (1, 41.0)):
            self.make()
            count = self.guesses(600, crowd, every)
            self.assertTrue(5 < count <= 20, (crowd, every, count))

    def test_many_logins_at_once(self):
        """A source against which nothing is held has eight looked at at a time, the others in their order."""
        begun, release = [], [Deferred() for _ in range(20)]

        async def login(number):
            async with self.throttle.turn("192.0.2.1"):
                begun.append(number)
                await release[number]

        for number in range(20):
            Deferred.fromCoroutine(login(number))
        self.assertEqual(begun, list(range(8)))
        for one in release[:10]:
            one.callback(None)
        self.assertEqual(begun, list(range(18)))
        for one in release[10:]:
            one.callback(None)
        self.assertEqual(len(begun), 20)
        self.assertEqual((dict(self.throttle._asking), self.throttle._waiting), ({}, {}))

    def test_gave_up_waiting(self):
        """Who hangs up while waiting for his turn is not waited for."""
        first = Deferred()

        async def login(wait):
            async with self.throttle.turn("192.0.2.1"):
                await wait

        self.offend()
        running = [Deferred.fromCoroutine(login(wait)) for wait in (first, Deferred(), at_once(lambda: None))]
        running[1].cancel()
        self.failureResultOf(running[1], CancelledError)
        first.callback(None)
        self.assertTrue(running[2].called)

    def test_most(self):
        """Nobody is refused for longer than ten minutes."""
        self.offend(times=1000)
        self.clock.advance(600)
        self.assertFalse(self.throttle.refused("192.0.2.1"))

    def test_kinds(self):
        """Other offences count for what they are."""
        self.offend(times=14, offence=Offence.NO_LOGIN)
        self.assertFalse(self.throttle.refused("192.0.2.1"))
        self.offend(times=2, offence=Offence.LOGIN_TIMEOUT, peer="192.0.2.2")
        self.assertTrue(self.throttle.refused("192.0.2.2"))

    def test_ipv6_network(self):
        """All addresses of an IPv6 /64 are one source, an IPv4 address written as IPv6 is itself."""
        self.offend("2001:db8::1", times=3)
        self.assertTrue(self.throttle.refused("2001:db8::ffff%eth0"))
        self.assertFalse(self.throttle.refused("2001:db8:0:1::1"))
        self.offend("::ffff:192.0.2.1", times=3)
        self.assertTrue(self.throttle.refused("192.0.2.1"))

    def test_prefix(self):
        """How many bits make a source is configured."""
        self.make(ipv4_prefix=24)
        self.offend("192.0.2.1", times=3)
        self.assertTrue(self.throttle.refused("192.0.2.200"))
        self.assertFalse(self.throttle.refused("192.0.3.1"))

    def test_exempt(self):
        """Exempt networks are never refused, and take no room."""
        self.make(exempt=("192.0.2.0/24", "2001:db8::/32"))
        self.offend("192.0.2.1", times=100)
        self.offend("2001:db8::1", times=100)
        self.assertFalse(self.throttle.refused("192.0.2.1"))
        self.assertEqual(len(self.throttle), 0)

    def test_no_address(self):
        """A client without an address (a UNIX socket) is never refused."""
        self.offend("", times=100)
        self.offend("/run/x", times=100)
        self.assertFalse(self.throttle.refused(""))

    def test_off(self):
        """With a largest penalty of 0 nobody is refused."""
        self.make(most=0)
        self.offend(times=100)
        self.assertFalse(self.throttle.refused("192.0.2.1"))

    def test_bounded(self):
        """So many sources are remembered; whoever had least to wait is let off for a newcomer."""
        self.make(sources=100)
        self.offend("10.0.0.1", times=10)
        for n in range(1000):
            self.offend(f"10.1.{n // 256}.{n % 256}")
        self.assertEqual(len(self.throttle), 100)
        self.assertTrue(self.throttle.refused("10.0.0.1"))

    def test_one_source_costs_nothing(self):
        """A source that goes on and on does not make us remember more."""
        self.offend(times=100)
        self.clock.advance(1)
        self.offend(times=10_000)
        self.assertEqual(len(self.throttle), 1)
        self.assertLess(len(self.throttle._ends), 1000)

    def test_bad_network(self):
        """What is no network is said at once."""
        self.assertRaises(ValueError, self.make, exempt=("everybody",))
