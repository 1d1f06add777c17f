"""Whatever two gateways do, at once and until they are killed: files are those of a model, and nothing leaks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.storage.zerostor.gateways import Dead
from tests.storage.zerostor.machine import Machine, run
from tests.storage.zerostor.meta.case import sqlite_url


class MachineTests(SynchronousTestCase):
    """On SQLite."""

    def test_two_gateways(self) -> None:
        """Two gateways and the model agree."""
        run(type("SQLiteMachine", (Machine,), {"make_url": lambda: sqlite_url(self)}), examples=6)
        self.flushLoggedErrors(Dead)  # what the dead still tried in the background
