"""
What keeps a gateway that was taken for dead from publishing.

Whoever buries a gateway deletes its journal rows in the transaction that makes garbage of what they number and no
chunk has.  A commit reads those rows and writes chunks: of two such transactions a SERIALIZABLE database lets one
through.  So a commit finds its rows, or publishes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from swftp.errors import Unavailable
from swftp.storage.zerostor.meta import schema

_MINE = select(schema.upload.c.id).where(
    schema.upload.c.gateway_id == bindparam("gateway"), schema.upload.c.id.in_(bindparam("uploads", expanding=True))
)


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
