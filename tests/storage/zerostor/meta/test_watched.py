"""What is told of transactions, and of what the database holds."""

from __future__ import annotations

from swftp.storage.zerostor.meta.values import Totals
from tests.storage.zerostor.meta.case import MetaCase
from tests.storage.zerostor.meta.faults import CONFLICTS, Faults
from tests.storage.zerostor.watching import Watch


class WatchedTests(MetaCase):
    """One gateway."""

    def setUp(self) -> None:
        super().setUp()
        self.database = self.metadata._database
        self.watch = self.database._watch = Watch()
        self.faults = Faults(self.database.engine)

    def test_tries(self) -> None:
        """Each try of a transaction is a request; those that had to be repeated say why."""
        self.faults.at_statement(0, CONFLICTS["sqlite"][0])
        self.mkdir("a")
        self.assertEqual(self.watch.told()["COMMIT", 409], 1)
        self.assertEqual((self.watch.again, self.watch.waiting), ([409], 0))
        self.faults.at_commit("before")
        self.mkdir("b")
        told = self.watch.told()
        self.assertEqual((told["COMMIT", 0], told["COMMIT", 200]), (1, 1))
        self.assertEqual((self.watch.again, self.watch.waiting), ([409, 0], 0))

    def test_totals(self) -> None:
        """What there is, over all accounts."""
        sweep = self.metadata.sweep
        self.assertEqual(self.run_(sweep.totals()), Totals(0, 0, 0, 0))
        self.put("a", 100)
        self.put("b", 50)
        self.assertEqual(self.run_(sweep.totals()), Totals(150, 2, 0, 0))
