"""Reads that fail: soon, all of those that stand in line, and for as long as the store is away."""

from __future__ import annotations

from swftp import errors
from swftp.transfer.download import Download
from tests.transfer.case import KIB, MIB
from tests.transfer.test_download import DownloadCase


class OutageTests(DownloadCase):
    """A store that gives nothing any more."""

    def fail_read(self, file: Download, offset: int, error: errors.StorageError) -> None:
        """A READ that fails with *error*, however often the store is asked."""
        for _ in range(100):
            try:
                self.assertIsNone(file.read(offset, 32 * KIB))
            except type(error):
                return
            for flow in self.store.running:
                flow.fail(error)
            self.clock.advance(3)
        self.fail("it never failed")

    def test_those_in_line(self) -> None:
        """READs behind one that has failed fail with it: hundreds of them take no longer than one."""
        for error in (errors.Unavailable("away"), errors.Corrupt("a part is missing")):
            file = self.download()
            self.fail_read(file, 0, error)
            asked = len(self.store.flows)
            for at in range(32 * KIB, 4 * MIB, 32 * KIB):
                self.assertRaises(type(error), file.read, at, 32 * KIB)
            self.assertEqual(len(self.store.flows), asked)

    def test_what_is_here(self) -> None:
        """What was fetched before is given out all the same."""
        file = self.download()
        first = self.get(file, 0, 1000)
        for _ in range(4):
            self.store.step()
        for flow in self.store.running:
            flow.fail(errors.Unavailable("away"))
        self.fail_read(file, 3 * MIB, errors.Unavailable("away"))
        self.assertEqual(first + self.get(file, 1000, 1000), self.data[:2000])

    def test_no_transient_fault(self) -> None:
        """What the store has lost is asked for once."""
        file = self.download()
        self.fail_read(file, 0, errors.Corrupt("a part is missing"))
        self.assertEqual(len(self.store.flows), 1)

    def test_silence(self) -> None:
        """A request that brings nothing for half a minute is the last: nobody waits for many of these."""
        file = self.download()
        self.assertIsNone(file.read(0, 1000))
        self.clock.advance(31)
        self.store.cut()
        self.assertRaises(errors.Unavailable, file.read, 0, 1000)
        self.assertEqual(len(self.store.flows), 1)

    def test_pause_is_no_silence(self) -> None:
        """A stream that was cut while its reader paused for long goes on when he does."""
        file = self.download()
        self.get(file, 0, 1000)
        for _ in range(20):
            self.store.step()
        for at in range(5):  # another place of the file is read all the time
            self.get(file, 2 * MIB + at * 1000, 1000)
            self.clock.pump([1.0] * 15)
            if at == 3:
                self.store.flows[0].fail(errors.Unavailable("cut"))
        self.assertEqual(self.get(file, 1000, MIB), self.data[1000 : MIB + 1000])

    def test_cut_just_when_it_goes_on(self) -> None:
        """The same where the cut is noticed only after the reader came back."""
        file = self.download()
        self.get(file, 0, 1000)
        for _ in range(20):
            self.store.step()
        for at in range(5):
            self.get(file, 2 * MIB + at * 1000, 1000)
            self.clock.pump([1.0] * 15)
        self.assertIsNone(file.read(1000, MIB))
        self.store.flows[0].fail(errors.Unavailable("cut"))
        self.assertEqual(self.get(file, 1000, MIB), self.data[1000 : MIB + 1000])

    def test_empty_answers(self) -> None:
        """A store whose answers end well and bring nothing is given up, too."""
        file = self.download()
        self.assertIsNone(file.read(0, 1000))
        for _ in range(5):
            for flow in self.store.running:
                flow.done.callback(None)
            self.clock.advance(3)
        self.assertRaises(errors.Unavailable, file.read, 0, 1000)
        self.assertEqual(len(self.store.flows), 4)

    def test_a_little_each_time(self) -> None:
        """One that brings a little with each request, and then fails, is asked as often as it takes."""
        file = self.download()
        self.assertIsNone(file.read(0, 1 * MIB))
        for _ in range(16):
            self.store.step()
            self.store.cut()
            self.clock.advance(0.1)
        self.assertEqual(file.read(0, 1 * MIB), self.data[: 1 * MIB])

    def test_changed_after_a_byte(self) -> None:
        """Once a byte was given out, another version is the end, even if somebody could look what stands there."""

        async def look() -> object:
            return self.store.entry

        file = self.download(look=look)
        self.get(file, 0, 1000)
        self.store.cut()
        self.store.version, self.store.data = "v2", self.data[::-1]
        with self.assertRaises(errors.Changed):
            self.get(file, 2 * MIB, 1000)
        self.assertRaises(errors.Changed, file.read, 0, 1000)
