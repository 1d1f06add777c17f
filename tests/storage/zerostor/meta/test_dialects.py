"""
Every statement, compiled for databases that are not here.

CockroachDB itself is not run by any test; what its documentation forbids is looked for, and what its dialect of
SQLAlchemy cannot say fails.
"""

from __future__ import annotations

import io
import re
from typing import Any
from unittest import TestResult

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Engine, event
from sqlalchemy.dialects import postgresql, registry, sqlite
from sqlalchemy.engine.interfaces import Dialect
from twisted.trial.unittest import SynchronousTestCase, TestSuite

from swftp.storage.zerostor.meta import migrate, schema
from swftp.storage.zerostor.meta.database import Patience
from swftp.storage.zerostor.meta.engine import make_engine
from swftp.storage.zerostor.meta.migrations.versions import r0001_first, r0002_duties
from tests.storage.zerostor.meta import (
    suite_commits,
    suite_duties,
    suite_journal,
    suite_names,
    suite_users,
    suite_whole,
)

FORBIDDEN = (
    "advisory",
    "LISTEN",
    "NOTIFY",
    "SERIAL",
    "FOR UPDATE",
    "FOR SHARE",
    "DEFERRABLE",
    "SAVEPOINT",
    "UPSERT",
    "LOCK TABLE",
    "nextval",
    "now()",
    "CURRENT_TIMESTAMP",
    " / ",
    " & ",
)
"""No-ops there, absent, of another meaning, or not to be relied on."""
SCENARIOS = (
    (suite_names.NamesSuite, "test_order test_links test_update test_remove_directory test_remove"),
    (suite_names.RenameSuite, "test_replaces test_directories_replace"),
    (suite_commits.CommitSuite, "test_patch test_parents test_copy test_huge_refused test_overwrite"),
    (suite_commits.QuotaSuite, "test_above"),
    (suite_journal.JournalSuite, "test_reaped test_rows_go test_abandoned test_alone"),
    (suite_journal.SweepSuite, "test_shared_chunks test_strangers test_placement test_postponed test_prune"),
    (suite_duties.DutiesSuite, "test_one test_taken_over"),
    (suite_users.UsersSuite, "test_accounts test_changes test_disabled test_nobody"),
    (suite_users.KeysSuite, "test_pages test_replaced test_shards"),
    (suite_whole.DumpSuite, "test_there_and_back"),
    (suite_whole.CheckSuite, "test_usage"),
)
"""Tests that together execute every statement there is."""
STEPS = (r0001_first, r0002_duties)
LEAST = 70
"""Statements: fewer, and a scenario was lost."""


def dialects() -> dict[str, Dialect]:
    """PostgreSQL's and CockroachDB's."""
    return {"postgresql": postgresql.dialect(), "cockroachdb": registry.load("cockroachdb.psycopg")()}


def executed() -> dict[str, Any]:
    """Every statement of the scenarios, by its text for SQLite."""
    found: dict[str, Any] = {}

    def note(connection: Any, statement: Any, *_: Any) -> None:
        found.setdefault(str(statement), statement)

    event.listen(Engine, "before_execute", note)
    try:
        result = TestResult()
        TestSuite([suite(name) for suite, names in SCENARIOS for name in names.split()]).run(result)
    finally:
        event.remove(Engine, "before_execute", note)
    assert result.wasSuccessful(), (result.errors, result.failures)
    return found


class DialectTests(SynchronousTestCase):
    """What is said is understood everywhere."""

    def judge(self, label: str, said: str) -> None:
        """Nothing forbidden is in it."""
        for word in FORBIDDEN:
            pattern = rf"\b{re.escape(word)}\b" if word[0].isalpha() and word[-1].isalpha() else re.escape(word)
            self.assertIsNone(re.search(pattern, said, re.IGNORECASE), f"{label}: {word} in {said}")

    def test_statements(self) -> None:
        """Every statement can be said in every dialect, without what is forbidden in one."""
        statements = executed()
        self.assertGreater(len(statements), LEAST)
        for label, dialect in dialects().items():
            for statement in statements.values():
                # the one that has a form for each dialect: everywhere the same but for its class
                if not isinstance(statement, sqlite.Insert):
                    self.judge(label, str(statement.compile(dialect=dialect)))
            upsert = postgresql.insert(schema.garbage).on_conflict_do_nothing()
            self.judge(label, str(upsert.compile(dialect=dialect)))

    def test_steps(self) -> None:
        """Every migration can be, too, and each of its statements may be repeated."""
        for label, dialect in dialects().items():
            out = io.StringIO()
            context = MigrationContext.configure(dialect=dialect, opts={"as_sql": True, "output_buffer": out})
            with Operations.context(context):
                for step in STEPS:
                    step.upgrade()
            said = out.getvalue()
            self.judge(label, said)
            for statement in filter(None, (part.strip() for part in said.split(";"))):
                self.assertRegex(statement, r"^CREATE ((UNIQUE )?(TABLE|INDEX) IF NOT EXISTS|OR REPLACE VIEW) ")

    def test_newest(self) -> None:
        """There is one newest schema."""
        self.assertEqual(migrate.newest(), STEPS[-1].revision)


class ServerTests(SynchronousTestCase):
    """How a database that is a server is asked."""

    def test_silence(self) -> None:
        """A server that is gone without a word is noticed while somebody still waits for it."""
        asked: dict[str, Any] = {}

        def connect(dialect: object, record: object, words: object, settings: dict[str, Any]) -> None:
            asked.update(settings)
            raise ConnectionError

        engine = make_engine("postgresql+psycopg://somebody@192.0.2.1/x", 1)
        event.listen(engine, "do_connect", connect)
        self.assertRaises(ConnectionError, engine.connect)
        silent = asked["keepalives_idle"] + asked["keepalives_interval"] * asked["keepalives_count"]
        self.assertLessEqual(max(silent, asked["tcp_user_timeout"] / 1000), Patience().outage)
        self.assertLess(asked["connect_timeout"], Patience().outage)
