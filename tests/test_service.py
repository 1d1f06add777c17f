"""Rules of `swftp.service`, `swftp.wiring`, `swftp.stores` and `swftp.hostkeys`: how the service begins and ends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.keys import Key
from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp import backends, gateway, hostkeys, places, service, wiring
from swftp.auth.access import CredentialAccess
from swftp.auth.limits import AdmissionLimits
from swftp.auth.login import Login
from swftp.auth.logins import Identity
from swftp.auth.throttle import Offence
from swftp.auth.tokens import Credential
from swftp.config import (
    AuthConfig,
    Config,
    ConfigError,
    FtpConfig,
    LimitsConfig,
    SftpConfig,
    StorageConfig,
    ThrottleConfig,
    load,
)
from swftp.doors import ANSWERED, Entrance, Guard
from swftp.errors import Busy
from swftp.ftp.command import Command, Kind
from swftp.ftp.interfaces import IFtpAccount
from swftp.paths import resolve
from swftp.sftp.wire import string
from swftp.ssh.gate import Phase
from swftp.ssh.transport import Transport
from swftp.storage.memory import MemoryStorage
from swftp.stores import Account, SshAccount
from swftp.swiftstores import SwiftStores
from tests.ftp.case import Client, Waits
from tests.sftp.case import NEW, NOW, A, at_once
from tests.sftp.client import NO_ATTRS, FakeClient, u32, u64
from tests.sftp.client import Packet as P
from tests.ssh.harness import HOST_KEY, Wire


class Store(MemoryStorage):
    """A store that can be waited for, as a driver with something to clean up can."""

    async def settle(self) -> None:
        """Nothing to clean up."""


class Reactor(MemoryReactorClock):
    """Listens on nothing, counts time when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.advance(NOW)
        self.taken = False

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """As of `IReactorTCP`."""
        if self.taken:
            raise CannotListenError(interface, port, OSError("in use"))
        return super().listenTCP(port, factory, backlog, interface)

    def callFromThread(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        """As of `IReactorFromThreads`."""
        callable(*args, **kwargs)


class Tcp(Wire):
    """A client's TCP connection that really ends when it is told to."""

    transport: Transport

    def loseConnection(self) -> None:
        """As of `ITransport`."""
        self._end()

    def abortConnection(self) -> None:
        """As of `ITCPTransport`."""
        super().abortConnection()
        self._end()

    def _end(self) -> None:
        if not self.lost:
            self.lost = True
            self.transport.connectionLost(Failure(ConnectionDone()))


class GatewayCase(SynchronousTestCase):
    """A gateway with real parts over a store in memory, on a reactor the test holds."""

    drain_timeout = 30.0

    def setUp(self) -> None:
        """Start it."""
        self.reactor = Reactor()
        config = Config(auth=AuthConfig(auth_url="http://identity.test/auth/v1.0"))
        settings = wiring.auth_settings(config, {})
        auth = wiring.authentication(config, settings, self.reactor, at_once)
        stores = SwiftStores(backends.swift_reach(config, settings, self.reactor))
        self.shared = wiring.shared(config, stores, self.reactor, at_once)
        self.throttle = auth.throttle
        parts = wiring.common(config, auth, self.shared, self.reactor)
        self.door = wiring.ssh_door(config, [HOST_KEY], parts)
        self.ftp, _ = wiring.ftp_doors(config, parts)
        self.wait = Waits()
        self.addCleanup(self.wait.end_all)
        self.ftp.commands = {"WAIT": Command(self.wait, kind=Kind(login=False))}
        self.signals: list[Any] = []
        endpoint = TCP4ServerEndpoint(self.reactor, 5022)
        self.gateway = service.Gateway(
            [(self.door, endpoint), (self.ftp, TCP4ServerEndpoint(self.reactor, 5021))],
            self.shared.accounts,
            [HOST_KEY],
            self.reactor,
            self.drain_timeout,
            self.signals.append,
        )
        self.store = Store(self.reactor)
        self.store["/box/a"] = b"old"

    def dial(self) -> Client:
        """An FTP client that has not logged in; its greeting is read."""
        client = Client(self.ftp, "192.0.2.1", self.reactor)
        client.hear()
        return client

    def start(self) -> None:
        """As twistd does."""
        self.gateway.privilegedStartService()
        self.gateway.startService()

    def stop(self) -> list[bool]:
        """Ask it to end; what is returned has True in it when it has."""
        ended: list[bool] = []
        maybeDeferred(self.gateway.stopService).addCallback(lambda _: ended.append(True))
        return ended

    def connect(self) -> tuple[Transport, Tcp]:
        """A client that has not logged in."""
        transport, tcp = self.door.buildProtocol(None), Tcp("192.0.2.1")
        tcp.transport = transport
        transport.makeConnection(tcp)
        return transport, tcp

    def log_in(self) -> tuple[Tcp, FakeClient]:
        """A client with an SFTP channel."""
        transport, tcp = self.connect()
        access = CredentialAccess(lambda credential: at_once(lambda: None), self.reactor)
        access.hold(Credential(Identity("v1password", ()), "secret"))
        account = SshAccount(Login(name="me", user="me", access=access), self.store, self.shared)
        self.account = account
        server = account.subsystem(b"sftp")

        def log_out() -> None:
            server.lost()
            account.logout()

        transport.dataReceived(b"SSH-2.0-test\r\n")
        transport.phase = Phase.AUTH  # the key exchange is not what is tested here
        transport.logged_in(account, log_out)
        return tcp, FakeClient(server)

    def upload(self, client: FakeClient) -> bytes:
        """Begin to replace ``/box/a``; the handle."""
        client.ask(P.OPEN, A, u32(NEW), NO_ATTRS)
        (opened,) = client.hear()
        client.ask(P.WRITE, string(opened.data), u64(0), string(b"new"))
        client.hear()
        return string(opened.data)


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


class Chance(Random):
    """:ivar asked: how often."""

    asked = 0

    def random(self) -> float:
        """See `Random`."""
        self.asked += 1
        return super().random()


class OffenceTests(GatewayCase):
    """What costs a client something before it has tried to log in."""

    def setUp(self) -> None:
        """Listens."""
        super().setUp()
        self.start()

    def ssh(self, *said: bytes) -> None:
        """An SSH client that says this, and leaves."""
        transport, _ = self.connect()
        for data in said:
            transport.dataReceived(data)
        transport.connectionLost(Failure(ConnectionDone()))

    def ftp_client(self, *said: str) -> None:
        """An FTP client that says this, and leaves."""
        client = self.dial()
        client.type(*said)
        client.control.connectionLost(Failure(ConnectionDone()))

    def test_flood(self) -> None:
        """Of those who are too many some are told so each second; the others cost nothing, and one line in all."""
        entrance = Entrance(self.ftp)
        here = IPv4Address("TCP", "203.0.113.7", 1)
        self.door.admission.change(AdmissionLimits(startups_per_peer=50))  # chance begins at 100
        for _ in range(50):
            self.door.admission.admit("203.0.113.7")
        made = [entrance.buildProtocol(here) for _ in range(20)]
        for one in made:
            one.makeConnection(StringTransport(peerAddress=here))
        self.assertEqual([entrance.buildProtocol(here) for _ in range(500)], [None] * 500)
        self.assertIsNotNone(entrance.buildProtocol(IPv4Address("TCP", "198.51.100.1", 1)))
        self.reactor.advance(1)
        self.assertIsNotNone(entrance.buildProtocol(here))

    def test_chance(self) -> None:
        """Chance is asked once a connection, also in a flood: as many are turned away as the configuration says."""
        chance = Chance(7)
        limits = AdmissionLimits(startups_start=1, startups_rate=30, startups_full=1_000_000)
        guard = Guard(limits, self.throttle, chance)
        guard.admit("192.0.2.9")
        let_in = 0
        for n in range(2000):
            peer = f"198.51.100.{n % 250}"
            place = None if guard.overrun(peer) else guard.admit(peer)
            if place is not None:
                let_in += 1
                place.leave()
        self.assertEqual(chance.asked, 2000)
        self.assertLess(abs(let_in - 1400), 100)

    def test_limits_hold(self) -> None:
        """Who was let by, and never came in, has nobody let in beyond the limits afterwards."""
        guard = Guard(AdmissionLimits(per_peer=1), self.throttle)
        self.assertFalse(guard.overrun("192.0.2.9"))
        places = [guard.admit("192.0.2.9") for _ in range(ANSWERED + 1)]
        self.assertEqual(len([place for place in places if place]), 1)
        self.assertFalse(guard.overrun("192.0.2.10"))
        place = guard.admit("192.0.2.10")
        self.assertIsNotNone(place)
        self.assertIsNone(guard.admit("192.0.2.10"))
        self.assertFalse(guard.overrun("192.0.2.11"))
        self.assertTrue(guard.overrun("192.0.2.10"))
        self.assertIsNone(guard.admit("192.0.2.10"))

    def test_probes(self) -> None:
        """Health checks, which connect and say nothing, cost nothing, however many come."""
        for _ in range(1000):
            self.ssh()
            self.ftp_client()
        self.assertEqual(len(self.throttle), 0)

    def test_left(self) -> None:
        """Who speaks to us and leaves, again and again, is refused for a while, by both protocols."""
        for client in (lambda: self.ssh(b"SSH-2.0-scan\r\n"), lambda: self.ftp_client("NOOP")):
            for _ in range(14):
                client()
            self.assertFalse(self.throttle.refused("192.0.2.1"))
            client()
            self.assertTrue(self.throttle.refused("192.0.2.1"))
            self.reactor.advance(60)

    def test_broken(self) -> None:
        """Twice what no client sends is enough."""
        self.ssh(b"GET / HTTP/1.1\r\n")
        self.assertFalse(self.throttle.refused("192.0.2.1"))
        self.ssh(b"SSH-2.0-scan\r\n", b"\0\0\0\5" * 10)
        self.assertTrue(self.throttle.refused("192.0.2.1"))

    def test_too_slow(self) -> None:
        """So is to take too long for the login."""
        self.connect()
        self.dial()
        refused = []
        for _ in range(20):
            self.reactor.advance(10)
            refused.append(self.throttle.refused("192.0.2.1"))
        self.assertIn(True, refused)

    def test_logged_in(self) -> None:
        """Who was logged in may leave as he likes."""
        for _ in range(30):
            tcp, _ = self.log_in()
            tcp.transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.throttle), 0)


class StopTests(GatewayCase):
    """How it ends."""

    def setUp(self) -> None:
        """Start it."""
        super().setUp()
        self.start()

    def test_idle(self) -> None:
        """With nobody there, it ends at once, and listens no more."""
        self.assertEqual(self.stop(), [True])
        self.assertEqual(self.gateway.addresses, [])

    def test_idle_clients_are_told(self) -> None:
        """Clients with nothing open, and those that are logging in, are hung up on at once."""
        tcp, _ = self.log_in()
        _, other = self.connect()
        ended = self.stop()
        self.assertTrue(tcp.lost)
        self.assertTrue(other.lost)
        self.assertIn(b"server is shutting down", tcp.value())
        self.reactor.advance(1)
        self.assertEqual(ended, [True])

    def test_last_answer(self) -> None:
        """An answer that waits for the end of its turn still goes out, before we hang up."""
        tcp, _ = self.log_in()
        connection: Any = tcp.transport.service
        connection.ssh_CHANNEL_OPEN(string(b"session") + u32(7) + u32(1 << 20) + u32(1 << 15))
        (channel,) = connection.channels.values()
        connection.ssh_CHANNEL_REQUEST(u32(channel.id) + string(b"subsystem") + b"\1" + string(b"sftp"))
        channel.put(b"the answer to CLOSE")
        ended = self.stop()
        self.reactor.pump([0.0, *[gateway.LOOK] * 8])
        self.assertIn(b"the answer to CLOSE", tcp.value())
        self.assertTrue(tcp.lost)
        self.assertEqual(ended, [True])

    def test_idle_ftp_clients_are_told(self) -> None:
        """So are those of FTP, by 421; one for whom something is being done may wait for it."""
        idle, busy = self.dial(), self.dial()
        self.shared.accounts.add(busy)
        busy.type("WAIT")
        ended = self.stop()
        self.assertEqual([idle.hear()[-1], busy.hear()], [(421, ["Server is shutting down."]), []])
        self.assertTrue(idle.tcp.disconnecting)
        idle.tcp.end()
        self.wait.end()
        self.reactor.pump([gateway.LOOK] * 4)
        self.assertEqual([code for code, _ in busy.hear()], [200, 421])
        busy.tcp.end()
        self.shared.accounts.clear()
        self.reactor.pump([gateway.LOOK] * 4)
        self.assertEqual(ended, [True])

    def test_ftp_clients_that_stay(self) -> None:
        """Whoever does not go is cut off."""
        client = self.dial()
        self.shared.accounts.add(client)
        client.type("WAIT")
        ended = self.stop()
        self.reactor.pump([gateway.LOOK] * int(self.drain_timeout / gateway.LOOK + 8))
        self.assertTrue(client.tcp.aborted)
        self.shared.accounts.clear()
        self.reactor.pump([gateway.LOOK] * 8)
        self.assertEqual(ended, [True])

    def test_transfer_may_end(self) -> None:
        """A client that is uploading may end what it does; then it is hung up on."""
        tcp, client = self.log_in()
        handle = self.upload(client)
        ended = self.stop()
        self.reactor.advance(self.drain_timeout / 2)
        self.assertFalse(tcp.lost)
        self.assertEqual(ended, [])
        client.ask(P.CLOSE, handle)
        self.reactor.pump([0.0, gateway.LOOK, gateway.LOOK, gateway.LOOK])
        self.assertEqual(self.store["/box/a"], b"new")
        self.assertTrue(tcp.lost)
        self.assertEqual(ended, [True])

    def test_transfer_too_long(self) -> None:
        """A transfer that has not ended in time is given up, and what was there stays."""
        tcp, client = self.log_in()
        self.upload(client)
        ended = self.stop()
        self.reactor.pump([gateway.LOOK] * int(self.drain_timeout / gateway.LOOK + 8))
        self.assertTrue(tcp.aborted)
        self.assertEqual(ended, [True])
        self.assertEqual(self.store["/box/a"], b"old")

    def test_second_signal(self) -> None:
        """Asked a second time, it does not wait."""
        tcp, client = self.log_in()
        self.upload(client)
        ended = self.stop()
        (act,) = self.signals
        act()
        self.reactor.pump([gateway.LOOK] * 8)
        self.assertTrue(tcp.aborted)
        self.assertEqual(ended, [True])
        self.assertEqual(self.store["/box/a"], b"old")

    def test_close_that_was_said_lands(self) -> None:
        """A CLOSE that a client sent before it went away takes effect before the service ends."""
        tcp, client = self.log_in()
        handle = self.upload(client)
        self.store.latency = 5.0
        client.ask(P.CLOSE, handle)
        tcp.abortConnection()
        ended = self.stop()
        self.reactor.advance(1)
        self.assertEqual(ended, [])
        self.reactor.pump([1.0] * 20)
        self.assertEqual(self.store["/box/a"], b"new")
        self.assertEqual(ended, [True])


class AssemblyTests(SynchronousTestCase):
    """What of a configuration can be used."""

    def setUp(self) -> None:
        """A place for keys."""
        self.reactor = Reactor()
        self.folder = Path(self.mktemp()).absolute()

    def config(self, **sections: Any) -> Config:
        """A configuration that keeps its keys here."""
        sections.setdefault("sftp", SftpConfig(state_dir=str(self.folder)))
        return Config(**sections)

    def refused(self, config: Config, environ: dict[str, str] | None = None) -> str:
        """Why it cannot be used."""
        error = self.assertRaises(ConfigError, service.check, config, self.reactor, environ or {})
        return str(error)

    def test_keys_are_made_once(self) -> None:
        """The first start makes host keys, the second one finds them."""
        first = wiring.host_keys(self.config(), {})
        again = wiring.host_keys(self.config(), {})
        self.assertEqual([hostkeys.fingerprint(key) for key in first], [hostkeys.fingerprint(key) for key in again])

    def test_check_makes_nothing(self) -> None:
        """Looking whether a configuration can be used leaves nothing behind."""
        service.check(self.config(), self.reactor, {})
        self.assertFalse(self.folder.exists())

    def test_make_service(self) -> None:
        """The defaults can be used."""
        made = service.make_service(self.config(), (), self.reactor, {})
        self.assertEqual(made.addresses, [])

    def test_ipv6(self) -> None:
        """An address with colons is one of IPv6."""
        (endpoint,) = places.endpoints(Config(sftp=SftpConfig(host="::1")), "sftp", "listen", self.reactor)
        self.assertEqual(type(endpoint).__name__, "TCP6ServerEndpoint")

    def test_listen(self) -> None:
        """``listen`` takes endpoints instead of host and port."""
        config = Config(sftp=SftpConfig(listen=("tcp:1", "tcp:2:interface=127.0.0.1")))
        self.assertEqual(len(places.endpoints(config, "sftp", "listen", self.reactor)), 2)

    def test_bad_endpoint(self) -> None:
        """What is no endpoint is said to be none."""
        self.assertIn(
            "[sftp] listen: no endpoint",
            self.refused(self.config(sftp=SftpConfig(state_dir=str(self.folder), listen=("nowhere:1",)))),
        )

    def test_bad_auth_url(self) -> None:
        """So is what is no URL, with the place where it was set."""
        config = Config(
            sftp=SftpConfig(state_dir=str(self.folder)),
            auth=AuthConfig(auth_url="swift.example.org"),
            places={("auth", "auth_url"): "swftp.conf:7: [auth] auth_url"},
        )
        self.assertIn("swftp.conf:7: [auth] auth_url: ", self.refused(config))

    def test_bad_root(self) -> None:
        """A root that no object can have is refused."""
        self.assertIn("[sftp] root: ", self.refused(Config(sftp=SftpConfig(root="/a\nb"))))

    def test_bad_network(self) -> None:
        """So is a network that is none."""
        self.assertIn("[throttle] exempt: ", self.refused(self.config(throttle=ThrottleConfig(exempt=("here",)))))

    def test_bad_authorities(self) -> None:
        """So are certificate authorities that are not there."""
        self.assertIn("[auth] cacert: ", self.refused(self.config(auth=AuthConfig(cacert="/nonexistent"))))

    def test_two_keys_of_a_kind(self) -> None:
        """A client asks for one key of a kind; which of two it got would be chance."""
        for name in ("a", "b"):
            hostkeys.kept(self.folder / name)
        names = tuple(str(self.folder / name / "ssh_host_rsa_key") for name in ("a", "b"))
        self.assertIn("more than one key", self.refused(Config(sftp=SftpConfig(host_keys=names))))

    def test_environment(self) -> None:
        """What the configuration leaves open, OpenStack's variables say."""
        environ = {"OS_AUTH_URL": "https://keystone.test/v3", "OS_PROJECT_NAME": "p"}
        settings = wiring.auth_settings(self.config(), environ)
        self.assertEqual((settings.auth_url, settings.project_name), ("https://keystone.test/v3", "p"))

    def test_required_certificate(self) -> None:
        """Where a certificate has to be shown, nobody logs in without TLS, which is where it is shown."""
        for wanted in ("optional", "required"):
            options = FtpConfig(certificate="/c", client_ca="/a", client_certificate=wanted)
            made = wiring.ftp_settings(self.config(ftp=options))
            self.assertIs(made.require_tls_login, wanted == "required")

    def test_options_reach_the_store(self) -> None:
        """Options of `[storage]` are what the driver works with."""
        config = self.config(
            storage=StorageConfig(layout="plain", extra_headers=(("K", "v"),), num_connections_per_session=3),
            limits=LimitsConfig(handles=7),
        )
        made = backends.swift_reach(config, wiring.auth_settings(config, {}), self.reactor)
        shared = wiring.shared(config, SwiftStores(made), self.reactor, at_once)
        self.assertEqual((made.options.layout, made.policy.extra_headers), ("plain", {"K": "v"}))
        self.assertEqual((made.policy.connections_per_session, shared.channels.handles), (3, 7))

    def test_state_dir(self) -> None:
        """Keys lie where systemd says, or in the user's own state directory."""
        self.assertEqual(wiring.state_dir(Config(), {"STATE_DIRECTORY": "/a:/b"}), Path("/a"))
        self.assertEqual(
            wiring.state_dir(Config(sftp=SftpConfig(state_dir="/c")), {"STATE_DIRECTORY": "/a"}), Path("/c")
        )

    def test_state_dir_of_ftp_alone(self) -> None:
        """A file without a section of SFTP says it in that of FTP; where both do, SFTP's counts."""
        for text, wanted in (
            ("[ftp]\nstate_dir = /f", "/f"),
            ("[ftp]\nstate_dir = /f\n[sftp]\nstate_dir = /s", "/s"),
        ):
            path = Path(self.mktemp())
            path.write_text(text)
            self.assertEqual(wiring.state_dir(load(str(path), protocols=None)[0], {}), Path(wanted))


class FirstRunTests(SynchronousTestCase):
    """Gateways that start at the same moment on one empty directory."""

    def test_the_first_wins(self) -> None:
        """Who was the second to make a key uses that of the first, whose public half stays; nothing else is left."""
        folder, name = Path(self.mktemp()), "ssh_host_ed25519_key"
        plain = {name: hostkeys.MADE[name]}
        others: list[dict[Path, Any]] = []

        def late() -> Any:
            others.append(hostkeys.kept(folder, makers=plain))
            return plain[name]()

        mine = hostkeys.kept(folder, makers={name: late})
        self.assertEqual([mine], others)
        public = Key.fromString((folder / f"{name}.pub").read_bytes())
        self.assertEqual(public, mine[folder / name].public())
        self.assertEqual({path.name for path in folder.iterdir()}, {name, f"{name}.pub"})

    def test_at_once(self) -> None:
        """However many do, all show clients the same keys."""
        folder = Path(self.mktemp())
        plain = {name: hostkeys.MADE[name] for name in ("ssh_host_ed25519_key", "ssh_host_ecdsa_key")}
        start = threading.Barrier(8)

        def run(_: int) -> list[str]:
            start.wait()
            return [hostkeys.fingerprint(key) for key in hostkeys.kept(folder, makers=plain).values()]

        with ThreadPoolExecutor(8) as pool:
            shown = list(pool.map(run, range(8)))
        self.assertEqual(shown, [shown[0]] * 8)


class HostKeyTests(SynchronousTestCase):
    """Which keys are used, and why not."""

    def setUp(self) -> None:
        """Three good keys."""
        self.folder = Path(self.mktemp()).absolute()
        self.keys = hostkeys.kept(self.folder)
        self.path = self.folder / "ssh_host_ed25519_key"

    def refused(self, path: Path) -> str:
        """Why the key in *path* is."""
        words = str(self.assertRaises(hostkeys.UnusableKey, hostkeys.read, path))
        self.assertIn(str(path), words)
        return words

    def test_made_for_us_alone(self) -> None:
        """Keys that we make can be read by nobody else."""
        for path in self.keys:
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_open_to_others(self) -> None:
        """A key that others can read, or its group can change, is not used; one its group can read is."""
        for mode in (0o604, 0o644, 0o660):
            self.path.chmod(mode)
            self.assertIn(f"(mode {mode:04o}); allowed: 0600 or 0640", self.refused(self.path))
        self.path.chmod(0o640)
        hostkeys.read(self.path)

    def test_missing(self) -> None:
        """A key that is not there is said not to be."""
        self.assertIn("No such file", self.refused(self.folder / "none"))

    def test_no_key(self) -> None:
        """Neither is anything that is no private key used."""
        for content in (b"", b"hello", self.path.with_name(self.path.name + ".pub").read_bytes(), b"\xff" * 99):
            self.path.write_bytes(content)
            self.assertIn("key", self.refused(self.path))

    def test_passphrase(self) -> None:
        """Nobody could type it."""
        text = next(iter(self.keys.values())).toString("openssh", passphrase=b"secret")
        self.path.write_bytes(text)
        self.assertIn("passphrase", self.refused(self.path))

    def test_never_made_again(self) -> None:
        """A key that is there but broken ends the start: clients would take a new one for an attack."""
        self.path.write_bytes(b"")
        self.assertRaises(hostkeys.UnusableKey, hostkeys.kept, self.folder)
        self.assertEqual(self.path.read_bytes(), b"")

    def test_fingerprint(self) -> None:
        """It is written as OpenSSH writes it."""
        key = Key.fromString(b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDu4A7cN0yog6e0+V7urGoN2mmg/hMm5zuYOggEw1hI4")
        self.assertEqual(hostkeys.fingerprint(key), "ED25519 SHA256:Kstle6Z8EcXGSbRl7zzNSYvH8JSM1x7wr2zO7oFQYb4")
