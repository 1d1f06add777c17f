"""What a database's error means for the transaction that it ended."""

from __future__ import annotations

import sqlite3
from enum import Enum

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

CONFLICTS = frozenset({"40001", "40P01", "55P03"})
"""serialization_failure, deadlock_detected, lock_not_available (where the administrator has set lock_timeout)."""
AMBIGUOUS = "40003"
"""statement_completion_unknown: CockroachDB's "result is ambiguous"."""
OUTAGE_CLASSES = ("08", "53", "57P")
"""Connection exceptions, insufficient resources, operator intervention."""
OUTAGES = frozenset({"25006", "57014", "25P03", "25P04"})
"""What a standby says that was taken for the primary; and what is said to a transaction that is cancelled, or for
which a time limit of the server's (statement_timeout and its like) was too short."""
SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
SQLITE_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_PRIMARY = 0xFF
"""The primary part of one of SQLite's extended result codes."""


class Failure(Enum):
    """What to do about an error."""

    CONFLICT = "nothing happened, another transaction was in the way: again"
    OUTAGE = "the database is not there; unless it was COMMIT that failed, nothing happened: again, later"
    AMBIGUOUS = "it may have happened, whatever statement said so"
    DEFECT = "again would fail again"


def classify(error: BaseException) -> Failure:
    """What *error*, raised by a statement, means."""
    if isinstance(error, PoolTimeout):
        return Failure.OUTAGE
    if not isinstance(error, DBAPIError):
        return Failure.DEFECT
    if isinstance(error, IntegrityError):
        # Whatever a transaction could know beforehand it has looked up: a row came or went in between.
        return Failure.CONFLICT
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig)
    return _of_server(error)


def _of_sqlite(error: sqlite3.Error) -> Failure:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code in SQLITE_BUSY:
        return Failure.CONFLICT
    return Failure.OUTAGE if code in SQLITE_FULL else Failure.DEFECT


def _of_server(error: DBAPIError) -> Failure:
    state = getattr(error.orig, "sqlstate", None)
    if state in CONFLICTS:
        return Failure.CONFLICT
    if state == AMBIGUOUS:
        return Failure.AMBIGUOUS
    if state is None:  # the server said nothing
        return Failure.OUTAGE if isinstance(error, OperationalError | InterfaceError) else Failure.DEFECT
    gone = error.connection_invalidated or state.startswith(OUTAGE_CLASSES) or state in OUTAGES
    return Failure.OUTAGE if gone else Failure.DEFECT


def reason(error: BaseException | None) -> str:
    """What the database said, in one line, without statements and what they were about."""
    said = getattr(error, "orig", None) or error
    return " ".join(str(said or "no answer").split())
