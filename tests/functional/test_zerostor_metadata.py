"""zerostor's metadata on a real PostgreSQL: all suites, and what only happens between connections."""

from __future__ import annotations

import functools

from sqlalchemy import delete

from swftp.storage.zerostor.meta import migrate, schema
from swftp.storage.zerostor.meta.engine import make_engine
from tests.functional.postgresql import postgresql
from tests.storage.zerostor.meta import everywhere


@functools.cache
def prepared() -> str:
    """The URL of a database with the schema."""
    server = postgresql()
    url = server.url(server.create())
    engine = make_engine(url, 1)
    migrate.upgrade(engine)
    engine.dispose()
    return url


def emptied() -> str:
    """The same, without a row."""
    engine = make_engine(prepared(), 1)
    with engine.begin() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(delete(table))
    engine.dispose()
    return prepared()


class OnPostgreSQL:
    """Where the suites run here."""

    chosen = frozenset({"new file in a new directory", "append", "replace", "rename a tree", "remove"})
    """Of the changes to which faults happen: the others are of the same statements, and SQLite's run tries all."""

    def url(self) -> str:
        """See `MetaCase` and `RacesSuite`."""
        return emptied()


globals().update(everywhere.cases(OnPostgreSQL, module=__name__))
