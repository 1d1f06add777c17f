"""Two workers without processes, for tests of `swftp.workers.supervisor`."""

from __future__ import annotations

import json
import signal
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp.config import Config, ConfigError, FtpConfig
from swftp.gateway.gateway import LOOK
from swftp.generations import Source
from swftp.workers.supervisor import Supervisor
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
