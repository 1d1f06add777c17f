"""
All of the database as lines of JSON, whichever of the three it is, and back into an empty one.

Journals of gateways are left out: what they number and no chunk has is found by a scrub of the shards.
"""

from __future__ import annotations

import json
import os
import stat
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from sqlalchemy import Connection, LargeBinary, Select, Table, Uuid, func, insert, select

from swftp.errors import AlreadyExists, InvalidRequest
from swftp.storage.zerostor.meta import migrate, schema
from swftp.storage.zerostor.meta.database import Database
from swftp.storage.zerostor.values import Told, untold

PASSING = (schema.gateway, schema.upload, schema.ticket, schema.duty)
"""What gateways note for themselves."""
TABLES = tuple(table for table in schema.metadata.sorted_tables if table not in PASSING)
"""In an order in which each row's references are there before it."""
BATCH = 500
"""Rows in one statement."""
REVISION = "zerostor"
"""Key of the first line: the schema the rows are of."""


class Dumping:
    """All methods raise `Unavailable` when the database is not there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def statistics(self) -> dict[str, int]:
        """How much there is of what."""
        return await self._database.snapshot(_statistics)

    async def layouts(self) -> dict[str, int]:
        """How many chunks there are of each layout."""
        layout = schema.chunk.c.layout
        counted = select(layout, func.count()).group_by(layout).order_by(layout)
        rows = await self._database.snapshot(lambda c: c.execute(counted).all())
        return {f"chunks {name}": int(count) for name, count in rows}

    async def write(self, path: Path, told: Told = untold) -> int:
        """
        Write all rows, as they are at one moment, to *path*, which only its owner may read; how many.

        :param told: is called in a thread.
        :raises OSError: it cannot be written.
        """

        def work(connection: Connection) -> int:
            with open(path, "w", encoding="utf-8", opener=_private) as file:
                return _write(connection, file, told)

        return await self._database.snapshot(work)

    async def read(self, path: Path, told: Told = untold) -> int:
        """
        Fill the database, which is empty, with the rows in *path*; how many.

        :param told: is called in a thread.
        :raises AlreadyExists: it is not empty.
        :raises InvalidRequest: the file is of another version, or of something else.
        :raises OSError: it cannot be read.
        """

        def work(connection: Connection) -> int:
            with path.open(encoding="utf-8") as file:
                return _read(connection, file, told)

        return await self._database.write(work)


def _private(name: str, flags: int) -> int:
    """Open a file of secrets: password hashes, and keys that only the master key protects."""
    descriptor = os.open(name, flags, 0o600)
    about = os.fstat(descriptor)
    if stat.S_ISREG(about.st_mode) and about.st_mode & 0o077:  # it was there
        os.fchmod(descriptor, 0o600)
    return descriptor


def _statistics(connection: Connection) -> dict[str, int]:
    chunk, account = schema.chunk, schema.account
    sums: dict[str, Select[Any]] = {
        "accounts": select(func.count()).select_from(account),
        "logins": select(func.count()).select_from(schema.login),
        "names": select(func.count()).select_from(schema.file),
        "files": select(func.coalesce(func.sum(account.c.used_files), 0)),
        "bytes": select(func.coalesce(func.sum(account.c.used_bytes), 0)),
        "chunks": select(func.count()).select_from(chunk),
        "plain bytes": select(func.coalesce(func.sum(chunk.c.plain_len), 0)),
        "stored bytes": select(func.coalesce(func.sum(chunk.c.stored_len), 0)),
        "degraded chunks": select(func.count()).select_from(chunk).where(chunk.c.missing > 0),
        "contents": select(func.count()).select_from(schema.content),
        "dead contents": select(func.count())
        .select_from(schema.content)
        .where(schema.content.c.state != schema.LIVE),
        "garbage": select(func.coalesce(func.sum(schema.garbage.c.count), 0)),
        "gateways": select(func.count()).select_from(schema.gateway),
    }
    return {name: int(connection.scalar(statement)) for name, statement in sums.items()}


def _write(connection: Connection, file: TextIO, told: Told) -> int:
    count = 0
    file.write(json.dumps({REVISION: migrate.newest()}) + "\n")
    for table in TABLES:
        for row in _files(connection) if table is schema.file else _rows(connection, select(table)):
            file.write(json.dumps({"table": table.name, **_plain(table, row)}, ensure_ascii=False) + "\n")
            count += 1
            if count % BATCH == 0:
                told("rows", count)
    return count


def _rows(connection: Connection, statement: Select[Any]) -> Iterator[Any]:
    yield from connection.execute(statement.execution_options(yield_per=BATCH)).mappings()


def _files(connection: Connection) -> Iterator[Any]:
    """All files, each behind the directory that it is in."""
    row = schema.file
    above: list[UUID] = []
    for found in _rows(connection, select(row).where(row.c.parent_id.is_(None))):
        above.append(found["id"])
        yield found
    while above:
        below: list[UUID] = []
        for some in _batches(above):
            for found in _rows(connection, select(row).where(row.c.parent_id.in_(some))):
                if found["kind"] == schema.DIRECTORY:
                    below.append(found["id"])
                yield found
        above = below


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    some: list[Any] = []
    for item in items:
        some.append(item)
        if len(some) == BATCH:
            yield some
            some = []
    if some:
        yield some


def _plain(table: Table, row: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in table.columns:
        value = row[column.name]
        if isinstance(value, UUID):
            value = value.hex
        elif isinstance(value, bytes):
            value = b64encode(value).decode("ascii")
        values[column.name] = value
    return values


def _value(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    for column in table.columns:
        value = values.get(column.name)
        if value is not None and isinstance(column.type, Uuid):
            values[column.name] = UUID(value)
        elif value is not None and isinstance(column.type, LargeBinary):
            values[column.name] = b64decode(value)
    return values


def _read(connection: Connection, file: TextIO, told: Told) -> int:
    tables = {table.name: table for table in TABLES}
    if any(
        connection.scalar(select(func.count()).select_from(table)) for table in TABLES if table is not schema.shard
    ):
        raise AlreadyExists("the database is not empty")
    connection.execute(schema.shard.delete())
    try:
        revision = json.loads(file.readline() or "null")[REVISION]
        if revision != migrate.newest():
            raise InvalidRequest(f"the file is of schema {revision}, this version needs {migrate.newest()}")
        count = 0
        for some in _batches(json.loads(line) for line in file):
            count += len(some)
            start = 0
            for end in range(1, len(some) + 1):  # runs of one table, in the order of the file
                if end == len(some) or some[end]["table"] != some[start]["table"]:
                    table = tables[some[start]["table"]]
                    rows = [{k: v for k, v in values.items() if k != "table"} for values in some[start:end]]
                    connection.execute(insert(table), [_value(table, values) for values in rows])
                    start = end
            told("rows", count)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(f"not a file that was exported: {error}") from error
    return count
