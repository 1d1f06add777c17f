"""Parts on their way to the store: how they fail, and what becomes of them when nobody wants them any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import Path
from swftp.transfer.sources import MemorySource
from swftp.transfer.target import Target
from swftp.transfer.upload import Upload
from tests.transfer.case import FILE, KIB, MIB, TransferCase, pattern
from tests.transfer.test_sources import Consumer


class StagingTests(TransferCase):
    """Parts of a file that are being sent."""

    def begun(self, upload: Upload | None = None, size: int = 80 * KIB) -> Upload:
        """A file of *size* bytes that is not yet closed."""
        upload = upload or self.upload()
        for at in range(0, size, 16 * KIB):
            self.write_through(upload, at, pattern(16 * KIB, at))
        return upload

    def test_a_bug_fails_the_file(self) -> None:
        """What goes wrong for a reason of ours fails the file like anything else, and is reported."""
        self.refusals["stage"] = [ZeroDivisionError()]
        upload = self.begun()
        self.assertRaises(errors.Unavailable, upload.write, 0, [b"x"], 1)
        self.run_into(errors.Unavailable, upload.close())
        self.failures.pop().trap(ZeroDivisionError)

    def test_the_last_part_is_refused(self) -> None:
        """CLOSE says why one of the last parts was refused, and publishes nothing."""
        upload = self.begun()
        self.refusals["stage"] = [errors.QuotaExceeded()]
        self.run_into(errors.QuotaExceeded, upload.close())
        self.assertNotIn("publish", self.requests)
        self.settle(lambda: self.storage.staged == 0)

    def test_gone_while_it_is_hashed(self) -> None:
        """Of a client that vanishes before a part is hashed that part is not sent at all."""
        hashing: list[Deferred[None]] = []

        def offload(function: Any, /, *args: Any) -> Deferred[Any]:
            hashing.append(Deferred())
            return hashing[-1].addCallback(lambda _: function(*args))

        means = replace(self.engine(segment_size=2 * MIB), offload=offload)
        upload = Upload(means, Target(path=FILE), Attributes())
        for at in range(3):
            upload.write(at * MIB, [pattern(MIB)], MIB)
        self.assertGreater(upload.share.leaving, 0)
        upload.lost()
        for wait in hashing:
            wait.callback(None)
        self.assertEqual(self.requests, [])

    def test_gone_while_it_is_sent(self) -> None:
        """The requests of a client that vanishes end at once, though the store has stopped reading."""
        sent: list[Deferred[None]] = []

        async def stage(path: Path, source: MemorySource) -> Any:
            sent.append(source.startProducing(Consumer(source, pause=True)))
            await sent[-1]

        self.storage.stage = stage  # type: ignore[method-assign, assignment]
        upload = self.begun()
        self.assertNoResult(sent[0])
        upload.lost()
        self.assertTrue(sent[0].called)
        self.assertEqual(self.budget.used, 0)

    def test_content_is_let_go_of(self) -> None:
        """A part that is stored is in nobody's hands any more, however long its request is kept."""
        sources: list[MemorySource] = []
        stage = self.storage.stage

        async def spied(path: Path, source: MemorySource) -> Any:
            sources.append(source)
            return await stage(path, source)

        self.storage.stage = spied  # type: ignore[method-assign, assignment]
        upload = self.begun()
        self.failureResultOf(sources[0].startProducing(Consumer(sources[0])), errors.Interrupted)
        upload.lost()
