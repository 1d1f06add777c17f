"""What tests of transfers begin with."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from swftp.paths import Path
from tests.ftp.datacase import DataCase, Wire

OLD, NEW = b"hello, world", b"something new"
MIB = 1 << 20


class TransferCase(DataCase):
    """`self.client` is logged in; requests of the store whose verb is in `self.held` wait until they are let go."""

    settings = {"mode_z": True, "stalled_timeout": 60.0, "session_timeout": 0.0}

    def setUp(self) -> None:
        """Log in."""
        super().setUp()
        self.held: dict[str, list[Deferred[None]]] = {}
        self.storage.hook = self._hold
        self.client = self.log_in()
        self.addCleanup(self._leave)

    def _leave(self) -> None:
        """Nothing is left half done: it would be when memory is collected, in another test."""
        for verb in list(self.held):
            self.release(verb)
        self.client.tcp.end()
        self.settle()

    def _hold(self, verb: str, path: Path) -> Any:
        if verb not in self.held:
            return None
        wait: Deferred[None] = Deferred()
        self.held[verb].append(wait)
        return wait

    def release(self, verb: str) -> None:
        """Let what waits go on."""
        for wait in self.held.pop(verb):
            wait.callback(None)

    def begin(self, command: str, *before: str) -> Wire:
        """*command* with its data connection."""
        self.client.codes(*before) if before else None
        made = self.prepare(self.client)
        self.assertEqual(self.client.codes(command), [150])
        return made

    def assertUnchanged(self) -> None:
        """``/box/a`` is what it was."""
        self.assertEqual(self.storage["/box/a"], OLD)
