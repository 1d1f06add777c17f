"""What both demonstrations are: our servers over a store on loopback, the line to log in with, and a status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from twisted.application.service import MultiService
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.failure import Failure

from swftp import logs, service
from swftp.config import Config, FtpConfig, SftpConfig
from swftp.config.files import expanded

SESSIONS = 100
"""The one user may try everything at once: rclone alone opens more than the ten sessions of the service's default."""


class Demonstration(MultiService):
    """What is told to whoever runs it."""

    log = Logger()
    explained: ClassVar[tuple[type[Exception], ...]] = ()
    """Errors whose text says all."""

    def __init__(self, reactor: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reactor = reactor
        self.status = 0
        """What the command's exit status will be."""

    def serve(self, config: Config, welcome: str, **words: object) -> None:
        """Start our servers, and say *welcome* with their ports and *words*."""
        server = service.make_service(config, (), self.reactor)
        try:
            server.setServiceParent(self)  # type: ignore[no-untyped-call]
        except CannotListenError:
            self.services.remove(server)  # it was never started, and knows not how to stop then
            raise
        port, ftp_port = [address.port for address in server.addresses]
        host = "127.0.0.1" if config.sftp.host == "0.0.0.0" else config.sftp.host  # noqa: S104  (compares)
        sys.stdout.write(welcome.lstrip("\n").format(port=port, ftp_port=ftp_port, host=host, **words))
        sys.stdout.flush()

    def failed(self, failure: Failure) -> None:
        """It could not be started."""
        if isinstance(failure.value, CannotListenError):
            self.end(f"{failure.getErrorMessage()} Choose another port with --port or --ftp-port.")
        elif isinstance(failure.value, self.explained):
            self.end(failure.getErrorMessage())
        else:
            self.log.failure("the demonstration failed", failure)
            self.end("see the error above")

    def end(self, words: str) -> None:
        """It is over, for the reason that *words* give."""
        sys.stderr.write(f"swftp demo: {words}\n")
        self.status = 1
        self.reactor.callWhenRunning(self.reactor.stop)  # it may have failed at once


def data_home(name: str) -> Path:
    """Where the demonstration *name* keeps its data when nobody says where (XDG Base Directory Specification)."""
    return expanded(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / name


def run(
    place: Path, host: str, port: int, ftp_port: int, make: Callable[[Any, SftpConfig, FtpConfig], Demonstration]
) -> int:
    """Run what *make* makes of reactor and options, with its data in *place*, until Ctrl-C; the exit status."""
    keys = str(place / "host-keys")
    sftp = SftpConfig(host=host, port=port, state_dir=keys, drain_timeout=0.0, sessions_per_user=SESSIONS)
    ftp = FtpConfig(host=host, port=ftp_port, drain_timeout=0.0, sessions_per_user=SESSIONS)
    logs.start("text", "info", sys.stderr)
    made: list[Demonstration] = []

    def made_once(reactor: Any) -> Demonstration:
        made.append(make(reactor, sftp, ftp))
        return made[0]

    service.run(made_once)
    return made[0].status
