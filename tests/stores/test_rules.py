"""What is different for some logins, and who they are."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth import logins
from swftp.auth.login import Login
from swftp.auth.refusals import LoginRefused
from swftp.auth.settings import AuthSettings
from swftp.auth.throttle import Throttle, ThrottleSettings
from swftp.paths import resolve
from swftp.session import EVERYTHING, READ_ONLY, Permission
from swftp.stores.rules import Rule, Rules


class Access:
    """Nobody's."""

    def release(self) -> None:
        """Given back."""


class RulesTests(SynchronousTestCase):
    """``[login NAME]`` sections."""

    def rules(self, *sections: tuple[str, dict[str, Any]]) -> Rules:
        """Of *sections*."""
        self.clock = Clock()
        self.throttle = Throttle(ThrottleSettings(), self.clock)
        return Rules(sections, self.clock, self.throttle)

    def login(self, name: str, peer: str = "192.0.2.1", settings: AuthSettings | None = None) -> Login:
        """Of a user of Keystone."""
        identity = logins.parse(name, settings or AuthSettings(auth_url="http://keystone.test/v3"))
        user, spellings = identity.key, identity.spellings
        return Login(name=name, user=user, spellings=spellings, access=Access(), peer=peer)

    def test_nobody_named(self) -> None:
        """Whom no section names may do everything."""
        rule = self.rules(("bob", {"read_only": True})).of(self.login("alice"))
        self.assertEqual(rule, Rule())
        self.assertFalse(rule.restricts)

    def test_last_wins(self) -> None:
        """Of several sections that fit, each option is that of the last one that sets it."""
        rules = self.rules(
            ("*", {"read_only": True, "root": "/all"}), ("backup-*", {"read_only": False, "permissions": ("write",)})
        )
        self.assertEqual(rules.of(self.login("alice")), Rule(root=resolve("/all"), permissions=READ_ONLY))
        own = Rule(root=resolve("/all"), permissions=frozenset({Permission.WRITE}))
        self.assertEqual(rules.of(self.login("backup-7")), own)
        self.assertTrue(own.restricts)

    def test_changed(self) -> None:
        """Other sections hold for logins to come, which still share a meter with those that are there."""
        rules = self.rules(("*", {"upload_rate": 1000}))
        before = rules.of(self.login("alice"))
        rules.change([("*", {"upload_rate": 1000, "read_only": True})])
        after = rules.of(self.login("alice"))
        self.assertIs(after.upload, before.upload)
        self.assertEqual(after.permissions, READ_ONLY)

    def test_scrutiny(self) -> None:
        """Who is looked at closely is what the configuration says now, also of logins that are there."""
        rules = self.rules(("bob", {"verbose": True}))
        alice, bob = (rules.scrutiny(self.login(name)) for name in ("alice", "BOB"))
        self.assertEqual((alice.on, bob.on), (False, True))
        rules.change([("ali*", {"verbose": True})])
        self.assertEqual((alice.on, bob.on), (True, False))

    def test_read_only_and_permissions(self) -> None:
        """Who may only read gets no more by a list of permissions."""
        rules = self.rules(("*", {"read_only": True, "permissions": ("read", "delete")}))
        self.assertEqual(rules.of(self.login("a")).permissions, frozenset({Permission.READ}))

    def test_spellings(self) -> None:
        """Nobody gets more by another spelling of the same name."""
        names = ("alice", "ALICE", "alice@corp", "Alice@corp/project", "alice/project")
        settings = AuthSettings(auth_url="http://keystone.test/v3", user_domain_name="corp", project_name="project")
        for pattern in ("alice", "alice@corp", "ALICE", "alice@corp/project", "alice/project", "al?ce"):
            rules = self.rules((pattern, {"read_only": True}))
            for name in names:
                rule = rules.of(self.login(name, settings=settings))
                self.assertEqual(rule.permissions, READ_ONLY, f"{name} for [login {pattern}]")
        self.assertEqual(self.rules(("al", {"read_only": True})).of(self.login("alice")).permissions, EVERYTHING)

    def test_one_meter_a_login(self) -> None:
        """All sessions of a user share one meter each way, whatever they call themselves; other users have others."""
        rules = self.rules(("*", {"upload_rate": 1000, "download_rate": 1000}))
        first, second = rules.of(self.login("alice")), rules.of(self.login("alice@default"))
        again, other = rules.of(self.login("alice")), rules.of(self.login("bob"))
        self.assertIs(first.upload, again.upload)
        self.assertIsNot(first.upload, first.download)
        self.assertIsNot(first.upload, other.upload)
        self.assertTrue(first.restricts and second.restricts)

    def test_debt_outlives_the_session(self) -> None:
        """Who hangs up and comes again still owes."""
        rules = self.rules(("*", {"upload_rate": 1000}))
        meter = rules.of(self.login("alice")).upload
        assert meter is not None
        meter.draw(10_000)
        del meter
        again = rules.of(self.login("alice")).upload
        self.assertTrue(again is not None and again.owes)

    def test_networks(self) -> None:
        """A login comes from where it may only, in every way an address may be written."""
        rules = self.rules(("*", {"networks": ("10.0.0.0/8", "2001:db8::/32"), "denied_networks": ("10.6.0.0/16",)}))
        for peer in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7", "2001:db8::7%eth0"):
            rules.check(self.login("alice", peer))
        for peer in ("192.0.2.1", "10.6.0.1", "::ffff:10.6.0.1", "2001:db9::1", ""):
            self.assertRaises(LoginRefused, rules.check, self.login("alice", peer))

    def test_from_elsewhere_counts(self) -> None:
        """Who tries from elsewhere is refused for a while, as for a wrong password."""
        rules = self.rules(("*", {"networks": ("10.0.0.0/8",)}))
        for _ in range(3):
            self.assertRaises(LoginRefused, rules.check, self.login("alice", "192.0.2.1"))
        self.assertTrue(self.throttle.refused("192.0.2.1"))

    def test_denied_alone(self) -> None:
        """Where only denied networks are given, everywhere else is allowed."""
        rules = self.rules(("*", {"denied_networks": ("192.0.2.0/24",)}))
        rules.check(self.login("alice", "198.51.100.1"))
        rules.check(self.login("alice", ""))
        self.assertRaises(LoginRefused, rules.check, self.login("alice", "192.0.2.1"))
