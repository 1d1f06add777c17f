"""The other end of an scp command, and what tests of either way begin with."""

from __future__ import annotations

from twisted.internet.task import Clock

from swftp.errors import QuotaExceeded
from swftp.paths import Path
from swftp.session import SessionLimits
from swftp.sftp.factories import open_command
from swftp.sftp.scp import ScpIO
from swftp.storage.memory import MemoryStorage
from swftp.transfer.budget import Budget
from swftp.transfer.engine import TransferLimits
from tests.sftp.case import SFTPTestCase, make_session
from tests.sftp.client import FakeChannel


class Scp:
    """The client's end of one command."""

    def __init__(
        self, line: bytes, storage: MemoryStorage, clock: Clock, limits: SessionLimits | None = None
    ) -> None:
        self.channel = FakeChannel()
        self.clock = clock
        self.sent = 0
        self.budget = Budget(64 << 20, clock)
        self.server = open_command(line, lambda: make_session(storage, clock, limits, self.budget), clock)
        assert self.server is not None
        self.server.connected(self.channel)
        self.settle()

    def settle(self) -> None:
        """Let things happen that take no time."""
        self.clock.pump([0] * 30)

    def say(self, data: bytes) -> bytes:
        """Send, and hear what comes."""
        assert self.server is not None
        self.sent += len(data)
        if data:
            self.server.received([memoryview(b"#" + data)[1:]])
        self.settle()
        return self.hear()

    def hear(self) -> bytes:
        """All output so far."""
        found = bytes(self.channel.output)
        self.channel.output.clear()
        self.channel.unread = 0
        return found

    def end(self) -> int | None:
        """Say EOF; the exit status."""
        assert self.server is not None
        self.server.ended()
        self.settle()
        return self.channel.finished

    def leave(self) -> None:
        """Be gone: then nothing is open any more."""
        assert self.server is not None
        self.server.lost()
        assert self.channel.finished is not None
        assert self.budget.used == 0


SMALL_PARTS = SessionLimits(transfer=TransferLimits(segment_size=64 << 10, reorder_window=64 << 10))


async def everything(scp: ScpIO) -> bytes:
    """All that comes, in pieces of at most 1000 bytes."""
    found = bytearray()
    while not await scp.at_end():
        found += await scp.some(1000)
    return bytes(found)


class ScpTestCase(SFTPTestCase):
    """Runs commands."""

    def run_scp(self, line: bytes, limits: SessionLimits | None = None) -> Scp:
        """Begin *line*."""
        scp = Scp(line, self.storage, self.clock, limits)
        self.addCleanup(scp.leave)
        return scp

    def sink(self, line: bytes, limits: SessionLimits | None = None) -> Scp:
        """Begin an upload."""
        scp = self.run_scp(line, limits)
        self.assertEqual(scp.hear(), b"\0")
        return scp

    def refuse(self, verb: str, path: str | None = None) -> None:
        """The store will refuse *verb*, of *path* if one is given."""

        def hook(asked: str, where: Path) -> None:
            if asked == verb and path in (None, str(where)):
                raise QuotaExceeded()

        self.storage.hook = hook
