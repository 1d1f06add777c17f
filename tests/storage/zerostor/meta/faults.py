"""What databases do to transactions, done on purpose: once, at a statement or COMMIT of our choice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg.errors
from sqlalchemy import Engine, event


def busy() -> Exception:
    """SQLite: another process has the lock."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


def broken() -> Exception:
    """SQLite: the disk did not answer."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


CONFLICTS: dict[str, tuple[Callable[[], Exception], ...]] = {
    "sqlite": (busy,),
    "postgresql": (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected),
}
"""What may end any statement, for another transaction's sake."""
OUTAGES: dict[str, Callable[[], Exception]] = {
    "sqlite": broken,
    "postgresql": lambda: psycopg.OperationalError("server closed the connection unexpectedly"),
}
"""What a lost connection looks like."""


class Faults:
    """Hooks in one engine; nothing happens until it is armed."""

    def __init__(self, engine: Engine) -> None:
        self._countdown = -1
        self._error: Callable[[], Exception] | None = None
        self._commit: str | None = None
        self.fired = False
        self.gone: str | None = None
        """``statement``: none works; ``commit``: none after the next COMMIT."""
        self.statements: list[Any] = []
        """All that were executed, as SQLAlchemy's expressions."""
        self.outage = OUTAGES[engine.dialect.name]
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            event.listen(engine, name, self._executing)
        event.listen(engine, "before_execute", self._note)
        self._really_commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._committing  # type: ignore[method-assign]

    def at_statement(self, number: int, error: Callable[[], Exception]) -> None:
        """Raise *error* instead of executing the statement that comes after *number* others."""
        self._countdown, self._error, self.fired = number, error, False

    def at_commit(self, when: str) -> None:
        """Lose the connection ``before`` or ``after`` the next COMMIT takes effect."""
        self._commit, self.fired = when, False

    def disarm(self) -> None:
        """Nothing more happens."""
        self._countdown, self._commit = -1, None

    def _executing(self, *_: Any) -> None:
        if self.gone == "statement":
            raise self.outage()
        self._countdown -= 1
        if self._countdown == -1 and self._error is not None:
            self.fired = True
            raise self._error()
        self._countdown = max(self._countdown, -1)

    def _note(self, connection: Any, statement: Any, *_: Any) -> None:
        self.statements.append(statement)

    def _committing(self, connection: Any) -> None:
        when, self._commit = self._commit, None
        if when is None:
            self._really_commit(connection)
            return
        self.fired = True
        if self.gone == "commit":
            self.gone = "statement"
        if when == "after":
            self._really_commit(connection)
        else:
            connection.rollback()
        if not isinstance(self.outage(), sqlite3.Error):
            connection.driver_connection.close()
        raise self.outage()
