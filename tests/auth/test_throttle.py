"""Who is refused for how long, on a clock we hold."""

from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.throttle import Offence, Throttle, ThrottleSettings
from tests.auth.fakes import clock


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
        """Slow mistakes never add up."""
        for _ in range(100):
            self.offend()
            self.assertFalse(self.throttle.refused("192.0.2.1"))
            self.clock.advance(5)

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
