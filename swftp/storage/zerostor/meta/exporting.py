"""
All names, users and chunks as lines of JSON, to be read into an empty database of any kind.

What is dead, garbage or under way is left out: no name needs it.  Shards and the master key are elsewhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, LargeBinary, Select, Table, Uuid, exists, func, insert, literal, select

from swftp.errors import AlreadyExists, Malformed
from swftp.storage.zerostor.meta import schema
from swftp.storage.zerostor.meta.database import Database

FORMAT = 1
BATCH = 1000
"""Rows of one transaction."""

_file, _content, _chunk, _extent = schema.file, schema.content, schema.chunk, schema.extent


def _tree() -> Select[Any]:
    """All files, each after the directory that it is in."""
    tree = (
        select(_file.c.id, literal(0).label("depth")).where(_file.c.parent_id.is_(None)).cte("tree", recursive=True)
    )
    tree = tree.union_all(select(_file.c.id, tree.c.depth + 1).where(_file.c.parent_id == tree.c.id))
    return select(_file).join(tree, tree.c.id == _file.c.id).order_by(tree.c.depth)


_OF_LIVE = _extent.join(_content, _content.c.id == _extent.c.content_id)
_LIVE = _content.c.state == schema.LIVE
_TABLES: dict[Table, Select[Any]] = {
    schema.account: select(schema.account),
    schema.login: select(schema.login),
    schema.account_key: select(schema.account_key),
    schema.shard: select(schema.shard),
    _content: select(_content).where(_LIVE),
    _chunk: select(_chunk).where(exists().select_from(_OF_LIVE).where(_extent.c.obj == _chunk.c.obj, _LIVE)),
    _extent: select(_extent).select_from(_OF_LIVE).where(_LIVE),
    _file: _tree(),
}
"""In an order in which they may be filled."""


async def export(database: Database, write: Callable[[str], object]) -> int:
    """
    Give *write* all lines, as of one moment; how many rows they are.

    *write* is called in a thread, and not a second time for what was written when the database went away.
    """
    return await database.snapshot(lambda c: _export(c, write))


def _export(connection: Connection, write: Callable[[str], object]) -> int:
    connection = connection.execution_options(yield_per=BATCH)
    write(json.dumps({"zerostor": FORMAT}) + "\n")
    rows = 0
    for table, statement in _TABLES.items():
        for row in connection.execute(statement):
            plain = {name: _plain(value) for name, value in row._mapping.items()}
            write(json.dumps({table.name: plain}, ensure_ascii=False) + "\n")
            rows += 1
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value) if isinstance(value, UUID) else value


async def load(database: Database, lines: Iterable[str]) -> int:
    """
    Fill an empty database with what `export` wrote; how many rows that was.

    :raises AlreadyExists: it is not empty.
    :raises Malformed: *lines* are not what `export` wrote.
    """
    taken = await database.read(lambda c: c.scalar(select(func.count()).select_from(schema.account)))
    if taken:
        raise AlreadyExists("the database has accounts")
    rows = 0
    for table, batch in _batches(lines):
        await database.write(lambda c, table=table, batch=batch: c.execute(insert(table), batch).rowcount)  # type: ignore[misc]
        rows += len(batch)
    return rows


def _batches(lines: Iterable[str]) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    tables = {table.name: table for table in _TABLES}
    current, batch = schema.account, list[dict[str, Any]]()
    try:
        source = iter(lines)
        if json.loads(next(source, "null")) != {"zerostor": FORMAT}:
            raise Malformed("not an export of this version")
        for line in source:
            [(name, row)] = json.loads(line).items()
            if batch and (tables[name] is not current or len(batch) == BATCH):
                yield current, batch
                batch = []
            current = tables[name]
            batch.append(_row(current, row))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Malformed("not an export") from error
    if batch:
        yield current, batch


def _row(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {name: _typed(table.c[name].type, value) for name, value in row.items()}


def _typed(kind: object, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    return UUID(value) if isinstance(kind, Uuid) else value
