"""
What two workers move together, to what one moves: many OpenSSH clients download at the same time.

Bar: >= 1.7 times.

With few cores clients and Swift would be the limit, so every worker is held to the same part of a core in
both runs: it is stopped (SIGSTOP) for the rest of each period.  The CPU time that each had is shown; the runs take
turns.

Files are long: for the second or two in which clients start and log in, each by a dozen round trips that wait for a
stopped worker, no worker is the limit, and with short files that was a third of a run.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tests.acceptance import rig
from tests.functional.gateway import Gateway
from tests.functional.processes import eventually
from tests.functional.swift import PASSWORD
from tests.functional.test_clients import SSH_OPTIONS

MIB = 1 << 20
PERIOD = 0.04
"""Seconds."""


class Leash(threading.Thread):
    """Lets a process run for *part* of each `PERIOD`, until `cut`."""

    def __init__(self, pid: int, part: float) -> None:
        super().__init__(daemon=True)
        self._pid, self._part = pid, part
        self._cut = threading.Event()

    def run(self) -> None:
        """See `threading.Thread`."""
        with suppress(ProcessLookupError):
            while not self._cut.is_set():
                os.kill(self._pid, signal.SIGCONT)
                time.sleep(PERIOD * self._part)
                os.kill(self._pid, signal.SIGSTOP)
                time.sleep(PERIOD * (1 - self._part))
            os.kill(self._pid, signal.SIGCONT)

    def cut(self) -> None:
        """It runs freely again."""
        self._cut.set()
        self.join()


def children(pid: int) -> list[int]:
    """Processes that *pid* started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu(pids: Iterable[int]) -> float:
    """Seconds of CPU that *pids* had."""
    found = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def download(gateway: Gateway, name: str) -> subprocess.Popen[bytes]:
    """One client."""
    argv = ["sshpass", "-e", "sftp", "-q", *SSH_OPTIONS, f"-oCiphers={rig.FAST}", "-P", str(gateway.port)]
    argv += [f"127.0.0.1:/{rig.CONTAINER}/{name}", "/dev/null"]
    return subprocess.Popen(argv, env={**os.environ, "SSHPASS": PASSWORD}, stdout=subprocess.DEVNULL)


def aggregate(gateway: Gateway, workers: list[int], clients: int, size: int, part: float) -> float:
    """MiB a second of *clients* together, each worker held to *part* of a core."""
    leashes = [Leash(pid, part) for pid in workers]
    before, begun = {pid: cpu([pid]) for pid in workers}, time.monotonic()
    for leash in leashes:
        leash.start()
    try:
        running = [download(gateway, "f") for _ in range(clients)]
        statuses = [client.wait(120) for client in running]
    finally:
        for leash in leashes:
            leash.cut()
    seconds = time.monotonic() - begun
    if any(statuses):
        raise SystemExit(f"clients failed: {statuses}")
    rate = clients * size / MIB / seconds
    shares = " + ".join(f"{(cpu([pid]) - before[pid]) / seconds:.3f}" for pid in workers)
    print(f"      {len(workers)} workers: {rate:.1f} MiB/s, {shares} cores of CPU", flush=True)
    return rate


def main() -> None:
    given = rig.options(__doc__, rounds=3, clients=6, mib=96, part=0.1)
    house, bars = rig.House(), rig.Bars()
    size = given.mib * MIB
    house.store.put(rig.CONTAINER, "f", os.urandom(size))
    many = house.make_gateway({"sessions_per_user": 0, "process.workers": 2})
    eventually(lambda: many.log().count(" serves") == 2, 60)
    sides = ((house.gateway, [house.gateway.child.pid]), (many, children(many.child.pid)))
    rates: list[list[float]] = [[], []]
    for _ in range(given.rounds):
        for (gateway, workers), found in zip(sides, rates, strict=True):
            found.append(aggregate(gateway, workers, given.clients, size, given.part))
    one, two = map(statistics.median, rates)
    bars.at_least("MiB/s of two workers to those of one", two / one, 1.7)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
