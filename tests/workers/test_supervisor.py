"""Rules of `swftp.workers.supervisor`, on a clock the test holds, with workers that do what the test says."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import generate_latest
from twisted.internet.defer import Deferred

from swftp.config import Config, FtpConfig, WebConfig
from swftp.gateway.gateway import CLEANUP, SPARE
from swftp.workers.backoff import FIRST
from swftp.workers.supervisor import HANGS, RELOADS, STARTS
from swftp.workers.worker import unpacked
from tests.workers.supervised import DRAIN, SupervisorCase


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
