"""
Wrong passwords of a login that exists (60 ms of the identity service) and of one that does not (5 ms): bar A18.

Bar: the times cannot be told apart: p > 0.05 by the test of Mann and Whitney.
"""

import ftplib
import random
import statistics
import threading
import time

from tests.acceptance import rig
from tests.acceptance.identity import NAME, Identity
from tests.functional.ftp import FtpGateway

UNKNOWN = "test:unknown"


def attempt(client: ftplib.FTP, name: str, number: int) -> float:
    """Seconds that one wrong login takes."""
    client.sendcmd(f"USER {name}")
    begun = time.perf_counter()
    try:
        client.sendcmd(f"PASS wrong-{number}")
    except ftplib.error_perm as error:
        if not str(error).startswith("530"):
            raise
    return time.perf_counter() - begun


def same(first: list[float], second: list[float]) -> float:
    """The probability that samples of one distribution differ as much (Mann-Whitney, normal approximation)."""
    ranks = {value: rank for rank, value in enumerate(sorted(first + second), 1)}
    n, m = len(first), len(second)
    u = sum(ranks[value] for value in first) - n * (n + 1) / 2
    z = (u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5
    return 2 * (1 - statistics.NormalDist().cdf(abs(z)))


def main() -> None:
    given = rig.options(__doc__, tries=200, threads=8)
    identity = Identity(lambda name: 0.06 if name == NAME else 0.005)
    gateway = FtpGateway(identity.url, {"max_failures": 1000, "failure_delay": 1.0})
    order = [NAME, UNKNOWN] * given.tries
    random.Random(1).shuffle(order)
    taken: dict[str, list[float]] = {NAME: [], UNKNOWN: []}

    def work() -> None:
        client = ftplib.FTP()
        client.connect("127.0.0.1", gateway.port, 60)
        number = 0
        while order:
            if (number := number + 1) % 30 == 0:  # so many are allowed without a login
                client.close()
                client.connect("127.0.0.1", gateway.port, 60)
            name = order.pop()
            taken[name].append(attempt(client, name, random.getrandbits(64)))

    threads = [threading.Thread(target=work) for _ in range(given.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known, unknown = taken[NAME], taken[UNKNOWN]
    words = "known {:.2f} ms, unknown {:.2f} ms (medians of {} and {})"
    medians = (statistics.median(times) * 1000 for times in (known, unknown))
    print("      " + words.format(*medians, len(known), len(unknown)))
    bars = rig.Bars()
    bars.at_least("probability that they are the same", same(known, unknown), 0.05)
    gateway.stop()
    bars.finish()


if __name__ == "__main__":
    main()
