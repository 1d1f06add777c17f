"""
What keeps a gateway that was taken for dead from publishing.

Whoever buries a gateway deletes its journal rows in the transaction that makes garbage of what they number and no
chunk has.  A commit reads those rows and writes chunks: of two such transactions a SERIALIZABLE database lets one
through.  So a commit finds its rows, or publishes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Connection, bindparam, select, union_all

from swftp.errors import Unavailable
from swftp.storage.zerostor.meta import schema
from swftp.storage.zerostor.meta.discarding import BATCH, CHUNKS, known
from swftp.storage.zerostor.values import UPLOAD_BYTES

_MINE = select(schema.upload.c.id).where(
    schema.upload.c.gateway_id == bindparam("gateway"), schema.upload.c.id.in_(bindparam("uploads", expanding=True))
)
_PRESENT = union_all(_MINE, CHUNKS)
"""In one go: their names are of different lengths."""


class Fenced(Unavailable):
    """This gateway was taken for dead, and what it was storing for garbage."""


def check(connection: Connection, gateway: UUID, uploads: Collection[bytes]) -> None:
    """
    Go on only if *gateway* still has the journal rows *uploads*.

    :raises Fenced: it has not.
    """
    if not uploads:
        return
    found = connection.execute(_MINE, {"gateway": gateway, "uploads": list(uploads)}).all()
    if len(found) != len(uploads):
        raise Fenced()


def present(connection: Connection, gateway: UUID, fresh: Sequence[bytes]) -> set[bytes]:
    """
    Go on only if *gateway* still has the journal rows of the packed *fresh* objects; those of them that are chunks.

    :raises Fenced: it has not.
    """
    if not fresh:
        return set()
    uploads = {obj[:UPLOAD_BYTES] for obj in fresh}
    values = {"gateway": gateway, "uploads": list(uploads), "objs": fresh[:BATCH]}
    found = set(connection.scalars(_PRESENT, values))
    if not uploads <= found:
        raise Fenced()
    return (found - uploads) | known(connection, fresh[BATCH:])
