"""``swftp demo``: a real Swift on loopback with our servers in front, and nothing left when it ends."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.failure import Failure

from swftp import logs, service
from swftp.config import AuthConfig, Config, ConfigError, FtpConfig, SftpConfig
from swftp.config.files import expanded
from swftp.demo.child import CannotStart, Swift, spawn

USER, PASSWORD = "test:tester", "testing"
SESSIONS = 100
"""The one user may try everything at once: rclone alone opens more than the ten sessions of the service's default."""
WELCOME = """
A real OpenStack Swift is running, with SwFTP in front of it.  Log in with

    sftp -P {port} -o User={user} {host}
    lftp -u {user} ftp://{host}:{ftp_port}

and the password

    {password}

Directories at the top are containers: mkdir one, cd into it, and put files there.
Everything lies in {data}
(Swift itself: {url}).  Ctrl-C stops it all.
"""


def default_data() -> Path:
    """Where the demonstration keeps its data when nobody says where (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return expanded(base) / "swftp-demo"


class Demo(MultiService):
    """Swift first; when it is ready our servers; then the line to log in with."""

    _log = Logger()

    def __init__(self, reactor: Any, data: Path, sftp: SftpConfig, ftp: FtpConfig, swift_port: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._reactor = reactor
        self._data = data
        self._sftp = sftp
        self._ftp = ftp
        self._swift_port = swift_port
        self._swift = Swift(reactor, lambda: self._fail("Swift ended by itself"))
        self.status = 0
        """What the command's exit status will be."""

    def startService(self) -> None:
        """Start Swift; the rest follows."""
        super().startService()  # type: ignore[no-untyped-call]
        spawn(self._reactor, self._swift, self._data, self._swift_port)
        self._swift.ready.addCallback(self._serve).addErrback(self._cannot)

    async def _stop(self) -> None:
        stopped = super().stopService()  # type: ignore[no-untyped-call]
        if stopped is not None:
            await stopped
        await self._swift.stop()

    def stopService(self) -> Deferred[None]:
        """First our server, then Swift: what a transfer still has to clean up needs it."""
        return Deferred.fromCoroutine(self._stop())

    def _serve(self, url: str) -> None:
        if not self.running:
            return
        config = Config(sftp=self._sftp, ftp=self._ftp, auth=AuthConfig(auth_url=url))
        server = service.make_service(config, (), self._reactor)
        server.setServiceParent(self)  # type: ignore[no-untyped-call]
        port, ftp_port = [address.port for address in server.addresses]
        host = "127.0.0.1" if self._sftp.host == "0.0.0.0" else self._sftp.host  # noqa: S104  (compares, does not bind)
        words = WELCOME.format(
            port=port, ftp_port=ftp_port, user=USER, password=PASSWORD, host=host, data=self._data, url=url
        )
        sys.stdout.write(words.lstrip("\n"))
        sys.stdout.flush()

    def _cannot(self, failure: Failure) -> None:
        if isinstance(failure.value, CannotListenError):
            self._fail(f"{failure.getErrorMessage()} Choose another port with --port or --ftp-port.")
        elif isinstance(failure.value, CannotStart | ConfigError):
            self._fail(failure.getErrorMessage())
        else:
            self._log.failure("the demonstration failed", failure)
            self._fail("see the error above")

    def _fail(self, words: str) -> None:
        sys.stderr.write(f"swftp demo: {words}\n")
        self.status = 1
        self._reactor.stop()


def demo(data: Path | None, host: str, port: int, ftp_port: int, swift_port: int) -> int:
    """Run it until Ctrl-C; the exit status."""
    if importlib.util.find_spec("swift") is None:
        sys.stderr.write("swftp demo: Swift is not installed here: pip install '.[demo]' does that\n")
        return 1
    place = expanded(data or default_data()).absolute()
    keys = str(place / "host-keys")
    sftp = SftpConfig(host=host, port=port, state_dir=keys, drain_timeout=0.0, sessions_per_user=SESSIONS)
    ftp = FtpConfig(host=host, port=ftp_port, drain_timeout=0.0, sessions_per_user=SESSIONS)
    logs.start("text", "info", sys.stderr)
    made: list[Demo] = []

    def make(reactor: Any) -> Demo:
        made.append(Demo(reactor, place, sftp, ftp, swift_port))
        return made[0]

    service.run(make)
    return made[0].status
