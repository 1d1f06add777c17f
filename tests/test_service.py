"""Rules of `swftp.service` and `swftp.stores.accounts`: how the service begins, what connections share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.conch.interfaces import IConchUser
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError

from swftp.auth.access import CredentialAccess
from swftp.auth.login import Login
from swftp.auth.logins import Identity
from swftp.auth.throttle import Offence
from swftp.auth.tokens import Credential
from swftp.errors import Busy
from swftp.ftp.interfaces import IFtpAccount
from swftp.paths import resolve
from swftp.sftp.wire import string
from swftp.stores.accounts import Account
from tests.ftp.case import Client
from tests.gatewaycase import GatewayCase
from tests.sftp.case import A, at_once
from tests.sftp.client import FakeClient, u64
from tests.sftp.client import Packet as P


class ChannelTests(GatewayCase):
    """Several channels of one connection."""

    def test_order(self) -> None:
        """
        What one channel asks of a path waits for what another channel of the connection asked before.

        parallel-ssh does not wait for the answer to CLOSE, and looks at the file through its next channel.
        """
        _, client = self.log_in()
        other = FakeClient(self.account.subsystem(b"sftp"))
        handle = self.upload(client)
        client.ask(P.WRITE, handle, u64(3), string(b"er"))
        client.hear()
        self.store.latency = 1.0
        client.ask(P.CLOSE, handle)
        other.ask(P.STAT, A)
        for _ in range(5):
            self.reactor.advance(1.0)
        self.assertEqual(client.hear()[0].kind, P.STATUS)
        self.assertEqual(other.hear()[0].data[:8], u64(len(b"newer")))


class MemoryTests(GatewayCase):
    """What sessions remember for each other."""

    def test_by_root(self) -> None:
        """Sessions of one credential share what they remember, but not with those that see less of the store."""
        access = CredentialAccess(lambda credential: at_once(lambda: None), self.reactor)
        login = Login(name="me", user="me", access=access)

        def memory(root: str) -> object:
            return Account(replace(login, root=resolve(root)), self.store, self.shared)._memory()

        self.assertIs(memory("/box"), memory("/box"))
        self.assertIsNot(memory("/box"), memory("/"))


class StartTests(GatewayCase):
    """How it begins."""

    def test_listens(self) -> None:
        """It listens where it was told, with room for many clients at once."""
        self.start()
        found = [(port, factory, interface) for port, factory, _, interface in self.reactor.tcpServers]
        self.assertEqual(found, [(5022, self.door, ""), (5021, self.ftp, "")])

    def test_says_where(self) -> None:
        """Whoever started it can ask where it listens."""
        self.start()
        self.assertEqual([address.port for address in self.gateway.addresses], [5022, 5021])

    def test_port_taken(self) -> None:
        """A port that somebody else has is an error at the start, not a service that serves nobody."""
        self.reactor.taken = True
        self.assertRaises(CannotListenError, self.gateway.privilegedStartService)


class TogetherTests(GatewayCase):
    """What both protocols of a process have in common."""

    def login(self) -> Any:
        """One of the user ``me``, as a checker gives it."""
        access = CredentialAccess(lambda credential: at_once(lambda: None), self.reactor)
        access.hold(Credential(Identity("v1password", ()), "secret"))
        return Login(name="me", user="me", access=access)

    def enter(self, realm: Any, interface: Any) -> Any:
        """A login by way of *realm*; what ends it."""
        return self.successResultOf(maybeDeferred(realm.requestAvatar, self.login(), self.store, interface))[2]

    def test_sessions_of_a_user(self) -> None:
        """A user's sessions are counted together, whatever he speaks."""
        ssh, ftp = (door.portal.realm._realm for door in (self.door, self.ftp))
        ends = [self.enter(realm, kind) for _ in range(5) for realm, kind in ((ssh, IConchUser), (ftp, IFtpAccount))]
        for realm, kind in ((ssh, IConchUser), (ftp, IFtpAccount)):
            self.assertRaises(Busy, realm.requestAvatar, self.login(), self.store, kind)
        ends[0]()
        self.enter(ftp, IFtpAccount)
        self.assertRaises(Busy, ssh.requestAvatar, self.login(), self.store, IConchUser)

    def test_limits_before_login(self) -> None:
        """Connections and penalties are counted together."""
        self.assertIs(self.door.admission, self.ftp.admission)
        self.assertIs(self.door.timer, self.ftp.timer)
        self.assertEqual(self.door.portal.checkers, self.ftp.portal.checkers)

    def test_penalties(self) -> None:
        """Who failed to log in here is turned away there."""
        for _ in range(5):
            self.throttle.failed("192.0.2.1", Offence.BAD_LOGIN)
        client = Client(self.ftp, "192.0.2.1", self.reactor)
        self.assertEqual(client.hear(), [(421, ["Too many connections."])])
        _, tcp = self.connect()
        self.assertTrue(tcp.lost)
