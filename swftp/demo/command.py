"""``swftp demo``: a real Swift on loopback with our servers in front, and nothing left when it ends."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from swftp.config import AuthConfig, Config, ConfigError, FtpConfig, SftpConfig
from swftp.config.files import expanded
from swftp.demo.child import CannotStart, Swift, spawn
from swftp.demo.demonstration import Demonstration, data_home, run

USER, PASSWORD = "test:tester", "testing"
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


class Demo(Demonstration):
    """Swift first; when it is ready our servers; then the line to log in with."""

    explained = (CannotStart, ConfigError)

    def __init__(self, reactor: Any, data: Path, sftp: SftpConfig, ftp: FtpConfig, swift_port: int) -> None:
        super().__init__(reactor)
        self._data = data
        self._sftp = sftp
        self._ftp = ftp
        self._swift_port = swift_port
        self._swift = Swift(reactor, lambda: self.end("Swift ended by itself"))

    def startService(self) -> None:
        """Start Swift; the rest follows."""
        super().startService()  # type: ignore[no-untyped-call]
        spawn(self.reactor, self._swift, self._data, self._swift_port)
        self._swift.ready.addCallback(self._ready).addErrback(self.failed)

    async def _stop(self) -> None:
        stopped = super().stopService()  # type: ignore[no-untyped-call]
        if stopped is not None:
            await stopped
        await self._swift.stop()

    def stopService(self) -> Deferred[None]:
        """First our server, then Swift: what a transfer still has to clean up needs it."""
        return Deferred.fromCoroutine(self._stop())

    def _ready(self, url: str) -> None:
        if self.running:
            config = Config(sftp=self._sftp, ftp=self._ftp, auth=AuthConfig(auth_url=url))
            self.serve(config, WELCOME, user=USER, password=PASSWORD, data=self._data, url=url)


def demo(data: Path | None, host: str, port: int, ftp_port: int, swift_port: int) -> int:
    """Run it until Ctrl-C; the exit status."""
    if importlib.util.find_spec("swift") is None:
        sys.stderr.write("swftp demo: Swift is not installed here: pip install '.[demo]' does that\n")
        return 1
    place = expanded(data or data_home("swftp-demo")).absolute()
    return run(place, host, port, ftp_port, lambda reactor, sftp, ftp: Demo(reactor, place, sftp, ftp, swift_port))
