"""Two gateways, at once and until they are killed, on a real PostgreSQL: see `tests.storage.zerostor.machine`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.test_zerostor_metadata import emptied
from tests.storage.zerostor.gateways import Dead
from tests.storage.zerostor.machine import Machine, run


class MachineTests(SynchronousTestCase):
    """Transactions are as isolated as PostgreSQL makes them."""

    def test_two_gateways(self) -> None:
        """Two gateways and the model agree."""
        run(type("PostgreSQLMachine", (Machine,), {"make_url": staticmethod(emptied)}), examples=5)
        self.flushLoggedErrors(Dead)
