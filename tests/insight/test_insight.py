"""A gateway as its administrator sees it: real sessions over a store in memory, on a clock the test holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client import generate_latest
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from swftp import service
from swftp.auth.login import Login
from swftp.config import AuthConfig, Config, ConfigError, FtpConfig, SftpConfig, WebConfig
from swftp.entries import Attributes
from swftp.errors import NotFound, Unavailable
from swftp.insight.insight import LAG_LIMIT, Insight
from swftp.insight.probing import AGE, TIMEOUT, Probing
from swftp.metrics import Metrics
from swftp.metrics.instruments import total
from swftp.paths import resolve
from swftp.session import OpenMode
from swftp.stores.accounts import Account
from tests.auth.fakes import Journal
from tests.gatewaycase import Reactor, Store

IDENTITY = AuthConfig(auth_url="http://identity.test/auth/v1.0")
NEW = OpenMode(create=True, truncate=True)


class Right:
    """To a store that asks nobody."""

    def release(self) -> None:
        """See `swftp.auth.login.Right`."""


def gateway_of(config: Config, reactor: Reactor, state: str) -> service.Gateway:
    """A gateway on *reactor*; what it makes is in *state*."""
    return service.make_service(config, (), reactor, {"STATE_DIRECTORY": state})


class InsightCase(SynchronousTestCase):
    """A gateway that listens nowhere, and one login."""

    web = WebConfig(per_login=True)

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.journal = Journal(self)
        self.gateway = gateway_of(self.config(), self.reactor, self.mktemp())
        (self.insight,) = (part for part in self.gateway if isinstance(part, Insight))
        self.shared: Any = self.insight._overview._logins
        self.metrics: Metrics = self.shared.metrics
        self.store = Store(self.reactor)
        self.store["/box/a"] = b"old content"
        self.insight.startService()
        self.addCleanup(self.insight.stopService)
        self.account = self.log_in()

    def config(self) -> Config:
        """The gateway's."""
        return Config(auth=IDENTITY, web=self.web, protocols=("ftp",))

    def log_in(self, name: str = "me") -> Account:
        """One more login."""
        login = Login(name=name, user=name, access=Right(), peer="192.0.2.1", protocol="sftp", session=f"sftp-{name}")
        return Account(login, self.store, self.shared)

    def do(self, work: Any) -> Any:
        """What *work* comes to, and the lines about it, which come behind the answer."""
        result = self.successResultOf(Deferred.fromCoroutine(work))
        self.reactor.advance(0)
        return result

    def text(self) -> str:
        """What Prometheus is told."""
        return generate_latest(self.insight.registry).decode()


class SeenTests(InsightCase):
    """What is going on is seen while it does."""

    def test_who_is_there(self) -> None:
        """A login, and what it has open, with bytes, size and rate, until it is over."""
        session = self.account.session()
        self.do(session.open_reader(resolve("/box/a"), lambda: None))
        writer = self.do(session.open_writer(resolve("/box/b"), NEW, Attributes(), lambda: None))
        writer.write(0, [b"x" * 5000], 5000)
        self.reactor.advance(1.0)
        (shown,) = self.insight.status(0)["sessions"]
        self.assertEqual((shown["user"], shown["peer"], shown["session"]), ("me", "192.0.2.1", "sftp-me"))
        down, up = shown["transfers"]
        self.assertEqual((down["path"], down["direction"], down["size"]), ("/box/a", "out", 11))
        self.assertEqual((up["direction"], up["bytes"], up["size"], up["rate"]), ("in", 5000, None, 5000))
        self.do(writer.close())
        session.lost()
        (shown,) = self.insight.sessions()
        self.assertEqual((shown["transfers"], shown["bytes_in"]), ([], 5000))
        self.successResultOf(self.account.logout())
        self.assertEqual(self.insight.sessions(), [])

    def test_bytes_only_grow(self) -> None:
        """Bytes of an open file count at once, and once: also when it ends."""
        writer = self.do(self.account.session().open_writer(resolve("/box/b"), NEW, Attributes(), lambda: None))
        seen = []
        for n in range(3):
            writer.write(n * 100, [b"x" * 100], 100)
            seen.append(self.insight._overview.moved()["sftp", "in"])
        self.do(writer.close())
        seen.append(self.insight._overview.moved()["sftp", "in"])
        self.assertEqual(seen, [100, 200, 300, 300])
        self.assertIn('gw_transfer_bytes_total{dir="in",proto="sftp"} 300.0', self.text())
        self.assertIn('gw_login_transfer_bytes_total{dir="in",login="me"} 300.0', self.text())

    def test_history(self) -> None:
        """Each second is a point with what it brought."""
        writer = self.do(self.account.session().open_writer(resolve("/box/b"), NEW, Attributes(), lambda: None))
        self.reactor.advance(1.0)
        writer.write(0, [b"x" * 700], 700)
        self.reactor.advance(1.0)
        status = self.insight.status(0)
        self.assertEqual([point["in_rate"] for point in status["points"]], [700.0])
        self.assertEqual((status["levels"]["transfers"], status["number"]), (1, 1))
        self.assertEqual(self.insight.status(1)["points"], [])

    def test_many_are_cut(self) -> None:
        """However many are there, a page shows so many, and says how many there are."""
        for n in range(300):
            self.log_in(f"user {n}")
        status = self.insight.status(0)
        self.assertEqual((len(status["sessions"]), status["logins"]), (200, 301))

    def test_numbers_of_2014(self) -> None:
        """Totals and rates by the names of then."""
        self.do(self.account.session().stat(resolve("/box/a")))
        for _ in range(3):
            self.reactor.advance(1.0)
        found = self.insight.statistics()
        self.assertEqual(found["totals"]["command.getAttrs"], 1)
        self.assertEqual(found["rates"]["command.getAttrs"], 0)


class ConnectionTests(InsightCase):
    """Who came."""

    def test_counted(self) -> None:
        """Each connection is counted by what became of it."""
        (door,) = self.gateway.doors
        for _ in range(3):
            door.buildProtocol(None)
        log = Logger(namespace="swftp.test")
        log.info("turned away", event="ftp_turned_away")
        self.assertIn('gw_connections_total{proto="ftp",result="ok"} 2.0', self.text())
        self.assertIn('gw_connections_total{proto="ftp",result="refused"} 1.0', self.text())


class CountedTests(InsightCase):
    """Requests and transfers are counted and timed by how they ended."""

    def counted(self, operation: str, result: str) -> float:
        """Requests."""
        return total(self.metrics.requests, proto="sftp", op=operation, result=result)

    def test_requests(self) -> None:
        """What is not there is no error of the store's; what the store refuses to do is."""
        session = self.account.session()
        self.do(session.stat(resolve("/box/a")))
        self.failureResultOf(Deferred.fromCoroutine(session.stat(resolve("/box/none"))), NotFound)
        self.store.hook = self.broken
        self.failureResultOf(Deferred.fromCoroutine(session.remove(resolve("/box/a"))), Unavailable)
        self.assertEqual((self.counted("stat", "ok"), self.counted("stat", "not_found")), (1, 1))
        self.assertEqual(self.counted("remove", "backend_error"), 1)

    def broken(self, verb: str, path: object) -> None:
        """As the hook of a store that is down."""
        raise Unavailable

    def test_changes_are_logged(self) -> None:
        """Each leaves one line with who, what, where and how it went; looking leaves none."""
        session = self.account.session()
        before = len(self.journal)
        self.do(session.stat(resolve("/box/a")))
        self.assertEqual(len(self.journal), before)
        self.do(session.rename(resolve("/box/a"), resolve("/box/b")))
        (line,) = self.journal.lines("rename")
        wanted = {"user": "me", "peer": "192.0.2.1", "session": "sftp-me", "protocol": "sftp", "path": "/box/a"}
        self.assertEqual({name: line[name] for name in wanted}, wanted)
        self.assertEqual((line["target"], line["result"], line["outcome"]), ("/box/b", "ok", "ok"))

    def test_transfers(self) -> None:
        """An upload that was closed is one; one that was not is the client's doing."""
        session = self.account.session()
        for name, ends in (("b", True), ("c", False)):
            writer = self.do(session.open_writer(resolve(f"/box/{name}"), NEW, Attributes(), lambda: None))
            writer.write(0, [b"new"], 3)
            if ends:
                self.do(writer.close())
            else:
                writer.lost()
        self.reactor.advance(0)
        self.assertEqual(total(self.metrics.transfers, dir="in", result="ok"), 1)
        self.assertEqual(total(self.metrics.transfers, dir="in", result="client_abort"), 1)
        self.assertEqual(
            [(e["path"], e["outcome"]) for e in self.journal.lines("upload")],
            [("/box/b", "ok"), ("/box/c", "client_abort")],
        )
        self.assertEqual(self.counted("close", "ok"), 1)

    def test_logout(self) -> None:
        """The end of a login is a line with what it moved."""
        session = self.account.session()
        writer = self.do(session.open_writer(resolve("/box/b"), NEW, Attributes(), lambda: None))
        writer.write(0, [b"new"], 3)
        self.do(writer.close())
        self.reactor.advance(5)
        self.successResultOf(self.account.logout())
        (line,) = self.journal.lines("logout")
        self.assertEqual((line["session"], line["bytes_in"], line["bytes_out"]), ("sftp-me", 3, 0))
        self.assertGreaterEqual(line["seconds"], 5)


class HealthTests(InsightCase):
    """Whether we are well, and whether anybody should be sent here."""

    def test_late(self) -> None:
        """A reactor that comes late by more than the limit is not well, until it is in time again."""
        self.reactor.advance(1.0)
        self.assertEqual(self.insight.healthy(), "")
        self.reactor.rightNow += LAG_LIMIT + 1.5
        self.assertIn("late", self.insight.healthy())
        self.reactor.advance(0)
        self.reactor.advance(1.0)
        self.assertEqual(self.insight.healthy(), "")

    def test_not_listening(self) -> None:
        """Before it listens, and while it drains, nobody is to be sent here."""
        self.assertEqual(self.do(self.insight.ready()), "not accepting clients")


class ProbingTests(SynchronousTestCase):
    """The store is asked, not too often."""

    def setUp(self) -> None:
        self.clock = Reactor()
        self.asked: list[Deferred[None]] = []
        self.probing = Probing(self.probe, self.clock)

    async def probe(self) -> None:
        """As of a store that answers when the test says so."""
        self.asked.append(Deferred())
        await self.asked[-1]

    def ask(self) -> Deferred[str]:
        """One who wants to know."""
        return Deferred.fromCoroutine(self.probing.trouble())

    def test_one_request(self) -> None:
        """However many want to know, it is asked once, and again only when the answer is old."""
        first, second = self.ask(), self.ask()
        self.asked[0].callback(None)
        self.assertEqual((self.successResultOf(first), self.successResultOf(second)), ("", ""))
        self.assertEqual(self.successResultOf(self.ask()), "")
        self.clock.advance(AGE)
        self.ask()
        self.assertEqual(len(self.asked), 2)

    def test_trouble(self) -> None:
        """A store that says no, one that says nothing, and a fault of ours are three kinds of trouble."""
        answer = self.ask()
        self.asked[0].errback(Unavailable("answered 503"))
        self.assertEqual(self.successResultOf(answer), "the store is not there: answered 503")
        self.clock.advance(AGE)
        answer = self.ask()
        self.clock.advance(TIMEOUT)
        self.assertEqual(self.successResultOf(answer), "the store does not answer")
        self.clock.advance(AGE)
        answer = self.ask()
        self.asked[2].errback(ZeroDivisionError())
        self.assertEqual(self.successResultOf(answer), "the store could not be asked")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ListeningTests(SynchronousTestCase):
    """Where it listens is what was configured, and never more."""

    def ports(self, **sections: Any) -> list[tuple[int, str]]:
        """Port and address of what listens beside the servers."""
        reactor = Reactor()
        config = Config(**{"auth": IDENTITY, "protocols": ("ftp",), **sections})
        gateway = service.make_service(config, (), reactor, {"STATE_DIRECTORY": self.mktemp()})
        gateway.privilegedStartService()
        found = [(port, interface) for port, _, _, interface in reactor.tcpServers]
        return [place for place in found if place[0] not in (5021, 5022)]

    def refused(self, option: str, **web: Any) -> None:
        """It cannot be used."""
        error = self.assertRaises(ConfigError, self.ports, web=WebConfig(**web))
        self.assertIn(f"[web] {option}: ", str(error))

    def token(self, text: str = "0123456789abcdef", mode: int = 0o600) -> str:
        """A file."""
        path = Path(self.mktemp())
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def test_nothing(self) -> None:
        """Without being told to, nowhere."""
        self.assertEqual(self.ports(), [])

    def test_loopback(self) -> None:
        """With a port alone, on loopback."""
        self.assertEqual(self.ports(web=WebConfig(port=8022)), [(8022, "127.0.0.1")])

    def test_elsewhere(self) -> None:
        """Anywhere else takes a token that nobody else can read, and that nobody guesses."""
        self.refused("host", port=8022, host="0.0.0.0")
        self.refused("host", port=8022, host="10.0.0.1")
        self.refused("listen", listen=("tcp:8022",))
        self.refused("listen", listen=("tcp6:8022:interface=\\:\\:1234\\:1",))
        self.refused("token_file", port=8022, host="0.0.0.0", token_file=self.token(mode=0o644))
        self.refused("token_file", port=8022, host="0.0.0.0", token_file=self.token("short"))
        self.refused("token_file", port=8022, token_file="/nonexistent")
        self.refused("listen", listen=("nonsense",), token_file=self.token())
        place = WebConfig(port=8022, host="0.0.0.0", token_file=self.token())
        self.assertEqual(self.ports(web=place), [(8022, "0.0.0.0")])

    def test_as_in_2014(self) -> None:
        """Statistics of each protocol at an address of their own."""
        both: dict[str, Any] = {"protocols": ("sftp", "ftp")}
        sections = {"sftp": SftpConfig(stats_host="10.0.0.1"), "ftp": FtpConfig(stats_host="10.0.0.1"), **both}
        self.assertEqual(sorted(self.ports(**sections)), [(38021, "10.0.0.1"), (38022, "10.0.0.1")])

    def test_outlives_the_servers(self) -> None:
        """It is there to say that we drain until all has ended."""
        reactor = Reactor()
        config = Config(auth=IDENTITY, web=WebConfig(port=8022), protocols=("ftp",))
        gateway = service.make_service(config, (), reactor, {"STATE_DIRECTORY": self.mktemp()})
        gateway.privilegedStartService()
        (insight,) = (part for part in gateway if isinstance(part, Insight))
        self.assertEqual([address.port for address in insight.addresses], [8022])
        self.assertTrue(gateway.listens)
