"""What there has to be before the first gateway starts: a master key, tables, and shards that have numbers."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url, select

from swftp.storage.zerostor.chunks import State, masterkey
from swftp.storage.zerostor.chunks.masterkey import MasterKeys, UnusableMasterKey
from swftp.storage.zerostor.meta import open_metadata, schema
from swftp.storage.zerostor.meta.engine import make_engine
from swftp.storage.zerostor.meta.migrate import upgrade
from swftp.storage.zerostor.meta.values import Shard
from swftp.storage.zerostor.opening import Settings, address
from swftp.storage.zerostor.shards import prepare


def make_places(settings: Settings) -> Iterator[str]:
    """
    Make what is missing of master key, tables and directories of shards; a line for each.  Blocks.

    :raises UnusableMasterKey: the file is there and cannot be used, or cannot be made, or is not of this database.
    :raises OSError: a directory cannot be made.
    :raises StorageError: the database says no.
    """
    keys = masterkey.read(settings.master_key) if settings.master_key.exists() else None
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite" and url.database:
        _make_private(Path(url.database))
    engine = make_engine(settings.database, 1)
    try:
        upgrade(engine)
        _check_key(engine, settings.master_key, keys)
    finally:
        engine.dispose()
    if keys is None:
        masterkey.create(settings.master_key)
        yield f"made the master key {settings.master_key}: keep a copy of it apart from the database"
    yield f"the database {url.render_as_string()} is ready"
    for shard in settings.shards:
        prepare(shard.partition("#")[0])


def _make_private(file: Path) -> None:
    """Make the empty database *file*, if there is none, and close it to others: it will hold password hashes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & stat.S_IRWXO:  # SQLite itself makes what is not there as umask lets it
            os.fchmod(descriptor, mode & ~stat.S_IRWXO)
    finally:
        os.close(descriptor)


def _check_key(engine: Engine, file: Path, keys: MasterKeys | None) -> None:
    """
    Another key would leave what is stored unreadable, and encrypt what comes with a key that nobody keeps.

    :raises UnusableMasterKey: the database was made with a key that is not in *file*.
    """
    with engine.connect() as connection:
        for wrapped in connection.scalars(select(schema.account_key.c.wrapped)):
            if keys is None or not keys.can_unwrap(wrapped):
                raise UnusableMasterKey(f"{file}: the master key of this database is not there; put it back")


async def register(settings: Settings, reactor: Any) -> list[Shard]:
    """
    Enter the shards of *settings* that have no number yet; those that were.

    :raises StorageError: the database does not answer.
    """
    metadata = open_metadata(settings.database, reactor, reactor, settings.metadata)
    try:
        known = await metadata.shards()
        urls = {row.url for row in known}
        number = max([row.id for row in known], default=0)
        new: list[Shard] = []
        for url, group in map(address, settings.shards):
            if url not in urls:
                number += 1
                urls.add(url)
                new.append(Shard(number, url, group, State.RW.value))
        await metadata.set_shards(new)
        return new
    finally:
        await metadata.stop()
