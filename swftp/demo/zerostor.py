"""``swftp demo --storage zerostor``: our servers in front of a database and three directories, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from swftp.config import Config, ConfigError, FtpConfig, SftpConfig, StorageConfig, ZerostorConfig
from swftp.config.files import expanded
from swftp.demo.demonstration import Demonstration, data_home, run
from swftp.errors import AlreadyExists, StorageError
from swftp.storage.zerostor import setting_up
from swftp.storage.zerostor.chunks import UnusableMasterKey
from swftp.storage.zerostor.meta import open_metadata
from swftp.storage.zerostor.opening import Settings
from swftp.stores.zerostor import settings_of

USER, PASSWORD = "demo", "testing"
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


class Demo(Demonstration):
    """Our servers, once there is something behind them; then the line to log in with."""

    explained = (ConfigError, StorageError, UnusableMasterKey, OSError)

    def __init__(self, reactor: Any, data: Path, config: Config) -> None:
        super().__init__(reactor)
        self._data = data
        self._config = config

    def startService(self) -> None:
        """Set up; the rest follows."""
        super().startService()  # type: ignore[no-untyped-call]
        Deferred.fromCoroutine(self._begin()).addErrback(self.failed)

    async def _begin(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        await set_up(settings_of(self._config), self.reactor)
        if self.running:
            self.serve(self._config, WELCOME, user=USER, password=PASSWORD, data=self._data, shards=SHARDS)


def demo(data: Path | None, host: str, port: int, ftp_port: int) -> int:
    """Run it until Ctrl-C; the exit status."""
    place = expanded(data or data_home("swftp-zerostor")).absolute()
    return run(
        place, host, port, ftp_port, lambda reactor, sftp, ftp: Demo(reactor, place, configuration(place, sftp, ftp))
    )
