"""``swftp demo --storage zerostor``: our servers in front of a database and three directories, and nothing else."""

from __future__ import annotations

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
from swftp.config import Config, ConfigError, FtpConfig, SftpConfig, StorageConfig, ZerostorConfig
from swftp.config.files import expanded
from swftp.errors import AlreadyExists, StorageError
from swftp.storage.zerostor import setting_up
from swftp.storage.zerostor.chunks import UnusableMasterKey
from swftp.storage.zerostor.meta import open_metadata
from swftp.storage.zerostor.opening import Settings
from swftp.zerostores import settings_of

USER, PASSWORD = "demo", "testing"
SESSIONS = 100
SHARDS = 3
WELCOME = """
SwFTP is running on a store of its own.  Log in with

    sftp -P {port} {user}@{host}
    lftp -u {user} ftp://{host}:{ftp_port}

and the password

    {password}

Everything lies in {data}: names in zerostor.db, encrypted fragments of files in shard-1 to shard-{shards}, of
which any one may be lost, and the key to it all in master.key.  Ctrl-C stops it.
"""


def default_data() -> Path:
    """Where the demonstration keeps its data when nobody says where (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return expanded(base) / "swftp-zerostor"


def configuration(data: Path, sftp: SftpConfig, ftp: FtpConfig) -> Config:
    """Of a gateway that keeps everything in *data*."""
    own = ZerostorConfig(
        database=f"sqlite:///{data / 'zerostor.db'}",
        shards=tuple(f"file://{data / f'shard-{number}'}" for number in range(1, SHARDS + 1)),
        master_key=str(data / "master.key"),
        cache_mode="exclusive",
    )
    return Config(sftp=sftp, ftp=ftp, storage=StorageConfig(storage="zerostor"), zerostor=own)


async def set_up(settings: Settings, reactor: Any) -> None:
    """
    Make what is missing, the user included.

    :raises StorageError: the database says no.
    """
    for _ in setting_up.make_places(settings):
        pass
    await setting_up.register(settings, reactor)
    metadata = open_metadata(settings.database, reactor, reactor, settings.metadata)
    try:
        account = await metadata.users.add_account(USER)
        await metadata.users.add(USER, account, password=PASSWORD)
    except AlreadyExists:
        pass  # of an earlier run
    finally:
        await metadata.stop()


class Demo(MultiService):
    """Our servers, once there is something behind them; then the line to log in with."""

    _log = Logger()

    def __init__(self, reactor: Any, data: Path, config: Config) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._reactor = reactor
        self._data = data
        self._config = config
        self.status = 0
        """What the command's exit status will be."""

    def startService(self) -> None:
        """Set up; the rest follows."""
        super().startService()  # type: ignore[no-untyped-call]
        Deferred.fromCoroutine(self._serve()).addErrback(self._cannot)

    async def _serve(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        await set_up(settings_of(self._config), self._reactor)
        if not self.running:
            return
        server = service.make_service(self._config, (), self._reactor)
        server.setServiceParent(self)  # type: ignore[no-untyped-call]
        port, ftp_port = [address.port for address in server.addresses]
        host = self._config.sftp.host
        words = WELCOME.format(
            port=port,
            ftp_port=ftp_port,
            user=USER,
            password=PASSWORD,
            host="127.0.0.1" if host == "0.0.0.0" else host,  # noqa: S104  (compares, does not bind)
            data=self._data,
            shards=SHARDS,
        )
        sys.stdout.write(words.lstrip("\n"))
        sys.stdout.flush()

    def _cannot(self, failure: Failure) -> None:
        if isinstance(failure.value, CannotListenError):
            self._fail(f"{failure.getErrorMessage()} Choose another port with --port or --ftp-port.")
        elif isinstance(failure.value, ConfigError | StorageError | UnusableMasterKey | OSError):
            self._fail(failure.getErrorMessage())
        else:
            self._log.failure("the demonstration failed", failure)
            self._fail("see the error above")

    def _fail(self, words: str) -> None:
        sys.stderr.write(f"swftp demo: {words}\n")
        self.status = 1
        self._reactor.stop()


def demo(data: Path | None, host: str, port: int, ftp_port: int) -> int:
    """Run it until Ctrl-C; the exit status."""
    place = expanded(data or default_data()).absolute()
    keys = str(place / "host-keys")
    sftp = SftpConfig(host=host, port=port, state_dir=keys, drain_timeout=0.0, sessions_per_user=SESSIONS)
    ftp = FtpConfig(host=host, port=ftp_port, drain_timeout=0.0, sessions_per_user=SESSIONS)
    logs.start("text", "info", sys.stderr)
    made: list[Demo] = []

    def make(reactor: Any) -> Demo:
        made.append(Demo(reactor, place, configuration(place, sftp, ftp)))
        return made[0]

    service.run(make)
    return made[0].status
