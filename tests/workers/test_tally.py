"""Rules of `swftp.workers.tally`: what one worker counts, all count, and nobody counts what a dead one had."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.limits import Admission, AdmissionLimits
from swftp.auth.login import SessionCounter
from swftp.auth.throttle import Offence, Throttle, ThrottleSettings
from swftp.errors import Busy
from swftp.stores.rules import Rules
from swftp.workers.link import Flow
from swftp.workers.tally import MOST, STARTING, TOGETHER, Entry, Ledger, Outgoing, Replica

PEER = "192.0.2.1"


class Side:
    """One worker, and what its supervisor has of it; what is said arrives at once."""

    def __init__(self, clock: Clock, ledger: Ledger, limits: AdmissionLimits) -> None:
        self.admission = Admission(limits)
        self.counter = SessionCounter(0)
        self.throttle = Throttle(ThrottleSettings(), clock)
        self.rules = Rules([("*", {"upload_rate": 100})], clock, self.throttle)
        self.flow, self.from_supervisor = Flow(), Flow()
        tells = Outgoing(clock, self.flow, lambda entries: ledger.hear(self, entries))
        self.replica = Replica(tells, self.admission, self.counter, self.throttle, self.rules)
        self.heard: list[list[Entry]] = []
        ledger.join(self, Outgoing(clock, self.from_supervisor, self.hear))

    def hear(self, entries: list[Entry]) -> None:
        """What the supervisor tells."""
        self.heard.append(entries)
        self.replica.hear(entries)


class TallyCase(SynchronousTestCase):
    """Two workers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.throttle = Throttle(ThrottleSettings(), self.clock)
        self.ledger = Ledger(self.throttle)
        self.one, self.two = self.worker(), self.worker()

    def worker(self) -> Side:
        """One more."""
        return Side(self.clock, self.ledger, AdmissionLimits(per_peer=2, startups_per_peer=2))

    def settle(self) -> None:
        """What was said has been heard."""
        for _ in range(3):
            self.clock.advance(TOGETHER)


class ConnectionTests(TallyCase):
    """Connections."""

    def test_limit_is_of_all(self) -> None:
        """Connections to one worker are counted at the other."""
        self.one.admission.admit(PEER)
        self.two.admission.admit(PEER)
        self.settle()
        self.assertTrue(self.one.admission.refuses(PEER))
        self.assertTrue(self.two.admission.refuses(PEER))

    def test_place_is_given_back(self) -> None:
        """One that ends makes room everywhere."""
        place = self.one.admission.admit(PEER)
        self.one.admission.admit(PEER)
        self.settle()
        assert place is not None
        place.leave()
        self.settle()
        self.assertFalse(self.two.admission.refuses(PEER))

    def test_logged_in(self) -> None:
        """Who is logged in at one is not counted among those who are not at the other."""
        place = self.one.admission.admit(PEER)
        assert place is not None
        self.settle()
        self.assertEqual(self.two.admission._starting, 1)
        place.settle()
        self.settle()
        self.assertEqual((self.two.admission._starting, self.two.admission._all), (0, 1))

    def test_dead_worker(self) -> None:
        """What a dead worker had is taken back, even what it had from a source that others know, too."""
        self.one.admission.admit(PEER)
        self.one.admission.admit(PEER)
        self.settle()
        self.ledger.leave(self.one)
        self.settle()
        self.assertEqual((self.two.admission._all, dict(self.two.admission._from)), (0, {}))

    def test_new_worker(self) -> None:
        """One that comes later counts what there is."""
        self.one.admission.admit(PEER)
        self.two.admission.admit(PEER)
        self.settle()
        three = self.worker()
        self.settle()
        self.assertTrue(three.admission.refuses(PEER))

    def test_fewest_first(self) -> None:
        """Who has more connections than the others is busier; with as many, nobody is."""
        self.assertFalse(self.one.replica.is_busier(2))
        self.one.admission.admit(PEER)
        self.settle()
        self.assertEqual((self.one.replica.is_busier(2), self.two.replica.is_busier(2)), (True, False))
        self.two.admission.admit(PEER)
        self.settle()
        self.assertEqual((self.one.replica.is_busier(2), self.two.replica.is_busier(2)), (False, False))


class SessionTests(TallyCase):
    """Sessions of one user."""

    def test_limit_is_of_all(self) -> None:
        """Sessions at one worker count against the user at the other, in every protocol."""
        place = SessionCounter(1, self.one.counter).enter("me")
        self.settle()
        sftp = SessionCounter(1, self.two.counter)
        self.assertRaises(Busy, sftp.enter, "me")
        sftp.enter("you")
        place.leave()
        self.settle()
        sftp.enter("me")

    def test_own_are_told_of_alone(self) -> None:
        """What a worker says it has is its own: the sum over all counts nobody twice."""
        self.one.counter.enter("me")
        self.settle()
        self.assertEqual((len(self.one.counter), len(self.two.counter)), (1, 0))

    def test_share_of_the_rate(self) -> None:
        """A user's rate is divided as his sessions are, and all parts together are never more than it."""
        self.one.counter.enter("me")
        self.settle()
        first = self.one.rules._meter("me", "up", 100)
        assert first is not None
        self.assertEqual(first.rate, 100)
        places = [self.two.counter.enter("me") for _ in range(3)]
        second = self.two.rules._meter("me", "up", 100)
        assert second is not None
        self.assertEqual(second.rate, 75)
        self.settle()
        self.assertEqual(first.rate, 25)
        for place in places:
            place.leave()
        self.settle()
        self.assertEqual(first.rate, 100)

    def test_share_after_a_death(self) -> None:
        """What a dead worker had of the rate goes to the others."""
        self.one.counter.enter("me")
        self.two.counter.enter("me")
        meter = self.one.rules._meter("me", "up", 100)
        self.settle()
        assert meter is not None
        self.assertEqual(meter.rate, 50)
        self.ledger.leave(self.two)
        self.settle()
        self.assertEqual(meter.rate, 100)


class PenaltyTests(TallyCase):
    """Who did what."""

    def offend(self, side: Side, count: int) -> None:
        """So many wrong passwords at *side*."""
        for _ in range(count):
            side.throttle.failed(PEER, Offence.BAD_LOGIN)

    def test_penalty_is_of_all(self) -> None:
        """Wrong passwords here and there are one sum."""
        self.offend(self.one, 1)
        self.offend(self.two, 3)
        self.settle()
        self.assertEqual([side.throttle.refused(PEER) for side in (self.one, self.two)], [True, True])
        self.assertTrue(self.throttle.refused(PEER))

    def test_new_worker_knows(self) -> None:
        """A worker that was started again refuses who is refused, for no longer than the others do."""
        self.offend(self.one, 4)
        self.settle()
        three = Throttle(ThrottleSettings(), self.clock)
        three.hold(self.throttle.held())
        self.assertTrue(three.refused(PEER))
        while self.one.throttle.refused(PEER):
            self.assertTrue(three.refused(PEER))
            self.clock.advance(0.5)
        self.assertFalse(three.refused(PEER))

    def test_dead_worker(self) -> None:
        """What was done at a worker that died stays done."""
        self.offend(self.one, 4)
        self.settle()
        self.ledger.leave(self.one)
        self.settle()
        self.assertTrue(self.two.throttle.refused(PEER))


class OutgoingTests(TallyCase):
    """A side that does not read."""

    def test_kept_together(self) -> None:
        """Changes wait as their sum, and what came to nothing is not told."""
        self.two.from_supervisor.pauseProducing()
        for _ in range(100):
            place = self.one.admission.admit(PEER)
            assert place is not None
            self.settle()
            place.leave()
            self.settle()
        self.one.admission.admit(PEER)
        self.settle()
        self.two.from_supervisor.resumeProducing()
        self.assertEqual(self.two.heard, [[("connections", PEER, 1), (STARTING, PEER, 1)]])

    def test_what_came_to_nothing_takes_no_room(self) -> None:
        """However many have come and gone meanwhile, offences are still told."""
        told: list[list[Entry]] = []
        flow = Flow()
        outgoing = Outgoing(self.clock, flow, told.append)
        flow.pauseProducing()
        for number in range(MOST):
            outgoing.add(STARTING, str(number), 1)
            outgoing.add(STARTING, str(number), -1)
        outgoing.add(Offence.NO_LOGIN.name, PEER, 1)
        self.settle()
        flow.resumeProducing()
        self.assertEqual(told, [[(Offence.NO_LOGIN.name, PEER, 1)]])

    def test_bounded(self) -> None:
        """Offences beyond a bound are lost, levels never."""
        told: list[list[Entry]] = []
        flow = Flow()
        outgoing = Outgoing(self.clock, flow, told.append)
        flow.pauseProducing()
        for number in range(MOST + 10):
            outgoing.add(Offence.NO_LOGIN.name, str(number), 1)
        outgoing.add(STARTING, PEER, 1)
        self.settle()
        flow.resumeProducing()
        self.assertEqual((len(told[0]), told[0][-1]), (MOST + 1, (STARTING, PEER, 1)))
