"""Rules of `swftp.workers.supervisor`, on a clock the test holds, with workers that do what the test says."""

from __future__ import annotations

import json
import signal
import socket
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp.config import Config, ConfigError, FtpConfig, WebConfig
from swftp.gateway.gateway import CLEANUP, LOOK, SPARE
from swftp.generations import Source
from swftp.workers.backoff import FIRST
from swftp.workers.supervisor import HANGS, RELOADS, STARTS, Supervisor
from swftp.workers.worker import unpacked
from tests.auth.fakes import Journal

DRAIN = 60.0


class Port:
    """What a listening endpoint gives."""

    reading = True

    def listen(self, factory: Any) -> Deferred[Port]:
        """As of `IStreamServerEndpoint`."""
        self.listening = True
        return succeed(self)

    def fileno(self) -> int:
        """As of a port."""
        return 7

    def stopReading(self) -> None:
        """As of a port."""
        self.reading = False

    def stopListening(self) -> None:
        """As of `IListeningPort`."""
        self.listening = False

    def getHost(self) -> IPv4Address:
        """As of `IListeningPort`."""
        return IPv4Address("TCP", "127.0.0.1", 5022)


class Process:
    """A worker's process, and its end of the link."""

    def __init__(
        self,
        protocol: Any,
        pid: int,
        environ: dict[str, str],
        descriptors: dict[int, int],
        wire: StringTransport,
    ) -> None:
        self.protocol, self.pid, self.environ, self.descriptors = protocol, pid, environ, descriptors
        self.wire = wire
        self.signals: list[str] = []

    def signalProcess(self, signalID: str) -> None:
        """As of `IProcessTransport`."""
        self.signals.append(signalID)

    def heard(self) -> list[dict[str, Any]]:
        """What it was told since the last time."""
        raw, found = self.wire.value(), []
        self.wire.clear()
        while raw:
            (size,) = struct.unpack(">I", raw[:4])
            found.append(json.loads(raw[4 : 4 + size]))
            raw = raw[4 + size :]
        return found

    def kinds(self) -> list[str]:
        """The same, but of each only what it is, or what is asked."""
        return [message.get("what", message["kind"]) for message in self.heard()]

    def says(self, kind: str, **fields: Any) -> None:
        """It tells something."""
        text = json.dumps({"kind": kind, **fields}).encode()
        self.protocol.link.dataReceived(struct.pack(">I", len(text)) + text)

    def answers(self, **values: Any) -> None:
        """It answers all that it was asked and that *values* has an answer to."""
        for message in self.heard():
            if message["kind"] == "ask" and message["what"] in values:
                self.says("answer", number=message["number"], value=values[message["what"]])

    def ends(self, killed: bool = False) -> None:
        """It is gone."""
        reason = ProcessTerminated(signal=signal.SIGKILL) if killed else ProcessDone(0)
        self.protocol.processEnded(Failure(reason))


class Reactor(MemoryReactorClock):
    """Starts nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.trouble: OSError | None = None
        self._wire = StringTransport()

    def spawnProcess(self, protocol: Any, executable: str, args: Sequence[str], env: Any, childFDs: Any) -> None:
        """As of `IReactorProcess`; fails while there is `trouble`."""
        if self.trouble is not None:
            raise self.trouble
        process = Process(protocol, 100 + len(self.processes), env, childFDs, self._wire)
        self.processes.append(process)
        protocol.makeConnection(process)

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> None:
        """As of `IReactorSocket`: the link of the process that is started next."""
        self._wire = StringTransport()
        factory.buildProtocol(None).makeConnection(self._wire)


class SupervisorCase(SynchronousTestCase):
    """Two workers that have just been started."""

    config = Config(ftp=FtpConfig(passive_ports="50000-50009"))

    def setUp(self) -> None:
        self.journal = Journal(self)
        self.reactor, self.port = Reactor(), Port()
        self.signals: list[Any] = []
        self.hangups: list[Any] = []
        self.read = self.config
        self.wrong: list[str] = []
        path = Path(self.mktemp())
        path.parent.mkdir(parents=True, exist_ok=True)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        address = f"\0{path}"
        self.manager.bind(address)
        self.manager.setblocking(False)
        self.supervisor = self.make(address)
        self.supervisor.privilegedStartService()
        self.supervisor.startService()
        self.one, self.two = self.reactor.processes

    def make(self, address: str = "") -> Supervisor:
        """
        One.

        :param address: of the service manager.
        """
        return Supervisor(
            self.config,
            2,
            [],
            [("sftp", self.port)],  # type: ignore[list-item]
            self.reactor,
            {"NOTIFY_SOCKET": "@" + address[1:]},
            Source(read=lambda: (self.read, [])),
            self.try_out,
            lambda config: DRAIN,
            self.signals.append,
            self.hangups.append,
        )

    def try_out(self, config: Config, *, make_keys: bool = False) -> list[Any]:
        """Whether it can be used."""
        if self.wrong:
            raise ConfigError(self.wrong)
        return []

    def ready(self) -> None:
        """Both serve."""
        for process in self.reactor.processes[-2:]:
            process.says("ready")
            process.heard()

    def notified(self) -> list[str]:
        """What systemd was told since the last time, the first line of each."""
        found = []
        while True:
            try:
                found.append(self.manager.recv(1000).decode().split("\n")[0])
            except BlockingIOError:
                return found

    def seconds(self, count: float, *answering: Process) -> None:
        """Time passes; *answering* answer what they are asked."""
        for _ in range(int(count / LOOK)):
            self.reactor.advance(LOOK)
            for process in answering:
                process.answers(look={}, report={})


class StartTests(SupervisorCase):
    """How it begins."""

    def test_sockets_are_the_workers(self) -> None:
        """The supervisor listens and accepts nobody; each worker gets the socket and its part of what there is."""
        self.assertEqual((self.port.listening, self.port.reading), (True, False))
        for process, ports in ((self.one, "50000-50004"), (self.two, "50005-50009")):
            (begin,) = process.heard()
            self.assertEqual((begin["kind"], begin["sockets"], begin["count"]), ("begin", [["sftp", 4]], 2))
            self.assertEqual(process.descriptors[4], 7)
            self.assertEqual(unpacked(begin["config"]).ftp.passive_ports, ports)
            self.assertNotIn("NOTIFY_SOCKET", process.environ)

    def test_ready_when_all_are(self) -> None:
        """systemd is told once, when the last worker serves."""
        self.one.says("ready")
        self.assertEqual(self.notified(), [])
        self.two.says("ready")
        self.assertEqual(self.notified(), ["READY=1"])


class DeathTests(SupervisorCase):
    """A worker that dies, or might as well."""

    def test_started_again(self) -> None:
        """A dead worker comes back under its number, later each time; nobody else is told to do anything."""
        self.ready()
        self.one.ends(killed=True)
        self.reactor.advance(FIRST / 2)
        self.assertEqual(len(self.reactor.processes), 2)
        self.reactor.advance(FIRST)
        three = self.reactor.processes[2]
        self.assertEqual(unpacked(three.heard()[0]["config"]).ftp.passive_ports, "50000-50004")
        three.ends()
        self.reactor.advance(FIRST * 1.5)
        self.assertEqual(len(self.reactor.processes), 3)
        self.reactor.advance(FIRST)
        self.assertEqual(len(self.reactor.processes), 4)
        self.assertEqual({kind for kind in self.two.kinds() if kind != "look"}, set())

    def test_its_counts_are_taken_back(self) -> None:
        """What it had is counted nowhere any more, and a worker that is started then begins with what others have."""
        self.ready()
        self.one.says("tally", entries=[["sessions", "me", 2]])
        self.two.says("tally", entries=[["sessions", "you", 1]])
        self.reactor.advance(0.01)
        self.assertEqual(self.two.heard()[-1]["entries"], [["sessions", "me", 2]])
        self.one.ends(killed=True)
        self.reactor.advance(0.01)
        self.assertEqual(self.two.heard()[-1]["entries"], [["sessions", "me", -2]])
        self.reactor.advance(FIRST)
        self.reactor.advance(0.01)
        self.assertEqual(self.reactor.processes[2].heard()[-1]["entries"], [["sessions", "you", 1]])

    def test_hangs(self) -> None:
        """One that does not answer for too long is killed, the other is not."""
        self.ready()
        self.seconds(HANGS - 2, self.two)
        self.assertEqual(self.one.signals, [])
        self.seconds(4, self.two)
        self.assertIn("KILL", self.one.signals)
        self.assertEqual(self.two.signals, [])

    def test_never_ready(self) -> None:
        """One that does not begin is killed, too."""
        self.two.says("ready")
        self.seconds(STARTS + 2, self.two)
        self.assertIn("KILL", self.one.signals)
        self.assertEqual(self.two.signals, [])


class ReloadTests(SupervisorCase):
    """SIGHUP."""

    def setUp(self) -> None:
        super().setUp()
        self.ready()
        self.notified()

    def reload(self, one: list[str], two: list[str]) -> None:
        """SIGHUP; what the workers find wrong."""
        self.hangups[0]()
        self.one.answers(reload=one)
        self.two.answers(reload=two)

    def test_all_take_it(self) -> None:
        """Every worker gets its part, then systemd hears that it is done."""
        self.read = replace(self.config, ftp=FtpConfig(passive_ports="50000-50009", max_failures=3))
        self.hangups[0]()
        (asked,) = self.one.heard()
        self.assertEqual(unpacked(asked["config"]).ftp.max_failures, 3)
        self.assertEqual(self.notified(), ["RELOADING=1"])
        self.one.says("answer", number=asked["number"], value=[])
        self.two.answers(reload=[])
        self.assertEqual(self.notified(), ["READY=1"])
        self.assertEqual(len(self.journal.lines("reloaded")), 1)

    def test_broken(self) -> None:
        """A configuration that cannot be used reaches no worker."""
        self.wrong = ["[ftp] certificate: no such file"]
        self.hangups[0]()
        self.assertEqual((self.one.heard(), self.two.heard()), ([], []))
        self.assertEqual(len(self.journal.lines("reload_failed")), 1)
        self.assertEqual(self.notified(), ["RELOADING=1", "READY=1"])

    def test_refused_by_a_worker(self) -> None:
        """What a worker cannot use is said, once however many say it; the others have it."""
        self.reload(["no such file"], ["no such file"])
        (said,) = self.journal.lines("reload_failed")
        self.assertEqual(said["problem"], "no such file")

    def test_one_that_hangs(self) -> None:
        """It keeps nobody from having it, and is named."""
        self.hangups[0]()
        self.two.answers(reload=[])
        self.reactor.advance(RELOADS)
        (said,) = self.journal.lines("reload_failed")
        self.assertEqual(said["problem"], "worker 0 does not answer")

    def test_new_worker_has_it(self) -> None:
        """A worker that is started later begins with what is in force."""
        self.read = replace(self.config, ftp=FtpConfig(passive_ports="50000-50009", max_failures=3))
        self.reload([], [])
        self.one.ends(killed=True)
        self.reactor.advance(FIRST)
        begin = self.reactor.processes[2].heard()[0]
        self.assertEqual(unpacked(begin["config"]).ftp.max_failures, 3)

    def test_while_one_starts(self) -> None:
        """A worker that was being started meanwhile gets it as soon as it serves."""
        self.one.ends(killed=True)
        self.reactor.advance(FIRST)
        three = self.reactor.processes[2]
        self.read = replace(self.config, ftp=FtpConfig(passive_ports="50000-50009", max_failures=3))
        self.hangups[0]()
        self.two.answers(reload=[])
        three.heard()
        three.says("ready")
        (asked,) = three.heard()
        self.assertEqual((asked["what"], unpacked(asked["config"]).ftp.max_failures), ("reload", 3))


class EndTests(SupervisorCase):
    """SIGTERM."""

    def setUp(self) -> None:
        super().setUp()
        self.ready()
        self.ended: list[None] = []

    def stop(self) -> None:
        """SIGTERM."""
        self.supervisor.stopService().addCallback(self.ended.append)
        self.assertFalse(self.port.listening)

    def test_all_drain(self) -> None:
        """All are told at once, nobody is started again, and it ends when the last has."""
        self.stop()
        self.assertEqual([process.kinds()[-1] for process in (self.one, self.two)], ["drain", "drain"])
        self.one.ends()
        self.seconds(5, self.two)
        self.assertEqual((self.ended, len(self.reactor.processes)), ([], 2))
        self.two.ends()
        self.seconds(1)
        self.assertEqual(self.ended, [None])

    def test_second_signal(self) -> None:
        """Who asks twice does not wait."""
        self.stop()
        self.signals[0]()
        self.assertEqual(self.one.kinds()[-1], "hurry")

    def test_one_that_does_not_end(self) -> None:
        """It is killed, after the time that its transfers have."""
        self.stop()
        self.seconds(DRAIN + CLEANUP, self.one, self.two)
        self.assertEqual(self.one.signals, [])
        self.seconds(SPARE + 1, self.one, self.two)
        self.assertEqual((self.one.signals, self.two.signals), (["KILL"], ["KILL"]))
        self.one.ends(killed=True)
        self.two.ends(killed=True)
        self.seconds(1)
        self.assertEqual(self.ended, [None])

    def test_while_one_waits_to_be_started(self) -> None:
        """A worker that is dead is not started any more."""
        self.one.ends(killed=True)
        self.stop()
        self.two.ends()
        self.seconds(FIRST + 1)
        self.assertEqual((len(self.reactor.processes), self.ended), (2, [None]))


class WholeTests(SupervisorCase):
    """What is told of all."""

    config = Config(web=WebConfig(per_login=True))

    def metrics(self) -> str:
        """What Prometheus is told."""
        asked = Deferred.fromCoroutine(self.supervisor.whole.look())
        families = [["c", "counter", "", [["c_total", {}, 2]]], ["g", "gauge", "", [["g", {}, 3]]]]
        for process in self.answering:
            process.answers(report={"families": families, "now": {}, "counted": {"levels": {"connections": 1}}})
        self.reactor.advance(1.0)
        for process in self.answering:
            process.answers(look={"levels": {"connections": 1}})
        self.successResultOf(asked)
        return generate_latest(self.supervisor.whole.registry).decode()

    def setUp(self) -> None:
        super().setUp()
        self.ready()
        self.answering = [self.one, self.two]

    def test_sums(self) -> None:
        """Both are told of."""
        text = self.metrics()
        self.assertIn("\nc_total 4.0\n", text)
        self.assertIn("\ng 6.0\n", text)
        self.assertIn("\ngw_workers 2.0\n", text)
        self.assertEqual(self.supervisor.status(), "2 connections, 2 of 2 workers")

    def test_one_that_does_not_answer(self) -> None:
        """It holds up nobody for more than a second, is counted, and only what it had counted is told."""
        self.metrics()
        self.answering = [self.two]
        text = self.metrics()
        self.assertIn("\nc_total 4.0\n", text)
        self.assertIn("\ng 3.0\n", text)
        self.assertNotIn("\ngw_workers_unanswered_total 0.0\n", text)

    def test_dead(self) -> None:
        """Counters never go back."""
        self.metrics()
        self.one.ends(killed=True)
        self.answering = [self.two]
        text = self.metrics()
        self.assertIn("\nc_total 4.0\n", text)
        self.assertIn("\ng 3.0\n", text)
        self.assertIn("\ngw_worker_restarts_total 1.0\n", text)

    def test_ready(self) -> None:
        """One worker that is ready suffices."""
        asked = Deferred.fromCoroutine(self.supervisor.whole.ready())
        self.one.answers(ready="the store is not there")
        self.two.answers(ready="")
        self.assertEqual(self.successResultOf(asked), "")

    def test_log(self) -> None:
        """What a worker logs is in the supervisor's log, and says whose it is."""
        line = {"time": 1.0, "level": "info", "namespace": "swftp.x", "message": "a {b} c", "fields": {"event": "e"}}
        self.two.says("log", line=line)
        (event,) = self.journal.lines("e")
        self.assertEqual((event["worker"], event["log_format"].format()), (1, "a {b} c"))
