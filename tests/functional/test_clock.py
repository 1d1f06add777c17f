"""Somebody sets the gateway's wall clock, by an hour, forward or back (F71): nothing that lasts notices."""

from __future__ import annotations

import sys
import time

from tests.functional import moved
from tests.functional.case import MIB, GatewayCase, content
from tests.functional.clients import Flag, Packet, Speaker
from tests.functional.gateway import Gateway
from tests.functional.processes import eventually, scratch

HOUR = 3600
LOOK = 13
"""Seconds in which a session that does nothing is seen to do nothing, and which are not yet too long."""


class MovedTests(GatewayCase):
    """A gateway whose clock is moved by what `self.hand` says."""

    def make_gateway(self) -> Gateway:
        """One for each test."""
        hand = self.hand = scratch() / f"{self.id()}.seconds"

        class Moved(Gateway):
            program = (sys.executable, "-P", moved.__file__, str(hand))

        hand.write_text("0")
        made = Moved(self.server.url, {"ssh.idle_timeout": 20, "transfer.segment_size": MIB, "transfer.stall": 5})
        self.addCleanup(made.kill)
        return made

    def test_sessions_go_on(self) -> None:
        """A session that pauses in the middle of an upload and of a download is not idle for an hour."""
        data = content(5 * MIB)
        self.store.put(self.container, "down", data)
        up, down = Speaker(self.gateway.port), self.login()
        self.addCleanup(up.close)
        handle = up.open(self.path("up"), Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
        progress = up.write_all(handle, data)
        while next(progress) < 2 * MIB:
            pass
        with down.open(self.path("down"), "rb") as file:
            got = file.read(MIB)
            time.sleep(LOOK)
            self.hand.write_text(str(HOUR))
            time.sleep(2)
            got += file.read()
        for _ in progress:
            pass
        up.ask(Packet.CLOSE, handle)
        self.assertEqual(got, data)
        self.assertStored("up", data)

    def test_stalled_upload_is_staged(self) -> None:
        """A clock that is set back stops no timer: what a silent client sent goes to the store in time."""
        writer = Speaker(self.gateway.port)
        self.addCleanup(writer.close)
        handle = writer.open(self.path("f"), Flag.WRITE | Flag.CREATE)
        self.hand.write_text(str(-HOUR))
        for _ in writer.write_all(handle, content(MIB)):
            pass
        self.assertTrue(eventually(lambda: self.store.segments(self.container), 15))

    def test_times_of_files(self) -> None:
        """New files have the store's time, whatever this machine believes."""
        client = self.login()
        for seconds in (HOUR, -HOUR):
            self.hand.write_text(str(seconds))
            client.put_bytes(self.path("f"), b"x")
            client.put_bytes(self.path("g"), b"x")
            for name in ("f", "g"):
                self.assertLess(abs((client.stat(self.path(name)).st_mtime or 0) - time.time()), 10)
