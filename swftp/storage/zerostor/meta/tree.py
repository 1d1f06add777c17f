"""Reading names: along a path, and through a directory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import islice, takewhile
from uuid import UUID, uuid4

from sqlalchemy import Connection, Select, bindparam, insert, select
from sqlalchemy.sql.expression import ColumnElement

from swftp.errors import InvalidName, NotDirectory, NotFound
from swftp.storage.zerostor.meta import rows, schema
from swftp.storage.zerostor.meta.rows import NODE_COLUMNS, encoded
from swftp.storage.zerostor.meta.values import Node

STRIDE = 8
"""Names that one statement follows."""
_WIDTH = len(NODE_COLUMNS)


@cache
def _walk(depth: int) -> Select[tuple[object, ...]]:
    """*depth* names from a directory down: one row, each step's columns, empty from the first that is missing."""
    steps = [schema.file.alias(f"f{i}") for i in range(depth)]
    columns: list[ColumnElement[object]] = [step.c[column.name] for step in steps for column in NODE_COLUMNS]
    joined = steps[0]
    source = joined
    for i in range(1, depth):
        on = (steps[i].c.parent_id == steps[i - 1].c.id) & (steps[i].c.name == bindparam(f"n{i}"))
        source = source.outerjoin(steps[i], on)  # type: ignore[assignment]
    return (
        select(*columns)
        .select_from(source)
        .where(steps[0].c.parent_id == bindparam("start"), steps[0].c.name == bindparam("n0"))
    )


def _can_be(name: str) -> bool:
    """Whether a file could have that name; PostgreSQL refuses to look for some that none can have."""
    try:
        return "\0" not in name and bool(encoded(name))
    except InvalidName:
        return False


def follow(connection: Connection, start: UUID, names: Sequence[str]) -> list[Node]:
    """What stands along *names* from the directory *start*, as far as there is something."""
    found: list[Node] = []
    remaining = takewhile(_can_be, names)
    while stride := list(islice(remaining, STRIDE)):
        values = {f"n{i}": name for i, name in enumerate(stride)}
        row = connection.execute(_walk(len(stride)), {"start": start, **values}).first()
        steps = [] if row is None else [row[i * _WIDTH : (i + 1) * _WIDTH] for i in range(len(stride))]
        found += [rows.node(step) for step in steps if step[0] is not None]
        if row is None or row[-_WIDTH] is None:
            break
        start = found[-1].id
    return found


_BY_ID = select(*NODE_COLUMNS).where(schema.file.c.id == bindparam("number"))


def by_id(connection: Connection, number: UUID) -> Node:
    """
    The node *number*.

    :raises NotFound: there is none.
    """
    row = connection.execute(_BY_ID, {"number": number}).first()
    if row is None:
        raise NotFound()
    return rows.node(row)


def arrived(trail: Sequence[Node], names: Sequence[str]) -> Node:
    """
    The end of *trail*, if that is as far as *names* go.

    :raises NotFound: it ends at what is not there.
    :raises NotDirectory: it ends at a file or link that others were looked for in.
    """
    if len(trail) == len(names):
        return trail[-1]
    raise NotDirectory() if trail and not trail[-1].is_directory else NotFound()


def as_directory(trail: Sequence[Node], names: Sequence[str], root: UUID) -> UUID:
    """
    The number of the directory at the end of *trail*, as `arrived`.

    :raises NotDirectory: it is none.
    """
    if not names:
        return root
    node = arrived(trail, names)
    if not node.is_directory:
        raise NotDirectory()
    return node.id


def directory(connection: Connection, account: UUID, names: Sequence[str]) -> list[UUID]:
    """
    The numbers of the directories along *names*, the root's first.

    :raises NotFound: there is no such directory.
    :raises NotDirectory: something else is in the way.
    """
    trail = follow(connection, account, names)
    as_directory(trail, names, account)
    return [account, *(node.id for node in trail)]


def child(connection: Connection, parent: UUID, name: str) -> Node | None:
    """What stands at *name* in the directory *parent*."""
    found = follow(connection, parent, [name])
    return found[0] if found else None


_CHILDREN = select(*NODE_COLUMNS).where(schema.file.c.parent_id == bindparam("parent"))
_ORDERED = _CHILDREN.order_by(schema.file.c.name).limit(bindparam("most"))
_AFTER = (
    _CHILDREN.where(schema.file.c.name > bindparam("after")).order_by(schema.file.c.name).limit(bindparam("most"))
)


def children(connection: Connection, parent: UUID, after: str | None, limit: int) -> tuple[tuple[Node, ...], bool]:
    """The first *limit* nodes after the name *after* in the directory *parent*, in bytewise order; are there more?"""
    values = {"parent": parent, "most": limit + 1}
    if after is None:
        found = connection.execute(_ORDERED, values).all()
    else:
        found = connection.execute(_AFTER, {**values, "after": after}).all()
    return tuple(rows.node(row) for row in found[:limit]), len(found) > limit


def is_empty(connection: Connection, parent: UUID) -> bool:
    """Whether the directory *parent* has no entries."""
    return connection.execute(_ORDERED, {"parent": parent, "most": 1}).first() is None


def make_directory(connection: Connection, account: UUID, parent: UUID, name: str, mtime_ns: int) -> UUID:
    """Make the directory *name*, of which nothing is there, in *parent*; its number."""
    number = uuid4()
    connection.execute(insert(schema.file), directory_values(number, account, parent, name, mtime_ns))
    return number


def directory_values(number: UUID, account: UUID, parent: UUID | None, name: str, mtime_ns: int) -> dict[str, object]:
    """The row of a directory."""
    return {
        "id": number,
        "account_id": account,
        "parent_id": parent,
        "name": name,
        "kind": schema.DIRECTORY,
        "mtime_ns": mtime_ns,
        "size": 0,
    }
