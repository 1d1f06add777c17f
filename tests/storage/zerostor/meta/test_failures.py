"""Rules of `swftp.storage.zerostor.meta.failures`."""

from __future__ import annotations

import logging

from sqlalchemy.exc import DBAPIError, OperationalError
from twisted.trial.unittest import SynchronousTestCase

from swftp.storage.zerostor.meta.engine import make_engine
from swftp.storage.zerostor.meta.failures import Failure, classify, reason


class ServerError(Exception):
    """What psycopg raises: `sqlstate` is what the server said."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("said so")
        self.sqlstate = sqlstate


class ClassifyTests(SynchronousTestCase):
    """`classify`."""

    def test_sqlstate(self) -> None:
        """What is worth another try is tried again, administrators' time limits among it; the rest is a defect."""
        expected = {
            Failure.CONFLICT: ("40001", "40P01", "55P03"),
            Failure.AMBIGUOUS: ("40003",),
            Failure.OUTAGE: ("08006", "53100", "57P01", "57014", "25P03", "25P04", "25006"),
            Failure.DEFECT: ("42P01", "22001", "23514", "55006"),
        }
        for failure, states in expected.items():
            for state in states:
                self.assertIs(classify(DBAPIError("SELECT 1", {}, ServerError(state))), failure, state)
        self.assertIs(classify(OperationalError("SELECT 1", {}, ServerError(None))), Failure.OUTAGE)

    def test_reason(self) -> None:
        """What is told of one is what the server said, in a line."""
        self.assertEqual(reason(DBAPIError("SELECT 1", {"x": "s3cret"}, Exception("one\ntwo"))), "one two")
        self.assertEqual(reason(None), "no answer")

    def test_told_once(self) -> None:
        """What the driver raises it does not warn of, too: each conflict would be a line in no format."""
        make_engine("postgresql+psycopg://h/x", 1).dispose()
        self.assertFalse(logging.getLogger("psycopg").isEnabledFor(logging.WARNING))
