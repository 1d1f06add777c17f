"""
One of three shards is lost in the middle of a transfer: a redis-server is killed, or stopped so that it only hangs.

Each of the three, each way, by FTP to ``ec:2+1``.  Bars: no transfer fails, what comes back is what was sent, and the
client never waits longer than 10 s for anything.
"""

import ftplib
import hashlib
import io
import os
import signal
import time
from collections.abc import Callable

from tests.acceptance import rig
from tests.functional.processes import eventually
from tests.functional.redisserver import Redis
from tests.functional.zerostor import PASSWORD, USER, Place, Server

MIB = 1 << 20
STALL = 10.0
"""Seconds."""
HOWS = ("KILL", "STOP")


class Pace:
    """
    What passes by, with the loss after half of it.

    :ivar longest: seconds that the client waited for anything.
    """

    def __init__(self, half: int, lose: Callable[[], None]) -> None:
        self._left, self._lose = half, lose
        self._at = time.monotonic()
        self.longest = 0.0
        self.summed = hashlib.sha256()

    def passed(self, block: bytes) -> None:
        """*block* went or came."""
        self.tick()
        self.summed.update(block)
        before, self._left = self._left, self._left - len(block)
        if before > 0 >= self._left:
            self._lose()

    def tick(self) -> None:
        """Something happened."""
        now = time.monotonic()
        self.longest = max(self.longest, now - self._at)
        self._at = now


class Rig:
    """Three shards and the gateway in front of them."""

    def __init__(self, size: int) -> None:
        self.shards = [Redis() for _ in range(3)]
        self.server = Server(Place([shard.url() for shard in self.shards], chunk_size="4MiB"))
        self.content = os.urandom(size)
        self.sum = hashlib.sha256(self.content).digest()

    def transfer(self, way: str, half: int, lose: Callable[[], None]) -> Pace:
        """Store the file, or retrieve it; any failure is raised."""
        with ftplib.FTP() as client:
            client.connect("127.0.0.1", self.server.ports["ftp"], timeout=60)
            client.login(USER, PASSWORD)
            pace = Pace(half, lose)
            if way == "up":
                client.storbinary("STOR f", io.BytesIO(self.content), 256 << 10, pace.passed)
            else:
                client.retrbinary("RETR f", pace.passed, 256 << 10)
            pace.tick()
        return pace

    def lose(self, shard: Redis, how: str) -> None:
        """It gives no more answers."""
        shard.child.popen.send_signal(signal.Signals["SIG" + how])

    def restore(self, shard: Redis, how: str) -> None:
        """It answers again, and the gateway has seen that; one that was killed has forgotten all."""
        if how == "STOP":
            shard.child.popen.send_signal(signal.SIGCONT)
        else:
            shard.child.kill()
            shard.start()
        log = self.server.child.log
        if not eventually(lambda: log().count("answers again") == log().count(" fails: "), 20.0):
            raise RuntimeError("the gateway does not use the shard again")

    def lost(self, shard: Redis, how: str, way: str) -> tuple[float, bool]:
        """The longest wait, and whether the bytes were right, in the transfer and in one without the shard."""
        half = len(self.content) // 2
        if way == "down":
            self.transfer("up", half, lambda: None)
        pace = self.transfer(way, half, lambda: self.lose(shard, how))
        after = self.transfer("down", half, lambda: None)
        self.restore(shard, how)
        return max(pace.longest, after.longest), {pace.summed.digest(), after.summed.digest()} == {self.sum}


def main() -> None:
    given = rig.options(__doc__, size=64 * MIB, how=" ".join(HOWS))
    house, bars, failed, wrong, longest = Rig(given.size), rig.Bars(), 0, 0, 0.0
    for how in given.how.split():
        for way in ("up", "down"):
            for number, shard in enumerate(house.shards, 1):
                try:
                    stall, right = house.lost(shard, how, way)
                except ftplib.all_errors as error:
                    print(f"      SIG{how}, {way}, shard {number}: {error}", flush=True)
                    failed += 1
                    house.restore(shard, how)
                    continue
                print(f"      SIG{how}, {way}, shard {number}: longest wait {stall:.2f} s", flush=True)
                wrong, longest = wrong + (not right), max(longest, stall)
    bars.at_most("transfers that failed", failed, 0)
    bars.at_most("transfers of wrong bytes", wrong, 0)
    bars.at_most("longest wait", longest, STALL, "s")
    house.server.child.kill()
    for shard in house.shards:
        shard.child.kill()
    bars.finish()


if __name__ == "__main__":
    main()
