"""The suites that every database has to pass."""

from __future__ import annotations

from twisted.trial import unittest

from tests.storage.zerostor.meta import (
    suite_commits,
    suite_duties,
    suite_faults,
    suite_journal,
    suite_names,
    suite_users,
    suite_whole,
)
from tests.storage.zerostor.meta.suite_races import RacesSuite

SUITES: tuple[type[unittest.SynchronousTestCase], ...] = (
    suite_names.NamesSuite,
    suite_names.RenameSuite,
    suite_commits.CommitSuite,
    suite_commits.QuotaSuite,
    suite_journal.JournalSuite,
    suite_journal.SweepSuite,
    suite_faults.FaultsSuite,
    suite_faults.LateSuite,
    suite_faults.HungSuite,
    suite_faults.ToldSuite,
    suite_duties.DutiesSuite,
    suite_users.UsersSuite,
    suite_users.KeysSuite,
    suite_whole.SchemaSuite,
    suite_whole.CheckSuite,
    suite_whole.DumpSuite,
    RacesSuite,
)


def cases(*bases: type, module: str) -> dict[str, type]:
    """A test case a suite, on what *bases* say, for the namespace of *module*."""
    found: dict[str, type] = {}
    for suite in SUITES:
        name = suite.__name__.replace("Suite", "Tests")
        found[name] = type(name, (*bases, suite), {"__module__": module})
    return found
