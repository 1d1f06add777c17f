"""
All parts of one process's zerostor, from what the configuration says of them.

The table of shards in the database is what counts: it gives a shard its number and its state.  The configuration
knows passwords, and what `setting_up.prepare` adds to the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twisted.logger import Logger

from swftp.interfaces import UNWATCHED, StoreWatch
from swftp.storage.zerostor.admission import Admission
from swftp.storage.zerostor.chunks import ChunkOptions, Chunks, Keyring, ShardInfo, State, masterkey
from swftp.storage.zerostor.mender import Mender
from swftp.storage.zerostor.meta import MetadataOptions, open_metadata
from swftp.storage.zerostor.meta.values import Shard
from swftp.storage.zerostor.scrubber import Scrubber
from swftp.storage.zerostor.sending import InThread
from swftp.storage.zerostor.shards import IShard, open_shard
from swftp.storage.zerostor.shared import Options, Zerostor
from swftp.storage.zerostor.sweeper import Sweeper

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What there is to know before anything is opened."""

    database: str = field(repr=False)
    """URL."""
    shards: tuple[str, ...] = field(default=(), repr=False)
    """Addresses, with passwords, and with ``#group`` where some fail together."""
    master_key: Path
    metadata: MetadataOptions = field(default_factory=MetadataOptions)
    chunks: ChunkOptions = field(default_factory=ChunkOptions)
    options: Options = field(default_factory=Options)


def address(url: str) -> tuple[str, str]:
    """The shard at *url* as the database names it, without password, and its group."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path, "", "")), parts.fragment


class Opened:
    """
    One process's zerostor.

    :ivar shards: by number; changes with the table.
    """

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        wall: Callable[[], float],
        in_thread: InThread,
        watch: StoreWatch = UNWATCHED,
    ) -> None:
        """
        :param watch: is told of each call to shards and database.
        :param in_thread: runs a function beside the reactor.
        :raises UnusableMasterKey: the file cannot be used.
        """
        keys = masterkey.read(settings.master_key)
        self._reactor = reactor
        self._addresses = {address(url)[0]: url.partition("#")[0] for url in settings.shards}
        self._rows: dict[int, Shard] = {}
        self.shards: dict[int, ShardInfo] = {}
        self.metadata = open_metadata(settings.database, reactor, reactor, settings.metadata, wall=wall, watch=watch)
        self.mender = Mender(self.metadata.sweep)
        self.admission = Admission(self.metadata.users.allowed)
        self.keyring = Keyring(keys, self.metadata.keys)
        self.chunks = Chunks(
            self.shards, settings.chunks, self.keyring, reactor, in_thread, self.mender.noticed, watch=watch
        )
        self.mender.chunks = self.chunks
        self.sweeper = Sweeper(self.metadata.sweep, self.chunks, self.mender)
        self.scrubber = Scrubber(self.metadata.sweep, self.chunks, self.mender, self.shards, wall)
        self.store = Zerostor(self.metadata, self.chunks, settings.options, reactor, wall, in_thread)

    async def start(self) -> None:
        """
        Take a lease and look at the table of shards.

        :raises Unavailable: the database is not there.
        :raises Unsupported: it is that of another version, or none yet.
        """
        await self.metadata.start()
        await self.refresh()

    async def refresh(self) -> None:
        """Use the shards that the table has now, as it says.

        :raises Unavailable: the database is not there.
        """
        rows = {row.id: row for row in await self.metadata.shards()}
        for number in [number for number, row in self._rows.items() if rows.get(number) != row]:
            await self._drop(number)
        for number, row in rows.items():
            if number not in self._rows:
                self._use(row)
        missing = set(self._addresses) - {row.url for row in rows.values()}
        if missing:
            words = "not in the database, and not used: {shards}; swftp zerostor init adds them"
            log.warn(words, event="shards", shards=", ".join(sorted(missing)))

    def configured(self, url: str) -> IShard | None:
        """
        The shard at *url*, if the configuration names it; to be closed by whoever asked.

        :raises ValueError: it cannot be used.
        """
        return self._open(self._addresses[url]) if url in self._addresses else None

    def _open(self, url: str) -> IShard:
        return open_shard(url, self._reactor)

    def _use(self, row: Shard) -> None:
        self._rows[row.id] = row
        try:
            shard = self._open(self._addresses.get(row.url, row.url))
        except ValueError as error:
            log.error("shard {number}: {reason}", event="shards", number=row.id, reason=str(error))
            return
        self.shards[row.id] = ShardInfo(row.id, shard, row.group, State(row.state))

    async def _drop(self, number: int) -> None:
        self._rows.pop(number, None)
        info = self.shards.pop(number, None)
        if info is not None:
            await info.shard.close()

    async def stop(self) -> None:
        """Give the lease back, as far as the database is there, and let go of everything."""
        try:
            await self.metadata.stop()
        finally:
            for number in list(self._rows):
                await self._drop(number)
