"""Transactions that change names, and no bytes."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, insert, update

from swftp.errors import AlreadyExists, InvalidRequest, IsDirectory, NotDirectory, NotEmpty
from swftp.storage.zerostor.meta import schema, tree
from swftp.storage.zerostor.meta.committing import Key, Published
from swftp.storage.zerostor.meta.statements import bury, charge
from swftp.storage.zerostor.meta.values import Node

Names = Sequence[str]


def _absent(connection: Connection, account: UUID, names: Names) -> Key:
    """Where something of the name *names* may be made."""
    if not names:
        raise AlreadyExists()
    parent = tree.directory(connection, account, names[:-1])[-1]
    if tree.child(connection, parent, names[-1]) is not None:
        raise AlreadyExists()
    return parent, names[-1]


def make_directory(connection: Connection, account: UUID, names: Names, mtime_ns: int) -> Published:
    """See `Namespace.make_directory`."""
    parent, name = _absent(connection, account, names)
    number = tree.make_directory(connection, account, parent, name, mtime_ns)
    return Published(tree.by_id(connection, number), ((parent, name),))


def make_link(connection: Connection, account: UUID, number: UUID, names: Names, target: str, now: int) -> Published:
    """See `Namespace.make_link`."""
    parent, name = _absent(connection, account, names)
    values = tree.directory_values(number, account, parent, name, now)
    connection.execute(insert(schema.file), {**values, "kind": schema.LINK, "target": target})
    return Published(tree.by_id(connection, number), ((parent, name),))


def found(connection: Connection, account: UUID, names: Names) -> tuple[Node, Key, tuple[UUID, ...]]:
    """
    What stands at *names*, which is not the root, the key of it, and the numbers of the directories above it.

    :raises InvalidRequest: it is the root.
    """
    if not names:
        raise InvalidRequest()
    trail = tree.follow(connection, account, names)
    node = tree.arrived(trail, names)
    above = (account, *(step.id for step in trail[:-1]))
    return node, (above[-1], names[-1]), above


_DELETE = delete(schema.file).where(schema.file.c.id == bindparam("number"))


def _take_away(connection: Connection, account: UUID, node: Node, now: int) -> None:
    """Delete a file or link, or a directory that is empty."""
    connection.execute(_DELETE, {"number": node.id})
    if node.content is not None:
        charge(connection, account, -node.size, -1)
        bury(connection, [node.content], now)


def remove(connection: Connection, account: UUID, names: Names, now: int) -> Published:
    """See `Namespace.remove`."""
    if not names:
        raise IsDirectory()
    node, key, _ = found(connection, account, names)
    if node.is_directory:
        raise IsDirectory()
    _take_away(connection, account, node, now)
    return Published(node, (key,))


def remove_directory(connection: Connection, account: UUID, names: Names, now: int) -> Published:
    """See `Namespace.remove_directory`."""
    node, key, _ = found(connection, account, names)
    if not node.is_directory:
        raise NotDirectory()
    if not tree.is_empty(connection, node.id):
        raise NotEmpty()
    _take_away(connection, account, node, now)
    return Published(node, (key,))


_MOVE = (
    update(schema.file)
    .where(schema.file.c.id == bindparam("number"))
    .values(parent_id=bindparam("parent"), name=bindparam("called"))
)


def rename(
    connection: Connection, account: UUID, source: Names, target: Names, exclusive: bool, now: int
) -> Published:
    """See `Namespace.rename`.  Whatever lies above *target* is read here, so crossed renames conflict."""
    node, old_key, _ = found(connection, account, source)
    if not target:
        raise AlreadyExists()
    above = tree.directory(connection, account, target[:-1])
    old = tree.child(connection, above[-1], target[-1])
    key = (above[-1], target[-1])
    if old is not None and old.id == node.id:
        return Published(node, ())
    if node.id in above:
        raise InvalidRequest("a directory cannot be moved into itself")
    if old is not None:
        _replaceable(connection, node, old, exclusive)
        _take_away(connection, account, old, now)
    connection.execute(_MOVE, {"number": node.id, "parent": key[0], "called": key[1]})
    return Published(tree.by_id(connection, node.id), (old_key, key))


def _replaceable(connection: Connection, node: Node, old: Node, exclusive: bool) -> None:
    """May *node* take the place of *old*?"""
    if exclusive:
        raise AlreadyExists()
    if old.is_directory and not node.is_directory:
        raise IsDirectory()
    if node.is_directory and not old.is_directory:
        raise NotDirectory()
    if old.is_directory and not tree.is_empty(connection, old.id):
        raise NotEmpty()


_UPDATE = update(schema.file).where(schema.file.c.id == bindparam("number"))


def change_attributes(
    connection: Connection, account: UUID, names: Names, mtime_ns: int | None, mode: int | None
) -> Published:
    """See `Namespace.update`."""
    values = {name: value for name, value in (("mtime_ns", mtime_ns), ("mode", mode)) if value is not None}
    key: tuple[Key, ...] = ()
    number = account
    if names:
        node, place, _ = found(connection, account, names)
        number, key = node.id, (place,)
    if values:
        connection.execute(_UPDATE, {"number": number, **values})
    return Published(tree.by_id(connection, number), key)
