"""Rules of `swftp.auth.accounts`: logins of a database of our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric import ed25519
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.keys import Key
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.accounts import AT_A_TIME, WAITING_LIMIT, AccountKeyChecker, AccountPasswordChecker, Rights
from swftp.auth.checkers import PasswordOf
from swftp.auth.key_checker import KeyOf
from swftp.auth.refusals import LoginRefused, LoginThrottled, LoginUnavailable
from swftp.auth.throttle import Throttle, ThrottleSettings
from swftp.auth.turns import PATIENCE
from swftp.errors import Unavailable
from swftp.paths import resolve
from tests.auth.fakes import Journal

PEER = "192.0.2.7"
KEY = Key(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = Key(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


@dataclass
class Somebody:
    """A login of the database."""

    name: str
    account: UUID = field(default_factory=uuid4)
    root: str = "/"
    disabled: bool = False
    keys: tuple[str, ...] = ()


class Database:
    """Logins in memory; their password is their name, backwards."""

    def __init__(self) -> None:
        self.people: dict[str, Somebody] = {}
        self.down = False
        self.gate: Deferred[None] | None = None
        self.asked = self.looked = 0
        self.compared: list[str] = []

    async def login(self, name: str) -> Somebody | None:
        self.looked += 1
        if self.down:
            raise Unavailable()
        return self.people.get(name)

    async def check_password(self, name: str, password: str) -> Somebody | None:
        self.asked += 1
        self.compared.append(name)
        if self.gate is not None:
            await self.gate
        found = await self.login(name)
        right = found is not None and password == name[::-1] and not found.disabled
        return found if right else None


class AccountCase(SynchronousTestCase):
    """One database."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.users = Database()
        self.users.people["anna"] = Somebody("anna", root="/home/anna")
        self.throttle = Throttle(ThrottleSettings(), self.clock)
        self.rights = Rights()

    def refused(self, asked: Deferred[Any], kind: type[Exception]) -> None:
        """*asked* fails with exactly *kind*."""
        self.assertIs(type(self.failureResultOf(asked).value), kind)


class PasswordTests(AccountCase):
    """Names and passwords."""

    def setUp(self) -> None:
        super().setUp()
        self.checker = AccountPasswordChecker(self.users, self.rights, self.throttle)

    def ask(self, name: bytes, password: bytes, peer: str = PEER) -> Deferred[Any]:
        """Try to log in."""
        return self.checker.requestAvatarId(PasswordOf(name, password, peer))

    def test_right(self) -> None:
        """The right password gives the account and the root of the login; its sessions share one right."""
        one, two = (self.successResultOf(self.ask(b"anna", b"anna")) for _ in "12")
        self.assertEqual((one.access.account, one.root), (self.users.people["anna"].account, resolve("/home/anna")))
        self.assertIs(one.access, two.access)
        self.assertEqual(one.user, two.user)

    def test_wrong(self) -> None:
        """A wrong password, an unknown name and a disabled login are refused alike, and each counts."""
        self.users.people["eve"] = Somebody("eve", disabled=True)
        for name, password in ((b"anna", b"wrong"), (b"nobody", b"ydobon"), (b"eve", b"eve")):
            self.refused(self.ask(name, password), LoginRefused)
        self.assertEqual(self.users.asked, 3)
        self.assertTrue(self.throttle.refused(PEER))
        self.refused(self.ask(b"anna", b"anna"), LoginThrottled)
        self.assertEqual(self.users.asked, 3)

    def test_garbage(self) -> None:
        """What cannot be a name or a password is not looked up."""
        for name, password in ((b"", b"x"), (b"\xff", b"x")):
            self.refused(self.ask(name, password), LoginRefused)
        self.assertEqual(self.users.asked, 0)

    def test_down(self) -> None:
        """A database that does not answer is not the client's fault."""
        self.users.down = True
        for _ in range(10):
            self.refused(self.ask(b"anna", b"anna"), LoginUnavailable)
        self.assertFalse(self.throttle.refused(PEER))

    def test_bounded(self) -> None:
        """Few passwords are compared at a time, and not many wait, wherever they come from."""
        self.users.gate = Deferred()
        peers = [f"198.51.{number}.1" for number in range(AT_A_TIME + WAITING_LIMIT)]  # of one, few are looked at
        asked = [self.ask(b"anna", b"anna", peer) for peer in peers]
        self.assertEqual(self.users.asked, AT_A_TIME)
        self.refused(self.ask(b"anna", b"anna"), LoginUnavailable)
        self.users.gate.callback(None)
        self.users.gate = None
        for one in asked:
            self.successResultOf(one)

    def test_fair(self) -> None:
        """However many of one name wait, another is let in before most of them, and not refused for them."""
        self.users.people["bob"] = Somebody("bob")
        self.users.gate = gate = Deferred()
        peers = [f"198.51.{number}.1" for number in range(AT_A_TIME + WAITING_LIMIT)]
        burst = [self.ask(b"anna", b"anna", peer) for peer in peers]
        bob = self.ask(b"bob", b"bob")
        self.refused(burst[-1], LoginUnavailable)
        self.users.gate = None
        gate.callback(None)
        self.assertEqual(self.users.compared[: AT_A_TIME + 2], ["anna"] * (AT_A_TIME + 1) + ["bob"])
        for one in (bob, *burst[:-1]):
            self.successResultOf(one)

    def test_patience(self) -> None:
        """Who waits behind a database that hangs is told so, whenever it goes on."""
        self.users.gate = gate = Deferred()
        asked = [self.ask(b"anna", b"anna", f"198.51.{number}.1") for number in range(AT_A_TIME + 3)]
        self.clock.advance(PATIENCE)
        for late in asked[AT_A_TIME:]:
            self.refused(late, LoginUnavailable)
        self.users.gate = None
        gate.callback(None)
        for one in (*asked[:AT_A_TIME], self.ask(b"anna", b"anna")):
            self.successResultOf(one)


class KeyTests(AccountCase):
    """Public keys."""

    def setUp(self) -> None:
        super().setUp()
        self.checker = AccountKeyChecker(self.users, self.rights, self.throttle, self.clock.seconds)
        self.users.people["anna"].keys = (line(KEY),)

    def ask(self, name: bytes, key: Key, signed: bool = True, peer: str = PEER) -> Deferred[Any]:
        """Offer *key*."""
        data = b"what is signed"
        signature = key.sign(data) if signed else None
        offered = KeyOf(name, key.sshType(), key.public().blob(), data if signed else None, signature, peer)
        return self.checker.requestAvatarId(offered)

    def test_right(self) -> None:
        """A key of the login is worth a signature, and with it gives the account."""
        self.failureResultOf(self.ask(b"anna", KEY, signed=False), ValidPublicKey)
        login = self.successResultOf(self.ask(b"anna", KEY))
        self.assertEqual((login.access.account, login.method), (self.users.people["anna"].account, "publickey"))

    def test_wrong(self) -> None:
        """Another key, an unknown name, a disabled login: refused alike."""
        self.users.people["eve"] = Somebody("eve", disabled=True, keys=(line(KEY),))
        for name, key in ((b"anna", OTHER), (b"nobody", KEY), (b"eve", KEY)):
            self.refused(self.ask(name, key, signed=False), LoginRefused)
            self.refused(self.ask(name, key), LoginRefused)

    def test_options(self) -> None:
        """A key's own root is below the login's, and it is good only from where it says; nonsense is no key."""
        self.users.people["anna"].keys = ("nonsense", f'from="198.51.100.0/24",root="/in" {line(KEY)}')
        self.refused(self.ask(b"anna", KEY), LoginRefused)
        login = self.successResultOf(self.ask(b"anna", KEY, peer="198.51.100.9"))
        self.assertEqual(login.root, resolve("/home/anna/in"))

    def test_garbage(self) -> None:
        """What cannot be a name is not looked up: PostgreSQL takes no NUL for text, and would fail."""
        for name in (b"", b"\xff", b"an\0na", b"a" * 1025):
            self.refused(self.ask(name, KEY), LoginRefused)
        self.assertEqual(self.users.looked, 0)

    def test_strangers(self) -> None:
        """Lines of other keys than the one offered are not read: that would take longer than an unknown name."""
        journal = Journal(self)
        self.users.people["anna"].keys = ("nonsense", "more=nonsense " + line(KEY))
        self.refused(self.ask(b"anna", OTHER, signed=False), LoginRefused)
        self.assertEqual(journal.lines("key"), [])
        self.refused(self.ask(b"anna", KEY, signed=False), LoginRefused)
        self.assertEqual(len(journal.lines("key")), 1)

    def test_down(self) -> None:
        """A database that does not answer is not the client's fault."""
        self.users.down = True
        self.refused(self.ask(b"anna", KEY), LoginUnavailable)


def line(key: Key) -> str:
    """*key* as in authorized_keys."""
    text: str = key.public().toString("openssh").decode()
    return text
