"""
The commit point: what makes stored chunks the content of a name.

A content of few extents is published by one transaction.  That of a huge file is put together under a content that is
open, and which nobody sees, by several; the last of them publishes.  Whatever ends them early leaves an open content,
which the sweeper finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, select, update

from swftp.errors import AlreadyExists, Changed, Interrupted, IsDirectory, NotDirectory, NotFound
from swftp.storage.zerostor.meta import fence, rows, schema, tree
from swftp.storage.zerostor.meta.collecting import START, Cursor, Part, collect
from swftp.storage.zerostor.meta.statements import bury, charge
from swftp.storage.zerostor.meta.values import UNSEEN, Node, Replaces
from swftp.storage.zerostor.values import Piece

Key = tuple[UUID, str]
"""A name in a directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A content that is to get a name."""

    account: UUID
    gateway: UUID
    content: UUID
    """Its number, never used before."""
    file: UUID
    """The number of the file if it is a new one."""
    names: Sequence[str]
    pieces: Sequence[Piece]
    fresh: frozenset[bytes]
    """Packed numbers of objects that no commit has used."""
    size: int
    md5: str | None
    mtime_ns: int
    mode: int | None
    exclusive: bool
    replaces: Replaces
    parents: bool
    """Whether directories that are missing are made."""
    now: int


class Published(NamedTuple):
    """What a change left."""

    node: Node
    touched: tuple[Key, ...]
    """The names of which something else is true now."""


_CONTENT, _CHUNK, _EXTENT, _FILE = (
    insert(table) for table in (schema.content, schema.chunk, schema.extent, schema.file)
)
"""Made once: to make one costs more than to carry it out."""
_OPEN = (
    update(schema.content)
    .where(schema.content.c.id == bindparam("number"), schema.content.c.state == schema.OPEN)
    .returning(schema.content.c.id)
)


def step(connection: Connection, proposal: Proposal, cursor: Cursor) -> Cursor | Published:
    """
    Insert the extents from *cursor* on, and publish if they are the last.

    :raises Changed: *proposal* replaces something else than what is there, or what it uses is gone.
    :raises Unavailable: the gateway was taken for dead; see `fence.check`.
    """
    parts, following = collect(connection, proposal.account, proposal.pieces, cursor)
    _record(connection, proposal, first=cursor == START, last=following is None)
    _insert(connection, proposal, parts)
    return following or _publish(connection, proposal)


def _record(connection: Connection, proposal: Proposal, *, first: bool, last: bool) -> None:
    """Make the content what it has to be at this step."""
    if first:
        connection.execute(
            _CONTENT,
            {
                "id": proposal.content,
                "account_id": proposal.account,
                "state": schema.LIVE if last else schema.OPEN,
                "size": proposal.size,
                "changed_at": proposal.now,
            },
        )
        return
    # Also the steps in between write it: a sweeper that takes it for forgotten gets in the way of one of us two.
    values = {"state": schema.LIVE if last else schema.OPEN, "changed_at": proposal.now}
    if connection.execute(_OPEN.values(values), {"number": proposal.content}).first() is None:
        raise Interrupted()


def _insert(connection: Connection, proposal: Proposal, parts: Sequence[Part]) -> None:
    fresh = {part.obj: part.chunk for part in parts if part.chunk is not None and part.obj in proposal.fresh}
    present = fence.present(connection, proposal.gateway, list(fresh))
    made = [rows.chunk_values(chunk) for obj, chunk in fresh.items() if obj not in present]
    if made:
        connection.execute(_CHUNK, made)
    if parts:
        connection.execute(
            _EXTENT,
            [
                {
                    "content_id": proposal.content,
                    "position": part.position,
                    "obj": part.obj,
                    "skip": part.skip,
                    "length": part.length,
                }
                for part in parts
            ],
        )


def settled(connection: Connection, proposal: Proposal, cursor: Cursor) -> bool:
    """Whether the step from *cursor* took effect."""
    if cursor == START:
        found = select(schema.content.c.id).where(schema.content.c.id == proposal.content)
    else:
        found = select(schema.extent.c.content_id).where(
            schema.extent.c.content_id == proposal.content, schema.extent.c.position == cursor.position
        )
    return connection.execute(found).first() is not None


def _publish(connection: Connection, proposal: Proposal) -> Published:
    parent, old, touched = place(connection, proposal)
    _permit(old, proposal)
    was_file = old is not None and old.content is not None
    charge(connection, proposal.account, proposal.size - (old.size if old and was_file else 0), 0 if was_file else 1)
    values: dict[str, Any] = {
        "kind": schema.FILE,
        "mode": proposal.mode if proposal.mode is not None or old is None else old.mode,
        "mtime_ns": proposal.mtime_ns,
        "size": proposal.size,
        "content_id": proposal.content,
        "md5": None if proposal.md5 is None else bytes.fromhex(proposal.md5),
        "target": None,
    }
    name = proposal.names[-1]
    number = proposal.file if old is None else old.id
    if old is None:
        named = {"id": number, "account_id": proposal.account, "parent_id": parent, "name": name}
        connection.execute(_FILE, {**named, **values})
    else:
        connection.execute(_REPLACE, {"number": number, **values})
        bury(connection, [old.content], proposal.now)
    node = rows.node((number, name, *values.values()))
    return Published(node, (*touched, (parent, name)))


_REPLACE = update(schema.file).where(schema.file.c.id == bindparam("number"))


def _permit(old: Node | None, proposal: Proposal) -> None:
    """
    May *proposal* replace *old*?

    :raises IsDirectory: a directory never.
    """
    if old is not None and proposal.exclusive:
        raise AlreadyExists()
    if old is not None and old.is_directory:
        raise IsDirectory()
    if proposal.replaces is not UNSEEN and proposal.replaces != (old and (old.content or UNSEEN)):
        raise Changed()


def place(connection: Connection, proposal: Proposal) -> tuple[UUID, Node | None, tuple[Key, ...]]:
    """The directory that the file goes in, what is there of that name, and the names of directories just made."""
    names = proposal.names
    if not names:
        raise IsDirectory()
    trail = tree.follow(connection, proposal.account, names)
    if len(trail) == len(names):
        return (trail[-2].id if len(trail) > 1 else proposal.account), trail[-1], ()
    if trail and not trail[-1].is_directory:
        raise NotDirectory()
    parent = trail[-1].id if trail else proposal.account
    missing = names[len(trail) : -1]
    if missing and not proposal.parents:
        raise NotFound()
    touched: list[Key] = []
    for name in missing:
        touched.append((parent, name))
        parent = tree.make_directory(connection, proposal.account, parent, name, proposal.mtime_ns)
    return parent, None, tuple(touched)
