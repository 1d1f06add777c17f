"""
Engines for the three databases, set up to keep what they are told.

SQLite has one writer: a transaction that will write says so when it begins, and waits for its turn instead of
failing in the middle.  The other two are asked for SERIALIZABLE, which is what the transactions here rely on.
"""

from __future__ import annotations

import logging
from sqlite3 import Connection as SQLiteConnection
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

WRITES = "swftp_writes"
"""Execution option of a connection that is about to write."""
SINGLE = "swftp_single"
"""Execution option of a connection whose statements are each by itself."""
BUSY_TIMEOUT = 5.0
"""Seconds for which SQLite waits for another process's transaction."""
CONNECT_TIMEOUT = 5
"""Seconds."""
ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 30_000}
"""
Of libpq: a server that is gone without a word is noticed within 30 s; the kernel takes two hours, for which
a thread would wait, and whoever closes a file.
"""


def make_engine(url: str | URL, connections: int) -> Engine:
    """
    An engine for ``sqlite:///file``, ``postgresql+psycopg://...`` or ``cockroachdb+psycopg://...``.

    :param connections: at most that many at a time; more is a wait.
    """
    url = make_url(url)
    if url.get_backend_name() == "sqlite":
        waits = {"timeout": BUSY_TIMEOUT}
        engine = create_engine(url, pool_size=connections, max_overflow=0, connect_args=waits, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    # With each serialization failure of several rows it warns, on standard error, of what it raises as well.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    return create_engine(
        url,
        isolation_level="SERIALIZABLE",
        pool_size=connections,
        max_overflow=0,
        connect_args={"connect_timeout": CONNECT_TIMEOUT, **ALIVE},
        hide_parameters=True,  # errors are logged, and hashes of passwords and names of files are parameters
    )


def reading(engine: Engine) -> Engine:
    """The same engine for single statements that read: databases are spared BEGIN and ROLLBACK."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{SINGLE: True})
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _prepare_sqlite(connection: SQLiteConnection, record: Any) -> None:
    connection.isolation_level = None  # the module begins no transaction of its own
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if SINGLE not in options:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if WRITES in options else "BEGIN")
