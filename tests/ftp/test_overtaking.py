"""What a client sends while a transfer runs: nothing of it is forgotten."""

from __future__ import annotations

from typing import Any

from tests.ftp.case import Client, ControlCase, Waits


class Aborted:
    """A transfer that ends as soon as it is aborted."""

    def __init__(self, move: Waits) -> None:
        self._move = move

    def abort(self) -> None:
        """As `Transfer.abort`."""
        if self._move.running:
            self._move.end(426)

    lost = abort

    def describe(self) -> str:
        """As `Transfer.describe`."""
        return "a transfer"


class OvertakingTests(ControlCase):
    """``MOVE`` runs."""

    def moving(self) -> Client:
        """A client that has begun it."""
        client = self.log_in()
        client.type("MOVE")
        transfer: Any = Aborted(self.move)
        client.context.transfer = transfer
        return client

    def test_commands_behind_abor(self) -> None:
        """What came in one piece with ABOR, or waited before it, is done when the transfer has ended."""
        client = self.moving()
        self.assertEqual(client.codes("ABOR", "SYST", "PWD"), [426, 226, 215, 257])
        client = self.moving()
        self.assertEqual(client.codes("PWD", "ABOR", "SYST"), [426, 226, 257, 215])
