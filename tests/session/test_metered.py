"""Bandwidth of a login: its transfers together get so many bytes a second, by the flow control they have anyway."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from swftp.entries import Attributes
from swftp.session import EVERYTHING, Reader, RestrictedSession
from swftp.session.bell import Bell, fetch
from swftp.transfer.meter import Meter
from tests.session.case import FILE, KIB, NEW, OTHER, SessionCase

RATE = 64 * KIB
SIZE = 32 * KIB


class MeteredTests(SessionCase):
    """Two sessions of one login, 64 KiB a second each way."""

    def setUp(self) -> None:
        """Both share the meters."""
        super().setUp()
        self.up, self.down = Meter(self.clock, RATE), Meter(self.clock, RATE)
        self.first, self.second = self.metered(), self.metered()

    def metered(self) -> RestrictedSession:
        """A session of the login."""
        return RestrictedSession(
            self.storage,
            budget=self.budget,
            clock=self.clock,
            wall=self.clock.seconds,
            offload=self.session.offload,
            limits=self.limits,
            permissions=EVERYTHING,
            upload=self.up,
            download=self.down,
        )

    async def download(self, reader: Reader, bell: Bell, size: int) -> int:
        """All of it; what came."""
        offset = 0
        while offset < size:
            offset += len(await fetch(reader, bell, offset, SIZE))
        return offset

    def test_downloads(self) -> None:
        """Two downloads of two sessions take as long as the login's rate says, and get all bytes."""
        self.storage["/box/other"] = b"x" * (512 * KIB)
        done: list[int] = []
        for session in (self.first, self.second):
            bell = Bell()
            reader = self.do(session.open_reader(OTHER, bell.ring))
            self.start(self.download(reader, bell, 512 * KIB)).addCallback(done.append)
        self.clock.pump([0.1] * 140)
        self.assertEqual(done, [])
        self.clock.pump([0.1] * 40)
        self.assertEqual(done, [512 * KIB] * 2)

    def test_uploads(self) -> None:
        """So do two uploads: the answer to a WRITE waits, and what was sent is stored as it is."""
        ended: list[float] = []

        async def upload(session: RestrictedSession, path: str) -> None:
            writer = await session.open_writer(FILE.parent.child(path), NEW, Attributes(), lambda: None)
            for offset in range(0, 512 * KIB, SIZE):
                wait = writer.write(offset, [b"x" * SIZE], SIZE)
                if wait is not None:
                    await wait
            await writer.close()
            ended.append(self.clock.seconds())

        begun = self.clock.seconds()
        for number, session in enumerate((self.first, self.second)):
            self.start(upload(session, str(number)))
        self.clock.pump([0.1] * 200)
        self.assertEqual(len(ended), 2)
        self.assertTrue(all(14 < at - begun < 17 for at in ended), ended)
        self.assertEqual(self.storage["/box/0"], b"x" * (512 * KIB))

    def test_lost_while_it_waits(self) -> None:
        """A client that goes away while it owes leaves nothing: not the file, and no timer for ever."""
        writer = self.do(self.first.open_writer(FILE, NEW, Attributes(), lambda: None))
        wait = writer.write(0, [b"x" * RATE], RATE)
        self.assertIsInstance(wait, Deferred)
        self.first.lost()
        self.clock.pump([1.0] * 5)
        self.assertNotIn("/box/file", self.storage)
        self.assertFalse(self.up.owes)

    def test_asked_again_while_it_waits(self) -> None:
        """A reader that is asked again and again while something is owed waits once."""
        self.storage["/box/other"] = b"x" * (512 * KIB)
        rung: list[None] = []
        reader = self.do(self.first.open_reader(OTHER, lambda: rung.append(None)))
        self.clock.advance(0)
        self.down.draw(RATE)
        rung.clear()
        for _ in range(100):
            self.assertIsNone(reader.read(0, SIZE))
        self.clock.pump([0.5] * 4)
        self.assertLessEqual(len(rung), 1)
        self.assertTrue(reader.read(0, SIZE))
