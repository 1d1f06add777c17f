"""Places for connections."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.limits import Admission, AdmissionLimits, source_of

NAMES = ("startups_start", "startups_rate", "startups_full", "startups_per_peer", "per_peer", "total")
NONE = dict.fromkeys(NAMES, 0)


def limits(**numbers: int) -> AdmissionLimits:
    """Only the limits given."""
    return AdmissionLimits(**{**NONE, **numbers})


class Limits(SynchronousTestCase):
    def test_off(self) -> None:
        """0 is no limit."""
        admission = Admission(limits())
        for _ in range(1000):
            self.assertIsNotNone(admission.admit("192.0.2.1"))

    def test_total(self) -> None:
        """All connections count, logged in or not; who leaves makes room."""
        admission = Admission(limits(total=2))
        first, second = admission.admit("192.0.2.1"), admission.admit("192.0.2.2")
        assert first is not None and second is not None
        first.settle()
        self.assertIsNone(admission.admit("192.0.2.3"))
        first.leave()
        self.assertIsNotNone(admission.admit("192.0.2.3"))

    def test_per_peer(self) -> None:
        """One address cannot take the places of others."""
        admission = Admission(limits(per_peer=2))
        places = [admission.admit("192.0.2.1") for _ in range(3)]
        self.assertEqual([place is not None for place in places], [True, True, False])
        self.assertIsNotNone(admission.admit("192.0.2.2"))

    def test_startups_per_peer(self) -> None:
        """Only those that are not logged in count here."""
        admission = Admission(limits(startups_per_peer=1))
        for _ in range(5):
            place = admission.admit("192.0.2.1")
            assert place is not None
            self.assertIsNone(admission.admit("192.0.2.1"))
            place.settle()

    def test_leaving_twice(self) -> None:
        """Leaving or settling again changes nothing."""
        admission = Admission(limits(total=1))
        place = admission.admit("192.0.2.1")
        assert place is not None
        for _ in range(3):
            place.leave()
            place.settle()
        self.assertIsNotNone(admission.admit("192.0.2.1"))
        self.assertIsNone(admission.admit("192.0.2.1"))

    def test_early_drop(self) -> None:
        """None below the start, all at the full, and in between about as many as OpenSSH's MaxStartups drops."""
        for starting, low, high in ((9, 0, 0), (10, 25, 35), (55, 60, 70), (100, 100, 100)):
            dropped = 0
            for seed in range(1000):
                admission = Admission(
                    limits(startups_start=10, startups_rate=30, startups_full=100), random.Random(seed)
                )
                admission._starting = starting
                dropped += admission.admit("192.0.2.1") is None
            self.assertTrue(low <= dropped / 10 <= high, (starting, dropped))

    def test_nothing_is_remembered(self) -> None:
        """Addresses that are gone, or were turned away, take no memory."""
        admission = Admission(limits(total=1))
        place = admission.admit("192.0.2.1")
        for n in range(100):
            admission.admit(f"198.51.100.{n}")
        assert place is not None
        place.leave()
        self.assertEqual((len(admission._from), len(admission._starting_from)), (0, 0))


class Sources(SynchronousTestCase):
    def test_ipv4(self) -> None:
        """An IPv4 address is one source, written either way."""
        self.assertEqual(source_of("192.0.2.1"), "192.0.2.1")
        self.assertEqual(source_of("::ffff:192.0.2.1"), "192.0.2.1")

    def test_ipv6(self) -> None:
        """Of IPv6, a /64 is one source: one host has as many addresses there as it likes."""
        self.assertEqual(source_of("2001:db8::1"), source_of("2001:db8::ffff:1"))
        self.assertNotEqual(source_of("2001:db8::1"), source_of("2001:db8:0:1::1"))
        self.assertEqual(source_of("fe80::1%eth0"), source_of("fe80::2"))

    def test_others(self) -> None:
        """Whatever is no address is a source by its name."""
        self.assertEqual(source_of(""), "")
        self.assertEqual(source_of("/run/socket"), "/run/socket")


class OriginTests(SynchronousTestCase):
    """Where connections may come from."""

    def test_networks(self):
        """Only allowed networks, and of them none that is denied, however an address is written."""
        admission = Admission(
            AdmissionLimits(networks=("10.0.0.0/8", "2001:db8::/32"), denied_networks=("10.6.0.0/16",))
        )
        for peer in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7%eth0"):
            self.assertIsNotNone(admission.admit(peer), peer)
        for peer in ("192.0.2.1", "10.6.0.1", "::ffff:10.6.0.1", "2001:db9::1", "/run/socket"):
            self.assertIsNone(admission.admit(peer), peer)

    def test_changed(self):
        """Other networks hold for connections to come."""
        admission = Admission(AdmissionLimits())
        admission.change(AdmissionLimits(networks=("10.0.0.0/8",)))
        self.assertIsNone(admission.admit("192.0.2.1"))

    def test_refused_takes_no_room(self):
        """Who may not come takes no place of those who may."""
        admission = Admission(AdmissionLimits(total=1, denied_networks=("192.0.2.0/24",)))
        self.assertIsNone(admission.admit("192.0.2.1"))
        self.assertIsNotNone(admission.admit("198.51.100.1"))
